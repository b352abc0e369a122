/*
 * The classifier's homes in the kernel: the XDP program of a port in xdp mode, the tc ingress
 * program of a port in packet mode, and the same tc program as the guard of a LAN port in xdp mode.
 * Owned by the agent (or main) thread; one struct kernel_rules per program.
 *
 * Order in xdp mode: kernel_rules_remove_stale, kernel_rules_object_open (its path goes into the
 * af_xdp devargs as xdp_prog=), start the port (the driver loads and attaches),
 * kernel_rules_open_xdp, kernel_rules_configure, kernel_rules_apply at each change,
 * kernel_rules_close. In packet mode: kernel_rules_open_packet in place of the first steps, and
 * kernel_rules_heartbeat at least each 300 ms. A guard: kernel_rules_open_guard, no heartbeat.
 *
 * Until the first kernel_rules_configure a program leaves every packet to the kernel, until the
 * first kernel_rules_apply every LAN packet. Each apply is one flip: a packet is judged by the old
 * rules or by the new ones, never by a mixture, and none is lost.
 *
 * What must not leave in clear (VERDICT_BLOCK, VERDICT_F_BLOCK) dies in these programs when no
 * gateway takes it. An XDP program goes with its process at a clean stop and comes back, empty, at
 * the next start; so the promise rests on the tc programs. One that blocks stays attached when it
 * is closed, and the next gateway's takes its place in one step, with that gateway's first rules
 * already in it. Between two lives of a gateway there is no moment without rules.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/classify_input.h"
#include "bpf/kernel_abi.h"
#include "dataplane/abi/verdict.h"
#include "dataplane/agent/kernel_slot.h"
#include "dataplane/core/ruleset.h"

struct grace;

enum kernel_rules_kind {
	KERNEL_RULES_NONE = 0, /* also what a zeroed struct is: closed */
	KERNEL_RULES_XDP,
	KERNEL_RULES_TC,
};

struct kernel_rules {
	uint8_t kind; /* enum kernel_rules_kind */
	uint8_t role; /* enum classify_role; 0: not configured yet */
	bool made_clsact;
	bool is_guard;		  /* tc: attached only once there is something to block */
	bool is_attached;	  /* tc */
	bool is_stale_there;	  /* tc: in our place sits what an earlier gateway left */
	bool blocks, blocks_next; /* the rules in force; the prepared ones */
	uint32_t ifindex;
	uint32_t prog_id;
	uint32_t slot; /* of the map-in-maps, active now */
	int prog_fd;   /* tc: until it is attached; else -1 */
	int config_fd, active_fd, tries_fd, sets_fd, counters_fd, alive_fd;
	struct grace *grace; /* the agent's; NULL: prepare waits itself */
	struct kernel_slot slots[KERNEL_SLOTS];
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
 * Loads the tc program for the ingress of ifindex. A stale one of ours goes on judging there until
 * the new one takes its place: on a WAN port at kernel_rules_configure, on a LAN port with the
 * first commit. Other filters stay: -EBUSY with *foreign filled when another's holds our handle and
 * priority.
 */
int kernel_rules_open_packet(struct kernel_rules *rules, uint32_t ifindex,
			     struct kernel_rules_foreign *foreign);
/* The same as guard: attached with the first rules that block, or where a stale one sits. */
int kernel_rules_open_guard(struct kernel_rules *rules, uint32_t ifindex,
			    struct kernel_rules_foreign *foreign);

int kernel_rules_configure(struct kernel_rules *rules, const struct classify_port *port);

/* Does it judge by rules at all: open, and not on a WAN port? */
static inline bool kernel_rules_has_claims(const struct kernel_rules *rules)
{
	return rules->kind != KERNEL_RULES_NONE && rules->role != CLASSIFY_WAN;
}

/*
 * Makes the tables of all slots ahead of time, six RCU grace periods (some 100 ms) long, so that
 * changes later need not wait. Once, before the first prepare. 0 or -errno.
 */
int kernel_rules_warm(struct kernel_rules *rules, struct grace *grace);

/*
 * A change of rules in two steps, so that several programs and the workers can change together:
 * prepare writes the new ones beside the old; commit makes them the ones in force, in one flip. A
 * later prepare replaces one without commit.
 *
 * prepare blocks for what is left of the grace period since the slot that it fills was left, two
 * commits ago: nothing, but in a rush of changes. Without kernel_rules_warm, and where the tables
 * have become too small, it blocks for two such periods (20 to 50 ms).
 */
int kernel_rules_prepare(struct kernel_rules *rules, const struct ruleset *ruleset);
int kernel_rules_commit(struct kernel_rules *rules);
/* Both. On error the old rules stay. */
int kernel_rules_apply(struct kernel_rules *rules, const struct ruleset *ruleset);

/*
 * Packet mode: the gateway lives until now_ns (CLOCK_MONOTONIC) + 1 s; past that, its traffic stays
 * with the kernel again, or dies if it must not leave in clear. No-op in xdp mode, where a dead
 * gateway's socket is gone with it.
 */
#define KERNEL_RULES_ALIVE_NS 1000000000ull
int kernel_rules_heartbeat(struct kernel_rules *rules, uint64_t now_ns);

struct kernel_rules_counters {
	uint64_t passed[KERNEL_REASON_SLOTS]; /* left to the kernel, by enum kernel_reason */
	uint64_t dropped;  /* tc: the kernel's copies of our packets; XDP: tunnel packets without a
			      socket */
	uint64_t unserved; /* claimed, but no gateway was there: passed to the kernel */
	uint64_t blocked;  /* dropped, for it must not leave in clear */
};
int kernel_rules_read(const struct kernel_rules *rules, struct kernel_rules_counters *counters);

/*
 * Detaches what is still ours and forgets it, but for a tc program that blocks: that one stays,
 * with the rules in force. Harmless on a closed struct.
 */
void kernel_rules_close(struct kernel_rules *rules);

/*
 * Takes every program of ours off an interface that no gateway uses now: its traffic is the
 * kernel's, all of it. How many there were, or -errno.
 */
int kernel_rules_release(uint32_t ifindex);
