/*
 * The ACK frame: what a receiver tells the sender of a lane. Pure; any thread.
 *
 *   fixed part, 64 bytes | 0 to 8 blocks of 68 bytes
 *
 * Everything is big-endian but the bitmaps, which are bytes: sequence first + i is bit i % 8 of
 * byte i / 8. The parser checks the length before it reads a field behind it. What it accepts obeys
 * cumulative <= end <= cumulative + WIRE_ACK_SPAN_MAX, each block begins at a multiple of 512 in
 * [cumulative - 511, end], and no bit is set outside [cumulative, end): stray ones are cleared. A
 * block may come twice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_ACK_BYTES	     64
#define WIRE_ACK_BLOCK_BYTES 68
#define WIRE_ACK_BLOCKS	     8
#define WIRE_ACK_BLOCK_SEQS  512
#define WIRE_ACK_BLOCK_WORDS (WIRE_ACK_BLOCK_SEQS / 64)
#define WIRE_ACK_SPAN_MAX    (1ull << 23) /* of end - cumulative */
#define WIRE_ACK_BYTES_MAX   (WIRE_ACK_BYTES + WIRE_ACK_BLOCKS * WIRE_ACK_BLOCK_BYTES)

/* The bytes themselves, for wire_ack.c only. */
struct wire_ack_bytes {
	uint8_t type;
	uint8_t block_count;
	uint8_t link;
	uint8_t reserved;
	uint8_t queue_us[4];
	uint8_t largest_packet[8];
	uint8_t echo_us[4];
	uint8_t delay_us[4];
	uint8_t cumulative[8];
	uint8_t end[8];
	uint8_t credit_seq[8];
	uint8_t credit_bytes[8];
	uint8_t delivered[8];
};
_Static_assert(sizeof(struct wire_ack_bytes) == WIRE_ACK_BYTES, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, type) == 0, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, block_count) == 1, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, link) == 2, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, reserved) == 3, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, queue_us) == 4, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, largest_packet) == 8, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, echo_us) == 16, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, delay_us) == 20, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, cumulative) == 24, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, end) == 32, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, credit_seq) == 40, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, credit_bytes) == 48, "wire format");
_Static_assert(offsetof(struct wire_ack_bytes, delivered) == 56, "wire format");

struct wire_ack_block_bytes {
	uint8_t number[4]; /* first sequence / 512, low 32 bits */
	uint8_t bits[WIRE_ACK_BLOCK_SEQS / 8];
};
_Static_assert(sizeof(struct wire_ack_block_bytes) == WIRE_ACK_BLOCK_BYTES, "wire format");
_Static_assert(offsetof(struct wire_ack_block_bytes, number) == 0, "wire format");
_Static_assert(offsetof(struct wire_ack_block_bytes, bits) == 4, "wire format");

struct wire_ack_block {
	uint64_t first_seq;		     /* a multiple of WIRE_ACK_BLOCK_SEQS */
	uint64_t bits[WIRE_ACK_BLOCK_WORDS]; /* bit i of word w: sequence first + 64 w + i came */
};

struct wire_ack {
	uint8_t link;
	uint8_t block_count;	 /* <= WIRE_ACK_BLOCKS */
	uint32_t queue_us;	 /* one-way delay of the link above its minimum */
	uint64_t largest_packet; /* packet number; the next two are about this packet */
	uint32_t echo_us;	 /* its send_time_us */
	uint32_t delay_us;	 /* since it came */
	uint64_t cumulative;	 /* the first sequence that is missing */
	uint64_t end;		 /* one past the highest that is known to be sent */
	uint64_t credit_seq;	 /* sequences below this may be sent, */
	uint64_t credit_bytes;	 /* as long as the payload in all stays within this */
	uint64_t delivered;	 /* sequences that left the receiver */
	struct wire_ack_block blocks[WIRE_ACK_BLOCKS];
};

static inline uint32_t wire_ack_bytes(uint32_t block_count)
{
	return WIRE_ACK_BYTES + block_count * WIRE_ACK_BLOCK_BYTES;
}

/* Writes wire_ack_bytes(block_count) bytes, at most WIRE_ACK_BYTES_MAX, and returns how many. */
uint32_t wire_ack_write(uint8_t *dst, const struct wire_ack *ack);
/*
 * The ACK that begins at src, where len bytes may be read. True: *out (its first block_count blocks
 * only) and *used, the bytes it takes, at most len. False: it is malformed, *out is undefined.
 */
bool wire_ack_parse(const uint8_t *src, uint32_t len, struct wire_ack *out, uint32_t *used);
