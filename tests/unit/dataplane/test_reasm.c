#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/core/fragment.h"
#include "dataplane/core/reasm.h"

#define SLOTS 8
#define LIMIT 9000
#define MS    1000000ull

static struct reasm_slot slots[SLOTS];

static void start(struct reasm *r)
{
	assert_int_equal(reasm_init(r, slots, SLOTS, LIMIT, 0), 0);
}

/* The index-th piece of a packet of total bytes whose first sequence is key. */
static struct wire_data piece(uint32_t key, uint32_t total, uint32_t max, uint32_t index)
{
	uint32_t offset, len;

	fragment_piece(total, max, index, &offset, &len);
	return (struct wire_data){
		.frag_index = (uint8_t)index,
		.frag_count = (uint8_t)fragment_count(total, max),
		.frag_offset = (uint16_t)offset,
		.length_bytes = (uint16_t)len,
		.seq = key + index,
		.prev = 1,
	};
}

static enum reasm_result give(struct reasm *r, const struct wire_data *data, uint64_t now,
			      uint32_t *slot, uint32_t *total_len)
{
	enum drop why;
	enum reasm_result result = reasm_on_fragment(r, data, now, slot, total_len, &why);

	if (result == REASM_BAD)
		assert_int_equal(why, DROP_FRAGMENT);
	return result;
}

static void reasm_init__refuses(void **state)
{
	struct reasm r;

	(void)state;
	assert_int_equal(reasm_init(&r, slots, 0, LIMIT, 0), -EINVAL);
	assert_int_equal(reasm_init(&r, slots, 6, LIMIT, 0), -EINVAL);
	assert_int_equal(reasm_init(&r, slots, REASM_SLOTS_MAX * 2, LIMIT, 0), -EINVAL);
	assert_int_equal(reasm_init(&r, slots, SLOTS, 0, 0), -EINVAL);
	assert_int_equal(reasm_init(&r, slots, SLOTS, 65536, 0), -EINVAL);
	assert_int_equal(reasm_init(&r, slots, 1, 65535, 0), 0);
}

/* All orders of four pieces, with the key around the wrap of the sequence. */
static void reasm_on_fragment__every_order(void **state)
{
	static const uint32_t keys[] = {0, 1000, UINT32_MAX, UINT32_MAX - 2};
	struct reasm r;

	(void)state;
	for (uint32_t order = 0; order < 256; order++) {
		uint32_t at[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
		uint32_t slot, first, total = 0;

		if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15)
			continue;
		start(&r);
		for (uint32_t i = 0; i < 4; i++) {
			struct wire_data d = piece(keys[order % 4], 5000, 1400, at[i]);
			enum reasm_result want = i == 0	 ? REASM_NEW
						 : i < 3 ? REASM_STORE
							 : REASM_DONE;

			assert_int_equal(give(&r, &d, 0, &slot, &total), want);
			first = i == 0 ? slot : first;
			assert_int_equal(slot, first);
		}
		assert_int_equal(total, 5000);
		assert_int_equal(reasm_used(&r), 0);
	}
}

static void reasm_on_fragment__255_pieces(void **state)
{
	struct reasm r;
	uint32_t slot, total = 0;

	(void)state;
	start(&r);
	for (uint32_t i = 0; i < 255; i++) {
		struct wire_data d = piece(77, 255 * 30 - 7, 30, 254 - i);
		enum reasm_result want = i == 0 ? REASM_NEW : i < 254 ? REASM_STORE : REASM_DONE;

		assert_int_equal(give(&r, &d, 0, &slot, &total), want);
	}
	assert_int_equal(total, 255 * 30 - 7);
}

static void reasm_on_fragment__duplicates(void **state)
{
	struct wire_data a = piece(10, 2000, 1400, 0), b = piece(10, 2000, 1400, 1);
	uint32_t slot, total;
	enum drop why;
	struct reasm r;

	(void)state;
	start(&r);
	assert_int_equal(give(&r, &a, 0, &slot, &total), REASM_NEW);
	assert_int_equal(reasm_on_fragment(&r, &a, 0, &slot, &total, &why), REASM_DUPLICATE);
	assert_int_equal(why, DROP_FRAGMENT);
	assert_int_equal(give(&r, &b, 0, &slot, &total), REASM_DONE);
	/* Late: the packet was finished. */
	assert_int_equal(reasm_on_fragment(&r, &a, 1, &slot, &total, &why), REASM_DUPLICATE);
	assert_int_equal(why, DROP_FRAGMENT);
	assert_int_equal(reasm_on_fragment(&r, &b, 1, &slot, &total, &why), REASM_DUPLICATE);
	assert_int_equal(reasm_used(&r), 0);
	/* After a timeout the sequence may have come round. */
	assert_int_equal(give(&r, &a, REASM_TIMEOUT_NS, &slot, &total), REASM_NEW);
}

static void reasm_on_fragment__refuses_alone(void **state)
{
	static const struct {
		const char *what;
		struct wire_data data;
	} cases[] = {
		{"whole packet", {.frag_count = 1, .length_bytes = 100}},
		{"count 0", {.frag_count = 0, .length_bytes = 100}},
		{"index = count",
		 {.frag_index = 2, .frag_count = 2, .length_bytes = 9, .frag_offset = 99}},
		{"empty", {.frag_index = 0, .frag_count = 2}},
		{"first not at 0", {.frag_count = 2, .length_bytes = 100, .frag_offset = 1}},
		{"middle not at index * length",
		 {.frag_index = 1, .frag_count = 3, .length_bytes = 100, .frag_offset = 101}},
		{"last longer than what is before it allows",
		 {.frag_index = 2, .frag_count = 3, .length_bytes = 100, .frag_offset = 199}},
		{"last ends past the limit",
		 {.frag_index = 1, .frag_count = 2, .length_bytes = 101, .frag_offset = 8900}},
		{"no room for the last",
		 {.frag_index = 0, .frag_count = 10, .length_bytes = 1000, .frag_offset = 0}},
		{"far past the limit",
		 {.frag_index = 0, .frag_count = 255, .length_bytes = 65535, .frag_offset = 0}},
	};
	uint32_t slot, total;
	struct reasm r;

	(void)state;
	start(&r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (give(&r, &cases[i].data, 0, &slot, &total) != REASM_BAD)
			fail_msg("%s", cases[i].what);
		assert_int_equal(reasm_used(&r), 0);
	}
}

/* A sibling that contradicts is refused, and the packet still completes. */
static void reasm_on_fragment__refuses_beside_siblings(void **state)
{
	static const struct {
		const char *what;
		uint32_t first;	      /* piece that comes before the bad one */
		struct wire_data bad; /* seq is set below */
	} cases[] = {
		{"other count",
		 0,
		 {.frag_index = 1, .frag_count = 5, .length_bytes = 1400, .frag_offset = 1400}},
		{"other class",
		 0,
		 {.class = 1,
		  .frag_index = 1,
		  .frag_count = 4,
		  .length_bytes = 1400,
		  .frag_offset = 1400}},
		{"other piece",
		 0,
		 {.frag_index = 1, .frag_count = 4, .length_bytes = 1300, .frag_offset = 1300}},
		{"last elsewhere",
		 0,
		 {.frag_index = 3, .frag_count = 4, .length_bytes = 800, .frag_offset = 4201}},
		{"last too long",
		 0,
		 {.frag_index = 3, .frag_count = 4, .length_bytes = 1401, .frag_offset = 4203}},
		{"piece does not lead to last",
		 3,
		 {.frag_index = 1, .frag_count = 4, .length_bytes = 1399, .frag_offset = 1399}},
		{"piece shorter than last",
		 3,
		 {.frag_index = 0, .frag_count = 4, .length_bytes = 700, .frag_offset = 0}},
	};
	struct reasm r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_data first = piece(50, 5000, 1400, cases[i].first), bad = cases[i].bad;
		uint32_t slot, total = 0;

		start(&r);
		bad.seq = 50u + bad.frag_index;
		assert_int_equal(give(&r, &first, 0, &slot, &total), REASM_NEW);
		if (give(&r, &bad, 0, &slot, &total) != REASM_BAD)
			fail_msg("%s", cases[i].what);
		for (uint32_t k = 0; k < 4; k++) {
			struct wire_data d = piece(50, 5000, 1400, k);

			if (k != cases[i].first)
				give(&r, &d, 0, &slot, &total);
		}
		assert_int_equal(total, 5000);
		assert_int_equal(reasm_used(&r), 0);
	}
}

static void reasm_evict__oldest_first(void **state)
{
	struct wire_data d = piece(900, 2000, 1400, 0);
	uint32_t slot, total, opened[SLOTS];
	enum drop why;
	struct reasm r;

	(void)state;
	start(&r);
	assert_int_equal(reasm_evict(&r, 0), REASM_NONE);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct wire_data each = piece(i * 2, 2000, 1400, i & 1);

		assert_int_equal(give(&r, &each, i, &opened[i], &total), REASM_NEW);
	}
	assert_int_equal(give(&r, &d, 99, &slot, &total), REASM_FULL);
	assert_int_equal(reasm_evict(&r, 99), opened[0]);
	assert_int_equal(give(&r, &d, 99, &slot, &total), REASM_NEW);
	assert_int_equal(slot, opened[0]);
	assert_int_equal(reasm_evict(&r, 99), opened[1]);
	/* What comes late of a packet given up is told apart from a duplicate. */
	d = piece(0, 2000, 1400, 1);
	assert_int_equal(reasm_on_fragment(&r, &d, 99, &slot, &total, &why), REASM_DUPLICATE);
	assert_int_equal(why, DROP_REASSEMBLY);
}

static void reasm_poll__timeout(void **state)
{
	uint32_t slot, total, out[SLOTS], opened[3];
	struct reasm r;

	(void)state;
	assert_int_equal(reasm_init(&r, slots, SLOTS, LIMIT, 10 * MS), 0);
	assert_true(reasm_deadline(&r) == UINT64_MAX);
	for (uint32_t i = 0; i < 3; i++) {
		struct wire_data d = piece(i * 10, 2000, 1400, 0);

		assert_int_equal(give(&r, &d, i * MS, &opened[i], &total), REASM_NEW);
	}
	assert_true(reasm_deadline(&r) == 10 * MS);
	assert_int_equal(reasm_poll(&r, 10 * MS - 1, out, SLOTS), 0);
	assert_int_equal(reasm_poll(&r, 11 * MS, out, 1), 1);
	assert_int_equal(out[0], opened[0]);
	assert_int_equal(reasm_poll(&r, 11 * MS, out, SLOTS), 1);
	assert_int_equal(out[0], opened[1]);
	assert_int_equal(reasm_used(&r), 1);
	/* A finished packet never expires. */
	{
		struct wire_data d = piece(20, 2000, 1400, 1);

		assert_int_equal(give(&r, &d, 11 * MS, &slot, &total), REASM_DONE);
	}
	assert_int_equal(reasm_poll(&r, UINT64_MAX / 2, out, SLOTS), 0);
	assert_true(reasm_deadline(&r) == UINT64_MAX);
}

static void reasm_cancel__frees_the_slot(void **state)
{
	struct wire_data a = piece(10, 2000, 1400, 0), b = piece(10, 2000, 1400, 1);
	uint32_t slot, total;
	enum drop why;
	struct reasm r;

	(void)state;
	start(&r);
	assert_int_equal(give(&r, &a, 0, &slot, &total), REASM_NEW);
	reasm_cancel(&r, slot, 0);
	assert_int_equal(reasm_used(&r), 0);
	reasm_cancel(&r, slot, 0); /* twice is harmless */
	reasm_cancel(&r, 12345, 0);
	assert_int_equal(reasm_on_fragment(&r, &b, 1, &slot, &total, &why), REASM_DUPLICATE);
	assert_int_equal(why, DROP_REASSEMBLY);
}

static void reasm_flush__forgets_everything(void **state)
{
	uint32_t slot, total, out[4], n, sum = 0;
	struct wire_data d;
	struct reasm r;

	(void)state;
	start(&r);
	for (uint32_t i = 0; i < 6; i++) {
		d = piece(i * 10, 2000, 1400, 0);
		assert_int_equal(give(&r, &d, 5, &slot, &total), REASM_NEW);
	}
	do {
		n = reasm_flush(&r, out, 4);
		sum += n;
	} while (n == 4);
	assert_int_equal(sum, 6);
	assert_int_equal(reasm_used(&r), 0);
	assert_int_equal(give(&r, &d, 5, &slot, &total), REASM_NEW);
}

/*
 * Many packets in flight, their pieces shuffled, some lost, some twice; buffers filled the way the
 * glue does. Each packet of which all pieces arrive in time comes out once with the right bytes.
 */
enum {
	PACKETS = 4000,
	PENDING = 64,
	PROPERTY_SLOTS = 64
};

struct world {
	struct reasm r;
	struct reasm_slot slots[PROPERTY_SLOTS];
	uint8_t buffer[PROPERTY_SLOTS][LIMIT];
	bool in_use[PROPERTY_SLOTS];
	uint32_t total[PACKETS], key[PACKETS], owner[PROPERTY_SLOTS];
	uint32_t opened, done, gave_up;
};

static uint8_t byte_at(uint32_t packet, uint32_t offset)
{
	return (uint8_t)(packet * 31 + offset * 7 + (offset >> 8));
}

static void world_give(struct world *w, uint32_t packet, uint32_t index, uint64_t now)
{
	struct wire_data d = piece(w->key[packet], w->total[packet], 1400, index);
	uint32_t slot, total = 0;
	enum drop why;
	enum reasm_result result = reasm_on_fragment(&w->r, &d, now, &slot, &total, &why);

	assert_true(result != REASM_BAD && result != REASM_FULL);
	if (result == REASM_DUPLICATE)
		return;
	if (result == REASM_NEW) {
		assert_false(w->in_use[slot]);
		w->in_use[slot] = true;
		w->owner[slot] = packet;
		w->opened++;
	}
	assert_true(w->in_use[slot]);
	assert_int_equal(w->owner[slot], packet);
	for (uint32_t i = 0; i < d.length_bytes; i++)
		w->buffer[slot][d.frag_offset + i] = byte_at(packet, d.frag_offset + i);
	if (result != REASM_DONE)
		return;
	assert_int_equal(total, w->total[packet]);
	for (uint32_t i = 0; i < total; i++)
		assert_int_equal(w->buffer[slot][i], byte_at(packet, i));
	memset(w->buffer[slot], 0, LIMIT);
	w->in_use[slot] = false;
	w->done++;
}

static void world_poll(struct world *w, uint64_t now)
{
	uint32_t out[4], n;

	do {
		n = reasm_poll(&w->r, now, out, 4);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(w->in_use[out[i]]);
			w->in_use[out[i]] = false;
			w->gave_up++;
		}
	} while (n == 4);
}

static uint32_t random_below(uint64_t *random, uint32_t n)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*random >> 33) % n);
}

static void reasm__shuffled_lost_and_twice(void **state)
{
	static struct world w;
	static struct {
		uint32_t packet, index;
	} pending[PENDING];
	uint32_t waiting = 0, lost = 0, seq = UINT32_MAX - 5000;
	bool is_lossy = false;
	uint64_t random = 5, now = 0;

	(void)state;
	assert_int_equal(reasm_init(&w.r, w.slots, PROPERTY_SLOTS, LIMIT, 0), 0);
	for (uint32_t p = 0; p < PACKETS; p++) {
		uint32_t total = 1401 + random_below(&random, LIMIT - 1401);
		uint32_t count = fragment_count(total, 1400);

		w.total[p] = total;
		w.key[p] = seq;
		seq += count;
		is_lossy = false;
		for (uint32_t i = 0; i < count; i++) {
			uint32_t copies = 1 + !random_below(&random, 10);

			if (!is_lossy && !random_below(&random, 400)) {
				is_lossy = true;
				continue;
			}
			for (; copies; copies--) {
				uint32_t at = random_below(&random, PENDING);

				if (waiting == PENDING) {
					world_give(&w, pending[at].packet, pending[at].index, now);
					waiting--;
					pending[at] = pending[waiting];
				}
				pending[waiting].packet = p;
				pending[waiting++].index = i;
			}
		}
		lost += is_lossy;
		now += MS;
		world_poll(&w, now);
	}
	while (waiting--)
		world_give(&w, pending[waiting].packet, pending[waiting].index, now);
	world_poll(&w, now + REASM_TIMEOUT_NS);
	assert_int_equal(reasm_used(&w.r), 0);
	assert_int_equal(w.opened, w.done + w.gave_up);
	/* A piece may wait in the shuffle beyond the timeout; that is rare. */
	assert_true(w.done <= PACKETS - lost);
	assert_true(w.done >= (PACKETS - lost) * 9 / 10);
	assert_true(lost > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasm_init__refuses),
		cmocka_unit_test(reasm_on_fragment__every_order),
		cmocka_unit_test(reasm_on_fragment__255_pieces),
		cmocka_unit_test(reasm_on_fragment__duplicates),
		cmocka_unit_test(reasm_on_fragment__refuses_alone),
		cmocka_unit_test(reasm_on_fragment__refuses_beside_siblings),
		cmocka_unit_test(reasm_evict__oldest_first),
		cmocka_unit_test(reasm_poll__timeout),
		cmocka_unit_test(reasm_cancel__frees_the_slot),
		cmocka_unit_test(reasm_flush__forgets_everything),
		cmocka_unit_test(reasm__shuffled_lost_and_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
