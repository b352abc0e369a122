/*
 * One lane of one path in the worker that owns it: the pure tunnel (core/tunnel.h) with what it
 * needs of the world: its keys and its memory.
 *
 * Lane L belongs to worker L % workers of each end. A worker sends DATA on the lane of its own
 * number only; on the others, which exist where the peer has more workers, it acknowledges.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/abi/counters.h"
#include "dataplane/core/part.h"
#include "dataplane/core/path_keys.h"
#include "dataplane/core/tunnel.h"
#include "dataplane/dpdk/aead.h"

#define LANE_PARTS 4 /* units of which parts came; by the low bits of their sequences */

struct lane_part {
	struct rte_mbuf *mbuf; /* of the unit's length; NULL: none */
	struct part_set set;
};

struct path_lane {
	uint8_t id;
	struct tunnel tunnel;
	const struct aead *aead;
	uint64_t installed;	    /* keys, ever */
	struct rte_mbuf *assembled; /* the packet to deliver next, put together from fragments */
	uint64_t paused_ns;	    /* since then the LAN takes nothing; 0: it does */
	struct aead_key tx_key;
	struct aead_key rx_keys[KEYS_PHASES];
	struct lane_part parts[LANE_PARTS];
};

/* NULL: no memory. Keys come later. Agent thread. */
struct path_lane *lane_create(uint8_t id, const struct tunnel_config *config);
/* Its packets must be gone. NULL is fine. Agent thread. */
void lane_free(struct path_lane *lane);

/*
 * New keys. With keys->reset the lane has begun a new life, and the caller has flushed it. 0, or
 * why the cipher does not work here. Worker.
 */
int lane_keys_install(struct path_lane *lane, const struct path_keys *keys, uint64_t now_ns);
/* Erases keys whose time is over. True: ask for new ones. Worker. */
bool lane_keys_tend(struct path_lane *lane, uint64_t now_ns);

/*
 * A part of a unit came. The unit in a buffer of the pool when that was the last one that it
 * lacked; NULL: it was not, or there is no buffer. Worker.
 */
struct rte_mbuf *lane_part_take(struct path_lane *lane, const struct wire_part *part,
				struct rte_mempool *pool);
/* Frees the units whose other parts nobody sends any more: that came otherwise; or all. Worker. */
void lane_parts_drop(struct path_lane *lane, bool is_all);

/* Adds this lane to the path's sums. */
void lane_stats_add(const struct path_lane *lane, struct cw_lane_counters *sum);

/* Something is to be sent or delivered, now or at a time. */
static inline bool lane_is_busy(const struct path_lane *lane)
{
	const struct tunnel *t = &lane->tunnel;

	return tunnel_deadline(t) != UINT64_MAX || tunnel_has_repairs(t) || t->order.ready_count;
}
