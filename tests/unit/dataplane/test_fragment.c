#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/fragment.h"

static void fragment_count__table(void **state)
{
	static const struct {
		uint32_t total, max, count;
	} cases[] = {
		{1, 1, 1},	   {1400, 1400, 1}, {1401, 1400, 2},   {9000, 1400, 7},
		{2800, 1400, 2},   {2801, 1400, 3}, {255, 1, 255},     {256, 1, 0},
		{65535, 257, 255}, {65535, 256, 0}, {1500, 0, 0},      {20, 9000, 1},
		{510, 2, 255},	   {511, 2, 0},	    {65535, 65535, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (fragment_count(cases[i].total, cases[i].max) != cases[i].count)
			fail_msg("%u by %u", cases[i].total, cases[i].max);
	}
}

/* The pieces are in order, without a gap, none too long, all but the last equally long. */
static void fragment_piece__covers_exactly(void **state)
{
	(void)state;
	for (uint32_t total = 1; total < 65536; total += total < 3000 ? 1 : 997) {
		for (uint32_t max = 300; max < 9300; max += 311) {
			uint32_t count = fragment_count(total, max), at = 0;

			assert_true(count >= 1 && count == (total + max - 1) / max);
			for (uint32_t i = 0; i < count; i++) {
				uint32_t offset, len;

				fragment_piece(total, max, i, &offset, &len);
				assert_int_equal(offset, at);
				assert_true(len >= 1 && len <= max);
				assert_true(i + 1 == count || len == max);
				at += len;
			}
			assert_int_equal(at, total);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragment_count__table),
		cmocka_unit_test(fragment_piece__covers_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
