// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/core/prefix_table.h"

#define PREFIXES 64

struct fixture {
	struct prefix_table table;
	struct table_prefix prefixes[PREFIXES];
	struct table_interval intervals[PREFIX_TABLE_INTERVALS(PREFIXES)];
};

static void fixture_init(struct fixture *f)
{
	prefix_table_init(&f->table, f->prefixes, f->intervals);
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

static void add(struct fixture *f, const char *text)
{
	struct ip_prefix p = prefix(text);

	prefix_table_add(&f->table, &p);
}

static uint32_t group_of(const struct fixture *f, const struct ip_addr *addr)
{
	uint64_t half[2] = {0};

	for (int i = 0; i < 16; i++)
		half[i / 8] = half[i / 8] << 8 | addr->bytes[i];
	return prefix_table_group(&f->table, half[0], half[1]);
}

static void prefix_table_add__sorts_and_ignores_doubles(void **state)
{
	struct fixture f;
	struct ip_prefix first, last;

	(void)state;
	fixture_init(&f);
	add(&f, "fd01::/64");
	add(&f, "10.1.0.0/16");
	add(&f, "10.0.0.0/8");
	add(&f, "fd01::/64");
	add(&f, "10.1.0.0/16");
	assert_int_equal(f.table.count, 3);
	first = prefix_table_get(&f.table, 0);
	last = prefix_table_get(&f.table, 2);
	assert_true(ip_prefix_equal(&first, &(struct ip_prefix){prefix("10.0.0.0/8").addr, 104}));
	assert_int_equal(last.len, 64);
}

static void prefix_table_group__longest_wins(void **state)
{
	static const struct {
		const char *addr, *inside; /* NULL: in none */
	} cases[] = {
		{"9.255.255.255", NULL},
		{"10.0.0.0", "10.0.0.0/8"},
		{"10.0.255.255", "10.0.0.0/8"},
		{"10.1.0.0", "10.1.0.0/16"},
		{"10.1.2.2", "10.1.0.0/16"},
		{"10.1.2.3", "10.1.2.3/32"},
		{"10.1.2.4", "10.1.0.0/16"},
		{"10.1.255.255", "10.1.0.0/16"},
		{"10.2.0.0", "10.0.0.0/8"},
		{"10.255.255.255", "10.0.0.0/8"},
		{"11.0.0.0", NULL},
		{"255.255.255.255", "255.0.0.0/8"},
		{"::", NULL},
		{"::1:0:0:0", NULL},
		{"fd01::1", "fd01::/64"},
		{"fd01:0:0:1::", NULL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff::/16"},
	};
	static const char *const all[] = {"fd01::/64",	"10.1.2.3/32", "255.0.0.0/8",
					  "10.0.0.0/8", "ffff::/16",   "10.1.0.0/16"};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	for (uint32_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		add(&f, all[i]);
	prefix_table_seal(&f.table);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr addr;
		struct ip_prefix found, expected;
		uint32_t group;

		assert_int_equal(ip_addr_parse(cases[i].addr, &addr), 0);
		group = group_of(&f, &addr);
		if (!cases[i].inside) {
			assert_int_equal(group, 0);
			continue;
		}
		assert_int_not_equal(group, 0);
		found = prefix_table_get(&f.table, group - 1);
		expected = prefix(cases[i].inside);
		assert_true(ip_prefix_equal(&found, &expected));
	}
}

static void prefix_table_group__empty(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	prefix_table_seal(&f.table);
	assert_int_equal(prefix_table_group(&f.table, 0, 0), 0);
	assert_int_equal(prefix_table_group(&f.table, UINT64_MAX, UINT64_MAX), 0);
}

static void prefix_table_group__all_addresses(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	add(&f, "::/0");
	add(&f, "::/1");
	prefix_table_seal(&f.table);
	assert_int_equal(prefix_table_group(&f.table, 0, 0), 2);
	assert_int_equal(prefix_table_group(&f.table, 1ull << 63, 0), 1);
	assert_int_equal(prefix_table_group(&f.table, UINT64_MAX, UINT64_MAX), 1);
}

static void prefix_table_inside__is_a_range(void **state)
{
	struct fixture f;
	struct ip_prefix wide = prefix("10.0.0.0/8"), other = prefix("10.1.0.0/16");
	struct table_range range;

	(void)state;
	fixture_init(&f);
	add(&f, "9.0.0.0/8");
	add(&f, "10.0.0.0/8");
	add(&f, "10.0.0.0/16");
	add(&f, "10.1.0.0/16");
	add(&f, "10.1.1.0/24");
	add(&f, "11.0.0.0/8");
	prefix_table_seal(&f.table);
	range = prefix_table_inside(&f.table, &wide);
	assert_int_equal(range.first, 1);
	assert_int_equal(range.end, 5);
	range = prefix_table_inside(&f.table, &other);
	assert_int_equal(range.first, 3);
	assert_int_equal(range.end, 5);
}

/* 129 prefixes around one address: the deepest nesting there is. */
static void prefix_table_seal__deepest_nesting(void **state)
{
	static struct table_prefix prefixes[129];
	static struct table_interval intervals[PREFIX_TABLE_INTERVALS(129)];
	struct prefix_table table;

	(void)state;
	prefix_table_init(&table, prefixes, intervals);
	for (uint32_t len = 0; len <= 128; len++)
		prefix_table_add(&table, &(struct ip_prefix){.len = (uint8_t)len});
	prefix_table_seal(&table);
	assert_int_equal(prefix_table_group(&table, 0, 0), 129);
	assert_int_equal(prefix_table_group(&table, 0, 1), 128);
	assert_int_equal(prefix_table_group(&table, UINT64_MAX, 0), 1);
	assert_int_equal(prefix_table_group(&table, 1, 0), 64);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_table_add__sorts_and_ignores_doubles),
		cmocka_unit_test(prefix_table_group__longest_wins),
		cmocka_unit_test(prefix_table_group__empty),
		cmocka_unit_test(prefix_table_group__all_addresses),
		cmocka_unit_test(prefix_table_inside__is_a_range),
		cmocka_unit_test(prefix_table_seal__deepest_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
