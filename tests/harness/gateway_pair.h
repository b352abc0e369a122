/*
 * Two gateways' workers in one thread, joined by rings instead of wires: for tests of the fast path
 * and for the benchmark. Needs an initialised EAL (pair_eal_start), no interface and no privilege.
 *
 * Side 0 is site a (10.1.0.0/16, fd01::/64), side 1 is site b (10.2.0.0/16, fd02::/64). Each worker
 * is the real one, classifier included; what lies beyond the ports is the caller: it injects LAN
 * frames, runs turns, carries WAN frames across (or loses them) and takes LAN frames out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dpdk/worker.h"

#define PAIR_LAN  0
#define PAIR_WAN  1
#define PAIR_RING 4096

struct pair_options {
	uint32_t lan_mtu, wan_mtu;
	uint64_t rate_bps;
	bool outer_v6;
	uint32_t mbufs; /* of each pool */
};

struct pair_side {
	struct port ports[2];
	struct rte_ring *rx[2], *tx[2];
	struct worker *worker;
	struct cw_worker_counters worker_counters;
	struct cw_port_counters port_counters[2];
	struct cw_path_counters path_counters;
	struct intent_path intent;
	uint32_t handle;
	void *rules_memory;
	int event_fd;
};

struct pair {
	struct pair_side side[2];
	struct classifier classifier;
	struct clock_base clock;
	uint32_t generation; /* of the intent given last */
};

/* --no-huge, no PCI, quiet. 0 or -errno. */
int pair_eal_start(uint32_t memory_mib);
/* NULL: no memory. Paths are set up, claimed and their next hops known. */
struct pair *pair_create(const struct pair_options *options);
void pair_destroy(struct pair *pair);

/* A frame from a host of `side` to its gateway. false: ring or pool full. */
bool pair_inject(struct pair *pair, uint32_t side, uint32_t port, const void *frame, uint32_t len);
struct rte_mbuf *pair_take(struct pair *pair, uint32_t side, uint32_t port);
/* Carries what side sent on its WAN to the other side. Returns the frames. */
uint32_t pair_carry(struct pair *pair, uint32_t side);
/* One turn of each worker, with the WAN carried in between. */
void pair_turn(struct pair *pair);
/* Turns until nothing moves for a while (aggregates flushed, shapers empty). */
void pair_settle(struct pair *pair);
/* After the first probes: none any more and counters at 0, so that outer packets can be counted. */
void pair_hush(struct pair *pair);

/* A UDP frame from host .10 of `side` to host .10 of the other, with `payload` bytes. Returns its
 * length. */
uint32_t pair_udp_frame(const struct pair *pair, uint32_t side, bool is_v6, uint16_t src_port,
			uint16_t dst_port, uint32_t payload, uint8_t tos, uint8_t *frame);
/* rx = tx + held + sum(drop), for both directions of `side`; in bytes too when none was dropped. */
bool pair_is_balanced(const struct pair *pair, uint32_t side);
