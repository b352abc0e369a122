#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/chain.h"

static uint32_t buckets[CHAIN_BUCKETS];
static struct chain chain;

static void chain_next__leads_back_within_the_bucket(void **state)
{
	static const struct {
		uint32_t bucket, prev;
	} cases[] = {
		{5, 0}, {6, 0}, {5, 2}, {5 + CHAIN_BUCKETS, 1}, {6, 3}, {5 + 7 * CHAIN_BUCKETS, 2}};

	(void)state;
	chain_init(&chain, buckets, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(chain_next(&chain, cases[i].bucket, 100 + i), cases[i].prev);
}

/* A bucket that was never used has no predecessor, wherever the lane starts. */
static void chain_next__first_of_its_bucket(void **state)
{
	static const uint64_t firsts[] = {0,
					  1,
					  (1ull << 31) - 1,
					  1ull << 31,
					  UINT32_MAX,
					  1ull << 32,
					  (1ull << 32) + WIRE_PREV_MAX,
					  (1ull << 63) - 1};

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		chain_init(&chain, buckets, firsts[i]);
		for (uint32_t k = 0; k < 64; k++)
			assert_int_equal(chain_next(&chain, k, firsts[i] + k * 1000), 0);
	}
}

static void chain_next__too_far(void **state)
{
	(void)state;
	chain_init(&chain, buckets, 7);
	chain_next(&chain, 1, 7);
	assert_int_equal(chain_next(&chain, 1, 7 + (uint64_t)WIRE_PREV_MAX), WIRE_PREV_MAX);
	assert_int_equal(chain_next(&chain, 1, 8 + 2 * (uint64_t)WIRE_PREV_MAX), 0);
	assert_int_equal(chain_next(&chain, 1, 9 + 2 * (uint64_t)WIRE_PREV_MAX), 1);
}

static void chain_next__over_the_wrap(void **state)
{
	(void)state;
	chain_init(&chain, buckets, UINT32_MAX - 1);
	assert_int_equal(chain_next(&chain, 3, UINT32_MAX - 1), 0);
	assert_int_equal(chain_next(&chain, 4, UINT32_MAX), 0);
	assert_int_equal(chain_next(&chain, 3, 1ull << 32), 2);
	assert_int_equal(chain_next(&chain, 4, (1ull << 32) + 1), 2);
}

/* Following prev from any sequence visits exactly the older ones of its bucket. */
static void chain_next__against_model(void **state)
{
	enum {
		COUNT = 20000
	};
	static uint32_t prev[COUNT], owner[COUNT];
	static uint64_t latest[64]; /* + 1; 0: none */
	uint64_t random = 42, first = (1ull << 32) - COUNT / 2;

	(void)state;
	chain_init(&chain, buckets, first);
	for (uint32_t i = 0; i < COUNT; i++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		owner[i] = (uint32_t)(random >> 58);
		prev[i] = chain_next(&chain, owner[i] * 61, first + i);
		if (!latest[owner[i]])
			assert_int_equal(prev[i], 0);
		else
			assert_int_equal(i - prev[i] + 1, latest[owner[i]]);
		latest[owner[i]] = i + 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_next__leads_back_within_the_bucket),
		cmocka_unit_test(chain_next__first_of_its_bucket),
		cmocka_unit_test(chain_next__too_far),
		cmocka_unit_test(chain_next__over_the_wrap),
		cmocka_unit_test(chain_next__against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
