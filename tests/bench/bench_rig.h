/*
 * The load for the benchmark: frames of many flows for one direction of a gateway pair, and their
 * way in and out of the rings. One thread, the EAL's main one. What is timed runs between rig_feed
 * and rig_drain; the making, carrying and freeing of frames happens inside those two and is never
 * timed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/gateway_pair.h"

#define RIG_FLOWS 64 /* source port and far host differ */
#define RIG_HOSTS 16
#define RIG_TURNS 4 /* bursts per batch, so that two time stamps count for little */
#define RIG_BATCH (RIG_TURNS * PORT_BURST)

struct rig_options {
	bool is_inbound;
	bool is_plain;	      /* null cipher */
	uint32_t frame_bytes; /* of a LAN frame, Ethernet header included */
};

struct rig {
	struct pair *pair;
	bool is_inbound;
	uint32_t frame_bytes; /* of a LAN frame, Ethernet header included */
	uint32_t next_flow;
	uint32_t rx_port, tx_port; /* of the worker under test */
	struct pair_side *near;	   /* side a: makes the tunnel packets for the inbound direction */
	struct pair_side *side;	   /* of the worker under test */
	struct rte_ring *stock;	   /* frames that are written and not yet fed */
	uint16_t null_id; /* net_null: its driver makes and frees a buffer for each frame */
	uint8_t *flows;	  /* [RIG_FLOWS][frame_bytes] */
};

/* 0, -ENOMEM, or -ENODEV: no net_null driver. */
int rig_make(struct rig *rig, const struct rig_options *options);
void rig_free(struct rig *rig);

/*
 * RIG_BATCH frames wait at the worker's port. `for_worker`: genuine ones, each to be received once;
 * else they look the same and are of no sequence. false: something was lost on the way, see
 * rig_losses.
 */
bool rig_feed(struct rig *rig, bool for_worker);
/* Takes away what was sent; what a worker sent arrives, and is acknowledged. */
void rig_drain(struct rig *rig, bool by_worker);

/* The path of the worker under test, its counters in this direction, and what it dropped so far. */
struct path *rig_path(const struct rig *rig);
const struct cw_flow_counters *rig_flow(const struct rig *rig);
uint64_t rig_losses(const struct rig *rig);
