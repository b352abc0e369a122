#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "dataplane/core/queue.h"

static void queue_init__refuses(void **state)
{
	static const struct {
		uint32_t slots, max_packets;
		uint64_t max_bytes;
		int rc;
	} cases[] = {
		{8, 8, 1, 0},	    {8, 1, 1, 0},	{1, 1, 1, 0},	    {0, 1, 1, -EINVAL},
		{6, 4, 1, -EINVAL}, {8, 9, 1, -EINVAL}, {8, 0, 1, -EINVAL}, {8, 8, 0, -EINVAL},
	};
	struct queue_slot slots[8];
	struct queue q;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(queue_init(&q, slots, cases[i].slots, cases[i].max_packets,
					    cases[i].max_bytes),
				 cases[i].rc);
}

static void queue_push__limit_of_packets(void **state)
{
	struct queue_slot slots[8], out;
	struct queue q;

	(void)state;
	assert_int_equal(queue_init(&q, slots, 8, 3, 1000000), 0);
	for (uint64_t i = 0; i < 3; i++)
		assert_true(queue_push(&q, i, 10, 7));
	assert_false(queue_push(&q, 3, 10, 7));
	assert_int_equal(queue_packets(&q), 3);
	assert_int_equal(queue_bytes(&q), 30);
	assert_int_equal(queue_peek(&q)->cookie, 0);
	assert_true(queue_pop(&q, &out));
	assert_int_equal(out.tag, 7);
	assert_true(queue_push(&q, 3, 10, 7));
}

static void queue_push__limit_of_bytes(void **state)
{
	struct queue_slot slots[8], out;
	struct queue q;

	(void)state;
	assert_int_equal(queue_init(&q, slots, 8, 8, 3000), 0);
	assert_true(queue_push(&q, 1, 1500, 0));
	assert_true(queue_push(&q, 2, 1500, 0));
	assert_false(queue_push(&q, 3, 1, 0));
	assert_true(queue_pop(&q, &out));
	assert_false(queue_push(&q, 3, 1501, 0));
	assert_true(queue_push(&q, 3, 1500, 0));
	assert_false(queue_push(&q, 4, UINT32_MAX, 0));
}

static void queue_set_limits__lower_than_held(void **state)
{
	struct queue_slot slots[8], out;
	struct queue q;

	(void)state;
	assert_int_equal(queue_init(&q, slots, 8, 8, 100), 0);
	for (uint64_t i = 0; i < 8; i++)
		assert_true(queue_push(&q, i, 10, 0));
	assert_int_equal(queue_set_limits(&q, 2, 100), 0);
	for (uint64_t i = 0; i < 7; i++) {
		assert_false(queue_push(&q, 99, 10, 0));
		assert_true(queue_pop(&q, &out));
		assert_int_equal(out.cookie, i);
	}
	assert_true(queue_push(&q, 99, 10, 0));
	assert_int_equal(queue_set_limits(&q, 9, 100), -EINVAL);
}

/* How long each packet waited; over the clock's wrap too. */
static void queue_push_at__sojourn(void **state)
{
	static const uint64_t starts[] = {1000, UINT64_MAX - 5};
	struct queue_slot slots[4], out = {0};
	struct queue q;

	(void)state;
	assert_int_equal(queue_init(&q, slots, 4, 4, 1000), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(queue_push_at(&q, 7, 10, 3, starts[i]));
		assert_true(queue_push_at(&q, 8, 10, 3, starts[i] + 10));
		assert_int_equal(queue_sojourn_ns(queue_peek(&q), starts[i] + 20), 20);
		assert_true(queue_pop(&q, &out));
		assert_true(queue_pop(&q, &out));
		assert_int_equal(queue_sojourn_ns(&out, starts[i] + 20), 10);
		assert_int_equal(out.tag, 3);
	}
}

static void queue_pop__empty(void **state)
{
	struct queue_slot slots[2], out;
	struct queue q;

	(void)state;
	assert_int_equal(queue_init(&q, slots, 2, 2, 100), 0);
	assert_null(queue_peek(&q));
	assert_false(queue_pop(&q, &out));
}

/* Order and counts through the wrap of the free-running indexes. */
static void queue_pop__order_over_the_wrap(void **state)
{
	struct queue_slot slots[4], out;
	struct queue q;
	uint64_t in = 0, next = 0;

	(void)state;
	assert_int_equal(queue_init(&q, slots, 4, 4, 1000), 0);
	q.head = q.tail = UINT32_MAX - 50;
	for (uint32_t step = 0; step < 1000; step++) {
		for (uint32_t i = 0; i < step % 5; i++)
			in += queue_push(&q, in, 10 + (uint32_t)in % 7, 0);
		for (uint32_t i = 0; i < step % 3; i++) {
			if (!queue_pop(&q, &out))
				continue;
			assert_int_equal(out.cookie, next);
			assert_int_equal(out.len_bytes, 10 + next % 7);
			next++;
		}
		assert_int_equal(queue_packets(&q), in - next);
	}
	while (queue_pop(&q, &out))
		next++;
	assert_int_equal(in, next);
	assert_int_equal(queue_bytes(&q), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_init__refuses),
		cmocka_unit_test(queue_push__limit_of_packets),
		cmocka_unit_test(queue_push__limit_of_bytes),
		cmocka_unit_test(queue_set_limits__lower_than_held),
		cmocka_unit_test(queue_push_at__sojourn),
		cmocka_unit_test(queue_pop__empty),
		cmocka_unit_test(queue_pop__order_over_the_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
