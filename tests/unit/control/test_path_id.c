#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/core/path_id.h"

/* Vectors of draft-eastlake-fnv, appendix C. */
static void fnv1a_32__vectors(void **state)
{
	static const struct {
		const char *text;
		uint32_t hash;
	} table[] = {{"", 0x811c9dc5}, {"a", 0xe40c292c}, {"foobar", 0xbf9cf968}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(fnv1a_32(table[i].text), table[i].hash);
}

static void fnv1a_64__vectors(void **state)
{
	(void)state;
	assert_true(fnv1a_64(FNV1A_64_INIT, "", 0) == 0xcbf29ce484222325ull);
	assert_true(fnv1a_64(FNV1A_64_INIT, "foobar", 6) == 0x85944171f73967e8ull);
	assert_true(fnv1a_64(fnv1a_64(FNV1A_64_INIT, "foo", 3), "bar", 3) == 0x85944171f73967e8ull);
}

static void first__same_name_same_number(void **state)
{
	(void)state;
	assert_int_equal(path_id_first("job1"), fnv1a_32("job1"));
	assert_int_not_equal(path_id_first("job1"), path_id_first("job2"));
}

static void next__never_zero(void **state)
{
	(void)state;
	assert_int_equal(path_id_next(1), 2);
	assert_int_equal(path_id_next(UINT32_MAX), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fnv1a_32__vectors),
		cmocka_unit_test(fnv1a_64__vectors),
		cmocka_unit_test(first__same_name_same_number),
		cmocka_unit_test(next__never_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
