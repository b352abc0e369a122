#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/roce/histogram.h"

static void histogram_quantile__is_close(void **state)
{
	static struct histogram h;

	(void)state;
	assert_int_equal(histogram_quantile(&h, 500), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_add(&h, i);
	assert_in_range(histogram_quantile(&h, 500), 50000, 53125);
	assert_in_range(histogram_quantile(&h, 990), 99000, 100000);
	assert_int_equal(histogram_quantile(&h, 1000), 100000);
	assert_int_equal(h.max, 100000);
}

static void histogram_add__takes_every_value(void **state)
{
	(void)state;
	for (uint32_t bit = 0; bit < 64; bit++)
		for (uint64_t add = 0; add < 3; add++) {
			struct histogram h = {0};
			uint64_t value = (1ull << bit) + add - 1;

			histogram_add(&h, value);
			assert_int_equal(histogram_quantile(&h, 500), value);
		}
}

static void histogram_quantile__small_values_are_exact(void **state)
{
	static struct histogram h;

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		histogram_add(&h, i);
	assert_int_equal(histogram_quantile(&h, 500), 4);
	assert_int_equal(histogram_quantile(&h, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(histogram_quantile__is_close),
		cmocka_unit_test(histogram_add__takes_every_value),
		cmocka_unit_test(histogram_quantile__small_values_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
