#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/core/selector.h"

#define RANGE(f, l) .range_count = 1, .ranges = {{.first = (f), .last = (l)}}

static void match_overlaps__table(void **state)
{
	static const struct {
		struct intent_match a, b;
		bool overlaps;
	} table[] = {
		{{.protocol = PROTOCOL_ANY}, {.protocol = PROTOCOL_TCP}, true},
		{{.protocol = PROTOCOL_TCP}, {.protocol = PROTOCOL_UDP}, false},
		{{.protocol = PROTOCOL_ROCE}, {.protocol = PROTOCOL_UDP}, false},
		{{.protocol = PROTOCOL_TCP, RANGE(1, 10)},
		 {.protocol = PROTOCOL_TCP, RANGE(10, 20)},
		 true},
		{{.protocol = PROTOCOL_TCP, RANGE(1, 9)},
		 {.protocol = PROTOCOL_TCP, RANGE(10, 20)},
		 false},
		{{.protocol = PROTOCOL_TCP, RANGE(1, 9)}, {.protocol = PROTOCOL_TCP}, true},
		{{.protocol = PROTOCOL_ANY, .dscp_mask = 1},
		 {.protocol = PROTOCOL_ANY, .dscp_mask = 2},
		 false},
		{{.protocol = PROTOCOL_ANY, .dscp_mask = 3},
		 {.protocol = PROTOCOL_ANY, .dscp_mask = 2},
		 true},
		{{.protocol = PROTOCOL_ANY, .dscp_mask = 3}, {.protocol = PROTOCOL_ANY}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(match_overlaps(&table[i].a, &table[i].b), table[i].overlaps);
		assert_int_equal(match_overlaps(&table[i].b, &table[i].a), table[i].overlaps);
	}
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(ip_prefix_parse(text, &parsed), 0);
	return parsed;
}

static void prefix_sets_equal__any_order(void **state)
{
	struct ip_prefix a[] = {prefix("10.1.0.0/16"), prefix("fd01::/64")};
	struct ip_prefix b[] = {prefix("fd01::/64"), prefix("10.1.0.0/16")};

	(void)state;
	assert_true(prefix_sets_equal(a, 2, b, 2));
	assert_false(prefix_sets_equal(a, 2, b, 1));
	assert_false(prefix_sets_equal(a, 1, b, 2));
	assert_true(prefix_sets_equal(a, 0, b, 0));
}

static void conflicts__same_ends_and_match(void **state)
{
	struct ip_prefix a = prefix("10.1.0.0/16"), z = prefix("10.2.0.0/16");
	struct ip_prefix narrow = prefix("10.1.7.0/24");
	struct intent_match any = {.protocol = PROTOCOL_ANY};
	struct intent_match tcp = {.protocol = PROTOCOL_TCP}, udp = {.protocol = PROTOCOL_UDP};
	struct selector base = {{1, 1}, {&a, &z}, 1, &any};
	struct selector turned = {{1, 1}, {&z, &a}, 1, &tcp};
	struct selector inside = {{1, 1}, {&narrow, &z}, 1, &any};
	struct selector other = {{1, 1}, {&a, &z}, 1, &udp};

	(void)state;
	assert_true(selector_conflicts(&base, &base));
	assert_true(selector_conflicts(&base, &turned));
	assert_false(selector_conflicts(&base, &inside));
	assert_false(selector_conflicts(&turned, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(match_overlaps__table),
		cmocka_unit_test(prefix_sets_equal__any_order),
		cmocka_unit_test(conflicts__same_ends_and_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
