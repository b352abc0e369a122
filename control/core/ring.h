/*
 * The cheapest ring over sites: in which order a ring all-reduce visits them. Exact, by Held and
 * Karp (1962): O(2^n n^2) time, which is some 250,000 steps for the most sites. Pure; any thread.
 */
#pragma once

#include <stdint.h>

#define RING_SITES_MAX 12
#define RING_NO_WAY    UINT64_MAX   /* no way from that site to that one */
#define RING_COST_MAX  (1ull << 56) /* of one way */

/* 180 KiB: keep it off the stack. Nothing is read from it that the same call did not write. */
struct ring_scratch {
	uint64_t rest[1u << (RING_SITES_MAX - 1)][RING_SITES_MAX - 1];
};

/*
 * The ring of least cost, from site 0 on: order[0] = 0, order[1], ... and back to 0. cost[i][j] is
 * that of the way from i to j, up to RING_COST_MAX, or RING_NO_WAY. Of rings with the same cost the
 * one whose order comes first (0 1 2 3 before 0 1 3 2), so that equal questions have equal answers;
 * with costs alike both ways that also settles the direction. A ring of one site costs nothing.
 * 0, -EINVAL (0 or too many sites) or -ENOENT (no ring; nothing is written).
 */
int ring_order(const uint64_t cost[RING_SITES_MAX][RING_SITES_MAX], uint32_t count,
	       struct ring_scratch *scratch, uint8_t order[RING_SITES_MAX], uint64_t *total);
