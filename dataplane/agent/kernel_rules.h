/*
 * The classifier's homes in the kernel: the XDP program of a port in xdp mode, the tc ingress
 * program of a port in packet mode. Owned by the agent (or main) thread; one struct kernel_rules
 * per port.
 *
 * Order in xdp mode: kernel_rules_remove_stale, kernel_rules_object_open (its path goes into the
 * af_xdp devargs as xdp_prog=), start the port (the driver loads and attaches),
 * kernel_rules_open_xdp, kernel_rules_configure, kernel_rules_apply at each change,
 * kernel_rules_close. In packet mode: kernel_rules_open_packet in place of the first steps, and
 * kernel_rules_heartbeat at least each 300 ms.
 *
 * Until the first kernel_rules_configure a program leaves every packet to the kernel, until the
 * first kernel_rules_apply every LAN packet. Each apply is one flip: a packet is judged by the old
 * rules or by the new ones, never by a mixture, and none is lost.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/classify_input.h"
#include "dataplane/abi/verdict.h"
#include "dataplane/core/ruleset.h"

enum kernel_rules_kind {
	KERNEL_RULES_NONE = 0, /* also what a zeroed struct is: closed */
	KERNEL_RULES_XDP,
	KERNEL_RULES_TC,
};

struct kernel_rules {
	uint8_t kind; /* enum kernel_rules_kind */
	bool made_clsact;
	uint32_t ifindex;
	uint32_t prog_id;
	uint32_t slot; /* of the map-in-maps, active now */
	int config_fd, active_fd, tries_fd, sets_fd, counters_fd, alive_fd;
};

/* The program that blocks an interface. */
struct kernel_rules_foreign {
	uint32_t id;
	char name[16]; /* as the kernel cuts it, 0-terminated */
};

/*
 * Detaches an XDP program of ours that a killed gateway left behind. 0 when the interface is free
 * now, -EBUSY with *foreign filled when the program is not ours, or -errno.
 */
int kernel_rules_remove_stale(uint32_t ifindex, struct kernel_rules_foreign *foreign);

/*
 * Puts the embedded XDP object into a memfd and writes the path that opens it into path. Returns
 * the fd, which must stay open until the driver has loaded the object, or -errno.
 */
int kernel_rules_object_open(char *path, uint32_t size);

/*
 * Finds the maps of the XDP program that the driver attached to ifindex. 0; -ENOENT: none is
 * attached; -EBUSY: another's is; or -errno.
 */
int kernel_rules_open_xdp(struct kernel_rules *rules, uint32_t ifindex);

/*
 * Loads the tc program and attaches it to the ingress of ifindex, in place of a stale one of ours.
 * Other filters stay: -EBUSY with *foreign filled when another's holds our handle and priority.
 */
int kernel_rules_open_packet(struct kernel_rules *rules, uint32_t ifindex,
			     struct kernel_rules_foreign *foreign);

int kernel_rules_configure(struct kernel_rules *rules, const struct classify_port *port);

/*
 * A change of rules in two steps, so that several programs and the workers can change together:
 * prepare puts the new ones beside the old and blocks for two RCU grace periods (some 20-50 ms);
 * commit makes them the ones in force, in one flip. A later prepare replaces one without commit.
 */
int kernel_rules_prepare(struct kernel_rules *rules, const struct ruleset *ruleset);
int kernel_rules_commit(struct kernel_rules *rules);
/* Both. On error the old rules stay. */
int kernel_rules_apply(struct kernel_rules *rules, const struct ruleset *ruleset);

/*
 * Packet mode: the gateway lives until now_ns (CLOCK_MONOTONIC) + 1 s; past that, its traffic stays
 * with the kernel again. No-op in xdp mode, where a dead gateway's socket is gone with it.
 */
#define KERNEL_RULES_ALIVE_NS 1000000000ull
int kernel_rules_heartbeat(struct kernel_rules *rules, uint64_t now_ns);

struct kernel_rules_counters {
	uint64_t passed[KERNEL_REASON_SLOTS]; /* left to the kernel, by enum kernel_reason */
	uint64_t dropped;  /* tc: the kernel's copies of our packets; XDP: tunnel packets without a
			      socket */
	uint64_t unserved; /* claimed, but no gateway was there: passed to the kernel */
};
int kernel_rules_read(const struct kernel_rules *rules, struct kernel_rules_counters *counters);

/* Detaches what is still ours and forgets it; harmless on a closed struct. */
void kernel_rules_close(struct kernel_rules *rules);
