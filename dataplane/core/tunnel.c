#include "dataplane/core/tunnel_internal.h"

#include <errno.h>

#define ALIGNMENT   64u
#define BACKOFF_MAX 20

/* Where each part begins; with `memory` NULL only the total counts. */
struct layout {
	uint8_t *memory;
	size_t used;
};

static void *layout_take(struct layout *layout, size_t bytes)
{
	void *part = layout->memory ? layout->memory + layout->used : NULL;

	layout->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return part;
}

size_t tunnel_lay(const struct tunnel_sizes *sizes, void *memory, struct tunnel_parts *parts)
{
	struct layout layout = {.memory = memory};
	uint32_t blocks = sizes->rx_slots / WIRE_ACK_BLOCK_SEQS;

	*parts = (struct tunnel_parts){0};
	parts->replay = layout_take(&layout, sizes->replay_bits / 8);
	if (sizes->tx_slots) {
		parts->tx_slots = layout_take(&layout, sizes->tx_slots * sizeof(*parts->tx_slots));
		parts->acked = layout_take(&layout, sizes->tx_slots / 8);
		parts->buckets = layout_take(&layout, CHAIN_BUCKETS * sizeof(*parts->buckets));
	}
	if (sizes->rx_slots) {
		parts->order_slots =
			layout_take(&layout, sizes->rx_slots * sizeof(*parts->order_slots));
		parts->received = layout_take(&layout, sizes->rx_slots / 8);
		parts->repeats = layout_take(&layout, blocks);
		parts->changed = layout_take(&layout, blocks * sizeof(*parts->changed));
	}
	return layout.used;
}

size_t tunnel_memory(const struct tunnel_sizes *sizes)
{
	struct tunnel_parts parts;

	return tunnel_lay(sizes, NULL, &parts);
}

static int tx_init(struct tunnel *t, const struct tunnel_parts *parts)
{
	const struct tunnel_sizes *sizes = &t->config.sizes;
	int ret;

	t->tx.una = t->tx.next = t->config.first_seq;
	credit_tx_init(&t->credit_tx, t->config.first_seq);
	if (!sizes->tx_slots)
		return 0;
	ret = arq_tx_init(&t->tx, parts->tx_slots, parts->acked, sizes->tx_slots,
			  t->config.first_seq);
	t->tx.retain_packets = sizes->retain_packets;
	t->tx.retain_bytes = sizes->retain_bytes;
	chain_init(&t->chain, parts->buckets, t->config.first_seq);
	return ret;
}

static int rx_init(struct tunnel *t, const struct tunnel_parts *parts)
{
	const struct tunnel_sizes *sizes = &t->config.sizes;
	uint64_t first = t->config.first_seq;
	int ret;

	t->rx.cumulative = t->rx.end = t->credit_rx.granted_seq = first;
	if (!sizes->rx_slots)
		return 0;
	ret = arq_rx_init(&t->rx, parts->received, parts->repeats, parts->changed, sizes->rx_slots,
			  first);
	if (!ret)
		ret = order_init(&t->order, parts->order_slots, sizes->rx_slots, first);
	credit_rx_init(&t->credit_rx, first, sizes->rx_slots, sizes->rx_buffers, sizes->rx_bytes);
	/* The first ACK brings the first grant. */
	t->ack_now = true;
	return ret;
}

int tunnel_init(struct tunnel *t, const struct tunnel_config *config, void *memory)
{
	struct tunnel_parts parts;
	int ret;

	*t = (struct tunnel){.config = *config,
			     .memory = memory,
			     .next_packet = config->first_packet,
			     .probe_ns = UINT64_MAX,
			     .ack_ns = UINT64_MAX};
	tunnel_lay(&config->sizes, memory, &parts);
	ret = replay_init(&t->replay, parts.replay, config->sizes.replay_bits);
	if (!ret)
		ret = tx_init(t, &parts);
	if (!ret)
		ret = rx_init(t, &parts);
	owd_init(&t->owd);
	rtt_init(&t->rtt, config->rtt_ns);
	keys_init(&t->keys);
	return ret;
}

void tunnel_reset(struct tunnel *t)
{
	struct tunnel_config config = t->config;
	struct tunnel_stats stats = t->stats;

	tunnel_init(t, &config, t->memory);
	t->stats = stats;
	/* These are copied from there. */
	t->tx.lost = stats.lost;
	t->tx.spurious = stats.spurious;
	t->order.waited = stats.reordered;
	t->order.disordered = stats.disordered;
}

void tunnel_probe_arm(struct tunnel *t, uint64_t now)
{
	t->probe_backoff = 0;
	t->has_progress = false;
	t->probe_ns =
		arq_tx_in_flight(&t->tx) || t->is_waiting ? now + tunnel_timeout(t) : UINT64_MAX;
}

void tunnel_move(struct tunnel *t, uint64_t rtt_ns, uint64_t now)
{
	t->moved_wait_ns = tunnel_timeout(t);
	t->moved_ns = now;
	/* Also for a new life of the lane. */
	t->config.rtt_ns = rtt_ns;
	rtt_init(&t->rtt, rtt_ns);
	t->tx.reorder_extra_ns = 0;
	t->queue_us = 0;
	tunnel_probe_arm(t, now);
}

enum tunnel_stall tunnel_may_send(struct tunnel *t, uint32_t count, uint32_t bytes, uint64_t now)
{
	if (!keys_may_send(&t->keys))
		return TUNNEL_STALL_KEY;
	if (!arq_tx_has_room(&t->tx, count, bytes))
		return TUNNEL_STALL_WINDOW;
	if (credit_tx_may(&t->credit_tx, t->tx.next, count, bytes))
		return TUNNEL_GO;
	t->is_waiting = true;
	if (t->probe_ns == UINT64_MAX)
		tunnel_probe_arm(t, now);
	return TUNNEL_STALL_CREDIT;
}

static void data_fill(struct wire_data *data, const struct arq_tx_slot *slot, uint64_t seq)
{
	*data = (struct wire_data){.class = slot->class,
				   .frag_index = slot->frag_index,
				   .frag_count = slot->frag_count,
				   .frag_offset = slot->frag_offset,
				   .length_bytes = slot->len_bytes,
				   .seq = (uint32_t)seq,
				   .prev = slot->prev};
}

void tunnel_send(struct tunnel *t, struct tunnel_unit *unit, uint32_t bucket, uint64_t now,
		 struct wire_data *data)
{
	struct arq_tx_slot *slot;

	unit->seq = t->tx.next;
	slot = arq_tx_push(&t->tx, unit->len_bytes, now);
	slot->cookie = unit->cookie;
	slot->prev = chain_next(&t->chain, bucket, unit->seq);
	slot->frag_offset = unit->frag_offset;
	slot->frag_index = unit->frag_index;
	slot->frag_count = unit->frag_count;
	slot->class = unit->class;
	slot->ecn = unit->ecn;
	credit_tx_charge(&t->credit_tx, unit->len_bytes);
	t->stats.sequenced++;
	if (t->probe_ns == UINT64_MAX)
		tunnel_probe_arm(t, now);
	data_fill(data, slot, unit->seq);
}

bool tunnel_repair(struct tunnel *t, uint64_t now, struct tunnel_unit *unit, struct wire_data *data,
		   uint32_t *copies)
{
	uint64_t seq;
	const struct arq_tx_slot *slot;

	if (!keys_may_send(&t->keys))
		return false;
	slot = arq_tx_take_lost(&t->tx, now, &seq);
	if (!slot)
		return false;
	*unit = (struct tunnel_unit){.cookie = slot->cookie,
				     .seq = seq,
				     .len_bytes = slot->len_bytes,
				     .frag_offset = slot->frag_offset,
				     .frag_index = slot->frag_index,
				     .frag_count = slot->frag_count,
				     .class = slot->class,
				     .ecn = slot->ecn};
	data_fill(data, slot, seq);
	/* What was lost twice holds its flow back longest: twice then. */
	*copies = slot->repairs > 1 ? 2 : 1;
	t->stats.resent += *copies;
	return true;
}

uint32_t tunnel_poll(struct tunnel *t, uint64_t now)
{
	uint32_t wants = 0;

	if (t->has_delivered)
		tunnel_credit_tend(t);
	if (!keys_may_send(&t->keys))
		return 0;
	if (t->ack_now || now >= t->ack_ns)
		wants |= TUNNEL_WANTS_ACK;
	if (now >= t->probe_ns)
		wants |= TUNNEL_WANTS_PING;
	return wants;
}

uint32_t tunnel_ping_write(struct tunnel *t, uint64_t now, uint8_t *dst)
{
	uint64_t timeout = tunnel_timeout(t);

	if (t->probe_backoff < BACKOFF_MAX)
		t->probe_backoff++;
	t->probe_ns = now + min_of(timeout << t->probe_backoff, max_of(timeout, TUNNEL_PROBE_NS));
	t->stats.pings_sent++;
	wire_ping_write(dst, t->tx.next);
	return WIRE_PING_BYTES;
}

uint64_t tunnel_deadline(const struct tunnel *t)
{
	if (!keys_may_send(&t->keys))
		return UINT64_MAX;
	if (t->ack_now || t->has_delivered)
		return 0;
	return min_of(t->ack_ns, t->probe_ns);
}

uint32_t tunnel_flush_tx(struct tunnel *t, uint64_t out[], uint32_t max)
{
	return arq_tx_flush(&t->tx, out, max);
}
