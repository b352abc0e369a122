/*
 * One path in one worker: its queue and shaper, its lanes, its probe.
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
#include "dataplane/core/mark.h"
#include "dataplane/core/probe.h"
#include "dataplane/core/queue.h"
#include "dataplane/core/shaper.h"
#include "dataplane/core/share.h"
#include "dataplane/core/ways.h"
#include "dataplane/dpdk/lane.h"

#define PATH_SLOTS	   4096		   /* paths a gateway can have */
#define LANES_MAX	   PATH_KEYS_LANES /* UDP ports of a gateway; one per worker */
#define PATH_QUEUE_SLOTS   4096		   /* packets in a queue, */
#define PATH_QUEUE_MAX	   16384	   /* or as many where RTT or pauses ask for more */
#define PATH_AGGREGATE_MAX AEAD_PIECES_MAX /* inner packets in one outer packet */

/* Why what waits in the queue does not go. */
enum path_stall {
	STALL_NONE = 0,
	STALL_KEY,
	STALL_WINDOW,
	STALL_CREDIT,
	STALL_PACE, /* shaper, pacer, or no room at the port */
};

struct path {
	struct intent_path intent;
	uint32_t handle;
	uint32_t wire_id; /* = intent.id; kept beside the hot fields */

	/* LAN to WAN */
	struct queue queue;
	struct mark mark; /* at the guaranteed rate, this worker's part: */
	uint64_t mark_bps;
	/* What may wait, where the senders cannot be paused; where they can: when they are. */
	uint64_t limit_bytes;
	uint32_t limit_packets;
	uint32_t tcp_packets;			   /* TCP without ECN goes no further */
	uint64_t level_per_byte, level_per_packet; /* LAN_LEVEL_PER these limits */
	uint16_t fed;		 /* ports whose packets may be among those that wait; bit each */
	struct shaper guarantee; /* intent.rate_bps: goes before any excess */
	struct shaper shaper;	 /* intent.max_bps */
	struct aggregate aggregate;
	struct rte_mbuf *open[PATH_AGGREGATE_MAX]; /* inner packets of the open aggregate */
	uint32_t open_tags[PATH_AGGREGATE_MAX];
	struct ways ways;
	uint8_t lane_count; /* lanes 0 to lane_count - 1 exist, at some worker */
	bool is_active;	    /* in the worker's list of paths with something to do */
	bool may_send;	    /* in this turn: its next hop is known */
	uint8_t stall;	    /* enum path_stall */
	uint64_t stall_ns;  /* since then */

	struct path_lane *lane;		    /* that we send DATA on */
	struct path_lane *lanes[LANES_MAX]; /* ours among all; NULL: another worker's, or none */
	struct path_lane *own[LANES_MAX];   /* the same without holes */
	uint8_t own_count;

	struct probe probe;	   /* of the way that is sent by */
	struct probe trial;	   /* of the one that the path is to move to */
	uint32_t first_generation; /* since then it has been this path */
	struct cw_path_counters *counters;
	/* Of this path in every worker, ours included: what the share is made from. Read only. */
	const struct cw_path_counters *all[SHARE_WORKERS_MAX];
	struct share share;
	struct queue_slot *queue_slots;
};

struct path_options {
	uint32_t handle;
	uint32_t worker, workers;
	uint8_t wan_port;
	uint32_t wan_mtu;
	uint32_t queue_packets; /* at most PATH_QUEUE_MAX */
	bool has_pauses;	/* most of them are for what comes after XOFF */
	/* Buffers that its lanes of this worker may use: unacknowledged ones of the LAN ports'
	 * pools, and waiting ones of the WAN port's. */
	uint32_t retain_buffers, hold_buffers;
	uint64_t seed;
	uint64_t now_ns;
	struct cw_path_counters *counters;
	const struct cw_path_counters *const *all; /* [workers] */
};

/* What the windows of a path are made for. */
struct path_demand {
	uint64_t tx_bps, rx_bps, rtt_ns;
};

static inline struct path_demand path_demand_of(const struct intent_path *intent)
{
	return (struct path_demand){intent->max_bps, intent->peer_max_bps, intent->link_rtt_ns};
}

static inline bool path_demand_equal(const struct path_demand *a, const struct path_demand *b)
{
	return a->tx_bps == b->tx_bps && a->rx_bps == b->rx_bps && a->rtt_ns == b->rtt_ns;
}

/* The larger of each. */
void path_demand_raise(struct path_demand *most, const struct path_demand *demand);

static inline uint64_t path_rate_clamped(uint64_t rate_bps)
{
	return RTE_MIN(RTE_MAX(rate_bps, (uint64_t)SHAPER_RATE_MIN_BPS),
		       (uint64_t)SHAPER_RATE_MAX_BPS);
}

/* path_window.c, for path.c: lanes of the path over all workers, and the windows of one, cut down
 * to the buffers that there are. */
uint32_t path_lane_count(const struct intent_path *intent, uint32_t workers);
void path_lane_sizes(const struct intent_path *intent, uint32_t lane,
		     const struct path_options *options, struct tunnel_sizes *sizes);

/* Buffers that one worker's part of a path would like to have, over all its lanes. */
void path_buffers_wanted(const struct intent_path *intent, uint32_t worker, uint32_t workers,
			 uint32_t *retain, uint32_t *hold);
/* With fewer than this of either, a path is not set up. */
#define PATH_BUFFERS_LEAST 256
/* Bytes of windows (not buffers) that it would take. */
uint64_t path_window_bytes(const struct intent_path *intent, uint32_t worker, uint32_t workers);

/* NULL: no memory, or an intent whose addresses contradict each other. Agent thread. */
struct path *path_create(const struct intent_path *intent, const struct path_options *options);
/* The mbufs must be gone: path_discard. Agent thread. */
void path_free(struct path *path);

/*
 * Takes a changed intent of the same id: rate, peer, selectors, class. What waits stays in its
 * order. The caller has checked that both addresses are of one family, and left no aggregate open.
 * Windows stay as they were made: path_resize changes them. Another link between the same gateways
 * is probed, and sent by after path_switch. Worker.
 */
void path_update(struct path *path, const struct intent_path *intent, uint8_t wan_port,
		 uint32_t wan_mtu, uint64_t now_ns);
/* The way that the intent wants has proved, with this round trip. The same holds of aggregates. */
void path_switch(struct path *path, uint64_t rtt_ns, uint64_t now_ns);

/* The way that is sent by. */
static inline struct way *path_way(struct path *path)
{
	return ways_now(&path->ways);
}

static inline uint32_t path_payload_max(const struct path *path)
{
	return path->ways.way[path->ways.at].payload_max;
}
/*
 * Other windows for the lanes of one worker, made by the agent thread, which also frees them when
 * they have come back. Then their memory is what the lanes had before.
 */
struct path_resize {
	uint32_t count;
	struct {
		uint32_t lane;
		struct tunnel_sizes sizes;
		void *memory;
	} lanes[LANES_MAX];
};

/* For this intent, of which `most` says the most that it ever asked for: no window gets fewer
 * sequences than it had. NULL: no memory. options: worker, workers and buffers. */
struct path_resize *path_resize_create(const struct intent_path *intent,
				       const struct path_demand *most,
				       const struct path_options *options);
void path_resize_free(struct path_resize *resize);
/* What is under way goes on. Worker. */
void path_resize(struct path *path, struct path_resize *resize);

/* Takes this worker's part of the rate anew, and what follows from rate and round trip; at even
 * intervals. */
void path_tick(struct path *path, uint64_t now_ns);
/* path_queue.c, for path.c: the queue's memory, and its limits as rate and round trip change. */
int path_queue_init(struct path *path, const struct path_options *options); /* 0 or -ENOMEM */
void path_queue_free(struct path *path);
void path_queue_update(struct path *path);
void path_queue_tick(struct path *path);
/* Frees all packets that are held and counts them as DROP_SHUTDOWN. Worker. */
void path_discard(struct path *path);
/* Writes the lanes' statistics to the counters. Worker. */
void path_publish(struct path *path);

/* The path's packet is unacknowledged no more: one of its shares in the buffer goes. */
void path_release(struct path *path, struct rte_mbuf *mbuf, bool is_acked, enum drop why);

/* Frees what a lane was about to deliver: all fragments of a packet, or of a broken one this one.
 */
void path_drop_unit(struct path *path, const struct path_lane *lane, const struct tunnel_unit *unit,
		    bool is_broken, enum drop why);

/* Is there nothing to send, to wait for, or to deliver? */
bool path_is_idle(const struct path *path);

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
