/*
 * One path in one worker: its queue and shaper, its sending lane, its receiving lanes, its probe.
 *
 * Made and freed by the agent; between COMMAND_PATH_ADD and the EVENT_DONE of its removal it
 * belongs to the worker. path_table finds paths by handle (from the classifier) and by wire id
 * (from tunnel packets).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/abi/counters.h"
#include "dataplane/core/aggregate.h"
#include "dataplane/core/intent.h"
#include "dataplane/core/lane.h"
#include "dataplane/core/outer.h"
#include "dataplane/core/probe.h"
#include "dataplane/core/queue.h"
#include "dataplane/core/reasm.h"
#include "dataplane/core/shaper.h"
#include "dataplane/core/share.h"
#include "dataplane/dpdk/aead.h"

#define PATH_SLOTS	   4096 /* paths a gateway can have */
#define LANES_MAX	   16	/* UDP ports of a gateway; a lane per worker of the peer */
#define PATH_QUEUE_SLOTS   4096
#define PATH_AGGREGATE_MAX (AEAD_PIECES_MAX / 2) /* frames in one outer packet */
#define PATH_REASM_SLOTS   64

struct path_lane {
	struct reasm reasm;
	struct reasm_slot slots[PATH_REASM_SLOTS];
	struct rte_mbuf *buffers[PATH_REASM_SLOTS];
	uint8_t ecn[PATH_REASM_SLOTS]; /* outer: CE once any fragment bore it (RFC 3168, 5.3) */
};

struct path {
	struct intent_path intent;
	uint32_t handle;
	uint32_t wire_id; /* = intent.id; kept beside the hot fields */

	/* LAN to WAN */
	struct queue queue;
	struct shaper shaper;
	struct lane_tx lane;
	struct aggregate aggregate;
	struct rte_mbuf *open[PATH_AGGREGATE_MAX]; /* inner packets of the open aggregate */
	uint32_t open_tags[PATH_AGGREGATE_MAX];
	struct outer_template outer;
	const struct aead *aead;
	void *key;
	uint32_t frames_max;  /* bytes of frames in one outer packet */
	uint32_t payload_max; /* of one DATA frame alone in a packet */
	uint8_t wan_port;     /* index of our port */
	uint8_t lane_id;
	bool is_active; /* in the worker's list of paths with something to send */

	/* WAN to LAN: lanes[i] for lane i, NULL where another worker owns it */
	struct path_lane *lanes[LANES_MAX];

	struct probe probe;
	struct cw_path_counters *counters;
	/* Of this path in every worker, ours included: what the share is made from. Read only. */
	const struct cw_path_counters *all[SHARE_WORKERS_MAX];
	struct share share;
	struct queue_slot queue_slots[PATH_QUEUE_SLOTS];
	uint32_t buckets[LANE_BUCKETS];
};

struct path_options {
	uint32_t handle;
	uint32_t worker, workers;
	uint8_t wan_port;
	uint32_t wan_mtu;
	uint32_t reassembly_bytes; /* largest packet that a buffer of the LAN pool holds */
	uint32_t queue_packets;	   /* at most PATH_QUEUE_SLOTS */
	uint64_t seed;
	uint64_t now_ns;
	struct cw_path_counters *counters;
	const struct cw_path_counters *const *all; /* [workers] */
};

/* NULL: no memory, or an intent whose addresses contradict each other. Agent thread. */
struct path *path_create(const struct intent_path *intent, const struct path_options *options);
/* The mbufs must be gone: path_discard. Agent thread. */
void path_free(struct path *path);

/*
 * Takes a changed intent of the same id: rate, peer, selectors, class. What waits stays in its
 * order. The caller has checked that both addresses are of one family, and left no aggregate open.
 * Worker.
 */
void path_update(struct path *path, const struct intent_path *intent, uint32_t wan_mtu,
		 uint64_t now_ns);
/* Takes this worker's part of the rate anew; at even intervals, where there are several workers. */
void path_share(struct path *path, uint64_t now_ns);
/* Frees all packets that are held and counts them as DROP_SHUTDOWN. Worker. */
void path_discard(struct path *path);

static inline bool path_holds_nothing(const struct path *path)
{
	return !queue_packets(&path->queue) && !aggregate_is_open(&path->aggregate);
}

/* Paths by handle and by wire id; one table per worker. */
struct path_table {
	struct path *by_index[PATH_SLOTS];
	uint32_t high; /* no path at or above */
	uint32_t count;
	struct {
		uint32_t wire_id;
		uint32_t index; /* + 1; 0: free */
	} ids[PATH_SLOTS * 2];
};

void path_table_add(struct path_table *table, struct path *path);
struct path *path_table_remove(struct path_table *table, uint32_t index);

static inline struct path *path_table_by_handle(const struct path_table *table, uint32_t handle)
{
	uint32_t index = HANDLE_INDEX(handle);
	struct path *path = index < PATH_SLOTS ? table->by_index[index] : NULL;

	return path && path->handle == handle ? path : NULL;
}

static inline struct path *path_table_by_id(const struct path_table *table, uint32_t wire_id)
{
	uint32_t at = (wire_id * 0x9e3779b1u) >> 19;

	for (; table->ids[at].index; at = (at + 1) % (PATH_SLOTS * 2))
		if (table->ids[at].wire_id == wire_id)
			return table->by_index[table->ids[at].index - 1];
	return NULL;
}
