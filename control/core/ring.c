#include "control/core/ring.h"

#include <errno.h>

/* Site 0 is where every ring starts; bit i of a set is site i + 1. */
#define HOME 0u

struct search {
	const uint64_t (*cost)[RING_SITES_MAX];
	struct ring_scratch *scratch;
	uint32_t others; /* sites beside home */
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return a == RING_NO_WAY || b == RING_NO_WAY ? RING_NO_WAY : a + b;
}

/* What it costs from `last`, when the sites of `seen` have been visited, by way of `next` home. */
static uint64_t by_way_of(const struct search *s, uint32_t seen, uint32_t last, uint32_t next)
{
	return add(s->cost[last + 1][next + 1], s->scratch->rest[seen | 1u << next][next]);
}

static uint64_t cheapest_rest(const struct search *s, uint32_t seen, uint32_t last)
{
	uint64_t best = RING_NO_WAY;

	if (seen == (1u << s->others) - 1)
		return s->cost[last + 1][HOME];
	for (uint32_t next = 0; next < s->others; next++) {
		uint64_t cost;

		if (seen & 1u << next)
			continue;
		cost = by_way_of(s, seen, last, next);
		if (cost < best)
			best = cost;
	}
	return best;
}

/* From the whole set down: what remains after a set rests on larger sets alone. */
static void fill(const struct search *s)
{
	for (uint32_t seen = (1u << s->others) - 1; seen; seen--) {
		for (uint32_t last = 0; last < s->others; last++) {
			if (seen & 1u << last)
				s->scratch->rest[seen][last] = cheapest_rest(s, seen, last);
		}
	}
}

static uint64_t from_home(const struct search *s, uint32_t first)
{
	return add(s->cost[HOME][first + 1], s->scratch->rest[1u << first][first]);
}

/* The lowest site each time that still leads to a ring of least cost. */
static void walk(const struct search *s, uint64_t total, uint8_t order[RING_SITES_MAX])
{
	uint32_t seen = 0, last = 0;
	uint64_t left = total;

	order[0] = HOME;
	for (uint32_t i = 1; i <= s->others; i++) {
		uint32_t next = 0;

		while (seen & 1u << next ||
		       (seen ? by_way_of(s, seen, last, next) : from_home(s, next)) != left)
			next++;
		order[i] = (uint8_t)(next + 1);
		seen |= 1u << next;
		left = s->scratch->rest[seen][next];
		last = next;
	}
}

int ring_order(const uint64_t cost[RING_SITES_MAX][RING_SITES_MAX], uint32_t count,
	       struct ring_scratch *scratch, uint8_t order[RING_SITES_MAX], uint64_t *total)
{
	struct search s = {.cost = cost, .scratch = scratch, .others = count - 1};
	uint64_t best = RING_NO_WAY;

	if (!count || count > RING_SITES_MAX)
		return -EINVAL;
	if (!s.others) {
		order[0] = HOME;
		*total = 0;
		return 0;
	}
	fill(&s);
	for (uint32_t first = 0; first < s.others; first++) {
		if (from_home(&s, first) < best)
			best = from_home(&s, first);
	}
	if (best == RING_NO_WAY)
		return -ENOENT;
	walk(&s, best, order);
	*total = best;
	return 0;
}
