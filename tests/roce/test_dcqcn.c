#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/roce/dcqcn.h"

#define LINE 200000000ull

static void dcqcn_on_cnp__first_halves(void **state)
{
	struct dcqcn d;

	(void)state;
	dcqcn_init(&d, LINE, 0);
	assert_int_equal(dcqcn_deadline(&d), UINT64_MAX);
	dcqcn_on_cnp(&d, 1000);
	assert_int_equal(d.rate_bps, LINE / 2);
	assert_int_equal(dcqcn_deadline(&d), 1000 + DCQCN_RAISE_NS);
	/* A second one so soon changes nothing. */
	dcqcn_on_cnp(&d, 1000 + DCQCN_CUT_NS - 1);
	assert_int_equal(d.rate_bps, LINE / 2);
	dcqcn_on_cnp(&d, 1000 + DCQCN_CUT_NS);
	assert_in_range(d.rate_bps, LINE / 4 - 1000, LINE / 4 + 1000);
}

static void dcqcn_poll__recovers_half_of_the_way_each_step(void **state)
{
	struct dcqcn d;

	(void)state;
	dcqcn_init(&d, LINE, 0);
	dcqcn_on_cnp(&d, 0);
	dcqcn_poll(&d, DCQCN_RAISE_NS - 1);
	assert_int_equal(d.rate_bps, LINE / 2);
	dcqcn_poll(&d, DCQCN_RAISE_NS);
	assert_int_equal(d.rate_bps, LINE * 3 / 4);
	dcqcn_poll(&d, 2 * DCQCN_RAISE_NS);
	assert_int_equal(d.rate_bps, LINE * 7 / 8);
	dcqcn_poll(&d, 30 * DCQCN_RAISE_NS);
	assert_int_equal(d.rate_bps, LINE);
	assert_int_equal(dcqcn_deadline(&d), UINT64_MAX);
}

/* Alpha has decayed: the next cut is mild. */
static void dcqcn_on_cnp__is_mild_after_a_quiet_time(void **state)
{
	struct dcqcn d;
	uint64_t now = 200 * DCQCN_ALPHA_NS * 5;

	(void)state;
	dcqcn_init(&d, LINE, 0);
	dcqcn_poll(&d, now);
	dcqcn_on_cnp(&d, now);
	assert_in_range(d.rate_bps, LINE * 95 / 100, LINE - 1);
}

/* From a target below the line's rate the additive steps lead back. */
static void dcqcn_poll__adds_after_the_fast_steps(void **state)
{
	struct dcqcn d;
	uint64_t now = 0, before;

	(void)state;
	dcqcn_init(&d, LINE, 0);
	for (uint32_t i = 0; i < 20; i++, now += DCQCN_RAISE_NS) {
		dcqcn_poll(&d, now);
		dcqcn_on_cnp(&d, now);
	}
	assert_true(d.target_bps < LINE / 2);
	before = d.target_bps;
	for (uint32_t i = 0; i < DCQCN_FAST_STEPS; i++, now += DCQCN_RAISE_NS)
		dcqcn_poll(&d, now);
	assert_int_equal(d.target_bps, before);
	dcqcn_poll(&d, now);
	assert_int_equal(d.target_bps, before + LINE / DCQCN_RAISE_FRACTION + 1);
	dcqcn_poll(&d, now + 200 * DCQCN_RAISE_NS);
	assert_int_equal(d.rate_bps, LINE);
}

static void dcqcn_rate__stays_between_floor_and_line(void **state)
{
	struct dcqcn d;
	uint64_t now = 0;

	(void)state;
	dcqcn_init(&d, LINE, 0);
	for (uint32_t i = 0; i < 1000; i++, now += DCQCN_CUT_NS) {
		dcqcn_on_cnp(&d, now);
		dcqcn_poll(&d, now);
		assert_in_range(d.rate_bps, DCQCN_FLOOR_BPS, LINE);
		assert_in_range(d.alpha, 0, DCQCN_ALPHA_ONE);
	}
	assert_int_equal(d.rate_bps, DCQCN_FLOOR_BPS);
	/* A clock that has leapt. */
	dcqcn_poll(&d, now + (1ull << 60));
	assert_int_equal(d.rate_bps, LINE);
	assert_true(d.alpha_ns > now + (1ull << 60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dcqcn_on_cnp__first_halves),
		cmocka_unit_test(dcqcn_poll__recovers_half_of_the_way_each_step),
		cmocka_unit_test(dcqcn_on_cnp__is_mild_after_a_quiet_time),
		cmocka_unit_test(dcqcn_poll__adds_after_the_fast_steps),
		cmocka_unit_test(dcqcn_rate__stays_between_floor_and_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
