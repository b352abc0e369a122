#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/core/admission.h"

static void load_add__by_link_end(void **state)
{
	static struct path path = {.rate_bps = {5, 7}};
	struct link_load load = {0};

	(void)state;
	link_load_add(&load, &path);
	assert_int_equal(load.used_bps[END_A], 5);
	assert_int_equal(load.used_bps[END_Z], 7);
	path.assigned.is_reversed = true;
	link_load_add(&load, &path);
	assert_int_equal(load.used_bps[END_A], 12);
	assert_int_equal(load.used_bps[END_Z], 12);
}

static void load_fits__up_to_capacity_and_no_overflow(void **state)
{
	static struct path path = {.rate_bps = {UINT64_MAX - 1, 1}};
	struct link link = {.capacity_bps = 10};
	struct link_load load = {.used_bps = {10, 10}};

	(void)state;
	assert_true(link_load_fits(&load, &link));
	load.used_bps[END_Z]++;
	assert_false(link_load_fits(&load, &link));
	link_load_add(&load, &path);
	assert_true(load.used_bps[END_A] == UINT64_MAX);
	assert_false(link_load_fits(&load, &link));
}

static void free__seen_from_the_path(void **state)
{
	struct link link = {.capacity_bps = 10};
	struct link_candidate candidate = {.link = &link, .load = {{3, 12}}};
	uint64_t free_bps[2];

	(void)state;
	link_candidate_free_bps(&candidate, free_bps);
	assert_int_equal(free_bps[END_A], 7);
	assert_int_equal(free_bps[END_Z], 0);
	candidate.is_reversed = true;
	link_candidate_free_bps(&candidate, free_bps);
	assert_int_equal(free_bps[END_A], 0);
	assert_int_equal(free_bps[END_Z], 7);
}

static void choose__table(void **state)
{
	static const struct link small = {.capacity_bps = 10}, large = {.capacity_bps = 20};
	static const struct link down = {.capacity_bps = 100, .is_down = true};
	static const struct {
		struct link_candidate candidates[3];
		uint32_t count;
		uint64_t rate_bps[2];
		int chosen;
		uint64_t most_bps;
	} table[] = {
		{.count = 0, .rate_bps = {1, 1}, .chosen = -ENOENT},
		{{{.link = &down}}, 1, {1, 1}, -ENOENT, 0},
		{{{.link = &small}, {.link = &large}}, 2, {1, 1}, 1, 20},
		{{{.link = &small}, {.link = &small}}, 2, {1, 1}, 0, 10},
		{{{.link = &small}, {.link = &large, .load = {{19, 0}}}}, 2, {2, 2}, 0, 10},
		{{{.link = &small, .load = {{0, 10}}}}, 1, {1, 1}, -ENOSPC, 0},
		{{{.link = &large, .load = {{4, 9}}}}, 1, {16, 12}, -ENOSPC, 11},
		{{{.link = &large, .load = {{4, 9}}}}, 1, {16, 11}, 0, 11},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t most_bps;

		assert_int_equal(link_candidate_choose(table[i].candidates, table[i].count,
						       table[i].rate_bps, &most_bps),
				 table[i].chosen);
		assert_int_equal(most_bps, table[i].most_bps);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_add__by_link_end),
		cmocka_unit_test(load_fits__up_to_capacity_and_no_overflow),
		cmocka_unit_test(free__seen_from_the_path),
		cmocka_unit_test(choose__table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
