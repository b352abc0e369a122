#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/core/cluster_step.h"
#include "tests/sim/random.h"
#include "tests/unit/control/ring_sim.h"

#define MS 1000000ull
#define S  1000000000ull
#define G  1000000000ull

static uint64_t seed;

/* Rates that send a piece of 10 Mbit in a whole number of nanoseconds. */
#define PIECE_BYTES 1250000ull
static const uint64_t rates_mbps[] = {100,  125,  200,	250,  400,   500,   1000,  1250,  2000,
				      2500, 4000, 5000, 8000, 10000, 20000, 50000, 100000};
#define RATES (sizeof(rates_mbps) / sizeof(rates_mbps[0]))

static uint64_t simulate(const struct step_way *ways, uint32_t count, uint32_t pieces,
			 uint32_t window)
{
	struct ring_sim_way sent[RING_SITES_MAX];

	for (uint32_t i = 0; i < count; i++) {
		sent[i].piece_ns = PIECE_BYTES * 8 * S / ways[i].rate_bps;
		sent[i].delay_ns = ways[i].rtt_ns / 2;
	}
	return ring_sim(sent, count, pieces, window);
}

static uint64_t reckon(const struct step_way *ways, uint32_t count, uint32_t pieces,
		       uint32_t window)
{
	struct step_traffic traffic = {
		.bytes = PIECE_BYTES * pieces * count,
		.window_bytes = PIECE_BYTES * window,
		.piece_bytes = PIECE_BYTES,
	};
	struct step_time time;

	step_ring(ways, count, &traffic, &time);
	return time.total_ns;
}

struct scene {
	uint32_t count, pieces;
	struct step_way ways[RING_SITES_MAX];
};

static void scene_make(struct scene *scene, struct random *random, bool is_even)
{
	uint64_t rate = rates_mbps[random_below(random, RATES)] * 1000000;

	scene->count = (uint32_t)random_range(random, 2, RING_SITES_MAX);
	scene->pieces = (uint32_t)random_range(random, 1, random_below(random, 4) ? 8 : 60);
	for (uint32_t i = 0; i < scene->count; i++) {
		scene->ways[i].rtt_ns = 2 * random_range(random, 0, 100 * MS);
		scene->ways[i].rate_bps =
			is_even ? rate : rates_mbps[random_below(random, RATES)] * 1000000;
	}
}

static void ring__as_simulated(void **state)
{
	struct random random;
	struct scene scene;

	(void)state;
	random_init(&random, seed, 1);
	for (int round = 0; round < 400; round++) {
		scene_make(&scene, &random, round % 2);
		assert_int_equal(reckon(scene.ways, scene.count, scene.pieces, 0),
				 simulate(scene.ways, scene.count, scene.pieces, 0));
	}
}

/* What waits for a window and then passes on may be counted twice, seldom more than a piece. */
static void ring__windows_as_simulated(void **state)
{
	struct random random;
	struct scene scene;

	(void)state;
	random_init(&random, seed, 2);
	for (int round = 0; round < 400; round++) {
		uint32_t window = (uint32_t)random_range(&random, 1, 40);
		uint64_t formula, truth;

		scene_make(&scene, &random, round % 2);
		formula = reckon(scene.ways, scene.count, scene.pieces, window);
		truth = simulate(scene.ways, scene.count, scene.pieces, window);
		assert_true(formula >= truth);
		assert_true(formula <= truth + truth / 50 + scene.pieces);
	}
}

static void ring__all_alike(void **state)
{
	const struct step_way way = {.rate_bps = 8 * G, .rtt_ns = 40 * MS};
	const struct step_way ways[] = {way, way, way, way};
	/* 4 sites, 4 GB: 6 phases of 1 GB. */
	struct step_traffic traffic = {.bytes = 4 * G, .piece_bytes = G};
	struct step_time time;

	(void)state;
	step_ring(ways, 4, &traffic, &time);
	assert_int_equal(time.total_ns, 6 * S + 6 * 20 * MS);
	assert_int_equal(time.transfer_ns, 6 * S);
	assert_int_equal(time.latency_ns, 6 * 20 * MS);
	/* In pieces of 1 MB the round trips hide. */
	traffic.piece_bytes = 1000000;
	step_ring(ways, 4, &traffic, &time);
	assert_int_equal(time.total_ns, 6 * S + 20 * MS);
	/* A window of a round trip's bytes and a piece is enough, half of it is not. */
	traffic.window_bytes = 41000000;
	step_ring(ways, 4, &traffic, &time);
	assert_int_equal(time.total_ns, 6 * S + 20 * MS);
	assert_false(time.is_window_bound);
	traffic.window_bytes = 20000000;
	step_ring(ways, 4, &traffic, &time);
	assert_true(time.is_window_bound);
	assert_in_range(time.total_ns, 12 * S, 13 * S);
	/* One smaller than a piece makes the pieces smaller. */
	traffic.window_bytes = 500000;
	assert_int_equal(step_pieces(G, &traffic), 2000);
}

static void ring__slowest_and_longest_way(void **state)
{
	const struct step_way ways[] = {
		{.rate_bps = 9 * G, .rtt_ns = 5 * MS},
		{.rate_bps = 2 * G, .rtt_ns = 10 * MS},
		{.rate_bps = 4 * G, .rtt_ns = 90 * MS},
	};
	struct step_traffic traffic = {.bytes = 3 * G};
	struct step_time time;

	(void)state;
	step_ring(ways, 3, &traffic, &time);
	assert_int_equal(time.slowest, 1);
	assert_int_equal(time.longest, 2);
	assert_false(time.is_window_bound);
	assert_int_equal(time.transfer_ns, 4 * S * 8 / 2);
	/* 4 ways in a row: 90 + 5 + 10 + 90. */
	assert_int_equal(time.latency_ns, 195 * MS / 2);
	/* 25 MB in 90 ms are 2.2 Gb/s, 20 MB are 1.8. */
	traffic.piece_bytes = 100000;
	traffic.window_bytes = 20000000;
	step_ring(ways, 3, &traffic, &time);
	assert_int_equal(time.slowest, 2);
	assert_true(time.is_window_bound);
}

static void ring__nothing_to_send_and_no_end(void **state)
{
	const struct step_way ways[RING_SITES_MAX] = {{.rate_bps = 1, .rtt_ns = 1}, {0}};
	struct step_traffic traffic = {.bytes = UINT64_MAX};
	struct step_time time;

	(void)state;
	step_ring(ways, 1, &traffic, &time);
	assert_int_equal(time.total_ns, 0);
	step_ring(ways, 2, &traffic, &time);
	assert_true(time.total_ns == STEP_TIME_MAX_NS);
	traffic.piece_bytes = 1;
	step_ring(ways, RING_SITES_MAX, &traffic, &time);
	assert_true(time.total_ns == STEP_TIME_MAX_NS);
	assert_int_equal(time.slowest, 1);
	traffic.bytes = 0;
	step_ring(ways, 2, &traffic, &time);
	assert_int_equal(time.total_ns, 0);
}

static void delay__rows_of_ways(void **state)
{
	const struct step_way ways[] = {{0, 2}, {0, 4}, {0, 20}};

	(void)state;
	assert_int_equal(step_ring_delay(ways, 3, 0), 0);
	assert_int_equal(step_ring_delay(ways, 3, 1), 10);
	assert_int_equal(step_ring_delay(ways, 3, 2), 12);
	assert_int_equal(step_ring_delay(ways, 3, 4), 23);
}

static void tree__pieces_follow_each_other(void **state)
{
	const struct step_way ways[] = {{8 * G, 10 * MS}, {4 * G, 20 * MS}};
	struct step_traffic traffic = {.bytes = G, .piece_bytes = G};
	struct step_time time;

	(void)state;
	/* Two hops up and two down, each with all of it. */
	step_tree(ways, 2, 4, 30 * MS, &traffic, &time);
	assert_int_equal(time.total_ns, 4 * 2 * S + 30 * MS);
	assert_int_equal(time.transfer_ns, 2 * S);
	assert_int_equal(time.latency_ns, 30 * MS);
	assert_int_equal(time.slowest, 1);
	assert_int_equal(time.longest, 1);
	traffic.piece_bytes = G / 100;
	step_tree(ways, 2, 4, 30 * MS, &traffic, &time);
	assert_int_equal(time.total_ns, 2 * S + 3 * 20 * MS + 30 * MS);
	step_tree(ways, 0, 0, 0, &traffic, &time);
	assert_int_equal(time.total_ns, 0);
}

static void efficiency__table(void **state)
{
	static const struct {
		struct step_time time;
		uint64_t compute_ns;
		uint32_t overlap_pct;
		struct step_result result;
	} table[] = {
		{{.total_ns = 0}, S, 0, {0, 1000000, STEP_LIMIT_NONE, 0}},
		/* All of it hides. */
		{{.total_ns = S / 2, .transfer_ns = S / 2},
		 S,
		 50,
		 {0, 1000000, STEP_LIMIT_NONE, 0}},
		{{.total_ns = S, .transfer_ns = S, .slowest = 3},
		 S,
		 0,
		 {S, 500000, STEP_LIMIT_BANDWIDTH, 3}},
		{{.total_ns = S,
		  .transfer_ns = S / 3,
		  .latency_ns = S / 2,
		  .slowest = 3,
		  .longest = 4},
		 S,
		 75,
		 {S / 4, 800000, STEP_LIMIT_LATENCY, 4}},
		{{.total_ns = 2 * S, .transfer_ns = S, .slowest = 3, .is_window_bound = true},
		 S,
		 100,
		 {S, 500000, STEP_LIMIT_WINDOW, 3}},
		{{.total_ns = STEP_TIME_MAX_NS, .transfer_ns = STEP_TIME_MAX_NS},
		 1,
		 100,
		 {STEP_TIME_MAX_NS - 1, 0, STEP_LIMIT_BANDWIDTH, 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct step_result result;

		step_efficiency(&table[i].time, table[i].compute_ns, table[i].overlap_pct, &result);
		assert_true(result.exposed_ns == table[i].result.exposed_ns);
		assert_int_equal(result.efficiency_ppm, table[i].result.efficiency_ppm);
		assert_int_equal(result.limit, table[i].result.limit);
		assert_int_equal(result.way, table[i].result.way);
	}
	assert_string_equal(step_limit_name(STEP_LIMIT_WINDOW), "window");
	assert_string_equal(step_limit_name(STEP_LIMIT_COUNT), "none");
}

/* A step's efficiency from the simulation alone. */
static void efficiency__as_simulated(void **state)
{
	struct random random;
	struct scene scene;

	(void)state;
	random_init(&random, seed, 3);
	for (int round = 0; round < 200; round++) {
		uint64_t compute_ns = random_range(&random, MS, 20 * S);
		uint32_t overlap_pct = (uint32_t)random_below(&random, 101);
		struct step_time time = {0};
		struct step_result result;
		double truth, exposed;

		scene_make(&scene, &random, false);
		exposed = (double)simulate(scene.ways, scene.count, scene.pieces, 0) -
			  (double)compute_ns * overlap_pct / 100;
		truth = exposed > 0 ? (double)compute_ns / ((double)compute_ns + exposed) : 1;
		time.total_ns = reckon(scene.ways, scene.count, scene.pieces, 0);
		step_efficiency(&time, compute_ns, overlap_pct, &result);
		assert_true(result.efficiency_ppm / 1e6 < truth + 2e-6);
		assert_true(result.efficiency_ppm / 1e6 > truth - 2e-6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring__as_simulated),
		cmocka_unit_test(ring__windows_as_simulated),
		cmocka_unit_test(ring__all_alike),
		cmocka_unit_test(ring__slowest_and_longest_way),
		cmocka_unit_test(ring__nothing_to_send_and_no_end),
		cmocka_unit_test(delay__rows_of_ways),
		cmocka_unit_test(tree__pieces_follow_each_other),
		cmocka_unit_test(efficiency__table),
		cmocka_unit_test(efficiency__as_simulated),
	};
	const char *given = getenv("CAUSEWAY_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("CAUSEWAY_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
