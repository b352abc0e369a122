#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/aggregate.h"

#define CAPACITY 1400

static void aggregate_may_add__space(void **state)
{
	struct aggregate a;
	uint32_t count = 0;

	(void)state;
	aggregate_init(&a, CAPACITY);
	assert_false(aggregate_is_open(&a));
	while (aggregate_may_add(&a, 84, ECN_NOT_ECT)) {
		assert_int_equal(aggregate_add(&a, 84, ECN_NOT_ECT, 0), count * 100);
		count++;
		assert_true(a.used <= CAPACITY);
	}
	assert_int_equal(count, 14);
	assert_int_equal(a.used, 1400);
	assert_int_equal(a.count, 14);
	aggregate_reset(&a);
	assert_false(aggregate_is_open(&a));
	assert_true(aggregate_may_add(&a, 84, ECN_ECT0));
}

static void aggregate_may_add__size(void **state)
{
	struct aggregate a;

	(void)state;
	aggregate_init(&a, CAPACITY);
	assert_true(aggregate_wants(&a, AGGREGATE_MAX_INNER));
	assert_false(aggregate_wants(&a, AGGREGATE_MAX_INNER + 1));
	assert_false(aggregate_may_add(&a, AGGREGATE_MAX_INNER + 1, ECN_NOT_ECT));
	aggregate_init(&a, 100);
	assert_true(aggregate_may_add(&a, 84, ECN_NOT_ECT));
	assert_false(aggregate_may_add(&a, 85, ECN_NOT_ECT));
	assert_false(aggregate_wants(&a, UINT32_MAX));
}

/* Every sequence of up to three inner packets: what may share, and what the outer says. */
static void aggregate_add__ecn(void **state)
{
	static const struct {
		uint8_t inner[3];
		uint8_t count;
		int outer; /* -1: the last may not join */
	} cases[] = {
		{{ECN_NOT_ECT}, 1, ECN_NOT_ECT},
		{{ECN_ECT0}, 1, ECN_ECT0},
		{{ECN_ECT1}, 1, ECN_ECT1},
		{{ECN_CE}, 1, ECN_CE},
		{{ECN_NOT_ECT, ECN_NOT_ECT}, 2, ECN_NOT_ECT},
		{{ECN_NOT_ECT, ECN_ECT0}, 2, -1},
		{{ECN_NOT_ECT, ECN_ECT1}, 2, -1},
		{{ECN_NOT_ECT, ECN_CE}, 2, -1},
		{{ECN_ECT0, ECN_NOT_ECT}, 2, -1},
		{{ECN_ECT1, ECN_NOT_ECT}, 2, -1},
		{{ECN_CE, ECN_NOT_ECT}, 2, -1},
		{{ECN_ECT0, ECN_ECT0}, 2, ECN_ECT0},
		{{ECN_ECT1, ECN_ECT1}, 2, ECN_ECT1},
		{{ECN_ECT0, ECN_ECT1}, 2, ECN_ECT0},
		{{ECN_ECT1, ECN_ECT0}, 2, ECN_ECT0},
		{{ECN_CE, ECN_CE}, 2, ECN_ECT0},
		{{ECN_CE, ECN_ECT0}, 2, ECN_ECT0},
		{{ECN_CE, ECN_ECT1}, 2, ECN_ECT0},
		{{ECN_ECT1, ECN_CE}, 2, ECN_ECT0},
		{{ECN_ECT1, ECN_ECT1, ECN_CE}, 3, ECN_ECT0},
		{{ECN_CE, ECN_CE, ECN_CE}, 3, ECN_ECT0},
		{{ECN_ECT0, ECN_ECT1, ECN_ECT1}, 3, ECN_ECT0},
		{{ECN_CE, ECN_CE, ECN_NOT_ECT}, 3, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t last = cases[i].count - 1u;
		struct aggregate a;

		aggregate_init(&a, CAPACITY);
		for (uint32_t k = 0; k < last; k++)
			aggregate_add(&a, 60, cases[i].inner[k], 0);
		assert_int_equal(aggregate_may_add(&a, 60, cases[i].inner[last]),
				 cases[i].outer >= 0);
		if (cases[i].outer < 0)
			continue;
		aggregate_add(&a, 60, cases[i].inner[last], 0);
		if (a.ecn != cases[i].outer)
			fail_msg("case %zu: outer %u", i, a.ecn);
	}
}

/* An outer field that nobody marked on the way leaves every inner one as it was. */
static void aggregate_add__unmarked_changes_nothing(void **state)
{
	(void)state;
	for (uint32_t mix = 0; mix < 64; mix++) {
		struct aggregate a;
		uint32_t joined = 0;

		aggregate_init(&a, CAPACITY);
		for (uint32_t k = 0; k < 3; k++) {
			if (!aggregate_may_add(&a, 60, mix >> 2 * k & 3))
				break;
			aggregate_add(&a, 60, mix >> 2 * k & 3, 0);
			joined++;
		}
		for (uint32_t k = 0; k < joined; k++) {
			uint8_t inner = mix >> 2 * k & 3, result;

			assert_true(ecn_decapsulate(inner, a.ecn, &result));
			assert_int_equal(result, inner);
			/* And a mark never kills one. */
			if (a.ecn != ECN_NOT_ECT)
				assert_true(ecn_decapsulate(inner, ECN_CE, &result));
		}
	}
}

static void aggregate_deadline__of_the_first(void **state)
{
	struct aggregate a;

	(void)state;
	aggregate_init(&a, CAPACITY);
	assert_true(aggregate_deadline(&a) == UINT64_MAX);
	assert_false(aggregate_is_due(&a, UINT64_MAX));
	aggregate_add(&a, 60, ECN_ECT0, 1000);
	aggregate_add(&a, 60, ECN_ECT0, 9000);
	assert_true(aggregate_deadline(&a) == 1000 + AGGREGATE_FLUSH_NS);
	assert_false(aggregate_is_due(&a, 999 + AGGREGATE_FLUSH_NS));
	assert_true(aggregate_is_due(&a, 1000 + AGGREGATE_FLUSH_NS));
	aggregate_reset(&a);
	assert_true(aggregate_deadline(&a) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aggregate_may_add__space),
		cmocka_unit_test(aggregate_may_add__size),
		cmocka_unit_test(aggregate_add__ecn),
		cmocka_unit_test(aggregate_add__unmarked_changes_nothing),
		cmocka_unit_test(aggregate_deadline__of_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
