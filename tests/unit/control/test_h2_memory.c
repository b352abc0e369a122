#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/io/h2_memory.h"

#define CONN_BYTES  67000
#define FRAME_BYTES 16394

static void *resize(struct h2_memory *memory, void *at, size_t size)
{
	return memory->mem.realloc(at, size, memory->mem.mem_user_data);
}

static void give(struct h2_memory *memory, void *at)
{
	memory->mem.free(at, memory->mem.mem_user_data);
}

static void memory__conns(void **state)
{
	struct h2_memory memory;
	void *conns[5];

	(void)state;
	h2_memory_init(&memory, 3, CONN_BYTES);
	if (!memory.conns.base)
		skip(); /* a sanitizer is there */
	/* More than it was made for: the heap has them. */
	for (int i = 0; i < 5; i++) {
		conns[i] = h2_memory_take_conn(&memory, CONN_BYTES);
		assert_non_null(conns[i]);
		memset(conns[i], i, CONN_BYTES);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(((uint8_t *)conns[i])[0], i);
		assert_int_equal(((uint8_t *)conns[i])[CONN_BYTES - 1], i);
	}
	h2_memory_give_conn(&memory, conns[1]);
	h2_memory_give_conn(&memory, conns[4]);
	h2_memory_give_conn(&memory, conns[0]);
	assert_ptr_equal(h2_memory_take_conn(&memory, CONN_BYTES), conns[0]);
	assert_ptr_equal(h2_memory_take_conn(&memory, CONN_BYTES), conns[1]);
	/* What it held is gone. */
	assert_int_equal(((uint8_t *)conns[1])[CONN_BYTES - 1], 0);
	assert_int_equal(((uint8_t *)conns[2])[CONN_BYTES - 1], 2);
	h2_memory_give_conn(&memory, conns[3]);
	h2_memory_free(&memory);
}

static void memory__frames(void **state)
{
	struct h2_memory memory;
	uint8_t *frames[3], *small;

	(void)state;
	h2_memory_init(&memory, 2, CONN_BYTES);
	if (!memory.frames.base)
		skip();
	for (int i = 0; i < 3; i++) {
		frames[i] = resize(&memory, NULL, FRAME_BYTES);
		memset(frames[i], i, FRAME_BYTES);
	}
	assert_int_equal(memory.frames.fresh, 2);
	small = resize(&memory, NULL, 100);
	memset(small, 9, 100);
	/* One that grows out of its block takes what it holds along. */
	assert_ptr_equal(resize(&memory, frames[1], FRAME_BYTES + 100), frames[1]);
	frames[1] = resize(&memory, frames[1], 100000);
	assert_int_equal(frames[1][FRAME_BYTES - 1], 1);
	frames[2] = resize(&memory, frames[2], 2 * FRAME_BYTES);
	assert_int_equal(frames[2][FRAME_BYTES - 1], 2);
	assert_int_equal(frames[0][0], 0);
	for (int i = 0; i < 3; i++)
		give(&memory, frames[i]);
	give(&memory, small);
	give(&memory, NULL);
	small = memory.mem.calloc(3, 7, memory.mem.mem_user_data);
	assert_int_equal(small[20], 0);
	give(&memory, small);
	h2_memory_free(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory__conns),
		cmocka_unit_test(memory__frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
