#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "dataplane/core/pacer.h"

static uint64_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return *random >> 33;
}

static void pacer_init__refuses(void **state)
{
	struct pacer p;

	(void)state;
	assert_int_equal(pacer_init(&p, SHAPER_RATE_MIN_BPS - 1, 1500, 0), -EINVAL);
	assert_int_equal(pacer_init(&p, SHAPER_RATE_MAX_BPS + 1, 1500, 0), -EINVAL);
	assert_int_equal(pacer_init(&p, 1000000, 0, 0), -EINVAL);
	assert_int_equal(pacer_init(&p, 1000000, 1500, 0), 0);
	assert_int_equal(pacer_set_rate(&p, 1, 0), -EINVAL);
	assert_true(p.shaper.rate_bps == 1000000);
}

static void pacer_charge__counts_framing(void **state)
{
	struct pacer p;

	(void)state;
	assert_int_equal(pacer_init(&p, 8000000, 1000, 5000), 0); /* 1 us per byte */
	pacer_charge(&p, 976, 5000);
	assert_true(pacer_may_send(&p, 5000)); /* exactly one burst: the next may start */
	pacer_charge(&p, 1476, 5000);
	assert_false(pacer_may_send(&p, 5000));
	assert_true(pacer_deadline(&p) == 5000 + 1500000);
	assert_false(pacer_may_send(&p, 5000 + 1499999));
	assert_true(pacer_may_send(&p, 5000 + 1500000));
}

/* Late by up to 40 % of the burst, any size, any rate. */
static void pacer_may_send__long_run_rate(void **state)
{
	static const uint64_t rates[] = {1000000ull, 333333333ull, 10000000000ull, 400000000000ull};
	static const uint32_t sizes[] = {60, 1490, 9014};

	(void)state;
	for (uint32_t i = 0; i < sizeof(rates) / sizeof(rates[0]) * 3; i++) {
		uint32_t size = sizes[i % 3], burst = 64000;
		uint64_t rate = rates[i / 3], start = 1000000007, now = start, random = i;
		double sent = 0, expected;
		struct pacer p;

		assert_int_equal(pacer_init(&p, rate, burst, now), 0);
		while (sent < 3000.0 * burst) {
			uint64_t due = pacer_deadline(&p);

			now = (due > now ? due : now) +
			      random_next(&random) % (p.shaper.burst_ns * 2 / 5 + 1);
			while (pacer_may_send(&p, now)) {
				pacer_charge(&p, size, now);
				sent += size + 24;
			}
		}
		expected = (sent - burst) * 8e9 / (double)rate;
		assert_true((double)(now - start) >= expected * 0.999);
		assert_true((double)(now - start) <= expected * 1.001 + 2);
	}
}

/* A leaky bucket beside it never holds more than a burst and a packet. */
static void pacer_charge__bound_over_any_interval(void **state)
{
	const uint64_t rate = 25000000000ull;
	const uint32_t burst = 30000;
	uint64_t random = 3, now = 1, last = 1;
	double level = 0;
	struct pacer p;

	(void)state;
	assert_int_equal(pacer_init(&p, rate, burst, now), 0);
	for (uint32_t step = 0; step < 100000; step++) {
		uint32_t bytes = 60 + (uint32_t)(random_next(&random) % 9000);

		now += random_next(&random) % 2500;
		if (!pacer_may_send(&p, now)) {
			assert_true(pacer_deadline(&p) > now);
			continue;
		}
		assert_true(pacer_deadline(&p) <= now);
		level -= (double)(now - last) * (double)rate / 8e9;
		level = level < 0 ? 0 : level;
		last = now;
		pacer_charge(&p, bytes, now);
		level += bytes + 24;
		assert_true(level <= 1.001 * burst + bytes + 24 + 4);
	}
}

static void pacer_set_rate__from_now_on(void **state)
{
	struct pacer p;

	(void)state;
	assert_int_equal(pacer_init(&p, 10000000, 3000, 0), 0);
	while (pacer_may_send(&p, 0))
		pacer_charge(&p, 1476, 0);
	assert_int_equal(pacer_set_rate(&p, 100000000, 0), 0);
	assert_true(pacer_may_send(&p, 0)); /* what was sent counts for one new burst at most, */
	pacer_charge(&p, 1476, 0);
	assert_false(pacer_may_send(&p, 0)); /* and there is no second one */
	assert_true(pacer_deadline(&p) == 120000);
	assert_int_equal(pacer_set_rate(&p, 100000000, 0), 0);
	assert_true(pacer_deadline(&p) == 120000);
	/* A year of idle earns one burst. */
	assert_true(pacer_may_send(&p, 1ull << 55));
	pacer_charge(&p, 2976, 1ull << 55);
	assert_true(pacer_may_send(&p, 1ull << 55));
	pacer_charge(&p, 1476, 1ull << 55);
	assert_false(pacer_may_send(&p, 1ull << 55));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pacer_init__refuses),
		cmocka_unit_test(pacer_charge__counts_framing),
		cmocka_unit_test(pacer_may_send__long_run_rate),
		cmocka_unit_test(pacer_charge__bound_over_any_interval),
		cmocka_unit_test(pacer_set_rate__from_now_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
