#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "dataplane/core/shaper.h"

#define YEAR_NS (365ull * 86400 * 1000000000)

static const uint64_t rates[] = {
	1000000ull,    10000000ull,	333333333ull,	 1000000000ull,
	9999999999ull, 100000000000ull, 399999999999ull, 400000000000ull,
};

static uint64_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return *random >> 33;
}

static void shaper_init__refuses(void **state)
{
	struct shaper s;

	(void)state;
	assert_int_equal(shaper_init(&s, SHAPER_RATE_MIN_BPS - 1, 1500, 0), -EINVAL);
	assert_int_equal(shaper_init(&s, SHAPER_RATE_MAX_BPS + 1, 1500, 0), -EINVAL);
	assert_int_equal(shaper_init(&s, 1000000, 0, 0), -EINVAL);
	assert_int_equal(shaper_init(&s, SHAPER_RATE_MIN_BPS, 1, 0), 0);
	assert_int_equal(shaper_init(&s, SHAPER_RATE_MAX_BPS, UINT32_MAX, 0), 0);
}

static void shaper_take__burst_then_rate(void **state)
{
	struct shaper s;
	uint64_t now = 12345;

	(void)state;
	assert_int_equal(shaper_init(&s, 8000000, 3000, now), 0); /* 1 us per byte */
	assert_true(shaper_take(&s, 1500, now));
	assert_true(shaper_take(&s, 1500, now));
	assert_false(shaper_take(&s, 1, now));
	assert_true(shaper_deadline(&s, 1) == now + 1000);
	assert_false(shaper_take(&s, 1, now + 999));
	assert_true(shaper_take(&s, 1, now + 1000));
	assert_true(shaper_deadline(&s, 1500) == now + 1501000);
}

static void shaper_take__packet_above_the_burst(void **state)
{
	struct shaper s;

	(void)state;
	assert_int_equal(shaper_init(&s, 8000000, 100, 0), 0);
	assert_true(shaper_take(&s, 1500, 0));
	assert_true(shaper_deadline(&s, 1500) == 1500000);
	assert_false(shaper_take(&s, 1500, 1499999));
	assert_true(shaper_take(&s, 1500, 1500000));
}

/* A sender that always has packets, is late by up to 40 % of the burst, at every rate and packet
 * size. */
static void shaper_take__long_run_rate(void **state)
{
	static const uint32_t sizes[] = {64, 1477, 9216};

	(void)state;
	for (uint32_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		for (uint32_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			uint32_t burst = 64000;
			uint64_t start = 1000000007, now = start, sent = 0, random = r * 7 + k;
			uint64_t want_bytes = 3000ull * burst;
			double expected, elapsed;
			struct shaper s;

			assert_int_equal(shaper_init(&s, rates[r], burst, now), 0);
			while (sent < want_bytes) {
				uint64_t due = shaper_deadline(&s, sizes[k]);

				now = (due > now ? due : now) +
				      random_next(&random) % (s.burst_ns * 2 / 5 + 1);
				while (shaper_take(&s, sizes[k], now))
					sent += sizes[k];
			}
			elapsed = (double)(now - start);
			expected = (double)(sent - burst) * 8e9 / (double)rates[r];
			if (elapsed < expected * 0.999 || elapsed > expected * 1.001 + 2)
				fail_msg("%llu bit/s, %u B: %.0f ns, expected %.0f",
					 (unsigned long long)rates[r], sizes[k], elapsed, expected);
		}
	}
}

/* Never more than rate * T + burst over any interval: a leaky bucket beside it never runs over. */
static void shaper_take__bound_over_any_interval(void **state)
{
	(void)state;
	for (uint32_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		const uint32_t burst = 20000;
		uint64_t random = 99 + r, now = 1, last = 1;
		double level = 0, rate = (double)rates[r] / 8e9;
		struct shaper s;

		assert_int_equal(shaper_init(&s, rates[r], burst, now), 0);
		for (uint32_t step = 0; step < 50000; step++) {
			uint32_t bytes = 40 + (uint32_t)(random_next(&random) % 9000);

			now += random_next(&random) % (2 * 4500 * 8000000000ull / rates[r] + 2);
			level -= (double)(now - last) * rate;
			level = level < 0 ? 0 : level;
			last = now;
			if (!shaper_take(&s, bytes, now))
				continue;
			level += bytes;
			/* One nanosecond of slack for the burst, which is kept in whole ones. */
			assert_true(level <= burst * 1.001 + rate);
		}
	}
}

static void shaper_deadline__is_exact(void **state)
{
	(void)state;
	for (uint32_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		uint64_t now = 5000000000ull, random = r;
		struct shaper s, copy;

		assert_int_equal(shaper_init(&s, rates[r], 9000, now), 0);
		for (uint32_t step = 0; step < 20000; step++) {
			uint32_t bytes = 1 + (uint32_t)(random_next(&random) % 12000);
			uint64_t due = shaper_deadline(&s, bytes);

			if (due > now) {
				assert_false(shaper_take(&s, bytes, now));
				assert_false(shaper_take(&s, bytes, due - 1));
				now = due;
			}
			copy = s;
			assert_true(shaper_take(&copy, bytes, now));
			assert_true(shaper_take(&s, bytes, now));
			now += random_next(&random) % 3;
		}
	}
}

static void shaper_take__years_of_idle(void **state)
{
	struct shaper s;
	uint64_t sent = 0;

	(void)state;
	for (uint32_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		assert_int_equal(shaper_init(&s, rates[r], 6000, 0), 0);
		assert_true(shaper_take(&s, 1500, 0));
		sent = 0;
		while (shaper_take(&s, 1500, 500 * YEAR_NS))
			sent += 1500;
		assert_int_equal(sent, 6000);
		assert_true(shaper_deadline(&s, 1500) > 500 * YEAR_NS);
		assert_true(shaper_deadline(&s, 1500) <= 500 * YEAR_NS + 12000001);
	}
}

static void shaper_set_rate__faster_does_not_wait_for_the_slower(void **state)
{
	struct shaper s;

	(void)state;
	assert_int_equal(shaper_init(&s, 1000000, 64000, 0), 0);
	while (shaper_take(&s, 1000, 0))
		;
	assert_true(shaper_deadline(&s, 1000) >= 8000000);
	assert_int_equal(shaper_set_rate(&s, 10000000000ull, 64000, 0), 0);
	assert_true(shaper_deadline(&s, 1000) <= 1000);
	assert_false(shaper_take(&s, 1000, 0)); /* and no second burst either */
	assert_int_equal(shaper_set_rate(&s, 0, 64000, 0), -EINVAL);
	assert_true(s.rate_bps == 10000000000ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shaper_init__refuses),
		cmocka_unit_test(shaper_take__burst_then_rate),
		cmocka_unit_test(shaper_take__packet_above_the_burst),
		cmocka_unit_test(shaper_take__long_run_rate),
		cmocka_unit_test(shaper_take__bound_over_any_interval),
		cmocka_unit_test(shaper_deadline__is_exact),
		cmocka_unit_test(shaper_take__years_of_idle),
		cmocka_unit_test(shaper_set_rate__faster_does_not_wait_for_the_slower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
