#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/core/ring.h"
#include "tests/sim/random.h"

#define NO RING_NO_WAY

static struct ring_scratch scratch;
static uint64_t seed;

static int order_of(const uint64_t cost[RING_SITES_MAX][RING_SITES_MAX], uint32_t count,
		    uint8_t order[RING_SITES_MAX], uint64_t *total)
{
	/* What was there before must not matter. */
	memset(&scratch, 0xa5, sizeof(scratch));
	return ring_order(cost, count, &scratch, order, total);
}

static void order__few_sites(void **state)
{
	static const uint64_t cost[RING_SITES_MAX][RING_SITES_MAX] = {{NO, 3}, {4, NO}};
	static const uint64_t one_way[RING_SITES_MAX][RING_SITES_MAX] = {{NO, 3}, {NO, NO}};
	uint8_t order[RING_SITES_MAX];
	uint64_t total;

	(void)state;
	assert_int_equal(order_of(cost, 0, order, &total), -EINVAL);
	assert_int_equal(order_of(cost, RING_SITES_MAX + 1, order, &total), -EINVAL);
	assert_int_equal(order_of(cost, 1, order, &total), 0);
	assert_int_equal(order[0], 0);
	assert_int_equal(total, 0);
	assert_int_equal(order_of(cost, 2, order, &total), 0);
	assert_int_equal(order[1], 1);
	assert_int_equal(total, 7);
	assert_int_equal(order_of(one_way, 2, order, &total), -ENOENT);
}

static void order__table(void **state)
{
	static const struct {
		uint32_t count;
		uint64_t cost[RING_SITES_MAX][RING_SITES_MAX];
		int status;
		uint64_t total;
		uint8_t order[RING_SITES_MAX];
	} table[] = {
		/* The nearest neighbour first would take 1 + 1 + 1 + 100. */
		{4,
		 {{NO, 1, 2, 100}, {1, NO, 1, 2}, {2, 1, NO, 1}, {100, 2, 1, NO}},
		 0,
		 6,
		 {0, 1, 3, 2}},
		/* All alike: the lowest order. */
		{5,
		 {{NO, 7, 7, 7, 7},
		  {7, NO, 7, 7, 7},
		  {7, 7, NO, 7, 7},
		  {7, 7, 7, NO, 7},
		  {7, 7, 7, 7, NO}},
		 0,
		 35,
		 {0, 1, 2, 3, 4}},
		/* Cheaper the other way round. */
		{3, {{NO, 9, 1}, {1, NO, 9}, {9, 1, NO}}, 0, 3, {0, 2, 1}},
		/* A star has no ring, and neither has a line. */
		{4, {{NO, 1, 1, 1}, {1, NO, NO, NO}, {1, NO, NO, NO}, {1, NO, NO, NO}}, -ENOENT},
		{3, {{NO, 1, NO}, {1, NO, 1}, {NO, 1, NO}}, -ENOENT},
		/* One way is missing: round the other side. */
		{4,
		 {{NO, NO, 1, 5}, {NO, NO, 4, 5}, {1, 4, NO, NO}, {5, 5, NO, NO}},
		 0,
		 15,
		 {0, 2, 1, 3}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t order[RING_SITES_MAX] = {0};
		uint64_t total = 0;

		assert_int_equal(order_of(table[i].cost, table[i].count, order, &total),
				 table[i].status);
		assert_int_equal(total, table[i].total);
		assert_memory_equal(order, table[i].order, table[i].count);
	}
}

/* Sites on a circle, numbered so that the ring jumps to and fro in the numbers. */
static void order__twelve_sites_on_a_circle(void **state)
{
	static const uint8_t place[RING_SITES_MAX] = {0, 5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7};
	uint64_t cost[RING_SITES_MAX][RING_SITES_MAX], total;
	uint8_t order[RING_SITES_MAX];

	(void)state;
	for (int i = 0; i < RING_SITES_MAX; i++) {
		for (int j = 0; j < RING_SITES_MAX; j++) {
			int apart = abs(place[i] - place[j]);

			if (apart > RING_SITES_MAX / 2)
				apart = RING_SITES_MAX - apart;
			cost[i][j] = i == j ? NO : (uint64_t)apart * apart * 1000;
		}
	}
	assert_int_equal(order_of(cost, RING_SITES_MAX, order, &total), 0);
	assert_int_equal(total, RING_SITES_MAX * 1000);
	for (int i = 0; i < RING_SITES_MAX; i++)
		assert_int_equal(place[order[i]], i);
}

static void order__largest_costs(void **state)
{
	uint64_t cost[RING_SITES_MAX][RING_SITES_MAX], total;
	uint8_t order[RING_SITES_MAX];

	(void)state;
	for (int i = 0; i < RING_SITES_MAX; i++) {
		for (int j = 0; j < RING_SITES_MAX; j++)
			cost[i][j] = RING_COST_MAX;
	}
	assert_int_equal(order_of(cost, RING_SITES_MAX, order, &total), 0);
	assert_true(total == RING_SITES_MAX * RING_COST_MAX);
}

/* All orders in turn, lowest first: the first cheapest one is the answer. */
struct search {
	const uint64_t (*cost)[RING_SITES_MAX];
	uint32_t count;
	uint64_t best;
	uint8_t order[RING_SITES_MAX], best_order[RING_SITES_MAX];
};

static void try_all(struct search *s, uint32_t placed, uint32_t seen, uint64_t sum)
{
	uint8_t last = s->order[placed - 1];

	if (placed == s->count) {
		if (s->cost[last][0] != NO && sum + s->cost[last][0] < s->best) {
			s->best = sum + s->cost[last][0];
			memcpy(s->best_order, s->order, sizeof(s->order));
		}
		return;
	}
	for (uint8_t next = 1; next < s->count; next++) {
		if (seen >> next & 1 || s->cost[last][next] == NO)
			continue;
		s->order[placed] = next;
		try_all(s, placed + 1, seen | 1u << next, sum + s->cost[last][next]);
	}
}

static void order__same_as_all_orders_tried(void **state)
{
	struct random random;
	uint32_t without = 0;

	(void)state;
	random_init(&random, seed, 1);
	for (int round = 0; round < 2000; round++) {
		uint64_t cost[RING_SITES_MAX][RING_SITES_MAX], total = 0;
		uint32_t count = (uint32_t)random_range(&random, 2, round % 50 ? 7 : 9);
		/* Few different costs: many rings are alike. */
		uint64_t most = random_below(&random, 2) ? 4 : 1000000000;
		uint32_t missing_ppm = (uint32_t)random_below(&random, 500000);
		struct search s = {.cost = cost, .count = count, .best = NO};
		uint8_t order[RING_SITES_MAX];
		int status;

		for (uint32_t i = 0; i < count; i++) {
			for (uint32_t j = 0; j < count; j++)
				cost[i][j] = i == j || random_ppm(&random, missing_ppm)
						     ? NO
						     : random_range(&random, 1, most);
		}
		try_all(&s, 1, 1, 0);
		status = order_of(cost, count, order, &total);
		without += status != 0;
		assert_int_equal(status, s.best == NO ? -ENOENT : 0);
		if (status)
			continue;
		assert_true(total == s.best);
		assert_memory_equal(order, s.best_order, count);
	}
	assert_in_range(without, 100, 1900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order__few_sites),
		cmocka_unit_test(order__table),
		cmocka_unit_test(order__twelve_sites_on_a_circle),
		cmocka_unit_test(order__largest_costs),
		cmocka_unit_test(order__same_as_all_orders_tried),
	};
	const char *given = getenv("CAUSEWAY_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("CAUSEWAY_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
