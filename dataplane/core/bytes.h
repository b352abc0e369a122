/*
 * Big-endian loads and stores at any alignment, and the Internet checksum's arithmetic. Pure; any
 * thread. Compilers turn each load and store into one move and one byte swap.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t bytes_load24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t bytes_load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t bytes_load64(const uint8_t *p)
{
	return (uint64_t)bytes_load32(p) << 32 | bytes_load32(p + 4);
}

static inline void bytes_store16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void bytes_store24(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 16);
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)value;
}

static inline void bytes_store32(uint8_t *p, uint32_t value)
{
	bytes_store16(p, (uint16_t)(value >> 16));
	bytes_store16(p + 2, (uint16_t)value);
}

/* One store, which a following load of the same 8 bytes need not wait for: built from halves, gcc
 * writes halves when one of them is constant. */
static inline void bytes_store64(uint8_t *p, uint64_t value)
{
	bool is_swapped = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	uint64_t stored = is_swapped ? __builtin_bswap64(value) : value;

	memcpy(p, &stored, sizeof(stored));
}

/* Ones' complement sum folded to 16 bits (RFC 1071). */
static inline uint16_t bytes_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Sum of the 16-bit words of an even number of bytes, at most 64 KiB, for bytes_fold. */
static inline uint32_t bytes_sum(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t i = 0;

	/* Two words at a time: 2^16 is 1 in ones' complement arithmetic (RFC 1071, 2). */
	for (; i + 3 < len; i += 4)
		sum += bytes_load32(p + i);
	if (i + 1 < len)
		sum += bytes_load16(p + i);
	return (uint32_t)((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32));
}

/* RFC 1624, equation 3: the checksum after one 16-bit word has changed. */
static inline uint16_t bytes_checksum_update(uint16_t checksum, uint16_t before, uint16_t after)
{
	uint32_t sum = (uint16_t)~checksum;

	sum += (uint16_t)~before;
	sum += after;
	return (uint16_t)~bytes_fold(sum);
}
