#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wan/link.h"
#include "tests/wan/options.h"

#define SLOTS 4096
#define MS    1000000ull

/* A link with its slots, and what came out of it. */
struct bench {
	struct link_config config;
	struct link link;
	struct link_slot slots[SLOTS];
	uint32_t heap[SLOTS];
	uint8_t owned[SLOTS]; /* by the link */
	uint32_t delivered[2 * SLOTS];
	uint32_t delivered_count, released_count;
	int32_t corrupt_bit;
};

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	options_default(&bench->config);
	return bench;
}

static void bench_start(struct bench *bench)
{
	assert_int_equal(link_init(&bench->link, &bench->config, bench->slots, bench->heap, SLOTS),
			 0);
}

static enum link_drop bench_push(struct bench *bench, uint32_t slot, uint32_t len, uint8_t dscp,
				 uint64_t now)
{
	enum link_drop drop = link_on_frame(&bench->link, slot, len, dscp, now);

	if (drop == LINK_PASS) {
		assert_false(bench->owned[slot]);
		bench->owned[slot] = 1;
	}
	return drop;
}

static void bench_check_sum(const struct bench *bench)
{
	const struct link_stats *stats = &bench->link.stats;
	uint64_t gone = stats->tx_frames;

	for (unsigned int i = 0; i < LINK_DROP_COUNT; i++)
		gone += stats->dropped[i];
	assert_int_equal(stats->rx_frames + stats->duplicated, gone + link_held(&bench->link));
}

static void bench_poll(struct bench *bench, uint64_t now)
{
	struct link_out out[7];
	uint32_t count;

	do {
		count = link_poll(&bench->link, now, out, 7);
		for (uint32_t i = 0; i < count; i++) {
			assert_true(bench->owned[out[i].slot]);
			bench->owned[out[i].slot] = 0;
			bench->released_count++;
			bench->corrupt_bit = out[i].corrupt_bit;
			for (uint32_t copy = 0; copy < out[i].copies; copy++)
				bench->delivered[bench->delivered_count++] = out[i].slot;
		}
		bench_check_sum(bench);
	} while (count == 7);
}

/* Polls only at the link's own deadlines; returns the time of the last. */
static uint64_t bench_drain(struct bench *bench)
{
	uint64_t last = 0, deadline;

	while ((deadline = link_deadline(&bench->link)) != UINT64_MAX) {
		last = deadline;
		bench_poll(bench, deadline);
	}
	return last;
}

static void link_init__refuses(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.loss = 1.5;
	assert_int_equal(link_init(&bench->link, &bench->config, bench->slots, bench->heap, SLOTS),
			 -EINVAL);
	bench->config.loss = 0;
	assert_int_equal(link_init(&bench->link, &bench->config, bench->slots, bench->heap, 0),
			 -EINVAL);
	free(bench);
}

static void link_poll__delays(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.delay_ns = 5 * MS;
	bench_start(bench);
	assert_int_equal(link_deadline(&bench->link), UINT64_MAX);
	bench_push(bench, 3, 100, 0, 1000);
	bench_poll(bench, 1000 + 5 * MS - 1);
	assert_int_equal(bench->delivered_count, 0);
	assert_int_equal(link_deadline(&bench->link), 1000 + 5 * MS);
	bench_poll(bench, 1000 + 5 * MS);
	assert_int_equal(bench->delivered_count, 1);
	assert_int_equal(link_held(&bench->link), 0);
	free(bench);
}

static void link_poll__keeps_the_rate(void **state)
{
	static const struct {
		uint64_t rate_bps;
		uint32_t len, frames;
		uint64_t last_ns;
	} cases[] = {
		{8000000, 1000, 10, 10 * MS},
		{10000000000ull, 1500, 4000, 4800000},
		{3000000000ull, 1, 3000, 8000}, /* 2.67 ns each: the remainder is carried */
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench *bench = bench_new();

		bench->config.rate_bps = cases[i].rate_bps;
		bench->config.queue_bytes = 100 << 20;
		bench_start(bench);
		for (uint32_t slot = 0; slot < cases[i].frames; slot++)
			assert_int_equal(bench_push(bench, slot, cases[i].len, 0, 0), LINK_PASS);
		assert_int_equal(bench_drain(bench), cases[i].last_ns);
		assert_int_equal(bench->delivered_count, cases[i].frames);
		free(bench);
	}
}

static void link_on_frame__queue_is_finite(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.rate_bps = 8000000;
	bench->config.queue_bytes = 20000;
	bench_start(bench);
	/* The first frame is at once in service. */
	for (uint32_t slot = 0; slot < 21; slot++)
		assert_int_equal(bench_push(bench, slot, 1000, 0, 0), LINK_PASS);
	assert_int_equal(bench_push(bench, 21, 1000, 0, 0), LINK_DROP_QUEUE);
	/* The other queue has room of its own. */
	assert_int_equal(bench_push(bench, 22, 1000, 34, 0), LINK_PASS);
	assert_int_equal(bench->link.stats.max_queue_bytes, 20000);
	bench_drain(bench);
	assert_int_equal(bench->delivered_count, 22);
	assert_int_equal(bench->link.stats.dropped[LINK_DROP_QUEUE], 1);
	free(bench);
}

static void link_on_frame__default_queue_is_time(void **state)
{
	struct link_config config;

	(void)state;
	options_default(&config);
	config.rate_bps = 200000000;
	assert_int_equal(link_queue_limit(&config), 1250000);
	config.rate_bps = 1000;
	assert_int_equal(link_queue_limit(&config), 16384); /* takes a jumbo frame */
}

static void link_poll__priority_overtakes_in_the_queue(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.rate_bps = 8000000; /* 1 ms each */
	bench_start(bench);
	for (uint32_t slot = 0; slot < 5; slot++)
		bench_push(bench, slot, 1000, 0, 0);
	bench_push(bench, 100, 1000, 46, MS / 2);
	bench_drain(bench);
	assert_int_equal(bench->delivered[0], 0);
	assert_int_equal(bench->delivered[1], 100);
	assert_int_equal(bench->delivered[2], 1);
	assert_int_equal(bench->link.stats.priority_frames, 1);
	free(bench);
}

/* A poll that comes late serves in the line's time: the same order and departures as a punctual
 * one. */
static void link_poll__late_is_like_punctual(void **state)
{
	struct bench *late = bench_new(), *punctual = bench_new();

	(void)state;
	late->config.rate_bps = punctual->config.rate_bps = 8000000;
	bench_start(late);
	bench_start(punctual);
	for (uint32_t slot = 0; slot < 40; slot++) {
		uint64_t at = slot * MS * 3 / 4;

		bench_poll(punctual, at);
		bench_push(punctual, slot, 1000, slot % 4 == 3 ? 34 : 0, at);
		bench_push(late, slot, 1000, slot % 4 == 3 ? 34 : 0, at);
	}
	bench_drain(punctual);
	bench_poll(late, 3600 * 1000 * MS);
	assert_int_equal(late->delivered_count, punctual->delivered_count);
	assert_memory_equal(late->delivered, punctual->delivered, sizeof(late->delivered));
	assert_int_equal(late->link.line_free_ns, punctual->link.line_free_ns);
	free(late);
	free(punctual);
}

static void link_poll__jitter_keeps_order_and_bounds(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.delay_ns = 10 * MS;
	bench->config.jitter_ns = 4 * MS;
	bench_start(bench);
	for (uint32_t slot = 0; slot < 1000; slot++)
		bench_push(bench, slot, 100, 0, slot * 1000);
	bench_poll(bench, 6 * MS - 1);
	assert_int_equal(bench->delivered_count, 0);
	bench_poll(bench, 999 * 1000 + 14 * MS);
	assert_int_equal(bench->delivered_count, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(bench->delivered[i], i);
	free(bench);
}

/* How often an effect hits 4,000 frames, with one seed and the same again. */
static void link_poll__chances(void **state)
{
	static const struct {
		const char *name, *value;
		uint32_t low, high;
	} cases[] = {
		{"loss", "0", 0, 0},
		{"loss", "1", 4000, 4000},
		{"loss", "0.1", 330, 470},
		{"burst", "0.01,0.1", 200, 560},
		{"duplicate", "5%", 140, 260},
		{"corrupt", "0.05", 140, 260},
		{"reorder", "0.05,2", 140, 260},
		{"loss", "100%", 4000, 4000},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = UINT64_MAX;

		for (unsigned int again = 0; again < 2; again++) {
			struct bench *bench = bench_new();
			const struct link_stats *stats = &bench->link.stats;
			uint64_t hits;

			assert_null(options_set(&bench->config, cases[i].name, cases[i].value));
			bench_start(bench);
			for (uint32_t slot = 0; slot < 4000; slot++)
				bench_push(bench, slot, 1000, 0, slot * 1000);
			bench_drain(bench);
			hits = stats->dropped[LINK_DROP_LOSS] + stats->dropped[LINK_DROP_BURST] +
			       stats->duplicated + stats->corrupted + stats->reordered;
			assert_in_range(hits, cases[i].low, cases[i].high);
			assert_true(before == UINT64_MAX || before == hits);
			assert_int_equal(bench->released_count, 4000);
			before = hits;
			free(bench);
		}
	}
}

/* Losses of bursts stand side by side: runs of 1 / leave frames, 1 / enter frames apart. */
static void link_poll__bursts_are_runs(void **state)
{
	struct bench *bench = bench_new();
	uint32_t runs = 0, next = 0;

	(void)state;
	bench->config.burst_enter = 0.02;
	bench->config.burst_leave = 0.2;
	bench_start(bench);
	for (uint32_t slot = 0; slot < 4000; slot++)
		bench_push(bench, slot, 1000, 0, slot * 1000);
	bench_drain(bench);
	for (uint32_t i = 0; i < bench->delivered_count; i++) {
		runs += bench->delivered[i] != next;
		next = bench->delivered[i] + 1;
	}
	assert_in_range(runs, 40, 110);
	assert_in_range(bench->link.stats.dropped[LINK_DROP_BURST], 3 * runs, 7 * runs);
	free(bench);
}

/* An emulator that was away for a while takes frames late, and its line is no shorter for that. */
static void link_on_frame__came_before_the_last_poll(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.delay_ns = 10 * MS;
	bench_start(bench);
	bench_poll(bench, 8 * MS);
	bench_push(bench, 0, 100, 0, 5 * MS);
	bench_poll(bench, 15 * MS - 1);
	assert_int_equal(bench->delivered_count, 0);
	bench_poll(bench, 15 * MS);
	assert_int_equal(bench->delivered_count, 1);
	free(bench);
}

static void link_poll__reordered_frame_is_held_back(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.reorder = 1;
	bench->config.reorder_ns = 3 * MS;
	bench_start(bench);
	bench_push(bench, 0, 100, 0, 0);
	bench->config.reorder = 0;
	link_poll(&bench->link, 0, NULL, 0); /* onto the line with the first settings */
	assert_int_equal(link_configure(&bench->link, &bench->config), 0);
	bench_push(bench, 1, 100, 0, MS);
	bench_drain(bench);
	assert_int_equal(bench->delivered[0], 1);
	assert_int_equal(bench->delivered[1], 0);
	free(bench);
}

static void link_poll__corrupts_behind_the_ethernet_header(void **state)
{
	(void)state;
	for (uint32_t len = 10; len < 80; len++) {
		struct bench *bench = bench_new();

		bench->config.corrupt = 1;
		bench->config.seed = len;
		bench_start(bench);
		bench_push(bench, 0, len, 0, 0);
		bench_drain(bench);
		if (len <= 14)
			assert_int_equal(bench->corrupt_bit, -1);
		else
			assert_in_range(bench->corrupt_bit, 0, (len - 14) * 8 - 1);
		free(bench);
	}
}

static void link_cut__loses_what_is_on_the_line(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->config.delay_ns = 10 * MS;
	bench->config.rate_bps = 8000000;
	bench_start(bench);
	for (uint32_t slot = 0; slot < 5; slot++)
		bench_push(bench, slot, 1000, 0, 0);
	bench_poll(bench, 2 * MS);
	link_cut(&bench->link);
	assert_int_equal(bench_push(bench, 5, 1000, 0, 2 * MS), LINK_DROP_CUT);
	link_join(&bench->link);
	assert_int_equal(bench_push(bench, 6, 1000, 0, 3 * MS), LINK_PASS);
	bench_drain(bench);
	assert_int_equal(bench->delivered_count, 1);
	assert_int_equal(bench->delivered[0], 6);
	assert_int_equal(bench->link.stats.dropped[LINK_DROP_CUT], 6);
	assert_int_equal(bench->released_count, 6);
	free(bench);
}

static void link_on_frame__out_of_slots(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench_start(bench);
	assert_int_equal(link_on_frame(&bench->link, SLOTS, 100, 0, 0), LINK_DROP_SLOT);
	assert_int_equal(link_on_frame(&bench->link, UINT32_MAX, 100, 0, 0), LINK_DROP_SLOT);
	bench_check_sum(bench);
	free(bench);
}

/* All effects at once, cuts and changes between: every slot comes back exactly once, the sum holds.
 */
static void link__random_walk(void **state)
{
	const char *text = getenv("CAUSEWAY_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
	struct bench *bench = bench_new();
	uint64_t now = 0, accepted = 0;

	(void)state;
	print_message("CAUSEWAY_SEED=%llu\n", (unsigned long long)seed);
	srandom((unsigned int)seed);
	bench->config = (struct link_config){.delay_ns = MS,
					     .jitter_ns = MS / 2,
					     .rate_bps = 1000000000,
					     .queue_bytes = 100000,
					     .reorder_ns = MS,
					     .loss = 0.02,
					     .burst_enter = 0.01,
					     .burst_leave = 0.2,
					     .reorder = 0.05,
					     .duplicate = 0.05,
					     .corrupt = 0.05,
					     .seed = seed,
					     .priority_dscp = 1};
	bench_start(bench);
	for (uint32_t step = 0; step < 200000; step++) {
		uint32_t slot = (uint32_t)random() % SLOTS;
		uint32_t len = 60 + (uint32_t)random() % 9000;

		now += (uint64_t)random() % 60000;
		bench->delivered_count = 0;
		bench_poll(bench, now);
		if (random() % 5000 == 0)
			link_cut(&bench->link);
		else if (random() % 200 == 0)
			link_join(&bench->link);
		if (!bench->owned[slot])
			accepted += bench_push(bench, slot, len, (uint8_t)(random() % 2), now) ==
				    LINK_PASS;
	}
	bench->delivered_count = 0;
	bench_drain(bench);
	assert_int_equal(bench->released_count, accepted);
	assert_int_equal(link_held(&bench->link), 0);
	free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_init__refuses),
		cmocka_unit_test(link_poll__delays),
		cmocka_unit_test(link_poll__keeps_the_rate),
		cmocka_unit_test(link_on_frame__queue_is_finite),
		cmocka_unit_test(link_on_frame__default_queue_is_time),
		cmocka_unit_test(link_poll__priority_overtakes_in_the_queue),
		cmocka_unit_test(link_poll__late_is_like_punctual),
		cmocka_unit_test(link_poll__jitter_keeps_order_and_bounds),
		cmocka_unit_test(link_poll__chances),
		cmocka_unit_test(link_poll__bursts_are_runs),
		cmocka_unit_test(link_on_frame__came_before_the_last_poll),
		cmocka_unit_test(link_poll__reordered_frame_is_held_back),
		cmocka_unit_test(link_poll__corrupts_behind_the_ethernet_header),
		cmocka_unit_test(link_cut__loses_what_is_on_the_line),
		cmocka_unit_test(link_on_frame__out_of_slots),
		cmocka_unit_test(link__random_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
