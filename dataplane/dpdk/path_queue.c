/* How long a path's queue may grow: memory when the path is made, limits as its rate changes. */
#include "dataplane/dpdk/path.h"

#include <rte_malloc.h>

#include "dataplane/dpdk/lan.h"

#define QUEUE_PARTS_OF_S 40	/* 25 ms: a full queue is no more delay than that, */
#define QUEUE_BYTES_MIN	 131072 /* but at low rates */
/* Beyond what TCP without ECN may fill, for the others. */
#define BESIDE_TCP_PACKETS 16
/* Of the slots: for what comes after XOFF. */
#define AFTER_XOFF_PARTS 4

static uint32_t packet_bytes(const struct path *path)
{
	return RTE_MIN(RTE_MAX(path->intent.far_lan_mtu, 576u), (uint32_t)MARK_PACKET_MAX);
}

static uint64_t rtt_ns(const struct path *path)
{
	const struct rtt *rtt = &path->lane->tunnel.rtt;
	uint64_t ns = rtt->has_sample ? rtt_smoothed(rtt) : path->intent.link_rtt_ns;

	return RTE_MIN(ns, (uint64_t)MARK_RTT_MAX_NS);
}

static void limits_set(struct path *path, uint64_t rate_bps, uint64_t rtt)
{
	uint64_t bytes = path->intent.max_bps / 8 / QUEUE_PARTS_OF_S, beside;

	mark_set(&path->mark, rate_bps, rtt, packet_bytes(path));
	path->mark_bps = rate_bps;
	beside = (uint64_t)BESIDE_TCP_PACKETS * packet_bytes(path);
	bytes = RTE_MAX(bytes, (uint64_t)QUEUE_BYTES_MIN);
	path->limit_bytes = RTE_MAX(bytes, path->mark.ceiling_bytes + beside);
	path->level_per_byte = LAN_LEVEL_PER(path->limit_bytes);
}

void path_queue_tick(struct path *path)
{
	uint64_t rtt = rtt_ns(path), old = path->mark.rtt_ns;
	uint64_t moved = rtt > old ? rtt - old : old - rtt;

	/* Divisions: only for what makes a difference. */
	if (path->guarantee.rate_bps != path->mark_bps || moved > old / 8)
		limits_set(path, path->guarantee.rate_bps, rtt);
}

void path_queue_update(struct path *path)
{
	limits_set(path, path->guarantee.rate_bps, rtt_ns(path));
}

int path_queue_init(struct path *path, const struct path_options *options)
{
	uint64_t packets = PATH_QUEUE_MAX;
	uint32_t slots;

	limits_set(path, path->guarantee.rate_bps, rtt_ns(path));
	if (!options->has_pauses)
		packets = RTE_MIN(packets, 2 * path->mark.ceiling_bytes / packet_bytes(path));
	packets = RTE_MAX(packets, (uint64_t)PATH_QUEUE_SLOTS);
	packets = RTE_MIN(packets, (uint64_t)options->queue_packets);
	slots = rte_align32pow2((uint32_t)packets);
	path->queue_slots =
		rte_malloc("queue", slots * sizeof(*path->queue_slots), RTE_CACHE_LINE_SIZE);
	if (!path->queue_slots)
		return -ENOMEM;
	path->limit_packets = (uint32_t)packets;
	if (options->has_pauses)
		path->limit_packets /= AFTER_XOFF_PARTS;
	path->tcp_packets = path->limit_packets - path->limit_packets / 4;
	path->level_per_packet = LAN_LEVEL_PER(RTE_MAX(path->limit_packets, 1u));
	/* Bytes are limited by us, and not for all. */
	return queue_init(&path->queue, path->queue_slots, slots, (uint32_t)packets, UINT64_MAX);
}

void path_queue_free(struct path *path)
{
	rte_free(path->queue_slots);
}
