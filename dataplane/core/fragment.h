/*
 * How an inner packet larger than one tunnel packet is cut. Pure; any thread.
 *
 * All pieces are max bytes but the last, which is 1 to max. So a receiver that has seen any piece
 * but the last knows every offset (order.h).
 */
#pragma once

#include <stdint.h>

#define FRAGMENT_COUNT_MAX 255

/* As fragment_count, for more than one piece. */
uint32_t fragment_count_several(uint32_t total, uint32_t max);

/* Pieces of at most max bytes for total bytes: 1 when it fits whole, 0 when 255 would not do. */
static inline uint32_t fragment_count(uint32_t total, uint32_t max)
{
	return total <= max ? 1 : fragment_count_several(total, max);
}

/* The index-th piece, index < fragment_count(total, max). */
static inline void fragment_piece(uint32_t total, uint32_t max, uint32_t index, uint32_t *offset,
				  uint32_t *len)
{
	*offset = index * max;
	*len = total - *offset < max ? total - *offset : max;
}
