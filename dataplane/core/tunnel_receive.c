#include "dataplane/core/tunnel_internal.h"

#define SWEEP_SEQS ((WIRE_ACK_BLOCKS - 1) * WIRE_ACK_BLOCK_SEQS) /* of one ACK, but the newest */

bool tunnel_may_open(struct tunnel *t, const struct wire_header *header, bool *is_replay)
{
	*is_replay = false;
	if (!keys_may_open(&t->keys, header->flags & WIRE_F_KEY_PHASE))
		return false;
	*is_replay = !replay_is_fresh(&t->replay, header->packet_number);
	t->stats.replayed += *is_replay;
	return !*is_replay;
}

bool tunnel_on_probe(struct tunnel *t, const struct wire_header *header, uint64_t now)
{
	if (!replay_commit(&t->replay, header->packet_number)) {
		t->stats.replayed++;
		return false;
	}
	keys_opened(&t->keys, header->flags & WIRE_F_KEY_PHASE, now,
		    2 * rtt_smoothed(&t->rtt) + tunnel_timeout(t));
	t->is_counted = false;
	return true;
}

/*
 * By another link: the newest packet tells which one the peer sends by (RFC 9000, 9.3); an older
 * one had been under way. False: of the link before.
 */
static bool link_follow(struct tunnel *t, const struct wire_header *header)
{
	if (header->packet_number < t->largest_packet)
		return false;
	t->rx_link = header->link;
	/* Delays of two links do not compare, and ACKs come back by this one. */
	owd_init(&t->owd);
	rtt_init(&t->rtt, rtt_smoothed(&t->rtt));
	return true;
}

bool tunnel_on_packet(struct tunnel *t, const struct wire_header *header, uint64_t now)
{
	if (!tunnel_on_probe(t, header, now))
		return false;
	if (t->has_largest && header->link != t->rx_link && !link_follow(t, header))
		return true;
	owd_on_packet(&t->owd, header->send_time_us, now);
	if (!t->has_largest || header->packet_number > t->largest_packet) {
		t->has_largest = true;
		t->largest_packet = header->packet_number;
		t->largest_send_us = header->send_time_us;
		t->largest_ns = now;
		t->rx_link = header->link;
	}
	return true;
}

/* The present packet asks for an ACK, soon. */
static void ack_wish(struct tunnel *t, uint64_t now)
{
	if (t->is_counted)
		return;
	t->is_counted = true;
	if (++t->ack_pending >= TUNNEL_ACK_EVERY)
		t->ack_ns = now;
	else if (t->ack_ns == UINT64_MAX)
		t->ack_ns = now + ack_period(rtt_smoothed(&t->rtt));
}

enum tunnel_data tunnel_on_data(struct tunnel *t, const struct wire_data *data, uint64_t cookie,
				uint8_t ecn, uint64_t now)
{
	uint64_t seq = arq_rx_expand(&t->rx, data->seq);
	uint64_t limit = t->credit_rx.granted_seq;
	struct order_slot *slot;

	ack_wish(t, now);
	if (arq_rx_has(&t->rx, seq)) {
		t->stats.duplicates++;
		return TUNNEL_DUPLICATE;
	}
	/* Without a receiving half nothing was ever granted. */
	if (seq >= limit || !credit_rx_take(&t->credit_rx, data->length_bytes)) {
		t->stats.refused++;
		return TUNNEL_REFUSED;
	}
	arq_rx_put(&t->rx, seq);
	slot = order_open(&t->order, seq);
	slot->cookie = cookie;
	slot->len_bytes = data->length_bytes;
	slot->frag_offset = data->frag_offset;
	slot->frag_index = data->frag_index;
	slot->frag_count = data->frag_count;
	slot->class = data->class;
	slot->ecn = ecn;
	order_put(&t->order, seq, data->prev);
	t->stats.received++;
	t->stats.reordered = t->order.waited;
	t->stats.disordered = t->order.disordered;
	return TUNNEL_HELD;
}

static void credit_refresh(struct tunnel *t)
{
	/* Whatever a peer sends to a lane that does not receive, nothing is granted. */
	if (!t->config.sizes.rx_slots)
		return;
	t->has_delivered = order_advance(&t->order);
	credit_rx_update(&t->credit_rx, t->order.base, t->order.delivered,
			 t->order.delivered_bytes);
}

uint32_t tunnel_ack_write(struct tunnel *t, uint64_t now, uint8_t *dst)
{
	struct wire_ack ack;

	credit_refresh(t);
	arq_rx_report(&t->rx, &ack);
	ack.link = 0;
	ack.queue_us = owd_take(&t->owd);
	ack.largest_packet = t->has_largest ? t->largest_packet : TUNNEL_NO_PACKET;
	ack.echo_us = t->largest_send_us;
	ack.delay_us = (uint32_t)min_of((now - t->largest_ns) / 1000, UINT32_MAX);
	ack.credit_seq = t->told_seq = t->credit_rx.granted_seq;
	ack.credit_bytes = t->told_bytes = t->credit_rx.granted_bytes;
	ack.delivered = t->order.delivered;
	t->ack_now = false;
	t->ack_pending = 0;
	t->ack_ns = UINT64_MAX;
	if (t->sweep_acks && --t->sweep_acks)
		t->ack_ns = now + TUNNEL_ACK_NS;
	t->stats.acks_sent++;
	return wire_ack_write(dst, &ack);
}

void tunnel_on_ping(struct tunnel *t, uint64_t next_seq)
{
	if (!arq_rx_on_next(&t->rx, next_seq, t->credit_rx.granted_seq)) {
		t->stats.pings_invalid++;
		return;
	}
	t->stats.pings_received++;
	t->ack_now = true;
	/*
	 * One ACK shows eight blocks of up to 8,192. A sender that has nothing left to send would
	 * hear of the others only with its next PINGs: 36 s for the tail of a window at 40 ms.
	 */
	t->sweep_acks = 1 + (uint32_t)(tunnel_reorder_depth(t) / SWEEP_SEQS);
}

static void unit_fill(struct tunnel_unit *unit, const struct order_slot *slot, uint64_t seq)
{
	*unit = (struct tunnel_unit){.cookie = slot->cookie,
				     .seq = seq,
				     .len_bytes = slot->len_bytes,
				     .frag_offset = slot->frag_offset,
				     .frag_index = slot->frag_index,
				     .frag_count = slot->frag_count,
				     .class = slot->class,
				     .ecn = slot->ecn};
}

bool tunnel_ready(struct tunnel *t, struct tunnel_unit *unit, bool *is_broken)
{
	uint64_t seq;
	const struct order_slot *slot = order_peek(&t->order, &seq, is_broken);

	if (!slot)
		return false;
	unit_fill(unit, slot, seq);
	return true;
}

void tunnel_fragment(const struct tunnel *t, const struct tunnel_unit *last, uint32_t index,
		     struct tunnel_unit *out)
{
	uint64_t seq = last->seq - last->frag_index + index;

	unit_fill(out, order_slot(&t->order, seq), seq);
}

/* Has the peer little left of what it was told, and would it be told much more now? */
static bool is_news(uint64_t granted, uint64_t told, uint64_t used, uint64_t window)
{
	return granted - told >= window / 8 && told - used < window / 2;
}

void tunnel_delivered(struct tunnel *t, const struct tunnel_unit *unit, bool is_broken)
{
	order_pop(&t->order, unit->seq, is_broken);
	t->stats.delivered += is_broken ? 1 : unit->frag_count;
	/* What that means for credit is found once per burst, by tunnel_poll. */
	t->has_delivered = true;
}

void tunnel_credit_tend(struct tunnel *t)
{
	struct credit_rx *credit = &t->credit_rx;

	credit_refresh(t);
	if (is_news(credit->granted_seq, t->told_seq, t->rx.end, credit->buffers) ||
	    is_news(credit->granted_bytes, t->told_bytes, credit->received_bytes, credit->bytes))
		t->ack_now = true;
}

/* ---- the end ---- */

/* Are the fragments that follow this first one all held, and do they fit together? */
static bool is_complete(const struct tunnel *t, const struct tunnel_unit *first)
{
	uint32_t offset = first->len_bytes;

	for (uint32_t i = 1; i < first->frag_count; i++) {
		const struct order_slot *slot = order_held(&t->order, first->seq + i);

		if (!slot || slot->frag_index != i || slot->frag_count != first->frag_count ||
		    slot->class != first->class || slot->frag_offset != offset)
			return false;
		offset += slot->len_bytes;
	}
	return true;
}

bool tunnel_flush_rx(struct tunnel *t, struct tunnel_unit *unit, bool *is_broken)
{
	uint64_t seq;
	const struct order_slot *slot = order_take_lowest(&t->order, t->rx.end, &seq);

	if (!slot)
		return false;
	unit_fill(unit, slot, seq);
	*is_broken = unit->frag_count > 1 && (unit->frag_index || !is_complete(t, unit));
	for (uint32_t i = 1; i < unit->frag_count && !*is_broken; i++)
		slot = order_take_lowest(&t->order, t->rx.end, &seq);
	unit_fill(unit, slot, seq);
	t->stats.delivered += *is_broken ? 1 : unit->frag_count;
	return true;
}
