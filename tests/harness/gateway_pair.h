/*
 * Two gateways' workers in one thread, joined by rings instead of wires: for tests of the fast path
 * and for the benchmark. Needs an initialised EAL (pair_eal_start), no interface and no privilege.
 *
 * Side 0 is site a (10.1.0.0/16, fd01::/64), side 1 is site b (10.2.0.0/16, fd02::/64). Sides 2 and
 * 3 are the second workers of these gateways, where pair_options asks for them: they have the same
 * ports, another queue of each, and counters of their own. Each worker is the real one, classifier
 * included; what lies beyond the ports is the caller: it injects LAN frames, runs turns, carries
 * WAN frames across (or loses them) and takes LAN frames out.
 *
 * The WAN does to frames what pair->wan says, nothing at first. A frame that crosses is copied into
 * a buffer of the far WAN port, as between real ports, so each pool holds what its gateway holds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dpdk/worker.h"

#define PAIR_LAN      0
#define PAIR_WAN      1
#define PAIR_WAN2     2 /* where pair_options ask for it: link 2 */
#define PAIR_PORTS    3
#define PAIR_RING     4096
#define PAIR_SIDES    4
#define PAIR_DELAYED  4096
#define PAIR_HOST_MAC 0x02, 0, 0, 0, 0, 0x10 /* of every host */

struct pair_options {
	uint32_t lan_mtu, wan_mtu;
	uint32_t wan2_mtu; /* 0: there is one WAN port */
	uint64_t rate_bps;
	bool outer_v6;
	bool is_clear;	     /* the null cipher, for tests that write into sealed bytes */
	uint32_t mbufs;	     /* of each pool */
	uint64_t rtt_ns;     /* what windows are made for; 0: 100 us */
	uint32_t workers[2]; /* of each gateway, 1 (or 0) or 2 */
	uint64_t lan_bps;    /* speed of the LAN ports; 0: unknown */
	bool has_pfc;	     /* there: lossless 3, bulk 4 */
};

/* What the WAN does to frames, to so many of a thousand. */
struct pair_wan {
	uint32_t drop, duplicate, corrupt, delay;
	uint32_t delay_turns; /* 1 to this */
	uint64_t latency_ns;  /* of all that cross */
	uint64_t random;      /* seed, then state */
};

struct pair_side {
	struct port ports[PAIR_PORTS];
	struct rte_ring *rx[PAIR_PORTS], *tx[PAIR_PORTS];
	struct worker *worker;
	struct cw_worker_counters worker_counters;
	struct cw_port_counters port_counters[PAIR_PORTS];
	struct cw_path_counters path_counters;
	struct cw_link_counters link_counters[CW_LINKS];
	struct intent_path intent;
	uint32_t handle;
	void *rules_memory;
	int event_fd;
};

struct pair_delayed {
	struct rte_mbuf *mbuf;
	uint64_t due; /* turn, */
	uint64_t due_ns;
	uint32_t to; /* side */
	uint32_t port;
};

struct pair {
	struct pair_side side[PAIR_SIDES]; /* no worker: there is no such side */
	struct classifier classifier;
	struct clock_base clock;
	uint32_t generation; /* of the intent given last */
	uint32_t life;	     /* of both ends: its keys are no other's */
	uint32_t port_count; /* of each gateway */
	struct pair_wan wan, wan2;
	uint64_t turn;
	struct pair_delayed delayed[PAIR_DELAYED];
	uint32_t delayed_count;
};

/* --no-huge, no PCI, quiet. 0 or -errno. */
int pair_eal_start(uint32_t memory_mib);
/* NULL: no memory. Paths are set up, claimed and their next hops known. */
struct pair *pair_create(const struct pair_options *options);
/* Returns how many packet buffers were in nobody's hands: 0, or there is a leak. */
uint32_t pair_destroy(struct pair *pair);

/* The keys of one side for a phase, as the agents would agree on them in this life. */
void pair_keys_make(const struct pair *pair, uint32_t side, uint8_t phase, struct path_keys *keys);
/* New keys for both gateways at once; is_reset: as after a restart, for a new life. */
void pair_keys_give(struct pair *pair, uint8_t phase, bool is_reset);

/* A frame from a host of `side` to its gateway. false: ring or pool full. */
bool pair_inject(struct pair *pair, uint32_t side, uint32_t port, const void *frame, uint32_t len);
struct rte_mbuf *pair_take(struct pair *pair, uint32_t side, uint32_t port);
/* Carries what side sent on its WAN to the other gateway. Returns the frames. */
uint32_t pair_carry(struct pair *pair, uint32_t side);
/* Puts one frame on the WAN towards this side; the WAN may still lose it. */
void pair_wan_put(struct pair *pair, uint32_t to, struct rte_mbuf *mbuf);
/* The side's intent over a link: 1 by PAIR_WAN, 2 by PAIR_WAN2. */
void pair_intent_over(const struct pair *pair, uint32_t side, uint8_t link,
		      struct intent_path *intent);
/* One turn of each worker, with the WAN carried in between. */
void pair_turn(struct pair *pair);
/*
 * Turns until nothing moves for a while: aggregates flushed, shapers empty, all acknowledged.
 * false: that did not happen for seconds.
 */
bool pair_settle(struct pair *pair);
/* After the first probes: none any more and counters at 0, so that packets can be counted. */
void pair_hush(struct pair *pair);

/* A UDP frame from host .10 of `side` to host .10 of the other, with `payload` bytes. Returns its
 * length. */
uint32_t pair_udp_frame(const struct pair *pair, uint32_t side, bool is_v6, uint16_t src_port,
			uint16_t dst_port, uint32_t payload, uint8_t tos, uint8_t *frame);
/* rx = tx + held + sum(drop) in packets, for both directions of `side`. */
bool pair_is_counted(const struct pair *pair, uint32_t side);
/* In bytes too, when none was dropped. Not where fragments that lack the first one were dropped:
 * they are no packet, and count nowhere. */
bool pair_is_balanced(const struct pair *pair, uint32_t side);
/* No flow holds anything. */
bool pair_is_empty(const struct pair *pair);
/* Buffers of all pools that are not free; 0 once all is delivered and taken out. */
uint32_t pair_mbufs_used(const struct pair *pair);
struct path *pair_path(const struct pair *pair, uint32_t side);
/* Outer packets with DATA that a side sent since pair_hush. */
uint64_t pair_data_packets(const struct pair *pair, uint32_t side);
