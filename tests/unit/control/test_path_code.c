#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/core/path_code.h"

/* Programs rely on them: each has one, and no two have the same. */
static void code__each_has_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < CAUSE_COUNT; i++) {
		assert_non_null(path_cause_code((enum path_cause)i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(path_cause_code((enum path_cause)i),
						path_cause_code((enum path_cause)j));
	}
	for (int i = 0; i < STAGE_COUNT; i++)
		assert_non_null(path_stage_name((enum path_stage)i));
	for (int i = 0; i < END_STEP_COUNT; i++)
		assert_non_null(path_end_step_name((enum path_end_step)i));
}

/* The first thing that is missing, of an end that has come ever further. */
static void step__what_is_missing_first(void **state)
{
	struct path_end_facts end = {0};

	(void)state;
	assert_int_equal(path_end_step_find(&end, 2), END_UNHEARD);
	end.is_fresh = true;
	assert_int_equal(path_end_step_find(&end, 2), END_NO_CERTIFICATE);
	end.has_certificate = true;
	assert_int_equal(path_end_step_find(&end, 2), END_BEHIND);
	end.is_reported = end.is_current = true;
	end.generation = 1;
	assert_int_equal(path_end_step_find(&end, 2), END_BEHIND);
	end.has_error = true;
	assert_int_equal(path_end_step_find(&end, 2), END_ERROR);
	end.has_error = false;
	end.generation = 2;
	assert_int_equal(path_end_step_find(&end, 2), END_NOT_RECEIVING);
	end.is_receiving = true;
	assert_int_equal(path_end_step_find(&end, 2), END_NOT_PROVED);
	end.is_proved = true;
	assert_int_equal(path_end_step_find(&end, 2), END_NOT_CLAIMING);
	end.is_claiming = true;
	assert_int_equal(path_end_step_find(&end, 2), END_CLAIMS);
	end.is_current = false;
	assert_int_equal(path_end_step_find(&end, 2), END_BEHIND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code__each_has_its_own),
		cmocka_unit_test(step__what_is_missing_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
