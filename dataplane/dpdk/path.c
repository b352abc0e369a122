#include "dataplane/dpdk/path.h"

#include <rte_malloc.h>

/* 32 - log2(slots of ids): the hash in path_table_by_id keeps its upper bits. */
_Static_assert(PATH_SLOTS * 2 == 1u << (32 - 19), "adapt the shift");

/* Half a millisecond of the rate: what an adaptive worker may find after a short sleep. */
static uint32_t burst_bytes(uint64_t rate_bps)
{
	uint64_t bytes = rate_bps / 8 / 2000;

	return (uint32_t)RTE_MIN(RTE_MAX(bytes, (uint64_t)32768), (uint64_t)(8 << 20));
}

static int lanes_create(struct path *path, const struct path_options *options)
{
	const struct intent_path *intent = &path->intent;
	struct tunnel_config config = {.rtt_ns = intent->link_rtt_ns};

	path->lane_count = (uint8_t)path_lane_count(intent, options->workers);
	for (uint32_t i = options->worker; i < path->lane_count; i += options->workers) {
		path_lane_sizes(intent, i, options, &config.sizes);
		path->lanes[i] = lane_create((uint8_t)i, &config);
		if (!path->lanes[i])
			return -1;
		path->own[path->own_count++] = path->lanes[i];
	}
	path->lane = path->lanes[options->worker];
	return 0;
}

struct path *path_create(const struct intent_path *intent, const struct path_options *options)
{
	struct path *path = rte_zmalloc("path", sizeof(*path), RTE_CACHE_LINE_SIZE);
	uint64_t rate = path_rate_clamped(intent->max_bps);

	if (!path)
		return NULL;
	path->intent = *intent;
	path->handle = options->handle;
	path->wire_id = intent->id;
	path->first_generation = intent->generation;
	path->counters = options->counters;
	memcpy(path->all, options->all, options->workers * sizeof(path->all[0]));
	share_init(&path->share, options->workers, options->worker);
	if (ways_init(&path->ways, intent, options->wan_port, options->wan_mtu) ||
	    lanes_create(path, options)) {
		path_free(path);
		return NULL;
	}
	shaper_init(&path->shaper, rate, burst_bytes(rate), options->now_ns);
	rate = path_rate_clamped(intent->rate_bps);
	shaper_init(&path->guarantee, rate, burst_bytes(rate), options->now_ns);
	aggregate_init(&path->aggregate, path_way(path)->frames_max);
	probe_init(&path->probe, intent->generation, options->seed);
	if (path_queue_init(path, options)) {
		path_free(path);
		return NULL;
	}
	return path;
}

void path_free(struct path *path)
{
	if (!path)
		return;
	for (uint32_t i = 0; i < path->own_count; i++)
		lane_free(path->own[i]);
	path_queue_free(path);
	rte_free(path);
}

static void rates_set(struct path *path, uint64_t guaranteed_bps, uint64_t max_bps, uint64_t now_ns)
{
	uint64_t rate = path_rate_clamped(max_bps);

	shaper_set_rate(&path->shaper, rate, burst_bytes(rate), now_ns);
	rate = path_rate_clamped(guaranteed_bps);
	shaper_set_rate(&path->guarantee, rate, burst_bytes(rate), now_ns);
}

/* Nothing is known of the way wanted; the other one's proof stands. */
static void trial_begin(struct path *path, uint32_t generation)
{
	probe_init(&path->trial, generation, path->probe.random ^ generation);
}

static void proof_update(struct path *path, const struct intent_path *intent,
			 enum ways_change change)
{
	if (change == WAYS_RESTART || intent->generation < path->first_generation)
		path->first_generation = intent->generation;
	if (!ways_are_moving(&path->ways))
		probe_set_generation(&path->probe, intent->generation);
	else if (change == WAYS_MOVE)
		trial_begin(path, intent->generation);
	else
		probe_set_generation(&path->trial, intent->generation);
}

void path_update(struct path *path, const struct intent_path *intent, uint8_t wan_port,
		 uint32_t wan_mtu, uint64_t now_ns)
{
	enum ways_change change =
		ways_update(&path->ways, &path->intent, intent, wan_port, wan_mtu);

	proof_update(path, intent, change);
	path->intent = *intent;
	path->aggregate.capacity = path_way(path)->frames_max;
	rates_set(path, intent->rate_bps, intent->max_bps, now_ns);
	path_queue_update(path);
}

void path_switch(struct path *path, uint64_t rtt_ns, uint64_t now_ns)
{
	ways_switch(&path->ways);
	path->probe = path->trial;
	path->aggregate.capacity = path_way(path)->frames_max;
	for (uint32_t i = 0; i < path->own_count; i++)
		tunnel_move(&path->own[i]->tunnel, rtt_ns, now_ns);
}

static void rates_share(struct path *path, uint64_t now_ns)
{
	const struct intent_path *intent = &path->intent;
	uint64_t offered[SHARE_WORKERS_MAX], rate;

	for (uint32_t i = 0; i < path->share.workers; i++)
		offered[i] = path->all[i]->out.rx_bytes;
	rate = share_update(&path->share, offered, intent->max_bps);
	/* The same part of the guarantee; in kilobits, so that nothing overflows. */
	rates_set(path,
		  rate / 1000 * (intent->rate_bps / 1000) /
			  (path_rate_clamped(intent->max_bps) / 1000) * 1000,
		  rate, now_ns);
}

void path_tick(struct path *path, uint64_t now_ns)
{
	if (path->share.workers > 1)
		rates_share(path, now_ns);
	path_queue_tick(path);
}

static void flow_drop(struct cw_flow_counters *flow, uint32_t packets, uint64_t bytes,
		      enum drop why)
{
	flow->drop[why] += packets;
	flow->held_packets -= packets;
	flow->held_bytes -= bytes;
}

void path_release(struct path *path, struct rte_mbuf *mbuf, bool is_acked, enum drop why)
{
	struct cw_flow_counters *flow = &path->counters->out;
	uint32_t len = rte_pktmbuf_data_len(mbuf);

	/* The last fragment takes the packet along. */
	if (rte_mbuf_refcnt_read(mbuf) == 1 && is_acked) {
		flow->held_packets--;
		flow->held_bytes -= len;
		flow->tx_packets++;
		flow->tx_bytes += len;
	} else if (rte_mbuf_refcnt_read(mbuf) == 1) {
		flow_drop(flow, 1, len, why);
	}
	rte_pktmbuf_free(mbuf);
}

void path_drop_unit(struct path *path, const struct path_lane *lane, const struct tunnel_unit *unit,
		    bool is_broken, enum drop why)
{
	struct cw_flow_counters *flow = &path->counters->in;
	uint32_t first = is_broken ? unit->frag_index : 0;
	struct tunnel_unit part;

	for (uint32_t i = first; i <= unit->frag_index; i++) {
		tunnel_fragment(&lane->tunnel, unit, i, &part);
		/* A packet entered with its first fragment. */
		flow_drop(flow, i == 0, part.len_bytes, why);
		rte_pktmbuf_free((struct rte_mbuf *)(uintptr_t)part.cookie);
	}
}

static void lane_discard(struct path *path, struct path_lane *lane)
{
	struct tunnel_unit unit;
	uint64_t cookies[64];
	bool is_broken;
	uint32_t count;

	if (lane->assembled)
		rte_pktmbuf_free(lane->assembled);
	lane->assembled = NULL;
	lane_parts_drop(lane, true);
	while (tunnel_flush_rx(&lane->tunnel, &unit, &is_broken))
		path_drop_unit(path, lane, &unit, is_broken, DROP_SHUTDOWN);
	do {
		count = tunnel_flush_tx(&lane->tunnel, cookies, RTE_DIM(cookies));
		for (uint32_t i = 0; i < count; i++)
			path_release(path, (struct rte_mbuf *)(uintptr_t)cookies[i], false,
				     DROP_SHUTDOWN);
	} while (count == RTE_DIM(cookies));
}

void path_discard(struct path *path)
{
	struct cw_flow_counters *flow = &path->counters->out;
	struct queue_slot slot;

	while (queue_pop(&path->queue, &slot)) {
		rte_pktmbuf_free((struct rte_mbuf *)(uintptr_t)slot.cookie);
		flow_drop(flow, 1, slot.len_bytes, DROP_SHUTDOWN);
	}
	for (uint32_t i = 0; i < path->aggregate.count; i++) {
		flow_drop(flow, 1, rte_pktmbuf_data_len(path->open[i]), DROP_SHUTDOWN);
		rte_pktmbuf_free(path->open[i]);
	}
	aggregate_reset(&path->aggregate);
	for (uint32_t i = 0; i < path->own_count; i++)
		lane_discard(path, path->own[i]);
}

void path_publish(struct path *path)
{
	struct cw_lane_counters *out = &path->counters->lane;
	struct cw_lane_counters sum = {.reorder_depth_max = out->reorder_depth_max,
				       .stall_credit_ns = out->stall_credit_ns,
				       .stall_window_ns = out->stall_window_ns,
				       .stall_key_ns = out->stall_key_ns,
				       .stall_pace_ns = out->stall_pace_ns,
				       .pause_ns = out->pause_ns};

	for (uint32_t i = 0; i < path->own_count; i++)
		lane_stats_add(path->own[i], &sum);
	sum.reorder_depth_max = RTE_MAX(sum.reorder_depth_max, sum.reorder_depth);
	*out = sum;
}

bool path_is_idle(const struct path *path)
{
	if (queue_packets(&path->queue) || aggregate_is_open(&path->aggregate))
		return false;
	for (uint32_t i = 0; i < path->own_count; i++)
		if (lane_is_busy(path->own[i]))
			return false;
	return true;
}

static void ids_insert(struct path_table *table, uint32_t wire_id, uint32_t index)
{
	uint32_t at = (wire_id * 0x9e3779b1u) >> 19;

	while (table->ids[at].index)
		at = (at + 1) % (PATH_SLOTS * 2);
	table->ids[at].wire_id = wire_id;
	table->ids[at].index = index + 1;
}

/* Paths come and go rarely: rebuilding keeps lookups free of tombstones. */
static void ids_rebuild(struct path_table *table)
{
	memset(table->ids, 0, sizeof(table->ids));
	for (uint32_t i = 0; i < table->high; i++)
		if (table->by_index[i])
			ids_insert(table, table->by_index[i]->wire_id, i);
}

void path_table_add(struct path_table *table, struct path *path)
{
	uint32_t index = HANDLE_INDEX(path->handle);

	table->by_index[index] = path;
	if (table->high <= index)
		table->high = index + 1;
	table->count++;
	ids_insert(table, path->wire_id, index);
}

struct path *path_table_remove(struct path_table *table, uint32_t index)
{
	struct path *path = index < PATH_SLOTS ? table->by_index[index] : NULL;

	if (!path)
		return NULL;
	table->by_index[index] = NULL;
	table->count--;
	while (table->high && !table->by_index[table->high - 1])
		table->high--;
	ids_rebuild(table);
	return path;
}
