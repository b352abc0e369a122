// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "dataplane/agent/ruleset_heap.h"

#define PATHS 60

static struct intent_path paths[PATHS];
static struct ruleset_claim claims[PATHS];

/* Prefixes nested in each other: every path has rules for all the pairs inside its own. */
static void nested_make(void)
{
	for (uint32_t i = 0; i < PATHS; i++) {
		paths[i] = (struct intent_path){.near_count = 1, .far_count = 1, .match_count = 1};
		paths[i].near[0].len = (uint8_t)i;
		paths[i].far[0].len = (uint8_t)i;
		claims[i] = (struct ruleset_claim){&paths[i], i + 1};
	}
}

/* Far more rule sets than the first guess has room for. */
static void ruleset_heap_build__grows(void **state)
{
	const struct ruleset *rules;

	(void)state;
	nested_make();
	assert_int_equal(ruleset_heap_build(claims, PATHS, &rules), 0);
	assert_int_equal(ruleset_set_count(rules), PATHS * PATHS * PROTOCOL_COUNT);
	assert_int_equal(ruleset_group(rules, RULESET_SRC, 0, 0), PATHS);
	ruleset_heap_free(rules);
}

static void ruleset_heap_build__passes_errors_on(void **state)
{
	const struct ruleset *rules;

	(void)state;
	nested_make();
	paths[3].match[0].protocol = PROTOCOL_COUNT;
	assert_int_equal(ruleset_heap_build(claims, PATHS, &rules), -EINVAL);
}

static void ruleset_heap_build__nothing(void **state)
{
	const struct ruleset *rules;

	(void)state;
	assert_int_equal(ruleset_heap_build(NULL, 0, &rules), 0);
	ruleset_heap_free(rules);
	ruleset_heap_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ruleset_heap_build__grows),
		cmocka_unit_test(ruleset_heap_build__passes_errors_on),
		cmocka_unit_test(ruleset_heap_build__nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
