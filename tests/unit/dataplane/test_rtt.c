#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/rtt.h"

#define MS 1000000ull

static uint64_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return *random >> 33;
}

static void rtt_init__guess(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r, 100 * MS);
	assert_true(rtt_smoothed(&r) == 100 * MS && rtt_var(&r) == 50 * MS);
	assert_true(rtt_min(&r) == 100 * MS && rtt_latest(&r) == 100 * MS);
	assert_true(rtt_timeout(&r, MS) == 301 * MS);
	rtt_init(&r, 0);
	assert_true(rtt_min(&r) == 1 && rtt_smoothed(&r) == 1);
}

/* RFC 6298, 2.2 and 2.3, by hand. */
static void rtt_on_sample__rfc6298(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r, 1000 * MS);
	rtt_on_sample(&r, 80000, 5);
	assert_int_equal(rtt_smoothed(&r), 80000);
	assert_int_equal(rtt_var(&r), 40000);
	assert_int_equal(rtt_min(&r), 80000);
	rtt_on_sample(&r, 160000, 6);
	assert_int_equal(rtt_smoothed(&r), 90000); /* 7/8 80000 + 1/8 160000 */
	assert_int_equal(rtt_var(&r), 50000);	   /* 3/4 40000 + 1/4 80000 */
	assert_int_equal(rtt_latest(&r), 160000);
	assert_int_equal(rtt_min(&r), 80000);
	rtt_on_sample(&r, 10000, 7);
	assert_int_equal(rtt_smoothed(&r), 80000);
	assert_int_equal(rtt_var(&r), 57500);
	assert_int_equal(rtt_min(&r), 10000);
}

static void rtt_on_sample__limits(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r, MS);
	rtt_on_sample(&r, 0, 1);
	assert_int_equal(rtt_latest(&r), 1);
	assert_int_equal(rtt_min(&r), 1);
	for (uint32_t i = 0; i < 1000; i++)
		rtt_on_sample(&r, UINT64_MAX, 2 + i);
	assert_true(rtt_smoothed(&r) <= RTT_MAX_NS && rtt_smoothed(&r) > RTT_MAX_NS - 100);
	assert_true(rtt_latest(&r) == RTT_MAX_NS);
}

static void rtt_timeout__floor(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r, 40 * MS);
	for (uint32_t i = 0; i < 200; i++)
		rtt_on_sample(&r, 40 * MS, i);
	assert_int_equal(rtt_smoothed(&r), 40 * MS);
	assert_true(rtt_var(&r) < 10);
	assert_int_equal(rtt_timeout(&r, 0), 50 * MS);
	assert_int_equal(rtt_timeout(&r, 9 * MS), 50 * MS);
	assert_true(rtt_timeout(&r, 20 * MS) - 60 * MS < 40);
}

static void rtt_min__expires(void **state)
{
	uint64_t now = 1;
	struct rtt r;

	(void)state;
	rtt_init(&r, MS);
	rtt_on_sample(&r, 10 * MS, now);
	for (; now < RTT_WINDOW_NS; now += 7 * MS) {
		rtt_on_sample(&r, 15 * MS, now);
		assert_true(rtt_min(&r) == 10 * MS || now > RTT_WINDOW_NS * 7 / 8);
	}
	rtt_on_sample(&r, 15 * MS, now + 7 * MS);
	assert_int_equal(rtt_min(&r), 15 * MS);
	/* A silence longer than the window. */
	rtt_on_sample(&r, 12 * MS, now + 8 * MS);
	assert_int_equal(rtt_min(&r), 12 * MS);
	rtt_on_sample(&r, 30 * MS, now + 9 * MS + RTT_WINDOW_NS);
	assert_int_equal(rtt_min(&r), 30 * MS);
}

/* Against all samples kept: what the header promises. */
static void rtt_min__against_the_whole_window(void **state)
{
	enum {
		COUNT = 6000
	};
	static uint64_t value[COUNT], time[COUNT];

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		uint64_t random = seed, now = 1, trend = 50000;
		struct rtt r;

		rtt_init(&r, MS);
		for (uint32_t i = 0; i < COUNT; i++) {
			uint64_t best = UINT64_MAX, recent = UINT64_MAX;

			/* Up and down over several windows, some silences. */
			trend += random_next(&random) % 201;
			trend -= i / 1000 % 2 ? 180 : 20;
			now += random_next(&random) % (40 * MS);
			if (random_next(&random) % 500 == 0)
				now += random_next(&random) % (2 * RTT_WINDOW_NS);
			value[i] = trend + random_next(&random) % 20000;
			time[i] = now;
			rtt_on_sample(&r, value[i], now);
			for (uint32_t k = i + 1; k-- && now - time[k] <= RTT_WINDOW_NS;) {
				best = value[k] < best ? value[k] : best;
				if (now - time[k] <= RTT_WINDOW_NS * 7 / 8)
					recent = best;
			}
			assert_true(rtt_min(&r) >= best);
			assert_true(rtt_min(&r) <= recent);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rtt_init__guess),
		cmocka_unit_test(rtt_on_sample__rfc6298),
		cmocka_unit_test(rtt_on_sample__limits),
		cmocka_unit_test(rtt_timeout__floor),
		cmocka_unit_test(rtt_min__expires),
		cmocka_unit_test(rtt_min__against_the_whole_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
