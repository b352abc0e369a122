#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/arq_tx.h"

#define SLOTS 1024u
#define MS    1000000ull
#define RTT   (1 * MS)

static struct arq_tx_slot slots[SLOTS];
static uint64_t acked[SLOTS / 64];
static struct arq_tx a;
static uint64_t now;

static void begin_at(uint64_t first_seq)
{
	assert_int_equal(arq_tx_init(&a, slots, acked, SLOTS, first_seq), 0);
	now = 1000 * MS;
}

static int begin(void **state)
{
	(void)state;
	begin_at(0);
	return 0;
}

/* The cookie is the sequence. */
static void push(uint32_t count)
{
	while (count--) {
		uint64_t seq = a.next;

		arq_tx_push(&a, 10, now)->cookie = seq;
	}
}

/* Of a packet sent at `sent`, with windows that nothing has widened. */
static struct arq_evidence evidence(uint64_t sent)
{
	return (struct arq_evidence){.now = now,
				     .sent_ns = sent,
				     .rtt_min_ns = RTT,
				     .reorder_ns = arq_tx_reorder(&a, RTT, now),
				     .reorder_max_ns = RTT};
}

/* A block that has received everything but this one. */
static struct wire_ack_block all_but(uint64_t seq)
{
	struct wire_ack_block block = {.first_seq =
					       seq / WIRE_ACK_BLOCK_SEQS * WIRE_ACK_BLOCK_SEQS};
	uint64_t at = seq - block.first_seq;

	memset(block.bits, 0xff, sizeof(block.bits));
	block.bits[at / 64] &= ~(1ull << (at % 64));
	return block;
}

static void mark_lost(uint64_t seq, uint64_t sent)
{
	struct wire_ack_block block = all_but(seq);
	struct arq_evidence e = evidence(sent);

	arq_tx_mark_lost(&a, &block, a.una, a.next, &e);
}

/* Acknowledges [low, high), which lies in one block. */
static uint32_t ack_range(uint64_t low, uint64_t high, uint64_t out[], uint32_t max)
{
	struct arq_evidence e = evidence(now);
	struct wire_ack_block block = {.first_seq =
					       low / WIRE_ACK_BLOCK_SEQS * WIRE_ACK_BLOCK_SEQS};

	for (uint64_t at = low - block.first_seq; at < high - block.first_seq; at++)
		block.bits[at / 64] |= 1ull << (at % 64);
	return arq_tx_on_block(&a, &block, a.una, a.next, &e, out, max);
}

static void expect_lost(const uint64_t seqs[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t seq;

		assert_non_null(arq_tx_take_lost(&a, now, &seq));
		assert_int_equal(seq, seqs[i]);
	}
	assert_false(arq_tx_has_lost(&a));
	assert_null(arq_tx_take_lost(&a, now, &(uint64_t){0}));
}

static void arq_tx_init__refuses_other_sizes(void **state)
{
	(void)state;
	assert_true(arq_tx_init(&a, slots, acked, 32, 0) < 0);
	assert_true(arq_tx_init(&a, slots, acked, 1000, 0) < 0);
	assert_int_equal(arq_tx_init(&a, slots, acked, 64, 0), 0);
}

static void arq_tx_has_room__each_limit(void **state)
{
	(void)state;
	a.retain_packets = 100;
	a.retain_bytes = 2000;
	assert_true(arq_tx_has_room(&a, 100, 2000));
	assert_false(arq_tx_has_room(&a, 101, 1));
	assert_false(arq_tx_has_room(&a, 1, 2001));
	push(100);
	assert_int_equal(a.retained_bytes, 1000);
	assert_false(arq_tx_has_room(&a, 1, 0));
	/* The window counts from the oldest one, whatever else was acknowledged. */
	a.retain_packets = SLOTS;
	a.retain_bytes = UINT64_MAX / 2;
	push(SLOTS - 100);
	assert_int_equal(ack_range(1, 500, (uint64_t[512]){0}, 512), 499);
	assert_int_equal(a.retained, SLOTS - 499);
	assert_false(arq_tx_has_room(&a, 1, 0));
	assert_int_equal(ack_range(0, 1, (uint64_t[1]){0}, 1), 1);
	assert_true(arq_tx_has_room(&a, 500, 0));
	assert_false(arq_tx_has_room(&a, 501, 0));
}

static void arq_tx_on_cumulative__each_once(void **state)
{
	static const uint64_t firsts[] = {
		0, 1, 63, (1ull << 32) - 70, (1ull << 32) - 1, (1ull << 63) - 70, 512 * 9 + 1};
	uint64_t out[SLOTS];

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		uint64_t first = firsts[i], expected = first;
		struct arq_evidence e;
		uint32_t count;

		begin_at(first);
		e = evidence(now);
		push(200);
		/* In pieces of seven. */
		do {
			count = arq_tx_on_cumulative(&a, first + 150, &e, out, 7);
			for (uint32_t k = 0; k < count; k++)
				assert_true(out[k] == expected++);
		} while (count == 7);
		assert_true(expected == first + 150 && a.una == first + 150);
		assert_int_equal(arq_tx_on_cumulative(&a, first + 150, &e, out, 7), 0);
		assert_int_equal(arq_tx_on_cumulative(&a, first, &e, out, 7), 0);
		assert_int_equal(a.retained, 50);
		assert_int_equal(arq_tx_in_flight(&a), 50);
		/* Some of the rest is acknowledged by itself, then all. */
		count = ack_range(first + 160,
				  (first + 160) / 512 * 512 + 512 < first + 170
					  ? (first + 160) / 512 * 512 + 512
					  : first + 170,
				  out, SLOTS);
		assert_int_equal(arq_tx_on_cumulative(&a, first + 200, &e, out, SLOTS), 50 - count);
		assert_true(a.una == a.next);
		assert_int_equal(a.retained + a.retained_bytes, 0);
	}
}

static void arq_tx_on_block__only_what_is_new_and_in_range(void **state)
{
	struct wire_ack_block block = {.first_seq = 0};
	struct arq_evidence e = evidence(now);
	uint64_t out[SLOTS];

	(void)state;
	push(100);
	memset(block.bits, 0xff, sizeof(block.bits));
	assert_int_equal(arq_tx_on_block(&a, &block, 10, 20, &e, out, SLOTS), 10);
	assert_int_equal(out[0], 10);
	assert_int_equal(out[9], 19);
	assert_int_equal(arq_tx_on_block(&a, &block, 10, 20, &e, out, SLOTS), 0);
	/* In pieces, and what came before is left out. */
	assert_int_equal(arq_tx_on_block(&a, &block, 5, 30, &e, out, 7), 7);
	assert_int_equal(out[4], 9);
	assert_int_equal(out[5], 20);
	assert_int_equal(arq_tx_on_block(&a, &block, 5, 30, &e, out, 100), 8);
	assert_int_equal(a.una, 0);
	assert_int_equal(arq_tx_on_block(&a, &block, 0, 100, &e, out, SLOTS), 75);
	assert_int_equal(a.una, 100);
	/* A block of another time. */
	block.first_seq = 512;
	assert_int_equal(arq_tx_on_block(&a, &block, 100, 100, &e, out, SLOTS), 0);
}

/* The evidence: covered, missing, and something sent later by more than the window has come. */
static void arq_tx_mark_lost__rules(void **state)
{
	const uint64_t window = ARQ_REORDER_NS + RTT / 64;
	const struct {
		int64_t later; /* than the window */
		uint64_t cumulative, end;
		bool is_lost;
	} cases[] = {
		{1, 0, 10, true},    {0, 0, 10, false},	 {-1, 0, 10, false},
		{100, 6, 10, false}, {100, 0, 5, false}, {100, 5, 6, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_ack_block block = all_but(5);
		struct arq_evidence e;

		begin(NULL);
		push(10);
		e = evidence(now + window + (uint64_t)cases[i].later);
		arq_tx_mark_lost(&a, &block, cases[i].cumulative, cases[i].end, &e);
		assert_int_equal(arq_tx_has_lost(&a), cases[i].is_lost);
		assert_int_equal(a.lost, cases[i].is_lost);
		/* Once is enough. */
		arq_tx_mark_lost(&a, &block, cases[i].cumulative, cases[i].end, &e);
		assert_int_equal(a.lost, cases[i].is_lost);
	}
}

/* A repair starts the clock anew. */
static void arq_tx_mark_lost__counts_from_the_last_transmission(void **state)
{
	uint64_t seq, sent = now;

	(void)state;
	push(10);
	mark_lost(5, now + MS);
	now += 2 * MS;
	assert_non_null(arq_tx_take_lost(&a, now, &seq));
	mark_lost(5, sent + 2 * MS); /* not later than the repair */
	assert_false(arq_tx_has_lost(&a));
	mark_lost(5, now + ARQ_REORDER_NS + RTT / 64 + 1);
	assert_true(arq_tx_has_lost(&a));
	assert_int_equal(a.lost, 2);
	assert_int_equal(arq_tx_take_lost(&a, now, &seq)->repairs, 2);
}

static void arq_tx_take_lost__first_lost_first_repaired(void **state)
{
	(void)state;
	push(100);
	for (uint64_t i = 0; i < 5; i++)
		mark_lost((i * 37 + 11) % 100, now + MS);
	assert_int_equal(a.lost, 5);
	expect_lost((const uint64_t[]){11, 48, 85, 22, 59}, 5);
}

/* What is acknowledged meanwhile leaves the list at once, at its ends and within. */
static void arq_tx_take_lost__skips_what_came(void **state)
{
	static const struct {
		uint64_t acked;
		uint64_t left[4];
	} cases[] = {{10, {20, 30, 40, 50}}, {30, {10, 20, 40, 50}}, {50, {10, 20, 30, 40}}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t out[4];

		begin(NULL);
		push(100);
		for (uint64_t seq = 10; seq <= 50; seq += 10)
			mark_lost(seq, now + MS);
		assert_int_equal(ack_range(cases[i].acked, cases[i].acked + 1, out, 4), 1);
		expect_lost(cases[i].left, 4);
	}
	begin(NULL);
	push(100);
	mark_lost(7, now + MS);
	assert_int_equal(ack_range(7, 8, (uint64_t[4]){0}, 4), 1);
	assert_false(arq_tx_has_lost(&a));
	mark_lost(8, now + MS);
	expect_lost((const uint64_t[]){8}, 1);
}

/* Slots are used again while others are still in the list, over the wrap of its numbers. */
static void arq_tx__slots_come_back_while_lost(void **state)
{
	static const uint64_t firsts[] = {0, (1ull << 32) - SLOTS, (1ull << 63) - 2 * SLOTS};
	uint64_t out[SLOTS * 2];

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		uint64_t first = firsts[i];
		struct arq_evidence e;

		begin_at(first);
		for (uint32_t turn = 0; turn < 5; turn++) {
			uint64_t base = a.una, hole = base + SLOTS / 2;

			e = evidence(now);
			push(SLOTS - (uint32_t)(a.next - a.una));
			mark_lost(base + 3, now + MS);
			mark_lost(hole, now + MS);
			assert_int_equal(a.lost_count, 2);
			/* The window moves over the first, up to the second. */
			arq_tx_on_cumulative(&a, hole, &e, out, SLOTS);
			assert_int_equal(a.lost_count, 1);
			push(SLOTS / 2);
			assert_false(arq_tx_has_room(&a, 1, 0));
			mark_lost(a.next - 1, now + MS);
			expect_lost((const uint64_t[]){hole, a.next - 1}, 2);
		}
	}
}

/* Answered sooner than any answer could come: it was late only, and by how much the packet that
 * proved it lost tells. */
static void arq_tx__needless_repair_widens(void **state)
{
	static const struct {
		uint64_t late, after; /* the repair, its ACK */
		uint64_t window, spurious;
	} cases[] = {
		{MS / 2, RTT / 2, MS / 2 + MS / 16, 1},
		{MS / 2, RTT, ARQ_REORDER_NS + RTT / 64, 0}, /* a true answer */
		{5 * MS, RTT / 2, RTT, 1},		     /* never more than that */
		{70 * 1000, RTT / 2, 70 * 1000 + 70 * 1000 / 8, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arq_evidence e;
		uint64_t seq, out[4], window;

		begin(NULL);
		push(1);
		now += cases[i].late;
		push(1);
		mark_lost(0, now);
		assert_non_null(arq_tx_take_lost(&a, now, &seq));
		e = evidence(now);
		e.now = now + cases[i].after;
		assert_int_equal(arq_tx_on_cumulative(&a, 2, &e, out, 4), 2);
		assert_int_equal(a.spurious, cases[i].spurious);
		window = arq_tx_reorder(&a, RTT, now);
		/* Its first transmission is remembered to about a microsecond. */
		assert_true(window <= cases[i].window + 1200 && window + 1200 >= cases[i].window);
	}
}

static void arq_tx_reorder__shrinks_slowly(void **state)
{
	const uint64_t base = ARQ_REORDER_NS + RTT / 64;
	uint64_t window, last;
	uint32_t steps = 0;

	(void)state;
	assert_int_equal(arq_tx_reorder(&a, RTT, now), base);
	assert_int_equal(arq_tx_reorder(&a, 64 * MS, now), ARQ_REORDER_NS + MS);
	a.reorder_extra_ns = MS;
	a.reorder_decay_ns = now + ARQ_REORDER_HOLD_NS;
	last = arq_tx_reorder(&a, RTT, now + ARQ_REORDER_HOLD_NS - 1);
	assert_int_equal(last, MS);
	while (last > base) {
		now += ARQ_REORDER_HOLD_NS;
		window = arq_tx_reorder(&a, RTT, now);
		assert_int_equal(window, arq_tx_reorder(&a, RTT, now)); /* once per time */
		assert_true(window < last);
		assert_true(window >= last - last / 8 - 1);
		last = window;
		steps++;
	}
	assert_true(steps > 10 && steps < 30);
	now += 100 * ARQ_REORDER_HOLD_NS;
	assert_int_equal(arq_tx_reorder(&a, RTT, now), base);
}

static void arq_tx_flush__everything_once(void **state)
{
	uint64_t out[16], last = 0;
	uint32_t count, total = 0;

	(void)state;
	push(600);
	assert_int_equal(ack_range(100, 200, (uint64_t[512]){0}, 512), 100);
	for (uint64_t seq = 50; seq < 512; seq += 7)
		mark_lost(seq, now + MS);
	assert_true(a.lost_count > 40);
	do {
		count = arq_tx_flush(&a, out, 16);
		for (uint32_t i = 0; i < count; i++) {
			assert_true(out[i] < 100 || out[i] >= 200);
			assert_true(out[i] > last || total + i == 0);
			last = out[i];
		}
		total += count;
	} while (count == 16);
	assert_int_equal(total, 500);
	assert_false(arq_tx_has_lost(&a));
	assert_int_equal(a.retained + a.retained_bytes, 0);
	assert_int_equal(arq_tx_in_flight(&a), 0);
}

/* Random acknowledgements and losses against a plain array of states. */
static void arq_tx__against_model(void **state)
{
	enum {
		UNSENT,
		OUT,
		LOST,
		DONE
	};
	static uint8_t model[40000];
	const uint64_t first = (1ull << 32) - 20000;
	uint64_t out[SLOTS * 2];

	(void)state;
	srand(5);
	begin_at(first);
	for (int turn = 0; turn < 20000 && a.next - first < 39000; turn++) {
		uint64_t span = a.next - a.una, seq = a.una + (span ? (uint64_t)rand() % span : 0);
		struct arq_evidence e = evidence(now + MS);
		uint32_t count = 0, room = SLOTS - (uint32_t)span;

		now += 2 * MS;
		switch (rand() % 4) {
		case 0:
			for (uint32_t k = (uint32_t)rand() % (room + 1) / 4; k--;) {
				model[a.next - first] = OUT;
				push(1);
			}
			break;
		case 1:
			if (span)
				count = ack_range(seq, seq + 1, out, 4);
			break;
		case 2:
			if (span && rand() % 4 == 0)
				count = arq_tx_on_cumulative(&a, seq, &e, out, SLOTS);
			break;
		default:
			mark_lost(seq, now);
			if (rand() % 2 && arq_tx_take_lost(&a, now, &seq)) {
				assert_true(model[seq - first] != DONE);
				model[seq - first] = OUT;
			}
		}
		while (count--) {
			assert_true(model[out[count] - first] == OUT ||
				    model[out[count] - first] == LOST);
			model[out[count] - first] = DONE;
		}
		/* Every state, and the sums over them. */
		for (uint64_t s = a.una, lost = 0, held = 0; s <= a.next; s++) {
			uint8_t is = s < a.next ? arq_tx_slot(&a, s)->state : ARQ_TX_FREE;

			if (s == a.next) {
				assert_int_equal(lost, a.lost_count);
				assert_int_equal(held, a.retained);
				break;
			}
			if (is == ARQ_TX_LOST)
				model[s - first] = LOST;
			assert_int_equal(is == ARQ_TX_FREE, model[s - first] == DONE);
			lost += is == ARQ_TX_LOST;
			held += is != ARQ_TX_FREE;
		}
		assert_true(a.una == a.next || model[a.una - first] != DONE);
	}
	assert_true(a.lost > 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(arq_tx_init__refuses_other_sizes),
		TEST(arq_tx_has_room__each_limit),
		TEST(arq_tx_on_cumulative__each_once),
		TEST(arq_tx_on_block__only_what_is_new_and_in_range),
		TEST(arq_tx_mark_lost__rules),
		TEST(arq_tx_mark_lost__counts_from_the_last_transmission),
		TEST(arq_tx_take_lost__first_lost_first_repaired),
		TEST(arq_tx_take_lost__skips_what_came),
		TEST(arq_tx__slots_come_back_while_lost),
		TEST(arq_tx__needless_repair_widens),
		TEST(arq_tx_reorder__shrinks_slowly),
		TEST(arq_tx_flush__everything_once),
		TEST(arq_tx__against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
