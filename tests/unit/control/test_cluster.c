#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/core/cluster.h"
#include "dataplane/core/shaper.h"

#define MS 1000000ull
#define S  1000000000ull
#define M  1000000ull
#define G  1000000000ull

_Static_assert(CLUSTER_RATE_MIN_BPS == SHAPER_RATE_MIN_BPS, "no path is slower");
_Static_assert(CLUSTER_RATE_MAX_BPS == SHAPER_RATE_MAX_BPS, "no path is faster");

static void pattern__names(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < CLUSTER_PATTERN_COUNT; i++)
		assert_int_equal(cluster_pattern_find(cluster_pattern_name(i)), i);
	assert_int_equal(cluster_pattern_find("rings"), CLUSTER_PATTERN_COUNT);
	assert_string_equal(cluster_pattern_name(CLUSTER_PATTERN_COUNT), "");
}

static void demand_check__table(void **state)
{
	static const struct {
		uint32_t members;
		enum cluster_fault fault;
		struct cluster_demand demand;
	} table[] = {
		{2, CLUSTER_OK, {.rate_bps = M}},
		{12, CLUSTER_OK, {.rate_bps = 400 * G, .is_one_way = true}},
		{1, CLUSTER_MEMBERS, {.rate_bps = G}},
		{13, CLUSTER_MEMBERS, {.rate_bps = G}},
		{2, CLUSTER_PATTERN, {.pattern = CLUSTER_PATTERN_COUNT, .rate_bps = G}},
		{2, CLUSTER_SIZE, {0}},
		{2, CLUSTER_RATE, {.rate_bps = M - 1}},
		{2, CLUSTER_RATE, {.rate_bps = 400 * G + 1}},
		{2, CLUSTER_PERIOD, {.bytes_per_step = 1}},
		{2, CLUSTER_PERIOD, {.step_period_ns = 1, .rate_bps = G}},
		{2, CLUSTER_PERIOD, {.bytes_per_step = 1, .step_period_ns = 86401 * S}},
		{2, CLUSTER_SIZE, {.bytes_per_step = (1ull << 50) + 1, .step_period_ns = S}},
		{2, CLUSTER_OK, {.bytes_per_step = 1ull << 50, .step_period_ns = 86400 * S}},
		{2, CLUSTER_OK, {.bytes_per_step = 1, .step_period_ns = 1, .rate_bps = G}},
		{2, CLUSTER_OVERLAP, {.rate_bps = G, .overlap_pct = 101}},
		{2, CLUSTER_EFFICIENCY, {.rate_bps = G, .efficiency_pct = 90}},
		{2,
		 CLUSTER_EFFICIENCY,
		 {.bytes_per_step = 1, .step_period_ns = S, .efficiency_pct = 100}},
		{2,
		 CLUSTER_EFFICIENCY,
		 {.bytes_per_step = 1, .step_period_ns = S, .rate_bps = G, .efficiency_pct = 90}},
		{2,
		 CLUSTER_OK,
		 {.bytes_per_step = 1,
		  .step_period_ns = S,
		  .overlap_pct = 100,
		  .efficiency_pct = 1}},
		{2, CLUSTER_ONE_WAY, {.pattern = CLUSTER_TREE, .rate_bps = G, .is_one_way = true}},
		{2, CLUSTER_EMPTY, {.pattern = CLUSTER_MATRIX}},
		{2, CLUSTER_SIZE, {.pattern = CLUSTER_MATRIX, .rate_bps = G}},
		{2, CLUSTER_OK, {.pattern = CLUSTER_MATRIX, .matrix_bps = {{0, M}}}},
		{2, CLUSTER_RATE, {.pattern = CLUSTER_MATRIX, .matrix_bps = {{0, 1}}}},
		{2, CLUSTER_EMPTY, {.pattern = CLUSTER_MATRIX, .matrix_bps = {{M, M}}}},
		/* Of members that there are not. */
		{2, CLUSTER_EMPTY, {.pattern = CLUSTER_MATRIX, .matrix_bps = {{0, 0, M}}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(cluster_demand_check(&table[i].demand, table[i].members),
				 table[i].fault);
	for (int i = 0; i < CLUSTER_FAULT_COUNT; i++)
		assert_true(strlen(cluster_fault_text((enum cluster_fault)i)) > 10);
}

static void budget__by_overlap_and_efficiency(void **state)
{
	struct cluster_demand demand = {.bytes_per_step = 1, .step_period_ns = 9 * S};

	(void)state;
	demand.overlap_pct = 50;
	assert_int_equal(cluster_budget_ns(&demand), 9 * S);
	demand.efficiency_pct = 90;
	assert_int_equal(cluster_budget_ns(&demand), 4500 * MS + S);
	demand.overlap_pct = 0;
	assert_int_equal(cluster_budget_ns(&demand), S);
}

static struct cluster_plan plan;

/* A plan over links of 10 ms, each with room without end. */
static void make(const struct cluster_demand *demand, uint32_t members)
{
	static struct cluster_scratch scratch;
	static struct cluster_pairs pairs;
	struct cluster_refusal refusal;

	for (int a = 0; a < CLUSTER_MEMBERS_MAX; a++) {
		for (int z = 0; z < CLUSTER_MEMBERS_MAX; z++) {
			pairs.rtt_ns[a][z] = a == z ? 0 : 10 * MS;
			pairs.room_bps[a][z] = UINT64_MAX;
		}
	}
	assert_int_equal(cluster_demand_check(demand, members), CLUSTER_OK);
	assert_int_equal(cluster_plan(demand, members, &pairs, &scratch, &plan, &refusal), 0);
}

static void outlook__names_what_limits(void **state)
{
	struct cluster_demand demand = {.rate_bps = 8 * G, .overlap_pct = 50};
	struct cluster_outlook outlook;
	uint8_t narrow;

	(void)state;
	make(&demand, 3);
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_false(outlook.is_known);
	assert_int_equal(outlook.limit_edge, CLUSTER_NONE);
	demand.bytes_per_step = 3 * G / 4;
	demand.step_period_ns = 4 * S;
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_true(outlook.is_known);
	assert_int_equal(outlook.result.efficiency_ppm, 1000000);
	assert_int_equal(outlook.limit_edge, CLUSTER_NONE);
	/* The one against the ring's order does not count, the one with it does. */
	narrow = cluster_edge_find(&plan, 0, 2);
	plan.edges[narrow].rate_bps[0] = G;
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_int_equal(outlook.result.efficiency_ppm, 1000000);
	plan.edges[narrow].rate_bps[1] = G;
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_in_range(outlook.result.efficiency_ppm, 399000, 400000);
	assert_int_equal(outlook.result.limit, STEP_LIMIT_BANDWIDTH);
	assert_int_equal(outlook.limit_edge, narrow);
	/* 1 MiB in 10 ms is 0.84 Gb/s. */
	plan.edges[narrow].rate_bps[1] = 8 * G;
	cluster_outlook(&demand, &plan, 1 << 20, 1 << 18, &outlook);
	assert_int_equal(outlook.result.limit, STEP_LIMIT_WINDOW);
	demand.bytes_per_step = 1000;
	demand.step_period_ns = 10 * MS;
	plan.edges[1].rtt_ns = 400 * MS;
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_int_equal(outlook.result.limit, STEP_LIMIT_LATENCY);
	assert_int_equal(outlook.limit_edge, 1);
}

static void outlook__tree_by_its_slower_direction(void **state)
{
	struct cluster_demand demand = {
		.pattern = CLUSTER_TREE, .bytes_per_step = G, .step_period_ns = 2 * S};
	struct cluster_outlook outlook;
	uint8_t edge;

	(void)state;
	demand.overlap_pct = 100;
	make(&demand, 4);
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_true(outlook.is_known);
	assert_int_equal(outlook.result.efficiency_ppm, 1000000);
	edge = cluster_edge_find(&plan, 0, 3);
	for (int end = 0; end < 2; end++) {
		uint64_t rate = plan.edges[edge].rate_bps[end];

		plan.edges[edge].rate_bps[end] = 2 * G;
		cluster_outlook(&demand, &plan, 0, 0, &outlook);
		assert_in_range(outlook.result.efficiency_ppm, 490000, 500000);
		assert_int_equal(outlook.limit_edge, edge);
		plan.edges[edge].rate_bps[end] = rate;
	}
	plan.edges[edge].rtt_ns = 9 * S;
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_int_equal(outlook.result.limit, STEP_LIMIT_LATENCY);
	assert_int_equal(outlook.limit_edge, edge);
	/* A matrix without a ring says nothing of a step. */
	demand.pattern = CLUSTER_MATRIX;
	demand.matrix_bps[0][1] = G;
	make(&demand, 4);
	cluster_outlook(&demand, &plan, 0, 0, &outlook);
	assert_false(outlook.is_known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern__names),
		cmocka_unit_test(demand_check__table),
		cmocka_unit_test(budget__by_overlap_and_efficiency),
		cmocka_unit_test(outlook__names_what_limits),
		cmocka_unit_test(outlook__tree_by_its_slower_direction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
