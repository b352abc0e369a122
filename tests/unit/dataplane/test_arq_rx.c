#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/arq_rx.h"

#define SLOTS	  16384u
#define BLOCK	  WIRE_ACK_BLOCK_SEQS
#define BLOCKS	  (SLOTS / BLOCK)
#define WRAP	  ((1ull << 32) - 3 * BLOCK - 17)
#define NEAR_2_63 ((1ull << 63) - 3 * BLOCK - 17)

static uint64_t received[SLOTS / 64];
static uint8_t repeats[BLOCKS];
static uint16_t changed[BLOCKS];
static struct arq_rx a;

static void begin_at(uint64_t first_seq)
{
	memset(received, 0xff, sizeof(received));
	assert_int_equal(arq_rx_init(&a, received, repeats, changed, SLOTS, first_seq), 0);
}

static int begin(void **state)
{
	(void)state;
	begin_at(0);
	return 0;
}

static struct wire_ack report(void)
{
	struct wire_ack ack;

	memset(&ack, 0xee, sizeof(ack));
	arq_rx_report(&a, &ack);
	return ack;
}

static bool block_has(const struct wire_ack_block *block, uint64_t seq)
{
	return block->bits[(seq - block->first_seq) / 64] >> (seq % 64) & 1;
}

static bool reports(const struct wire_ack *ack, uint64_t number)
{
	for (uint32_t i = 0; i < ack->block_count; i++)
		if (ack->blocks[i].first_seq == number * BLOCK)
			return true;
	return false;
}

/* Each block once, a multiple of 512, and each bit as arq_rx_has says, those outside being 0. */
static void expect_truth(const struct wire_ack *ack)
{
	assert_true(ack->cumulative == a.cumulative && ack->end == a.end);
	for (uint32_t i = 0; i < ack->block_count; i++) {
		const struct wire_ack_block *block = &ack->blocks[i];

		assert_int_equal(block->first_seq % BLOCK, 0);
		for (uint32_t k = 0; k < i; k++)
			assert_true(ack->blocks[k].first_seq != block->first_seq);
		for (uint64_t seq = block->first_seq; seq < block->first_seq + BLOCK; seq++) {
			bool is_in = seq >= a.cumulative && seq < a.end;

			assert_int_equal(block_has(block, seq), is_in && arq_rx_has(&a, seq));
		}
	}
}

static void arq_rx_init__refuses_other_sizes(void **state)
{
	(void)state;
	assert_true(arq_rx_init(&a, received, repeats, changed, 256, 0) < 0);
	assert_true(arq_rx_init(&a, received, repeats, changed, 1000, 0) < 0);
	assert_int_equal(arq_rx_init(&a, received, repeats, changed, 512, 0), 0);
}

static void arq_rx_expand__near_cumulative(void **state)
{
	static const uint64_t at[] = {1ull << 31, (1ull << 32) - 5, (1ull << 32) + 5,
				      (1ull << 63) - 5, (1ull << 63) - (1ull << 31)};
	static const int64_t offsets[] = {
		0, 1, -1, 1000, -1000, 20, -20, INT32_MAX, -(int64_t)INT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		for (size_t k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
			uint64_t seq = at[i] + (uint64_t)offsets[k];

			begin_at(at[i]);
			assert_true(arq_rx_expand(&a, (uint32_t)seq) == seq);
		}
}

static void arq_rx_put__moves_over_what_is_complete(void **state)
{
	static const uint64_t firsts[] = {0, 1, 63, 64, WRAP, NEAR_2_63};

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		uint64_t first = firsts[i];

		begin_at(first);
		assert_false(arq_rx_has(&a, first));
		assert_true(arq_rx_has(&a, first - 1)); /* below: of no interest */
		for (uint64_t k = 1; k < 1000; k++)
			arq_rx_put(&a, first + k);
		assert_true(a.cumulative == first && a.end == first + 1000);
		assert_false(arq_rx_has(&a, first));
		assert_true(arq_rx_has(&a, first + 1) && !arq_rx_has(&a, first + 1000));
		arq_rx_put(&a, first);
		assert_true(a.cumulative == first + 1000 && a.end == first + 1000);
		assert_true(arq_rx_has(&a, first));
	}
}

/* The bits of one window earlier, all of them set, do not show through. */
static void arq_rx_put__forgets_the_window_before(void **state)
{
	(void)state;
	for (uint64_t seq = 0; seq < SLOTS; seq++)
		arq_rx_put(&a, seq);
	arq_rx_put(&a, 2 * SLOTS - 1);
	for (uint64_t seq = SLOTS; seq < 2 * SLOTS - 1; seq++)
		assert_false(arq_rx_has(&a, seq));
	assert_int_equal(a.cumulative, SLOTS);
	assert_true(arq_rx_on_next(&a, 2 * SLOTS, 2 * SLOTS));
	assert_int_equal(a.end, 2 * SLOTS);
}

static void arq_rx_on_next__within_the_limit(void **state)
{
	(void)state;
	arq_rx_put(&a, 3);
	assert_false(arq_rx_on_next(&a, 101, 100));
	assert_int_equal(a.end, 4);
	assert_true(arq_rx_on_next(&a, 2, 100));
	assert_int_equal(a.end, 4);
	assert_true(arq_rx_on_next(&a, 100, 100));
	assert_int_equal(a.end, 100);
	assert_true(arq_rx_has(&a, 3) && !arq_rx_has(&a, 4) && !arq_rx_has(&a, 99));
}

static void arq_rx_report__says_nothing_where_nothing_is_missing(void **state)
{
	struct wire_ack ack;

	(void)state;
	ack = report();
	assert_int_equal(ack.block_count, 0);
	assert_int_equal(ack.cumulative + ack.end, 0);
	for (uint64_t seq = 0; seq < 700; seq++)
		arq_rx_put(&a, seq);
	ack = report();
	assert_int_equal(ack.block_count, 0);
	assert_int_equal(ack.cumulative, 700);
	assert_int_equal(ack.end, 700);
}

/* Up to eight blocks: each report has all of it. */
static void arq_rx_report__all_of_a_short_range(void **state)
{
	static const uint64_t firsts[] = {0, 5, 511, 512, WRAP, NEAR_2_63};

	(void)state;
	srand(3);
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		begin_at(firsts[i]);
		for (uint64_t k = 1; k < 7 * BLOCK; k++)
			if (rand() % 3)
				arq_rx_put(&a, firsts[i] + k);
		for (int turn = 0; turn < 20; turn++) {
			struct wire_ack ack = report();

			expect_truth(&ack);
			assert_int_equal(ack.block_count,
					 (a.end - 1) / BLOCK - a.cumulative / BLOCK + 1);
		}
	}
}

/* Of a long range: always the newest block, changed ones at least three times each, and all of it
 * in a sweep. */
static void arq_rx_report__changes_thrice_and_sweeps(void **state)
{
	static const uint64_t firsts[] = {0, WRAP, NEAR_2_63};

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		uint64_t first = firsts[i] / BLOCK + 1, last = first + BLOCKS - 1;
		uint32_t seen[BLOCKS] = {0};
		struct wire_ack ack;

		begin_at(first * BLOCK);
		arq_rx_put(&a, (last + 1) * BLOCK - 1);
		for (int turn = 0; turn < 10; turn++) {
			ack = report();
			expect_truth(&ack);
			assert_int_equal(ack.block_count, WIRE_ACK_BLOCKS);
			assert_true(ack.blocks[0].first_seq == last * BLOCK);
			for (uint64_t n = first; n <= last; n++)
				seen[n - first] += reports(&ack, n);
		}
		/* Seven of each report sweep over 31 blocks, so twice in ten. */
		for (uint32_t n = 0; n < BLOCKS; n++)
			assert_true(seen[n] >= 2);
		/* Five blocks change now: each is in the next three reports. */
		for (uint64_t n = 0; n < 5; n++)
			arq_rx_put(&a, (first + n * 6) * BLOCK + 3);
		for (int turn = 0; turn < ARQ_RX_REPEATS; turn++) {
			ack = report();
			for (uint64_t n = 0; n < 5; n++)
				assert_true(reports(&ack, first + n * 6));
		}
	}
}

/* More changes than fit: none is forgotten, each has its three turns. */
static void arq_rx_report__many_changes(void **state)
{
	uint32_t seen[BLOCKS] = {0};

	(void)state;
	arq_rx_put(&a, SLOTS - 1);
	for (uint64_t n = 0; n < BLOCKS; n++)
		arq_rx_put(&a, n * BLOCK + 3);
	for (uint32_t turn = 0; turn < 3 * BLOCKS / 7 + 2; turn++) {
		struct wire_ack ack = report();

		for (uint64_t n = 0; n < BLOCKS; n++)
			seen[n] += reports(&ack, n);
	}
	for (uint32_t n = 0; n < BLOCKS; n++)
		assert_true(seen[n] >= ARQ_RX_REPEATS);
}

/* Random arrivals and reports, the window moving on: no block is a lie, no ring overflows, and the
 * sender's view, made of the reports alone, becomes the receiver's. */
static void arq_rx__against_model(void **state)
{
	static uint8_t model[70000];
	uint64_t first = WRAP;

	(void)state;
	srand(11);
	begin_at(first);
	memset(model, 0, sizeof(model));
	while (a.cumulative - first < 50000) {
		uint64_t low = a.cumulative - first, span = 1 + (uint64_t)rand() % (SLOTS - 1);
		uint64_t at = rand() % 4 ? low + (uint64_t)rand() % span : low;
		struct wire_ack ack;

		if (!model[at]) {
			assert_false(arq_rx_has(&a, first + at));
			arq_rx_put(&a, first + at);
			model[at] = 1;
		}
		assert_true(arq_rx_has(&a, first + at));
		while (model[low])
			low++;
		assert_true(a.cumulative == first + low);
		if (rand() % 16)
			continue;
		ack = report();
		if (rand() % 16 == 0)
			expect_truth(&ack);
		assert_true(a.changed_tail - a.changed_head <= BLOCKS);
		assert_int_equal(ack.block_count == 0, a.cumulative == a.end);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(arq_rx_init__refuses_other_sizes),
		TEST(arq_rx_expand__near_cumulative),
		TEST(arq_rx_put__moves_over_what_is_complete),
		TEST(arq_rx_put__forgets_the_window_before),
		TEST(arq_rx_on_next__within_the_limit),
		TEST(arq_rx_report__says_nothing_where_nothing_is_missing),
		TEST(arq_rx_report__all_of_a_short_range),
		TEST(arq_rx_report__changes_thrice_and_sweeps),
		TEST(arq_rx_report__many_changes),
		TEST(arq_rx__against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
