#include "dataplane/core/arq_rx.h"

#include <errno.h>
#include <string.h>

#define BLOCK_SEQS  WIRE_ACK_BLOCK_SEQS
#define BLOCK_WORDS (BLOCK_SEQS / 64)

int arq_rx_init(struct arq_rx *a, uint64_t *received, uint8_t *repeats, uint16_t *changed,
		uint32_t slot_count, uint64_t first_seq)
{
	if (slot_count < BLOCK_SEQS || slot_count & (slot_count - 1))
		return -EINVAL;
	*a = (struct arq_rx){.received = received,
			     .repeats = repeats,
			     .changed = changed,
			     .mask = slot_count - 1,
			     .block_mask = slot_count / BLOCK_SEQS - 1,
			     .cumulative = first_seq,
			     .end = first_seq,
			     .sweep = first_seq / BLOCK_SEQS};
	memset(received, 0, slot_count / 8);
	memset(repeats, 0, slot_count / BLOCK_SEQS);
	return 0;
}

static uint64_t *word_of(const struct arq_rx *a, uint64_t seq)
{
	return &a->received[(seq & a->mask) / 64];
}

void arq_rx_move(struct arq_rx *a, uint64_t *received, uint8_t *repeats, uint16_t *changed,
		 uint32_t slot_count)
{
	uint64_t first = a->cumulative / BLOCK_SEQS;
	struct arq_rx old = *a;

	a->received = received;
	a->repeats = repeats;
	a->changed = changed;
	a->mask = slot_count - 1;
	a->block_mask = slot_count / BLOCK_SEQS - 1;
	a->changed_head = a->changed_tail = 0;
	for (uint64_t seq = old.cumulative & ~63ull; seq < old.end; seq += 64)
		*word_of(a, seq) = *word_of(&old, seq);
	for (uint32_t at = old.changed_head; at != old.changed_tail; at++) {
		uint16_t index = old.changed[at & old.block_mask];
		uint64_t number = first + ((index - first) & old.block_mask);

		a->changed[a->changed_tail++] = (uint16_t)(number & a->block_mask);
		a->repeats[number & a->block_mask] = old.repeats[index];
	}
}

/* The bits of [end, new_end) were those of sequences one window earlier. */
static void end_set(struct arq_rx *a, uint64_t new_end)
{
	while (a->end < new_end) {
		uint64_t from = a->end & 63, left = 64 - from;
		uint64_t bits = UINT64_MAX;

		if (left > new_end - a->end)
			left = new_end - a->end;
		if (left < 64)
			bits = ((1ull << left) - 1) << from;
		*word_of(a, a->end) &= ~bits;
		a->end += left;
	}
}

static void cumulative_advance(struct arq_rx *a)
{
	while (a->cumulative < a->end) {
		uint64_t from = a->cumulative & 63;
		uint64_t missing = ~*word_of(a, a->cumulative) >> from;
		uint64_t step = missing ? (uint64_t)__builtin_ctzll(missing) : 64 - from;

		if (step > 64 - from)
			step = 64 - from;
		if (step > a->end - a->cumulative)
			step = a->end - a->cumulative;
		a->cumulative += step;
		if (step < 64 - from)
			break;
	}
}

static void block_changed(struct arq_rx *a, uint64_t seq)
{
	uint16_t index = (uint16_t)(seq / BLOCK_SEQS & a->block_mask);

	/* Each index is in the ring at most once. */
	if (!a->repeats[index])
		a->changed[a->changed_tail++ & a->block_mask] = index;
	a->repeats[index] = ARQ_RX_REPEATS;
}

void arq_rx_put(struct arq_rx *a, uint64_t seq)
{
	if (seq >= a->end)
		end_set(a, seq + 1);
	*word_of(a, seq) |= 1ull << (seq & 63);
	if (seq == a->cumulative)
		cumulative_advance(a);
	if (a->cumulative != a->end)
		block_changed(a, seq);
}

bool arq_rx_on_next(struct arq_rx *a, uint64_t next_seq, uint64_t limit)
{
	if (next_seq > limit)
		return false;
	if (next_seq > a->end)
		end_set(a, next_seq);
	return true;
}

/* The block's bits, those outside [cumulative, end) as 0. */
static void block_fill(const struct arq_rx *a, uint64_t number, struct wire_ack_block *block)
{
	block->first_seq = number * BLOCK_SEQS;
	for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
		uint64_t first = block->first_seq + w * 64, mask = UINT64_MAX;

		if (first >= a->end || first + 64 <= a->cumulative)
			mask = 0;
		else {
			if (a->cumulative > first)
				mask &= UINT64_MAX << (a->cumulative - first);
			if (a->end < first + 64)
				mask &= UINT64_MAX >> (first + 64 - a->end);
		}
		block->bits[w] = mask ? *word_of(a, first) & mask : 0;
	}
}

static bool is_reported(const struct wire_ack *ack, uint64_t number)
{
	for (uint32_t i = 0; i < ack->block_count; i++)
		if (ack->blocks[i].first_seq == number * BLOCK_SEQS)
			return true;
	return false;
}

static void block_report(const struct arq_rx *a, uint64_t number, struct wire_ack *ack)
{
	if (!is_reported(ack, number))
		block_fill(a, number, &ack->blocks[ack->block_count++]);
}

/* The changed ones, each with one repeat less; what is below the cumulative point is forgotten. */
static void changed_report(struct arq_rx *a, uint64_t first, uint64_t last, struct wire_ack *ack)
{
	uint32_t waiting = a->changed_tail - a->changed_head;

	for (; waiting && ack->block_count < WIRE_ACK_BLOCKS; waiting--) {
		uint16_t index = a->changed[a->changed_head++ & a->block_mask];
		uint64_t number = first + ((index - first) & a->block_mask);

		if (number > last) {
			a->repeats[index] = 0;
			continue;
		}
		block_report(a, number, ack);
		if (--a->repeats[index])
			a->changed[a->changed_tail++ & a->block_mask] = index;
	}
}

void arq_rx_report(struct arq_rx *a, struct wire_ack *ack)
{
	uint64_t first = a->cumulative / BLOCK_SEQS, last = (a->end - 1) / BLOCK_SEQS;

	ack->cumulative = a->cumulative;
	ack->end = a->end;
	ack->block_count = 0;
	if (a->cumulative == a->end)
		return;
	block_report(a, last, ack);
	changed_report(a, first, last, ack);
	for (uint64_t count = last - first + 1; count && ack->block_count < WIRE_ACK_BLOCKS;
	     count--) {
		if (a->sweep < first || a->sweep > last)
			a->sweep = first;
		block_report(a, a->sweep++, ack);
	}
}
