#include "dataplane/core/arq_tx.h"

#include <errno.h>
#include <string.h>

int arq_tx_init(struct arq_tx *a, struct arq_tx_slot *slots, uint64_t *acked, uint32_t slot_count,
		uint64_t first_seq)
{
	if (slot_count < 64 || slot_count & (slot_count - 1))
		return -EINVAL;
	*a = (struct arq_tx){.slots = slots,
			     .acked = acked,
			     .mask = slot_count - 1,
			     .una = first_seq,
			     .next = first_seq,
			     .retain_packets = slot_count,
			     .retain_bytes = UINT64_MAX / 2,
			     .reorder_decay_ns = UINT64_MAX};
	memset(slots, 0, slot_count * sizeof(*slots));
	memset(acked, 0, slot_count / 8);
	return 0;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool is_acked(const struct arq_tx *a, uint64_t seq)
{
	uint64_t at = seq & a->mask;

	return a->acked[at / 64] >> (at & 63) & 1;
}

static void acked_put(struct arq_tx *a, uint64_t seq, bool is_set)
{
	uint64_t at = seq & a->mask, bit = 1ull << (at & 63);

	if (is_set)
		a->acked[at / 64] |= bit;
	else
		a->acked[at / 64] &= ~bit;
}

void arq_tx_move(struct arq_tx *a, struct arq_tx_slot *slots, uint64_t *acked, uint32_t slot_count)
{
	struct arq_tx old = *a;

	a->slots = slots;
	a->acked = acked;
	a->mask = slot_count - 1;
	/* The list of repairs names sequences, not places. */
	for (uint64_t seq = old.una; seq < old.next; seq++) {
		*arq_tx_slot(a, seq) = *arq_tx_slot(&old, seq);
		acked_put(a, seq, is_acked(&old, seq));
	}
}

struct arq_tx_slot *arq_tx_push(struct arq_tx *a, uint32_t len_bytes, uint64_t now)
{
	uint64_t seq = a->next++;
	struct arq_tx_slot *slot = arq_tx_slot(a, seq);

	acked_put(a, seq, false);
	slot->sent_ns = now;
	slot->first_unit = (uint32_t)(now >> ARQ_FIRST_SHIFT);
	slot->len_bytes = (uint16_t)len_bytes;
	slot->state = ARQ_TX_FLIGHT;
	slot->repairs = 0;
	a->retained++;
	a->retained_bytes += len_bytes;
	return slot;
}

/* A transmission was late by this much and not lost: from now on later ones wait as long. */
static void window_widen(struct arq_tx *a, uint64_t late_ns, const struct arq_evidence *e)
{
	late_ns += late_ns / 8;
	if (late_ns > e->reorder_max_ns)
		late_ns = e->reorder_max_ns;
	if (late_ns > a->reorder_extra_ns)
		a->reorder_extra_ns = late_ns;
	a->reorder_decay_ns = e->now + ARQ_REORDER_HOLD_NS;
}

/*
 * A repair that was acknowledged sooner than any packet can cross and come back: the first
 * transmission had only been late, by as much as the evidence tells.
 */
static void on_spurious(struct arq_tx *a, const struct arq_tx_slot *slot,
			const struct arq_evidence *e)
{
	uint32_t late = (uint32_t)(e->sent_ns >> ARQ_FIRST_SHIFT) - slot->first_unit;

	a->spurious++;
	/* Negative: an older ACK than the repair, which says nothing of how late. */
	window_widen(a, late & 1u << 31 ? 0 : (uint64_t)late << ARQ_FIRST_SHIFT, e);
}

/* The list of repairs: first lost, first repaired. Linked both ways, so that what is acknowledged
 * in the meantime leaves it at once and its slot may be used anew. */
static void lost_append(struct arq_tx *a, uint64_t seq)
{
	struct arq_tx_slot *slot = arq_tx_slot(a, seq);

	slot->state = ARQ_TX_LOST;
	slot->prev_lost = a->lost_tail;
	if (a->lost_count++)
		a->slots[a->lost_tail & a->mask].next_lost = (uint32_t)seq;
	else
		a->lost_head = (uint32_t)seq;
	a->lost_tail = (uint32_t)seq;
}

static void lost_remove(struct arq_tx *a, struct arq_tx_slot *slot, uint64_t seq)
{
	if ((uint32_t)seq == a->lost_head)
		a->lost_head = slot->next_lost;
	else
		a->slots[slot->prev_lost & a->mask].next_lost = slot->next_lost;
	if ((uint32_t)seq == a->lost_tail)
		a->lost_tail = slot->prev_lost;
	else
		a->slots[slot->next_lost & a->mask].prev_lost = slot->prev_lost;
	a->lost_count--;
}

static uint64_t slot_free(struct arq_tx *a, uint64_t seq, const struct arq_evidence *e)
{
	struct arq_tx_slot *slot = arq_tx_slot(a, seq);

	if (slot->repairs && e->now - slot->sent_ns < e->rtt_min_ns)
		on_spurious(a, slot, e);
	if (slot->state == ARQ_TX_LOST) {
		/* Taken for lost, and here before it was repaired. */
		if (e->sent_ns > slot->sent_ns)
			window_widen(a, e->sent_ns - slot->sent_ns, e);
		lost_remove(a, slot, seq);
	}
	slot->state = ARQ_TX_FREE;
	acked_put(a, seq, true);
	a->retained--;
	a->retained_bytes -= slot->len_bytes;
	return slot->cookie;
}

/* Moves `una` over what is acknowledged, a word of the bitmap at a time. */
static void una_advance(struct arq_tx *a)
{
	while (a->una < a->next) {
		uint64_t at = a->una & a->mask;
		uint64_t run = ~(a->acked[at / 64] >> (at & 63));
		uint64_t step = run ? (uint64_t)__builtin_ctzll(run) : 64;
		uint64_t word_left = 64 - (at & 63);

		if (step > word_left)
			step = word_left;
		if (step > a->next - a->una)
			step = a->next - a->una;
		a->una += step;
		if (step < word_left)
			break;
	}
}

uint32_t arq_tx_on_cumulative(struct arq_tx *a, uint64_t cumulative, const struct arq_evidence *e,
			      uint64_t out[], uint32_t max)
{
	uint32_t count = 0;

	while (count < max && a->una < cumulative) {
		if (is_acked(a, a->una)) {
			una_advance(a);
			continue;
		}
		out[count++] = slot_free(a, a->una++, e);
	}
	una_advance(a);
	return count;
}

/* Bits of the word from `first` on that lie in [low, high). */
static uint64_t range_mask(uint64_t first, uint64_t low, uint64_t high)
{
	uint64_t mask = UINT64_MAX;

	if (high <= first || low >= first + 64)
		return 0;
	if (low > first)
		mask &= UINT64_MAX << (low - first);
	if (high < first + 64)
		mask &= UINT64_MAX >> (first + 64 - high);
	return mask;
}

/* The acked bits of the 64 sequences from a multiple of 64 on. */
static uint64_t acked_word(const struct arq_tx *a, uint64_t first)
{
	return a->acked[(first & a->mask) / 64];
}

uint32_t arq_tx_on_block(struct arq_tx *a, const struct wire_ack_block *block, uint64_t cumulative,
			 uint64_t end, const struct arq_evidence *e, uint64_t out[], uint32_t max)
{
	uint64_t low = max_of(cumulative, a->una);
	uint32_t count = 0;

	for (uint32_t w = 0; w < WIRE_ACK_BLOCK_SEQS / 64; w++) {
		uint64_t first = block->first_seq + w * 64;
		uint64_t fresh = block->bits[w] & range_mask(first, low, end);

		if (!fresh)
			continue;
		fresh &= ~acked_word(a, first);
		for (; fresh && count < max; fresh &= fresh - 1)
			out[count++] = slot_free(a, first + (uint64_t)__builtin_ctzll(fresh), e);
	}
	una_advance(a);
	return count;
}

/* What a packet that was sent later, and came, says of this one. */
static bool is_overdue(const struct arq_tx_slot *slot, const struct arq_evidence *e)
{
	/* Times of sending come back in whole microseconds. */
	if (slot->sent_ns <= e->moved_ns && e->sent_ns + 1000 > e->moved_ns)
		return e->now >= slot->sent_ns + e->moved_wait_ns;
	return slot->sent_ns + e->reorder_ns < e->sent_ns;
}

void arq_tx_mark_lost(struct arq_tx *a, const struct wire_ack_block *block, uint64_t cumulative,
		      uint64_t end, const struct arq_evidence *e)
{
	uint64_t low = max_of(cumulative, a->una);

	for (uint32_t w = 0; w < WIRE_ACK_BLOCK_SEQS / 64; w++) {
		uint64_t first = block->first_seq + w * 64;
		uint64_t missing = ~block->bits[w] & range_mask(first, low, end);

		if (!missing)
			continue;
		missing &= ~acked_word(a, first);
		for (; missing; missing &= missing - 1) {
			uint64_t seq = first + (uint64_t)__builtin_ctzll(missing);
			const struct arq_tx_slot *slot = arq_tx_slot(a, seq);

			if (slot->state == ARQ_TX_FLIGHT && is_overdue(slot, e)) {
				lost_append(a, seq);
				a->lost++;
			}
		}
	}
}

struct arq_tx_slot *arq_tx_take_lost(struct arq_tx *a, uint64_t now, uint64_t *seq)
{
	struct arq_tx_slot *slot;

	if (!a->lost_count)
		return NULL;
	/* The window is far smaller than 2^32, so low bits are enough. */
	*seq = a->una + (uint32_t)(a->lost_head - (uint32_t)a->una);
	slot = arq_tx_slot(a, *seq);
	lost_remove(a, slot, *seq);
	slot->state = ARQ_TX_FLIGHT;
	slot->sent_ns = now;
	if (slot->repairs < UINT8_MAX)
		slot->repairs++;
	return slot;
}

uint64_t arq_tx_reorder(struct arq_tx *a, uint64_t rtt_ns, uint64_t now)
{
	uint64_t base = ARQ_REORDER_NS + rtt_ns / 64;

	if (a->reorder_extra_ns && now >= a->reorder_decay_ns) {
		a->reorder_extra_ns -= a->reorder_extra_ns / 8;
		if (a->reorder_extra_ns <= base)
			a->reorder_extra_ns = 0;
		a->reorder_decay_ns = now + ARQ_REORDER_HOLD_NS;
	}
	return max_of(base, a->reorder_extra_ns);
}

uint32_t arq_tx_flush(struct arq_tx *a, uint64_t out[], uint32_t max)
{
	uint32_t count = 0;

	for (; count < max && a->una < a->next; a->una++) {
		struct arq_tx_slot *slot = arq_tx_slot(a, a->una);

		if (is_acked(a, a->una))
			continue;
		if (slot->state == ARQ_TX_LOST)
			lost_remove(a, slot, a->una);
		slot->state = ARQ_TX_FREE;
		a->retained--;
		a->retained_bytes -= slot->len_bytes;
		out[count++] = slot->cookie;
	}
	return count;
}
