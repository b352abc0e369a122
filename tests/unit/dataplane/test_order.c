#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/order.h"

#define SLOTS 1024u

static struct order_slot slots[SLOTS];
static struct order o;

static void begin_at(uint64_t first_seq)
{
	assert_int_equal(order_init(&o, slots, SLOTS, first_seq), 0);
}

static int begin(void **state)
{
	(void)state;
	begin_at(0);
	return 0;
}

static void put_fragment(uint64_t seq, uint32_t prev, uint8_t index, uint8_t count)
{
	struct order_slot *slot = order_open(&o, seq);

	slot->cookie = seq;
	slot->len_bytes = 10;
	slot->frag_offset = (uint16_t)(index * 10);
	slot->frag_index = index;
	slot->frag_count = count;
	slot->class = 0;
	order_put(&o, seq, prev);
}

static void put(uint64_t seq, uint32_t prev)
{
	put_fragment(seq, prev, 0, 1);
}

#define NOTHING UINT64_MAX

/* What is delivered next; for fragments the last one's. */
static uint64_t take(bool *is_broken)
{
	uint64_t seq;

	*is_broken = false;
	if (!order_peek(&o, &seq, is_broken))
		return NOTHING;
	order_pop(&o, seq, *is_broken);
	order_advance(&o);
	return seq;
}

static void expect_next(uint64_t expected)
{
	bool is_broken;

	assert_true(take(&is_broken) == expected);
	assert_false(is_broken);
}

static void order_init__refuses_other_sizes(void **state)
{
	(void)state;
	assert_true(order_init(&o, slots, 0, 0) < 0);
	assert_true(order_init(&o, slots, 1000, 0) < 0);
	/* A slot that was never used is nobody's, wherever the window starts. */
	for (uint64_t first = (1ull << 32) - SLOTS - 3; first < 1ull << 32; first += 100) {
		begin_at(first);
		for (uint64_t seq = first; seq < first + SLOTS; seq++)
			assert_null(order_held(&o, seq));
	}
}

static void order_put__a_gap_holds_one_bucket(void **state)
{
	(void)state;
	/* 0 2 4 are one bucket, 1 3 5 the other; 0 is missing. */
	put(1, 0);
	put(2, 2);
	put(3, 2);
	put(4, 2);
	put(5, 2);
	expect_next(1);
	expect_next(3);
	expect_next(5);
	expect_next(NOTHING);
	assert_int_equal(o.held, 2);
	assert_int_equal(o.base, 0);
	assert_int_equal(o.waited, 4);
	put(0, 0);
	expect_next(0);
	expect_next(2);
	expect_next(4);
	assert_int_equal(o.base, 6);
	assert_int_equal(o.held + o.held_bytes, 0);
	assert_int_equal(o.delivered, 6);
	assert_int_equal(o.delivered_bytes, 60);
}

static void order_put__any_arrival(void **state)
{
	static const uint64_t firsts[] = {0, (1ull << 32) - 500, (1ull << 63) - 500};
	enum {
		COUNT = 1000
	};
	uint64_t arrivals[COUNT];

	(void)state;
	srand(9);
	for (int turn = 0; turn < 30; turn++) {
		uint64_t first = firsts[turn % 3];

		begin_at(first);
		for (uint64_t i = 0; i < COUNT; i++) {
			uint64_t k = (uint64_t)rand() % (i + 1);

			arrivals[i] = arrivals[k];
			arrivals[k] = first + i;
		}
		/* One chain, each the successor of the one before. */
		for (int i = 0; i < COUNT; i++)
			put(arrivals[i], arrivals[i] == first ? 0 : 1);
		for (uint64_t i = 0; i < COUNT; i++)
			expect_next(first + i);
		expect_next(NOTHING);
		assert_true(o.base == first + COUNT);
	}
}

/* prev may name what was delivered and is below the window: there is nothing to wait for. */
static void order_put__predecessor_below_the_window(void **state)
{
	(void)state;
	for (uint64_t seq = 0; seq < 10; seq++) {
		put(seq, 0);
		expect_next(seq);
	}
	put(10, 10); /* 0, long gone */
	expect_next(10);
	put(11, 1);
	put(12, 0xffffff);
	expect_next(11);
	expect_next(12);
	/* Delivered and still in the window, as an older one is missing. */
	put(14, 0);
	expect_next(14);
	put(15, 1);
	expect_next(15);
	assert_int_equal(o.base, 13);
	/* Just at the edge: 13 is missing, and so is awaited. */
	put(16, 3);
	expect_next(NOTHING);
	put(13, 1);
	expect_next(13);
	expect_next(16);
	assert_int_equal(o.base, 17);
	assert_int_equal(o.disordered, 0);
}

/* The window's slots come back to others, and old names for a predecessor do not stick. */
static void order_put__slots_come_back(void **state)
{
	(void)state;
	for (uint64_t seq = 0; seq < 20 * SLOTS; seq += 4) {
		put(seq + 3, 1); /* each waits for the one before */
		put(seq + 2, 1);
		put(seq + 1, 1);
		expect_next(NOTHING);
		put(seq, 0);
		for (uint64_t i = 0; i < 4; i++)
			expect_next(seq + i);
	}
	assert_int_equal(o.disordered, 0);
}

static void order_put__full_window(void **state)
{
	(void)state;
	for (uint64_t seq = SLOTS - 1; seq > 0; seq--)
		put(seq, 1);
	expect_next(NOTHING);
	assert_int_equal(o.held, SLOTS - 1);
	put(0, 0);
	for (uint64_t seq = 0; seq < SLOTS; seq++)
		expect_next(seq);
	assert_int_equal(o.base, SLOTS);
}

/* The ready list is first in, first out, and takes what becomes ready meanwhile at its end. */
static void order_peek__in_the_order_of_readiness(void **state)
{
	(void)state;
	put(5, 0);
	put(3, 0);
	put(4, 0);
	put(6, 1); /* after 5 */
	expect_next(5);
	put(0, 0);
	expect_next(3);
	expect_next(4);
	expect_next(6);
	expect_next(0);
	expect_next(NOTHING);
}

/* Two that name the same one: the peer breaks the protocol, and nobody waits for ever. */
static void order_put__contradictions(void **state)
{
	(void)state;
	put(2, 2);
	put(3, 3); /* also after 0 */
	assert_int_equal(o.disordered, 1);
	expect_next(3);
	expect_next(NOTHING);
	put(0, 0);
	put(1, 1);
	assert_int_equal(o.disordered, 2);
	expect_next(0);
	expect_next(1);
	expect_next(2);
	assert_int_equal(o.base, 4);
}

static void order_peek__fragments_together(void **state)
{
	bool is_broken;
	uint64_t seq;

	(void)state;
	/* 0, then three fragments 1 2 3, then 4 of the same bucket; 5 of another. */
	put(4, 1);
	put_fragment(3, 1, 2, 3);
	put_fragment(1, 1, 0, 3);
	put(5, 0);
	expect_next(5);
	put(0, 0);
	expect_next(0);
	/* The first is parked: its turn came. */
	expect_next(NOTHING);
	assert_int_equal(order_slot(&o, 1)->state, ORDER_PARKED);
	put_fragment(2, 1, 1, 3);
	assert_non_null(order_peek(&o, &seq, &is_broken));
	assert_int_equal(seq, 3);
	assert_false(is_broken);
	order_pop(&o, seq, false);
	order_advance(&o);
	assert_int_equal(o.base, 4);
	expect_next(4);
	assert_int_equal(o.base, 6);
	assert_int_equal(o.delivered, 6);
	assert_int_equal(o.held, 0);
}

static void order_peek__fragments_in_any_arrival(void **state)
{
	(void)state;
	for (int permutation = 0; permutation < 24; permutation++) {
		uint64_t left[4] = {0, 1, 2, 3};
		int code = permutation;

		begin(NULL);
		for (int count = 4; count; count--) {
			uint64_t seq = left[code % count];

			left[code % count] = left[count - 1];
			code /= count;
			put_fragment(seq, seq ? 1 : 0, (uint8_t)seq, 4);
			if (count > 1)
				expect_next(NOTHING);
		}
		expect_next(3);
		assert_int_equal(o.base, 4);
		assert_int_equal(o.held, 0);
	}
}

/* The longest there is. */
static void order_peek__255_fragments(void **state)
{
	(void)state;
	for (uint8_t i = 255; i-- > 1;)
		put_fragment(i, 1, i, 255);
	put_fragment(0, 0, 0, 255);
	expect_next(254);
	assert_int_equal(o.base, 255);
	assert_int_equal(o.delivered, 255);
}

/* Trains that do not fit together, by a peer with the key and no sense: each ends somewhere, and
 * the number of held units stays true. */
static void order_peek__broken_trains(void **state)
{
	static const struct {
		struct {
			uint8_t index, count, class;
			uint16_t offset;
		} part[3];
	} cases[] = {
		{{{0, 3, 0, 0}, {1, 3, 0, 11}, {2, 3, 0, 20}}}, /* offset of the middle one */
		{{{0, 3, 0, 0}, {1, 3, 0, 10}, {2, 3, 0, 30}}}, /* offsets */
		{{{0, 3, 0, 0}, {1, 4, 0, 10}, {2, 3, 0, 20}}}, /* counts */
		{{{0, 3, 0, 0}, {1, 3, 1, 10}, {2, 3, 0, 20}}}, /* classes */
		{{{0, 3, 0, 0}, {2, 3, 0, 10}, {2, 3, 0, 20}}}, /* indices */
		{{{1, 3, 0, 0}, {2, 3, 0, 10}, {2, 3, 0, 20}}}, /* no first */
		{{{0, 3, 0, 0}, {0, 1, 0, 0}, {2, 3, 0, 20}}},	/* a whole one within */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t delivered = 0, broken = 0;
		bool is_broken;

		begin(NULL);
		for (uint64_t seq = 0; seq < 3; seq++) {
			struct order_slot *slot = order_open(&o, seq);

			slot->len_bytes = 10;
			slot->frag_index = cases[i].part[seq].index;
			slot->frag_count = cases[i].part[seq].count;
			slot->class = cases[i].part[seq].class;
			slot->frag_offset = cases[i].part[seq].offset;
			order_put(&o, seq, seq ? 1 : 0);
		}
		for (; take(&is_broken) != NOTHING; delivered++)
			broken += is_broken;
		assert_true(delivered >= 1 && broken >= 1);
		assert_int_equal(o.held, 3 - o.delivered);
		assert_int_equal(o.delivered, delivered);
	}
}

/* A fragment whose predecessors lie below the window. */
static void order_peek__train_below_the_window(void **state)
{
	bool is_broken;

	(void)state;
	put(0, 0);
	expect_next(0);
	put_fragment(1, 1, 1, 2);
	assert_int_equal(take(&is_broken), 1);
	assert_true(is_broken);
	put_fragment(2, 1, 254, 255);
	assert_int_equal(take(&is_broken), 2);
	assert_true(is_broken);
	assert_int_equal(o.base, 3);
}

static void order_advance__in_bounded_steps(void **state)
{
	static struct order_slot many[4 * ORDER_ADVANCE_MAX];
	bool is_broken;
	uint64_t seq;

	(void)state;
	assert_int_equal(order_init(&o, many, 4 * ORDER_ADVANCE_MAX, 0), 0);
	for (seq = 1; seq < 3 * ORDER_ADVANCE_MAX; seq++)
		put(seq, 0);
	put(0, 0);
	while (order_peek(&o, &seq, &is_broken))
		order_pop(&o, seq, false);
	assert_int_equal(o.base, 0);
	order_advance(&o);
	assert_int_equal(o.base, ORDER_ADVANCE_MAX);
	order_advance(&o);
	order_advance(&o);
	order_advance(&o);
	assert_int_equal(o.base, 3 * ORDER_ADVANCE_MAX);
}

static void order_take_lowest__all_that_is_held(void **state)
{
	static const uint64_t held[] = {3, 5, 6, 7, 100, SLOTS - 1};
	uint64_t seq;

	(void)state;
	put(0, 0);
	expect_next(0);
	put(2, 0);
	expect_next(2);
	put(3, 2);		  /* held: 1 is missing */
	put_fragment(5, 0, 0, 3); /* parked */
	put(6, 0);		  /* ready */
	put(7, 3);		  /* held: 4 is missing */
	put(100, 1);
	put(SLOTS - 1, 1);
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		struct order_slot *slot = order_take_lowest(&o, SLOTS, &seq);

		assert_non_null(slot);
		assert_true(seq == held[i] && slot->cookie == held[i]);
	}
	assert_null(order_take_lowest(&o, SLOTS, &seq));
	assert_int_equal(o.held + o.held_bytes, 0);
}

/* Random flows, arrivals and deliveries: each unit once, each flow in order, never held back by
 * another. */
static void order__against_model(void **state)
{
	enum {
		FLOWS = 7,
		COUNT = 50000
	};
	static uint32_t prev[COUNT], flow[COUNT];
	static bool arrived[COUNT];
	static uint64_t after[COUNT]; /* + 1; 0: none */
	uint64_t last[FLOWS] = {0}, next[FLOWS] = {0}, end = 0, done = 0;
	bool is_broken;

	(void)state;
	srand(21);
	for (uint64_t seq = 0; seq < COUNT; seq++) {
		uint32_t f = flow[seq] = (uint32_t)rand() % FLOWS;

		prev[seq] = last[f] ? (uint32_t)(seq + 1 - last[f]) : 0;
		if (last[f])
			after[last[f] - 1] = seq + 1;
		else
			next[f] = seq;
		last[f] = seq + 1;
	}
	while (done < COUNT) {
		uint64_t seq = o.base + (uint64_t)rand() % (rand() % 8 ? 40 : SLOTS), limit;

		limit = o.base + SLOTS < COUNT ? o.base + SLOTS : COUNT;
		if (rand() % 4 == 0)
			for (seq = o.base; seq < limit && arrived[seq]; seq++)
				;
		if (seq < limit && !arrived[seq]) {
			arrived[seq] = true;
			put(seq, prev[seq]);
			end = seq >= end ? seq + 1 : end;
		}
		while (rand() % 3 && (seq = take(&is_broken)) != NOTHING) {
			assert_false(is_broken);
			assert_true(arrived[seq] && next[flow[seq]] == seq);
			next[flow[seq]] = after[seq] - 1;
			done++;
		}
		/* Nothing waits that could go. */
		for (uint32_t f = 0; f < FLOWS && !o.ready_count; f++)
			assert_true(next[f] >= COUNT || !arrived[next[f]]);
	}
	assert_int_equal(o.base, COUNT);
	assert_int_equal(o.held + o.disordered, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(order_init__refuses_other_sizes),
		TEST(order_put__a_gap_holds_one_bucket),
		TEST(order_put__any_arrival),
		TEST(order_put__predecessor_below_the_window),
		TEST(order_put__slots_come_back),
		TEST(order_put__full_window),
		TEST(order_put__contradictions),
		TEST(order_peek__in_the_order_of_readiness),
		TEST(order_peek__fragments_together),
		TEST(order_peek__fragments_in_any_arrival),
		TEST(order_peek__255_fragments),
		TEST(order_peek__broken_trains),
		TEST(order_peek__train_below_the_window),
		TEST(order_advance__in_bounded_steps),
		TEST(order_take_lowest__all_that_is_held),
		TEST(order__against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
