#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/lane.h"

static uint32_t buckets[LANE_BUCKETS];

static void lane_tx_next__leads_back_within_the_bucket(void **state)
{
	struct lane_tx l;
	struct lane_number n;

	(void)state;
	lane_tx_init(&l, buckets, 100);
	n = lane_tx_next(&l, 5);
	assert_int_equal(n.seq, 100);
	assert_int_equal(n.prev, 0);
	n = lane_tx_next(&l, 6);
	assert_int_equal(n.seq, 101);
	assert_int_equal(n.prev, 0);
	n = lane_tx_next(&l, 5);
	assert_int_equal(n.seq, 102);
	assert_int_equal(n.prev, 2);
	n = lane_tx_next(&l, 5 + LANE_BUCKETS); /* the same bucket */
	assert_int_equal(n.prev, 1);
	n = lane_tx_next(&l, 6);
	assert_int_equal(n.prev, 3);
}

static void lane_tx_fragment__follows_the_one_before(void **state)
{
	struct lane_tx l;
	struct lane_number n;

	(void)state;
	lane_tx_init(&l, buckets, 0);
	lane_tx_next(&l, 9);
	for (uint32_t i = 1; i < 4; i++) {
		n = lane_tx_fragment(&l, 9);
		assert_int_equal(n.seq, i);
		assert_int_equal(n.prev, 1);
	}
	n = lane_tx_next(&l, 9); /* follows the last fragment, not the first */
	assert_int_equal(n.prev, 1);
}

static void lane_tx_next__too_far(void **state)
{
	struct lane_tx l;

	(void)state;
	lane_tx_init(&l, buckets, 7);
	lane_tx_next(&l, 1);
	l.next_seq = 7 + (uint64_t)WIRE_PREV_MAX;
	assert_int_equal(lane_tx_next(&l, 1).prev, WIRE_PREV_MAX);
	l.next_seq += WIRE_PREV_MAX;
	assert_int_equal(lane_tx_next(&l, 1).prev, 0);
}

static void lane_tx_next__over_the_wrap(void **state)
{
	struct lane_tx l;
	struct lane_number n;

	(void)state;
	lane_tx_init(&l, buckets, UINT32_MAX);
	assert_int_equal(lane_tx_next(&l, 3).seq, UINT32_MAX);
	n = lane_tx_next(&l, 3);
	assert_int_equal(n.seq, 0);
	assert_int_equal(n.prev, 1);
	assert_true(l.next_seq == (1ull << 32) + 1);
	/* A bucket that was never used has no predecessor, wherever the lane starts. */
	assert_int_equal(lane_tx_next(&l, 4).prev, 0);
}

static void lane_tx_packet__counts(void **state)
{
	struct lane_tx l;

	(void)state;
	lane_tx_init(&l, buckets, 55);
	for (uint64_t i = 0; i < 3; i++)
		assert_true(lane_tx_packet(&l) == i);
}

/* Following prev from any sequence visits exactly the older ones of its bucket. */
static void lane_tx_next__chain_against_model(void **state)
{
	enum {
		COUNT = 20000
	};
	static uint32_t prev[COUNT], owner[COUNT], latest[64];
	struct lane_tx l;
	uint64_t random = 42;

	(void)state;
	lane_tx_init(&l, buckets, 0);
	for (uint32_t i = 0; i < 64; i++)
		latest[i] = UINT32_MAX;
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t bucket;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		bucket = random >> 58;
		owner[i] = bucket;
		prev[i] = lane_tx_next(&l, bucket).prev;
		assert_int_equal(prev[i], latest[bucket] == UINT32_MAX ? 0 : i - latest[bucket]);
		if (prev[i])
			assert_int_equal(owner[i - prev[i]], bucket);
		latest[bucket] = i;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lane_tx_next__leads_back_within_the_bucket),
		cmocka_unit_test(lane_tx_fragment__follows_the_one_before),
		cmocka_unit_test(lane_tx_next__too_far),
		cmocka_unit_test(lane_tx_next__over_the_wrap),
		cmocka_unit_test(lane_tx_packet__counts),
		cmocka_unit_test(lane_tx_next__chain_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
