#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/abi/drop.h"

static void drop_name__each_once(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < DROP_COUNT; i++) {
		assert_non_null(drop_name(i));
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(drop_name(i), drop_name(k));
	}
	assert_string_equal(drop_name(DROP_SPOOFED), "spoofed");
	assert_null(drop_name(DROP_COUNT));
	assert_null(drop_name(UINT32_MAX));
}

static void drop_help__each(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < DROP_COUNT; i++)
		assert_true(strlen(drop_help(i)) > 10);
	assert_null(drop_help(DROP_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_name__each_once),
		cmocka_unit_test(drop_help__each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
