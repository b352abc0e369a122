#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/core/cluster_cut.h"

static void check(const struct cluster_plan *plan, uint16_t members, uint64_t rate_bps,
		  uint8_t edges)
{
	struct cluster_cut cut;

	cluster_cut_find(plan, &cut);
	assert_int_equal(cut.members, members);
	assert_int_equal(cut.rate_bps, rate_bps);
	assert_int_equal(cut.edges, edges);
}

static void find__two_members(void **state)
{
	static const struct cluster_plan plan = {.member_count = 2,
						 .edge_count = 1,
						 .edges = {{.a = 0, .z = 1, .rate_bps = {5, 4}}}};

	(void)state;
	check(&plan, 1u << 1, 4, 1);
}

static void find__ring(void **state)
{
	struct cluster_plan plan = {.member_count = 4, .edge_count = 4};

	(void)state;
	plan.edges[0] = (struct cluster_edge){.a = 0, .z = 1, .rate_bps = {10, 10}};
	plan.edges[1] = (struct cluster_edge){.a = 1, .z = 2, .rate_bps = {10, 10}};
	plan.edges[2] = (struct cluster_edge){.a = 2, .z = 3, .rate_bps = {10, 10}};
	plan.edges[3] = (struct cluster_edge){.a = 0, .z = 3, .rate_bps = {10, 10}};
	/* All cuts of two edges are alike: the fewest members, the first one. */
	check(&plan, 1u << 0, 20, 2);
	/* Two weak edges part 1 and 2 from 3 and 0, in one direction only. */
	plan.edges[0].rate_bps[0] = 3;
	plan.edges[2].rate_bps[1] = 4;
	check(&plan, 1u << 3 | 1u << 0, 7, 2);
}

static void find__tree_and_parts_without_edges(void **state)
{
	struct cluster_plan plan = {.member_count = 12};

	(void)state;
	for (uint8_t i = 1; i < 12; i++)
		plan.edges[plan.edge_count++] =
			(struct cluster_edge){.a = 0, .z = i, .rate_bps = {100, (uint64_t)200 - i}};
	check(&plan, 0x7ff, 100, 1);
	/* Nothing leads to the last one. */
	plan.edge_count--;
	check(&plan, 1u << 11, 0, 0);
}

static void find__no_overflow(void **state)
{
	struct cluster_plan plan = {.member_count = 3, .edge_count = 3};

	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		plan.edges[i] = (struct cluster_edge){
			.a = i == 2, .z = i ? 2 : 1, .rate_bps = {UINT64_MAX, UINT64_MAX}};
	check(&plan, 1, UINT64_MAX, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find__two_members),
		cmocka_unit_test(find__ring),
		cmocka_unit_test(find__tree_and_parts_without_edges),
		cmocka_unit_test(find__no_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
