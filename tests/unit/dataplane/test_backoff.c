#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/core/backoff.h"

#define MS 1000000ull

static void backoff_delay_ns__range_by_attempt(void **state)
{
	static const struct {
		uint32_t attempt;
		uint64_t ceiling_ns;
	} table[] = {
		{0, 400 * MS},	{1, 800 * MS},	  {2, 1600 * MS},	   {3, 3200 * MS},
		{4, 5000 * MS}, {100, 5000 * MS}, {UINT32_MAX, 5000 * MS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t span = table[i].ceiling_ns - BACKOFF_MIN_NS;

		assert_int_equal(backoff_delay_ns(table[i].attempt, 0), BACKOFF_MIN_NS);
		assert_int_equal(backoff_delay_ns(table[i].attempt, span), table[i].ceiling_ns);
		assert_int_equal(backoff_delay_ns(table[i].attempt, span + 1), BACKOFF_MIN_NS);
		assert_in_range(backoff_delay_ns(table[i].attempt, UINT64_MAX), BACKOFF_MIN_NS,
				table[i].ceiling_ns);
	}
}

static void backoff_between_ns__own_bounds(void **state)
{
	static const struct {
		uint32_t attempt;
		uint64_t ceiling_ns;
	} table[] = {{0, 200 * MS}, {1, 400 * MS}, {3, 1600 * MS}, {4, 2000 * MS}, {9, 2000 * MS}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t span = table[i].ceiling_ns - 100 * MS;

		assert_int_equal(backoff_between_ns(100 * MS, 2000 * MS, table[i].attempt, span),
				 table[i].ceiling_ns);
		assert_int_equal(
			backoff_between_ns(100 * MS, 2000 * MS, table[i].attempt, span + 1),
			100 * MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backoff_delay_ns__range_by_attempt),
		cmocka_unit_test(backoff_between_ns__own_bounds),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
