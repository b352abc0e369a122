#include "dataplane/dpdk/lane.h"

#include <rte_malloc.h>
#include <rte_memcpy.h>

struct path_lane *lane_create(uint8_t id, const struct tunnel_config *config)
{
	struct path_lane *lane = rte_zmalloc("lane", sizeof(*lane), RTE_CACHE_LINE_SIZE);
	void *memory = rte_malloc("window", tunnel_memory(&config->sizes), RTE_CACHE_LINE_SIZE);

	if (!lane || !memory || tunnel_init(&lane->tunnel, config, memory)) {
		rte_free(memory);
		rte_free(lane);
		return NULL;
	}
	lane->id = id;
	lane->aead = &aead_gcm;
	return lane;
}

static void keys_erase(struct path_lane *lane)
{
	aead_key_erase(&lane->tx_key);
	for (uint32_t i = 0; i < KEYS_PHASES; i++)
		aead_key_erase(&lane->rx_keys[i]);
}

void lane_free(struct path_lane *lane)
{
	if (!lane)
		return;
	keys_erase(lane);
	rte_free(lane->tunnel.memory);
	rte_free(lane);
}

int lane_keys_install(struct path_lane *lane, const struct path_keys *keys, uint64_t now_ns)
{
	uint8_t phase = keys->phase % KEYS_PHASES;
	int ret = 0;

	if (keys->reset)
		keys_erase(lane);
	if (keys->has_rx) {
		ret = aead_key_init(&lane->rx_keys[phase], keys->rx[lane->id].key,
				    keys->rx[lane->id].iv);
		if (ret)
			return ret;
		keys_install_rx(&lane->tunnel.keys, phase, now_ns);
	}
	if (keys->has_tx) {
		ret = aead_key_init(&lane->tx_key, keys->tx[lane->id].key, keys->tx[lane->id].iv);
		if (ret)
			return ret;
		keys_install_tx(&lane->tunnel.keys, phase, now_ns);
	}
	lane->installed++;
	return 0;
}

static void part_begin(struct lane_part *at, const struct wire_part *part, struct rte_mempool *pool)
{
	rte_pktmbuf_free(at->mbuf);
	at->mbuf = rte_pktmbuf_alloc(pool);
	if (at->mbuf && !rte_pktmbuf_append(at->mbuf, part->data.length_bytes)) {
		rte_pktmbuf_free(at->mbuf);
		at->mbuf = NULL;
	}
	part_set_init(&at->set, part);
}

struct rte_mbuf *lane_part_take(struct path_lane *lane, const struct wire_part *part,
				struct rte_mempool *pool)
{
	struct lane_part *at = &lane->parts[part->data.seq % LANE_PARTS];
	struct rte_mbuf *mbuf;
	int offset;

	if (!at->mbuf || !part_set_is(&at->set, part))
		part_begin(at, part, pool);
	mbuf = at->mbuf;
	offset = mbuf ? part_set_take(&at->set, part) : -1;
	if (offset < 0)
		return NULL;
	rte_memcpy(rte_pktmbuf_mtod_offset(mbuf, void *, offset), part->data.payload,
		   part->length_bytes);
	if (!part_set_is_whole(&at->set))
		return NULL;
	at->mbuf = NULL;
	return mbuf;
}

void lane_parts_drop(struct path_lane *lane, bool is_all)
{
	for (uint32_t i = 0; i < LANE_PARTS; i++) {
		struct lane_part *at = &lane->parts[i];

		if (!at->mbuf || (!is_all && !tunnel_has(&lane->tunnel, at->set.seq)))
			continue;
		rte_pktmbuf_free(at->mbuf);
		at->mbuf = NULL;
	}
}

bool lane_keys_tend(struct path_lane *lane, uint64_t now_ns)
{
	uint32_t erased = keys_poll(&lane->tunnel.keys, now_ns);

	for (uint32_t i = 0; i < KEYS_PHASES; i++)
		if (erased >> i & 1)
			aead_key_erase(&lane->rx_keys[i]);
	return keys_wants_rekey(&lane->tunnel.keys, now_ns);
}

static void gauges_add(const struct tunnel *t, struct cw_lane_counters *sum)
{
	const struct tunnel_sizes *sizes = &t->config.sizes;
	uint64_t depth = tunnel_reorder_depth(t);

	sum->retained_packets += t->tx.retained;
	sum->retained_bytes += t->tx.retained_bytes;
	sum->retain_packets_max += sizes->retain_packets;
	sum->retain_bytes_max += sizes->retain_bytes;
	sum->waiting_packets += t->order.held;
	sum->waiting_bytes += t->order.held_bytes;
	sum->waiting_packets_max += sizes->rx_buffers;
	sum->waiting_bytes_max += sizes->rx_bytes;
	sum->reorder_depth = RTE_MAX(sum->reorder_depth, depth);
	if (sizes->tx_slots) {
		sum->reorder_window_ns = t->tx.reorder_extra_ns;
		sum->rtt_ns = t->rtt.has_sample ? rtt_smoothed(&t->rtt) : 0;
		sum->rtt_min_ns = t->rtt.has_sample ? rtt_min(&t->rtt) : 0;
		sum->queue_us = t->queue_us;
		sum->key_phase = t->keys.tx_phase;
	}
}

void lane_stats_add(const struct path_lane *lane, struct cw_lane_counters *sum)
{
	const struct tunnel_stats *s = &lane->tunnel.stats;

	sum->sequenced += s->sequenced;
	sum->resent += s->resent;
	sum->lost += s->lost;
	sum->spurious += s->spurious;
	sum->acked += s->acked;
	sum->acks_sent += s->acks_sent;
	sum->acks_received += s->acks_received;
	sum->acks_invalid += s->acks_invalid;
	sum->pings_sent += s->pings_sent;
	sum->pings_received += s->pings_received;
	sum->pings_invalid += s->pings_invalid;
	sum->received += s->received;
	sum->duplicates += s->duplicates;
	sum->refused += s->refused;
	sum->disordered += lane->tunnel.order.disordered;
	sum->replayed += s->replayed;
	sum->reordered += lane->tunnel.order.waited;
	sum->delivered += s->delivered;
	sum->keys_installed += lane->installed;
	gauges_add(&lane->tunnel, sum);
}
