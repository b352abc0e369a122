#include "dataplane/core/tunnel_internal.h"

static bool ack_is_sane(const struct tunnel *t, const struct wire_ack *ack)
{
	if (ack->cumulative > t->tx.next || ack->end > t->tx.next ||
	    ack->delivered > t->tx.next - t->config.first_seq)
		return false;
	return ack->largest_packet == TUNNEL_NO_PACKET || ack->largest_packet < t->next_packet;
}

/* When the packet that it echoes was sent; its microseconds wrap after 71 minutes. */
static uint64_t echo_ns(const struct wire_ack *ack, uint64_t now)
{
	uint64_t now_us = now / 1000;

	return (now_us - (uint32_t)((uint32_t)now_us - ack->echo_us)) * 1000;
}

static void evidence_make(struct tunnel *t, const struct wire_ack *ack, uint64_t now,
			  struct arq_evidence *e)
{
	uint64_t sent_ns = ack->largest_packet != TUNNEL_NO_PACKET ? echo_ns(ack, now) : 0;
	uint64_t delay_ns = (uint64_t)ack->delay_us * 1000, least_ns = rtt_min(&t->rtt);

	/* The fastest so far may be this one. */
	if (sent_ns && delay_ns <= now - sent_ns)
		least_ns = min_of(least_ns, now - sent_ns - delay_ns);
	*e = (struct arq_evidence){
		.now = now,
		.sent_ns = sent_ns,
		/* Made of two times in whole microseconds, so up to two too long. */
		.rtt_min_ns = least_ns - min_of(least_ns, 2000),
		.reorder_ns = arq_tx_reorder(&t->tx, rtt_smoothed(&t->rtt), now),
		.reorder_max_ns = rtt_smoothed(&t->rtt),
		.moved_ns = t->moved_ns,
		.moved_wait_ns = t->moved_wait_ns,
	};
}

static uint32_t ack_free(struct tunnel *t, const struct wire_ack *ack, const struct arq_evidence *e,
			 uint64_t out[], uint32_t max)
{
	uint32_t count = arq_tx_on_cumulative(&t->tx, ack->cumulative, e, out, max);

	for (uint32_t i = 0; i < ack->block_count && count < max; i++)
		count += arq_tx_on_block(&t->tx, &ack->blocks[i], ack->cumulative, ack->end, e,
					 out + count, max - count);
	t->stats.acked += count;
	t->has_progress |= count != 0;
	return count;
}

static void ack_measure(struct tunnel *t, const struct wire_ack *ack, uint64_t now,
			const struct arq_evidence *e)
{
	uint64_t elapsed = now - e->sent_ns, delay = (uint64_t)ack->delay_us * 1000;

	if (ack->largest_packet == TUNNEL_NO_PACKET || ack->largest_packet < t->ack_largest)
		return;
	t->ack_largest = ack->largest_packet + 1;
	if (ack->delivered > t->peer_delivered)
		t->peer_delivered = ack->delivered;
	/* Of the link before it says nothing that holds for this one. */
	if (!t->moved_ns || e->sent_ns > t->moved_ns) {
		t->queue_us = ack->queue_us;
		if (delay <= elapsed)
			rtt_on_sample(&t->rtt, elapsed - delay, now);
	}
	/* Only that: a sender that waits for a paused LAN hears an ACK for each PING, and would
	 * send the next one a round trip later, for as long as the pause lasts. */
	if (t->has_progress)
		tunnel_probe_arm(t, now);
}

uint32_t tunnel_on_ack(struct tunnel *t, const struct wire_ack *ack, uint64_t now, uint64_t out[],
		       uint32_t max)
{
	struct arq_evidence evidence;
	uint32_t count;

	if (!ack_is_sane(t, ack)) {
		t->stats.acks_invalid++;
		return 0;
	}
	evidence_make(t, ack, now, &evidence);
	count = ack_free(t, ack, &evidence, out, max);
	if (count == max)
		return count;
	t->stats.acks_received++;
	if (ack->credit_seq > t->credit_tx.limit_seq ||
	    ack->credit_bytes > t->credit_tx.limit_bytes) {
		t->is_waiting = false;
		t->has_progress = true;
	}
	credit_tx_on_limits(&t->credit_tx, ack->credit_seq, ack->credit_bytes);
	ack_measure(t, ack, now, &evidence);
	for (uint32_t i = 0; i < ack->block_count && evidence.sent_ns; i++)
		arq_tx_mark_lost(&t->tx, &ack->blocks[i], ack->cumulative, ack->end, &evidence);
	t->stats.lost = t->tx.lost;
	t->stats.spurious = t->tx.spurious;
	return count;
}
