#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/core/fragment.h"
#include "dataplane/core/part.h"

#define UNIT_MAX 9000

static struct wire_part part_of(uint32_t unit_bytes, uint32_t room, uint32_t index)
{
	uint32_t offset, len;
	struct wire_part part = {.data = {.seq = 7, .length_bytes = (uint16_t)unit_bytes},
				 .index = (uint8_t)index,
				 .count = (uint8_t)fragment_count(unit_bytes, room)};

	fragment_piece(unit_bytes, room, index, &offset, &len);
	part.length_bytes = (uint16_t)len;
	return part;
}

static void part_set_take__in_any_order(void **state)
{
	static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct part_set set = {0};

		for (int k = 0; k < 3; k++) {
			struct wire_part part = part_of(2500, 1000, orders[i][k]);

			assert_int_equal(part_set_is(&set, &part), k > 0);
			if (!k)
				part_set_init(&set, &part);
			assert_false(part_set_is_whole(&set));
			assert_int_equal(part_set_take(&set, &part), orders[i][k] * 1000);
			assert_int_equal(part_set_take(&set, &part), -1);
		}
		assert_true(part_set_is_whole(&set));
	}
}

/* Another unit, or the same one cut for another link. */
static void part_set_is__tells_cuts_apart(void **state)
{
	struct wire_part first = part_of(2500, 1000, 0), other = first;
	struct part_set set;

	(void)state;
	part_set_init(&set, &first);
	part_set_take(&set, &first);
	assert_true(part_set_is(&set, &first));
	other.data.seq++;
	assert_false(part_set_is(&set, &other));
	other = part_of(2600, 1000, 0);
	assert_false(part_set_is(&set, &other));
	/* As many parts, of other lengths: told by a middle one and by the last. */
	other = part_of(2500, 900, 1);
	assert_int_equal(other.count, 3);
	assert_false(part_set_is(&set, &other));
	other = part_of(2500, 900, 2);
	assert_false(part_set_is(&set, &other));
	other = part_of(2500, 600, 0);
	assert_false(part_set_is(&set, &other));
}

/* As many parts as there can be, through the wire, doubled and out of order. */
static void unit_run(uint32_t unit_bytes, uint32_t room)
{
	static uint8_t unit[UINT16_MAX], got[UINT16_MAX], bytes[WIRE_PART_BYTES + UINT16_MAX];
	uint32_t count = fragment_count(unit_bytes, room);
	struct part_set set = {0};

	for (uint32_t i = 0; i < unit_bytes; i++)
		unit[i] = (uint8_t)rand();
	memset(got, 0, sizeof(got));
	while (!set.count || !part_set_is_whole(&set)) {
		struct wire_part part = part_of(unit_bytes, room, (uint32_t)rand() % count);
		struct wire_cursor cursor;
		struct wire_frame frame;
		int offset;

		part.data.frag_count = 1;
		wire_part_write(bytes, &part);
		memcpy(bytes + WIRE_PART_BYTES, unit + part.index * room, part.length_bytes);
		wire_cursor_init(&cursor, bytes, WIRE_PART_BYTES + part.length_bytes);
		assert_int_equal(wire_frame_next(&cursor, &frame), 1);
		assert_int_equal(frame.type, WIRE_PART);
		if (!set.count)
			part_set_init(&set, &frame.part);
		assert_true(part_set_is(&set, &frame.part));
		offset = part_set_take(&set, &frame.part);
		if (offset >= 0)
			memcpy(got + offset, frame.part.data.payload, frame.part.length_bytes);
	}
	assert_memory_equal(got, unit, unit_bytes);
}

static void part_set__through_the_wire(void **state)
{
	const char *given = getenv("CAUSEWAY_SEED");
	unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 0) : (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	unit_run(64 * 500, 500);
	unit_run(2, 1);
	for (int i = 0; i < 200; i++) {
		uint32_t room = 200 + (uint32_t)rand() % 2000;

		unit_run(room + 1 + (uint32_t)rand() % UNIT_MAX, room);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(part_set_take__in_any_order),
		cmocka_unit_test(part_set_is__tells_cuts_apart),
		cmocka_unit_test(part_set__through_the_wire),
	};

	return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
