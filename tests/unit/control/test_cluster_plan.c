#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/core/cluster.h"
#include "tests/sim/random.h"

#define MS 1000000ull
#define S  1000000000ull
#define M  1000000ull
#define G  1000000000ull

static struct cluster_scratch scratch;
static struct cluster_plan plan;
static struct cluster_refusal refusal;
static uint64_t seed;

static int make(const struct cluster_demand *demand, uint32_t members,
		const struct cluster_pairs *pairs)
{
	assert_int_equal(cluster_demand_check(demand, members), CLUSTER_OK);
	memset(&scratch, 0xa5, sizeof(scratch));
	memset(&plan, 0xa5, sizeof(plan));
	memset(&refusal, 0xa5, sizeof(refusal));
	return cluster_plan(demand, members, pairs, &scratch, &plan, &refusal);
}

static void set_pair(struct cluster_pairs *pairs, int a, int z, uint64_t rtt_ns, uint64_t room_bps)
{
	pairs->rtt_ns[a][z] = pairs->rtt_ns[z][a] = rtt_ns;
	pairs->room_bps[a][z] = pairs->room_bps[z][a] = room_bps;
}

/* Every pair has a link of that round trip, and room without end. */
static struct cluster_pairs full_mesh(uint64_t rtt_ns)
{
	struct cluster_pairs pairs;

	memset(&pairs, 0, sizeof(pairs));
	for (int a = 0; a < CLUSTER_MEMBERS_MAX; a++) {
		for (int z = a + 1; z < CLUSTER_MEMBERS_MAX; z++)
			set_pair(&pairs, a, z, rtt_ns, UINT64_MAX);
	}
	return pairs;
}

static void check_edge(uint8_t a, uint8_t z, uint64_t a_bps, uint64_t z_bps)
{
	uint8_t i = cluster_edge_find(&plan, z, a);

	assert_int_not_equal(i, CLUSTER_NONE);
	assert_int_equal(plan.edges[i].a, a);
	assert_int_equal(plan.edges[i].z, z);
	assert_int_equal(plan.edges[i].rate_bps[0], a_bps);
	assert_int_equal(plan.edges[i].rate_bps[1], z_bps);
}

static void ring__rate_on_every_way(void **state)
{
	struct cluster_demand demand = {.rate_bps = 16 * G};
	struct cluster_pairs pairs = full_mesh(10 * MS);

	(void)state;
	/* 0 2 1 3: the shortest ring. */
	set_pair(&pairs, 0, 1, 50 * MS, UINT64_MAX);
	set_pair(&pairs, 2, 3, 50 * MS, UINT64_MAX);
	assert_int_equal(make(&demand, 4, &pairs), 0);
	assert_int_equal(plan.member_count, 4);
	assert_int_equal(plan.edge_count, 4);
	assert_int_equal(plan.order_count, 4);
	assert_int_equal(plan.root, CLUSTER_NONE);
	assert_memory_equal(plan.order, ((uint8_t[]){0, 2, 1, 3}), 4);
	check_edge(0, 2, 16 * G, 16 * G);
	check_edge(1, 2, 16 * G, 16 * G);
	check_edge(1, 3, 16 * G, 16 * G);
	check_edge(0, 3, 16 * G, 16 * G);
	assert_int_equal(cluster_edge_find(&plan, 0, 1), CLUSTER_NONE);
	assert_int_equal(plan.edges[0].rtt_ns, 10 * MS);
	/* One way round: acknowledgements the other. */
	demand.is_one_way = true;
	assert_int_equal(make(&demand, 4, &pairs), 0);
	check_edge(0, 2, 16 * G, G);
	check_edge(1, 2, G, 16 * G);
	check_edge(1, 3, 16 * G, G);
	check_edge(0, 3, G, 16 * G);
}

static void ring__two_members_use_both_directions(void **state)
{
	struct cluster_demand demand = {.rate_bps = 16 * G, .is_one_way = true};
	struct cluster_pairs pairs = full_mesh(10 * MS);

	(void)state;
	assert_int_equal(make(&demand, 2, &pairs), 0);
	assert_int_equal(plan.edge_count, 1);
	check_edge(0, 1, 16 * G, 16 * G);
	/* S bytes reduced by two sites: S / 2 twice each way, and two half round trips. */
	demand = (struct cluster_demand){.bytes_per_step = G, .step_period_ns = S};
	assert_int_equal(make(&demand, 2, &pairs), 0);
	assert_in_range(plan.edges[0].rate_bps[0], 8 * G * 100 / 99, 8 * G * 100 / 99 + 100);
}

static void ring__by_bytes_and_period(void **state)
{
	struct cluster_demand demand = {.bytes_per_step = 3 * G, .step_period_ns = 4 * S};
	struct cluster_pairs pairs = full_mesh(10 * MS);
	uint64_t least;

	(void)state;
	/* 2 x 2/3 x 3 GB in 4 s without 4 x 5 ms. */
	assert_int_equal(make(&demand, 3, &pairs), 0);
	least = 32 * G * 1000 / 3980;
	assert_in_range(plan.edges[0].rate_bps[0], least, least + 1000);
	/* With nothing beside the computation, and 80 %: a fourth of the period. */
	demand.efficiency_pct = 80;
	assert_int_equal(make(&demand, 3, &pairs), 0);
	least = 32 * G * 1000 / 980;
	assert_in_range(plan.edges[0].rate_bps[0], least, least + 1000);
	/* A few bytes: no path is slower than this. */
	demand.bytes_per_step = 1000;
	assert_int_equal(make(&demand, 3, &pairs), 0);
	assert_int_equal(plan.edges[0].rate_bps[0], M);
}

static void ring__round_trips_alone_are_too_long(void **state)
{
	struct cluster_demand demand = {.bytes_per_step = G, .step_period_ns = 20 * MS};
	struct cluster_pairs pairs = full_mesh(10 * MS);

	(void)state;
	assert_int_equal(make(&demand, 3, &pairs), -ETIMEDOUT);
	assert_int_equal(refusal.a, CLUSTER_NONE);
	assert_int_equal(refusal.latency_ns, 20 * MS);
	assert_int_equal(refusal.budget_ns, 20 * MS);
	demand.step_period_ns = 40 * MS;
	pairs = full_mesh(4 * MS);
	assert_int_equal(make(&demand, 3, &pairs), 0);
}

static void ring__none_over_these_links(void **state)
{
	struct cluster_demand demand = {.rate_bps = G};
	struct cluster_pairs pairs = full_mesh(10 * MS);

	(void)state;
	/* Member 2 has one link only. */
	set_pair(&pairs, 2, 0, 0, 0);
	set_pair(&pairs, 2, 3, 0, 0);
	assert_int_equal(make(&demand, 4, &pairs), -ENOENT);
	assert_int_equal(refusal.a, 2);
	assert_int_equal(refusal.z, CLUSTER_NONE);
	set_pair(&pairs, 0, 1, 0, 0);
	assert_int_equal(make(&demand, 2, &pairs), -ENOENT);
	assert_int_equal(refusal.a, 0);
	assert_int_equal(refusal.z, 1);
	/* Two triangles that share member 0: all have two ways, and yet there is no ring. */
	pairs = full_mesh(10 * MS);
	for (int a = 1; a <= 2; a++) {
		for (int z = 3; z <= 4; z++)
			set_pair(&pairs, a, z, 0, 0);
	}
	assert_int_equal(make(&demand, 5, &pairs), -ENOENT);
	assert_int_equal(refusal.a, CLUSTER_NONE);
}

static void ring__goes_round_what_is_too_narrow(void **state)
{
	struct cluster_demand demand = {.rate_bps = 2 * G};
	struct cluster_pairs pairs = full_mesh(10 * MS);

	(void)state;
	set_pair(&pairs, 0, 1, 1 * MS, UINT64_MAX);
	pairs.room_bps[1][0] = 2 * G - 1;
	assert_int_equal(make(&demand, 4, &pairs), 0);
	assert_int_equal(cluster_edge_find(&plan, 0, 1), CLUSTER_NONE);
	/* Three members need all three pairs. */
	assert_int_equal(make(&demand, 3, &pairs), -ENOSPC);
	assert_int_equal(refusal.a, 1);
	assert_int_equal(refusal.z, 0);
	assert_int_equal(refusal.needed_bps, 2 * G);
	assert_int_equal(refusal.room_bps, 2 * G - 1);
	/* More than any path carries. */
	pairs = full_mesh(10 * MS);
	demand = (struct cluster_demand){.bytes_per_step = 100 * G, .step_period_ns = S};
	assert_int_equal(make(&demand, 3, &pairs), -ENOSPC);
	assert_int_equal(refusal.room_bps, CLUSTER_RATE_MAX_BPS);
}

static void tree__star_where_links_are_direct(void **state)
{
	struct cluster_demand demand = {.pattern = CLUSTER_TREE, .rate_bps = G};
	struct cluster_pairs pairs = full_mesh(30 * MS);

	(void)state;
	for (int i = 0; i < 4; i++) {
		if (i != 2)
			set_pair(&pairs, 2, i, 20 * MS, UINT64_MAX);
	}
	assert_int_equal(make(&demand, 4, &pairs), 0);
	assert_int_equal(plan.root, 2);
	assert_int_equal(plan.hops, 2);
	assert_int_equal(plan.delay_ns, 20 * MS);
	assert_int_equal(plan.edge_count, 3);
	assert_int_equal(plan.order_count, 0);
	assert_memory_equal(plan.parent, ((uint8_t[]){2, 2, CLUSTER_NONE, 2}), 4);
	check_edge(0, 2, G, G);
	check_edge(2, 3, G, G);
}

static void tree__over_a_line(void **state)
{
	struct cluster_demand demand = {
		.pattern = CLUSTER_TREE, .bytes_per_step = 1 << 20, .step_period_ns = S};
	struct cluster_pairs pairs;

	(void)state;
	memset(&pairs, 0, sizeof(pairs));
	for (int i = 0; i < 4; i++)
		set_pair(&pairs, i, i + 1, 10 * MS, UINT64_MAX);
	assert_int_equal(make(&demand, 5, &pairs), 0);
	assert_int_equal(plan.root, 2);
	assert_int_equal(plan.hops, 4);
	assert_int_equal(plan.delay_ns, 20 * MS);
	assert_memory_equal(plan.parent, ((uint8_t[]){1, 2, CLUSTER_NONE, 2, 3}), 5);
	/* One piece of 1 MiB, four hops, 980 ms. */
	assert_in_range(plan.edges[0].rate_bps[0], 34239216, 34239316);
	/* The line is cut. */
	set_pair(&pairs, 1, 2, 0, 0);
	assert_int_equal(make(&demand, 5, &pairs), -ENOENT);
	set_pair(&pairs, 0, 1, 0, 0);
	assert_int_equal(make(&demand, 5, &pairs), -ENOENT);
	assert_int_equal(refusal.a, 0);
}

static void tree__ties(void **state)
{
	struct cluster_demand demand = {.pattern = CLUSTER_TREE, .rate_bps = G};
	struct cluster_pairs pairs = full_mesh(20 * MS);

	(void)state;
	/* Members 0, 1 and 2 are 20 ms deep as roots, 1 and 2 with less in all. */
	set_pair(&pairs, 1, 2, 10 * MS, UINT64_MAX);
	set_pair(&pairs, 1, 3, 10 * MS, UINT64_MAX);
	set_pair(&pairs, 2, 3, 50 * MS, UINT64_MAX);
	assert_int_equal(make(&demand, 4, &pairs), 0);
	assert_int_equal(plan.root, 1);
	/* Member 4 is 20 ms from the root by way of 1 and 2, and by way of 3: fewer hops. */
	memset(&pairs, 0, sizeof(pairs));
	set_pair(&pairs, 0, 1, 5 * MS, UINT64_MAX);
	set_pair(&pairs, 1, 2, 5 * MS, UINT64_MAX);
	set_pair(&pairs, 2, 4, 10 * MS, UINT64_MAX);
	set_pair(&pairs, 0, 3, 15 * MS, UINT64_MAX);
	set_pair(&pairs, 3, 4, 5 * MS, UINT64_MAX);
	set_pair(&pairs, 0, 5, 20 * MS, UINT64_MAX);
	assert_int_equal(make(&demand, 6, &pairs), 0);
	assert_memory_equal(plan.parent, ((uint8_t[]){CLUSTER_NONE, 0, 1, 0, 3, 0}), 6);
	assert_int_equal(plan.hops, 4);
}

static void matrix__as_asked(void **state)
{
	struct cluster_demand demand = {.pattern = CLUSTER_MATRIX};
	struct cluster_pairs pairs = full_mesh(10 * MS);

	(void)state;
	demand.matrix_bps[0][1] = 3 * G;
	demand.matrix_bps[1][0] = 2 * G;
	demand.matrix_bps[2][1] = 16 * G;
	demand.matrix_bps[0][3] = 2 * M;
	assert_int_equal(make(&demand, 4, &pairs), 0);
	assert_int_equal(plan.edge_count, 3);
	assert_int_equal(plan.order_count, 0);
	check_edge(0, 1, 3 * G, 2 * G);
	check_edge(1, 2, G, 16 * G);
	check_edge(0, 3, 2 * M, M);
	/* With two more pairs there is a ring over it. */
	demand.matrix_bps[3][2] = G;
	assert_int_equal(make(&demand, 4, &pairs), 0);
	assert_memory_equal(plan.order, ((uint8_t[]){0, 1, 2, 3}), 4);
	assert_int_equal(plan.order_count, 4);
	pairs.room_bps[1][2] = G - 1;
	assert_int_equal(make(&demand, 4, &pairs), -ENOSPC);
	assert_int_equal(refusal.a, 1);
	assert_int_equal(refusal.z, 2);
	set_pair(&pairs, 0, 3, 0, 0);
	assert_int_equal(make(&demand, 4, &pairs), -ENOENT);
	assert_int_equal(refusal.a, 0);
	assert_int_equal(refusal.z, 3);
}

static void random_pairs(struct random *random, uint32_t members, struct cluster_pairs *pairs)
{
	uint32_t missing_ppm = (uint32_t)random_below(random, 400000);

	memset(pairs, 0, sizeof(*pairs));
	for (uint32_t a = 0; a < members; a++) {
		for (uint32_t z = a + 1; z < members; z++) {
			if (random_ppm(random, missing_ppm))
				continue;
			set_pair(pairs, (int)a, (int)z, random_range(random, 1, 100) * MS, 0);
			pairs->room_bps[a][z] = random_range(random, 1, 400) * G;
			pairs->room_bps[z][a] = random_range(random, 1, 400) * G;
		}
	}
}

static void check_plan(const struct cluster_pairs *pairs)
{
	for (uint32_t i = 0; i < plan.edge_count; i++) {
		const struct cluster_edge *edge = &plan.edges[i];

		assert_true(edge->a < edge->z && edge->z < plan.member_count);
		assert_int_equal(edge->rtt_ns, pairs->rtt_ns[edge->a][edge->z]);
		assert_true(edge->rtt_ns > 0);
		assert_true(edge->rate_bps[0] <= pairs->room_bps[edge->a][edge->z]);
		assert_true(edge->rate_bps[1] <= pairs->room_bps[edge->z][edge->a]);
		assert_true(edge->rate_bps[0] >= M && edge->rate_bps[1] >= M);
	}
}

/* The ring of least round trips over pairs with room both ways: found whenever there is one. */
static void plan__ring_of_a_rate_is_exact(void **state)
{
	struct cluster_pairs pairs;
	struct random random;
	uint32_t made = 0;

	(void)state;
	random_init(&random, seed, 1);
	for (int round = 0; round < 500; round++) {
		uint32_t n = (uint32_t)random_range(&random, 2, 8);
		struct cluster_demand demand = {.rate_bps = random_range(&random, 1, 200) * G};
		uint64_t cost[RING_SITES_MAX][RING_SITES_MAX], best, total = 0;
		uint8_t order[RING_SITES_MAX];
		int status, expected;

		random_pairs(&random, n, &pairs);
		for (uint32_t a = 0; a < n; a++) {
			for (uint32_t z = 0; z < n; z++) {
				bool fits = pairs.room_bps[a][z] >= demand.rate_bps &&
					    pairs.room_bps[z][a] >= demand.rate_bps;

				cost[a][z] = fits ? pairs.rtt_ns[a][z] : RING_NO_WAY;
			}
		}
		status = make(&demand, n, &pairs);
		expected = ring_order(cost, n, &scratch.ring, order, &best);
		assert_int_equal(!status, !expected);
		if (status)
			continue;
		made++;
		check_plan(&pairs);
		assert_memory_equal(plan.order, order, n);
		for (uint32_t i = 0; i < plan.edge_count; i++)
			total += plan.edges[i].rtt_ns;
		assert_int_equal(total * (n == 2 ? 2 : 1), best);
	}
	assert_in_range(made, 50, 450);
}

/* What was asked for as an efficiency is what the outlook finds, in whole parts or in pieces. */
static void plan__keeps_the_efficiency(void **state)
{
	struct cluster_pairs pairs;
	struct random random;
	uint32_t made = 0;

	(void)state;
	random_init(&random, seed, 2);
	for (int round = 0; round < 2000; round++) {
		uint32_t n = (uint32_t)random_range(&random, 2, 7);
		struct cluster_demand demand = {
			.pattern = random_below(&random, 2) ? CLUSTER_RING : CLUSTER_TREE,
			.overlap_pct = (uint8_t)random_below(&random, 101),
			.efficiency_pct = (uint8_t)random_range(&random, 1, 99),
			.bytes_per_step =
				random_range(&random, 1, 1ull << random_below(&random, 42)),
			.step_period_ns = random_range(&random, MS, 60 * S),
		};
		struct cluster_outlook outlook;

		random_pairs(&random, n, &pairs);
		if (make(&demand, n, &pairs))
			continue;
		made++;
		check_plan(&pairs);
		/* The tree's rates are made for pieces of one size. */
		cluster_outlook(&demand, &plan, 0,
				demand.pattern == CLUSTER_RING ? random_range(&random, 1 << 16, G)
							       : 0,
				&outlook);
		assert_true(outlook.is_known);
		assert_true(outlook.result.efficiency_ppm >= demand.efficiency_pct * 10000u);
	}
	assert_in_range(made, 100, 1999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring__rate_on_every_way),
		cmocka_unit_test(ring__two_members_use_both_directions),
		cmocka_unit_test(ring__by_bytes_and_period),
		cmocka_unit_test(ring__round_trips_alone_are_too_long),
		cmocka_unit_test(ring__none_over_these_links),
		cmocka_unit_test(ring__goes_round_what_is_too_narrow),
		cmocka_unit_test(tree__star_where_links_are_direct),
		cmocka_unit_test(tree__over_a_line),
		cmocka_unit_test(tree__ties),
		cmocka_unit_test(matrix__as_asked),
		cmocka_unit_test(plan__ring_of_a_rate_is_exact),
		cmocka_unit_test(plan__keeps_the_efficiency),
	};
	const char *given = getenv("CAUSEWAY_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("CAUSEWAY_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
