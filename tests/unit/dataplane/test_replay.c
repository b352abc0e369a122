#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/replay.h"

#define BITS  1024u
#define EXACT (BITS - 64)

static uint64_t words[REPLAY_BITS_MAX / 64];

static uint64_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return *random >> 33;
}

static void replay_init__refuses(void **state)
{
	static const uint32_t bad[] = {0, 64, 512, 1023, 1025, 3000, 1u << 19, 1u << 31};
	struct replay r;

	(void)state;
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(replay_init(&r, words, bad[i]), -EINVAL);
	for (uint32_t bits = REPLAY_BITS_MIN; bits <= REPLAY_BITS_MAX; bits *= 2) {
		memset(words, 0xee, sizeof(words));
		assert_int_equal(replay_init(&r, words, bits), 0);
		assert_true(replay_commit(&r, bits - 1));
		for (uint32_t pn = 0; pn < bits - 1; pn++)
			assert_true(replay_is_fresh(&r, pn));
	}
}

/* More bits: what was judged stays judged, and what was too old does not come back as new. */
static void replay_move__forgets_and_forgives_nothing(void **state)
{
	static const uint64_t tops[] = {0, 5, 63, 64, EXACT, BITS, 3 * BITS + 7, 1ull << 32};
	static uint64_t more[4 * BITS / 64];
	struct replay r, old;

	(void)state;
	for (uint32_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		uint64_t top = tops[i];

		assert_int_equal(replay_init(&r, words, BITS), 0);
		for (uint64_t pn = top > 2 * BITS ? top - 2 * BITS : 0; pn <= top; pn += 3)
			replay_commit(&r, pn);
		replay_commit(&r, top);
		old = r;
		memset(more, 0, sizeof(more));
		replay_move(&r, more, 4 * BITS);
		for (uint64_t back = 0; back <= 5 * BITS && back <= top; back++)
			assert_int_equal(replay_is_fresh(&r, top - back),
					 replay_is_fresh(&old, top - back));
		/* From here on it remembers more. */
		for (uint64_t pn = top + 1; pn < top + 2 * BITS; pn++)
			assert_true(replay_commit(&r, pn));
		for (uint64_t pn = top + 1; pn < top + 2 * BITS; pn++)
			assert_false(replay_is_fresh(&r, pn));
	}
	assert_int_equal(replay_init(&r, words, BITS), 0);
	replay_move(&r, more, 4 * BITS);
	for (uint64_t pn = 0; pn < 8 * BITS; pn += 5)
		assert_true(replay_commit(&r, pn));
	assert_true(replay_is_fresh(&r, 8 * BITS - 3));
}

static void replay_is_fresh__edges(void **state)
{
	static const uint64_t starts[] = {
		0, 1, 63, 64, 65, BITS - 1, BITS, 1ull << 32, UINT64_MAX - BITS, UINT64_MAX - 1,
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		uint64_t top = starts[i];
		struct replay r;

		assert_int_equal(replay_init(&r, words, BITS), 0);
		assert_true(replay_is_fresh(&r, top));
		assert_true(replay_commit(&r, top));
		assert_false(replay_is_fresh(&r, top));
		assert_false(replay_commit(&r, top));
		assert_false(replay_is_fresh(&r, UINT64_MAX));
		assert_false(replay_commit(&r, UINT64_MAX));
		for (uint64_t back = 1; back <= 2 * BITS && back <= top; back++) {
			if (back <= EXACT)
				assert_true(replay_is_fresh(&r, top - back));
			if (back >= BITS)
				assert_false(replay_is_fresh(&r, top - back));
		}
	}
}

/* Two copies in one burst are both fresh when asked about; only one may pass. */
static void replay_commit__copies_in_a_burst(void **state)
{
	struct replay r;

	(void)state;
	assert_int_equal(replay_init(&r, words, BITS), 0);
	assert_true(replay_is_fresh(&r, 7) && replay_is_fresh(&r, 7));
	assert_true(replay_commit(&r, 7));
	assert_false(replay_commit(&r, 7));
	/* Fresh when asked, behind the window when committed. */
	assert_true(replay_is_fresh(&r, 3));
	assert_true(replay_commit(&r, 100000));
	assert_false(replay_commit(&r, 3));
}

static void replay_commit__jump_forgets_the_old_turn(void **state)
{
	(void)state;
	for (uint64_t jump = 1; jump <= 3 * BITS; jump += 13) {
		struct replay r;

		assert_int_equal(replay_init(&r, words, BITS), 0);
		for (uint64_t pn = 0; pn < BITS; pn++)
			assert_true(replay_commit(&r, pn));
		assert_true(replay_commit(&r, BITS - 1 + jump));
		for (uint64_t pn = BITS; pn < BITS - 1 + jump; pn++) {
			if (BITS - 1 + jump - pn <= EXACT)
				assert_true(replay_is_fresh(&r, pn));
		}
		for (uint64_t pn = 0; pn < BITS; pn++)
			assert_false(replay_is_fresh(&r, pn));
	}
}

static void replay_reset__starts_again(void **state)
{
	struct replay r;

	(void)state;
	assert_int_equal(replay_init(&r, words, BITS), 0);
	assert_true(replay_commit(&r, 5));
	assert_true(replay_commit(&r, 1ull << 40));
	replay_reset(&r);
	assert_true(replay_commit(&r, 5));
	assert_true(replay_commit(&r, 0));
}

/* Against a table of all numbers: never twice, and never refused within the exact part. */
static void replay_commit__as_a_table_says(void **state)
{
	enum {
		SPAN = 200000
	};
	static uint8_t seen[SPAN];

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		uint64_t random = seed, base = seed == 4 ? UINT64_MAX - SPAN : seed << 50;
		uint64_t top = 0;
		struct replay r;

		memset(seen, 0, sizeof(seen));
		assert_int_equal(replay_init(&r, words, BITS), 0);
		while (top < SPAN - 3000) {
			uint64_t roll = random_next(&random) % 100, at;

			at = top + (roll ? random_next(&random) % 8 : random_next(&random) % 3000);
			if (roll > 30)
				at -= random_next(&random) % 1300 % (at + 1);
			if (seen[at])
				assert_false(replay_is_fresh(&r, base + at));
			else if (at + EXACT >= top)
				assert_true(replay_is_fresh(&r, base + at));
			if (replay_commit(&r, base + at))
				seen[at] = 1;
			top = at > top ? at : top;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay_init__refuses),
		cmocka_unit_test(replay_is_fresh__edges),
		cmocka_unit_test(replay_move__forgets_and_forgives_nothing),
		cmocka_unit_test(replay_commit__copies_in_a_burst),
		cmocka_unit_test(replay_commit__jump_forgets_the_old_turn),
		cmocka_unit_test(replay_reset__starts_again),
		cmocka_unit_test(replay_commit__as_a_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
