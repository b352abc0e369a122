#include "dataplane/dpdk/path.h"

#include <rte_malloc.h>

/* 32 - log2(slots of ids): the hash in path_table_by_id keeps its upper bits. */
_Static_assert(PATH_SLOTS * 2 == 1u << (32 - 19), "adapt the shift");

/*
 * Deep enough that a window's worth of TCP fits at the guaranteed rate over a continental RTT
 * share, shallow enough that a full queue is 25 ms of delay and not a second.
 */
static uint64_t queue_bytes_max(uint64_t rate_bps)
{
	uint64_t bytes = rate_bps / 8 / 40;

	return bytes < 131072 ? 131072 : bytes;
}

/* Half a millisecond of the rate: what an adaptive worker may find after a short sleep. */
static uint32_t burst_bytes(uint64_t rate_bps)
{
	uint64_t bytes = rate_bps / 8 / 2000;

	return (uint32_t)RTE_MIN(RTE_MAX(bytes, (uint64_t)32768), (uint64_t)(8 << 20));
}

static uint64_t rate_clamped(uint64_t rate_bps)
{
	return RTE_MIN(RTE_MAX(rate_bps, (uint64_t)SHAPER_RATE_MIN_BPS),
		       (uint64_t)SHAPER_RATE_MAX_BPS);
}

static int template_make(struct path *path, const struct intent_path *intent)
{
	struct outer_flow flow = {
		.src = intent->local_addr,
		.dst = intent->peer_addr,
		/* Entropy for ECMP and NIC steering: one source port per path and lane. */
		.src_port = (uint16_t)(49152 + ((intent->id * 0x9e3779b1u) >> 19) + path->lane_id),
		.dst_port = (uint16_t)(intent->peer_udp_port + path->lane_id),
		.dscp = intent->dscp,
	};

	return outer_template_init(&path->outer, &flow);
}

static void sizes_set(struct path *path, uint32_t wan_mtu)
{
	uint32_t headers = path->outer.header_bytes - ETHER_HEADER_BYTES + WIRE_OVERHEAD_BYTES;

	path->frames_max = wan_mtu - headers;
	path->payload_max = path->frames_max - WIRE_DATA_BYTES;
}

static int lanes_create(struct path *path, const struct path_options *options)
{
	for (uint32_t lane = options->worker; lane < LANES_MAX; lane += options->workers) {
		struct path_lane *l = rte_zmalloc("lane", sizeof(*l), RTE_CACHE_LINE_SIZE);

		if (!l)
			return -1;
		path->lanes[lane] = l;
		reasm_init(&l->reasm, l->slots, PATH_REASM_SLOTS, options->reassembly_bytes, 0);
	}
	return 0;
}

struct path *path_create(const struct intent_path *intent, const struct path_options *options)
{
	struct path *path = rte_zmalloc("path", sizeof(*path), RTE_CACHE_LINE_SIZE);
	uint64_t rate = rate_clamped(intent->max_bps);

	if (!path)
		return NULL;
	path->intent = *intent;
	path->handle = options->handle;
	path->wire_id = intent->id;
	path->wan_port = options->wan_port;
	path->lane_id = (uint8_t)options->worker;
	path->counters = options->counters;
	memcpy(path->all, options->all, options->workers * sizeof(path->all[0]));
	share_init(&path->share, options->workers, options->worker);
	path->aead = &aead_null;
	if (template_make(path, intent) || lanes_create(path, options)) {
		path_free(path);
		return NULL;
	}
	sizes_set(path, options->wan_mtu);
	queue_init(&path->queue, path->queue_slots, PATH_QUEUE_SLOTS, options->queue_packets,
		   queue_bytes_max(rate));
	shaper_init(&path->shaper, rate, burst_bytes(rate), options->now_ns);
	lane_tx_init(&path->lane, path->buckets, (uint32_t)options->seed);
	aggregate_init(&path->aggregate, path->frames_max);
	probe_init(&path->probe, intent->generation, options->seed);
	return path;
}

void path_free(struct path *path)
{
	if (!path)
		return;
	for (uint32_t lane = 0; lane < LANES_MAX; lane++)
		rte_free(path->lanes[lane]);
	rte_free(path);
}

void path_update(struct path *path, const struct intent_path *intent, uint32_t wan_mtu,
		 uint64_t now_ns)
{
	uint64_t rate = rate_clamped(intent->max_bps);

	path->intent = *intent;
	template_make(path, intent);
	sizes_set(path, wan_mtu);
	path->aggregate.capacity = path->frames_max;
	shaper_set_rate(&path->shaper, rate, burst_bytes(rate), now_ns);
	queue_set_limits(&path->queue, path->queue.max_packets, queue_bytes_max(rate));
	probe_set_generation(&path->probe, intent->generation);
}

void path_share(struct path *path, uint64_t now_ns)
{
	uint64_t offered[SHARE_WORKERS_MAX], rate;

	for (uint32_t i = 0; i < path->share.workers; i++)
		offered[i] = path->all[i]->out.rx_bytes;
	rate = rate_clamped(share_update(&path->share, offered, path->intent.max_bps));
	shaper_set_rate(&path->shaper, rate, burst_bytes(rate), now_ns);
}

static void flow_drop(struct cw_flow_counters *flow, uint32_t packets, enum drop why)
{
	flow->drop[why] += packets;
	flow->held_packets -= packets;
}

static void lane_discard(struct path *path, struct path_lane *lane)
{
	uint32_t slots[PATH_REASM_SLOTS];
	uint32_t count = reasm_flush(&lane->reasm, slots, PATH_REASM_SLOTS);

	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *buffer = lane->buffers[slots[i]];

		path->counters->in.held_bytes -= rte_pktmbuf_data_len(buffer);
		rte_pktmbuf_free(buffer);
		lane->buffers[slots[i]] = NULL;
	}
	flow_drop(&path->counters->in, count, DROP_SHUTDOWN);
}

void path_discard(struct path *path)
{
	struct queue_slot slot;

	while (queue_pop(&path->queue, &slot)) {
		rte_pktmbuf_free((struct rte_mbuf *)(uintptr_t)slot.cookie);
		flow_drop(&path->counters->out, 1, DROP_SHUTDOWN);
	}
	for (uint32_t i = 0; i < path->aggregate.count; i++)
		rte_pktmbuf_free(path->open[i]);
	flow_drop(&path->counters->out, path->aggregate.count, DROP_SHUTDOWN);
	path->counters->out.held_bytes = 0;
	aggregate_reset(&path->aggregate);
	for (uint32_t lane = 0; lane < LANES_MAX; lane++)
		if (path->lanes[lane])
			lane_discard(path, path->lanes[lane]);
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
