#include "dataplane/core/wire_ack.h"

#include <string.h>

#include "dataplane/core/bytes.h"
#include "dataplane/core/wire.h"

static uint64_t swap_on_big_endian(uint64_t word)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

static void block_write(uint8_t *dst, const struct wire_ack_block *block)
{
	struct wire_ack_block_bytes *b = (struct wire_ack_block_bytes *)dst;

	bytes_store32(b->number, (uint32_t)(block->first_seq / WIRE_ACK_BLOCK_SEQS));
	for (uint32_t w = 0; w < WIRE_ACK_BLOCK_WORDS; w++) {
		uint64_t word = swap_on_big_endian(block->bits[w]);

		memcpy(b->bits + 8 * w, &word, sizeof(word));
	}
}

uint32_t wire_ack_write(uint8_t *dst, const struct wire_ack *ack)
{
	struct wire_ack_bytes *b = (struct wire_ack_bytes *)dst;

	b->type = WIRE_ACK;
	b->block_count = ack->block_count;
	b->link = ack->link;
	b->reserved = 0;
	bytes_store32(b->queue_us, ack->queue_us);
	bytes_store64(b->largest_packet, ack->largest_packet);
	bytes_store32(b->echo_us, ack->echo_us);
	bytes_store32(b->delay_us, ack->delay_us);
	bytes_store64(b->cumulative, ack->cumulative);
	bytes_store64(b->end, ack->end);
	bytes_store64(b->credit_seq, ack->credit_seq);
	bytes_store64(b->credit_bytes, ack->credit_bytes);
	bytes_store64(b->delivered, ack->delivered);
	for (uint32_t i = 0; i < ack->block_count; i++)
		block_write(dst + wire_ack_bytes(i), &ack->blocks[i]);
	return wire_ack_bytes(ack->block_count);
}

static void fixed_parse(const struct wire_ack_bytes *b, struct wire_ack *out)
{
	out->link = b->link;
	out->block_count = b->block_count;
	out->queue_us = bytes_load32(b->queue_us);
	out->largest_packet = bytes_load64(b->largest_packet);
	out->echo_us = bytes_load32(b->echo_us);
	out->delay_us = bytes_load32(b->delay_us);
	out->cumulative = bytes_load64(b->cumulative);
	out->end = bytes_load64(b->end);
	out->credit_seq = bytes_load64(b->credit_seq);
	out->credit_bytes = bytes_load64(b->credit_bytes);
	out->delivered = bytes_load64(b->delivered);
}

/* The low `count` bits; all 64 from there on. */
static uint64_t bits_below(uint64_t count)
{
	return count < 64 ? (1ull << count) - 1 : UINT64_MAX;
}

/* Clears what is not in [cumulative, end). */
static void block_trim(struct wire_ack_block *block, uint64_t cumulative, uint64_t end)
{
	uint64_t first = block->first_seq;
	uint64_t from = cumulative > first ? cumulative - first : 0;
	uint64_t to = end - first;

	for (uint32_t w = 0; w < WIRE_ACK_BLOCK_WORDS; w++) {
		uint64_t base = 64ull * w;

		block->bits[w] &= bits_below(to > base ? to - base : 0);
		block->bits[w] &= ~bits_below(from > base ? from - base : 0);
	}
}

/* A block that cumulative and end leave no room for is refused, not taken for one 2^41 away. */
static bool block_parse(const uint8_t *src, const struct wire_ack *ack, struct wire_ack_block *out)
{
	const struct wire_ack_block_bytes *b = (const struct wire_ack_block_bytes *)src;
	uint64_t lowest = ack->cumulative / WIRE_ACK_BLOCK_SEQS;
	uint32_t ahead = bytes_load32(b->number) - (uint32_t)lowest;

	if (ahead > ack->end / WIRE_ACK_BLOCK_SEQS - lowest)
		return false;
	out->first_seq = (lowest + ahead) * WIRE_ACK_BLOCK_SEQS;
	for (uint32_t w = 0; w < WIRE_ACK_BLOCK_WORDS; w++) {
		uint64_t word;

		memcpy(&word, b->bits + 8 * w, sizeof(word));
		out->bits[w] = swap_on_big_endian(word);
	}
	if (out->first_seq < ack->cumulative || ack->end - out->first_seq < WIRE_ACK_BLOCK_SEQS)
		block_trim(out, ack->cumulative, ack->end);
	return true;
}

bool wire_ack_parse(const uint8_t *src, uint32_t len, struct wire_ack *out, uint32_t *used)
{
	const struct wire_ack_bytes *b = (const struct wire_ack_bytes *)src;

	if (len < WIRE_ACK_BYTES || b->type != WIRE_ACK || b->block_count > WIRE_ACK_BLOCKS)
		return false;
	if (len < wire_ack_bytes(b->block_count) || b->reserved)
		return false;
	fixed_parse(b, out);
	if (out->end < out->cumulative || out->end - out->cumulative > WIRE_ACK_SPAN_MAX)
		return false;
	for (uint32_t i = 0; i < out->block_count; i++) {
		if (!block_parse(src + wire_ack_bytes(i), out, &out->blocks[i]))
			return false;
	}
	*used = wire_ack_bytes(out->block_count);
	return true;
}
