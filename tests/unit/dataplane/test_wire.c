#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/abi/verdict.h"
#include "dataplane/core/wire.h"

static const uint8_t header_image[WIRE_OVERHEAD_BYTES] = {
	1,    1,    0x05, 7,	3,    2,    0,	  0,	0x01, 0x02, 0x03, 0x04, 0x11, 0x12,
	0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34,
};
static const struct wire_header header_view = {
	.type = WIRE_TYPE_FRAMES,
	.flags = WIRE_F_FEC | 1,
	.fec_index = 7,
	.lane = 3,
	.link = 2,
	.path_id = 0x01020304,
	.send_time_us = 0x11121314,
	.packet_number = 0x2122232425262728,
	.fec_block = 0x31323334,
};

static const uint8_t data_image[] = {
	1, 2, 0, 4, 0x41, 0x42, 0x43, 0x44, 0, 0, 1, 1, 3, 0, 0x61, 0x62, 'a', 'b', 'c', 'd',
};
static const struct wire_data data_view = {
	.class = 2,
	.frag_index = 1,
	.frag_count = 3,
	.frag_offset = 0x6162,
	.length_bytes = 4,
	.seq = 0x41424344,
	.prev = 1,
};

static const uint8_t whole_image[] = {
	1, 5, 0, 3, 0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0, 1, 0, 0, 0, 'x', 'y', 'z',
};
static const struct wire_data whole_view = {
	.class = 5,
	.frag_count = 1,
	.length_bytes = 3,
	.seq = 0x41424344,
	.prev = 0x515253,
};

/* The second of three parts, of four bytes each but the last, of a unit of ten. */
static const uint8_t part_image[] = {
	9, 5, 0, 4, 0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0,
	1, 1, 0, 0, 0,	  10,	3,    0,    'e',  'f',	'g',  'h',
};
static const struct wire_part part_view = {
	.data = {.class = 5,
		 .frag_count = 1,
		 .length_bytes = 10,
		 .seq = 0x41424344,
		 .prev = 0x515253},
	.length_bytes = 4,
	.index = 1,
	.count = 3,
};

static const uint8_t probe_image[WIRE_PROBE_BYTES] = {
	4,    0,    0,	  0,	1,    2,    3,	  4,	0x11, 0x12, 0x13, 0x14,
	0x15, 0x16, 0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
};
static const struct wire_probe probe_view = {
	.generation = 0x01020304,
	.nonce = 0x1112131415161718,
	.time_ns = 0x2122232425262728,
};

static const uint8_t ping_image[WIRE_PING_BYTES] = {8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};

/* Two blocks; what is in it matters to wire_ack_parse only. */
static const uint8_t ack_image[64 + 2 * 68] = {2, 2, 9, 0, 0xaa, [195] = 0xbb};

static void wire_header_write__image(void **state)
{
	uint8_t bytes[WIRE_HEADER_BYTES];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	wire_header_write(bytes, &header_view);
	assert_memory_equal(bytes, header_image, WIRE_HEADER_BYTES);
}

static void wire_header_parse__image(void **state)
{
	struct wire_header out = {0};
	enum drop why;

	(void)state;
	assert_true(wire_header_parse(header_image, sizeof(header_image), &out, &why));
	assert_int_equal(out.type, header_view.type);
	assert_int_equal(out.flags, header_view.flags);
	assert_int_equal(out.fec_index, header_view.fec_index);
	assert_int_equal(out.lane, header_view.lane);
	assert_int_equal(out.link, header_view.link);
	assert_int_equal(out.path_id, header_view.path_id);
	assert_int_equal(out.send_time_us, header_view.send_time_us);
	assert_true(out.packet_number == header_view.packet_number);
	assert_int_equal(out.fec_block, header_view.fec_block);
}

static void wire_header_parse__refuses(void **state)
{
	static const struct {
		const char *what;
		uint32_t len, at;
		uint8_t value;
		enum drop why;
	} cases[] = {
		{"empty", 0, 0, 1, DROP_OUTER_MALFORMED},
		{"one byte", 1, 0, 1, DROP_OUTER_MALFORMED},
		{"no tag", 43, 0, 1, DROP_OUTER_MALFORMED},
		{"short, version too", 2, 0, 2, DROP_VERSION},
		{"version 0", 44, 0, 0, DROP_VERSION},
		{"version 2", 44, 0, 2, DROP_VERSION},
		{"type 0", 44, 1, 0, DROP_VERSION},
		{"type 2", 44, 1, 2, DROP_VERSION},
		{"flag 3", 44, 2, 0x0c, DROP_OUTER_MALFORMED},
		{"flag 7", 44, 2, 0x84, DROP_OUTER_MALFORMED},
		{"FEC fields, FEC off", 44, 2, 0x01, DROP_OUTER_MALFORMED},
		{"reserved", 44, 6, 1, DROP_OUTER_MALFORMED},
		{"reserved", 44, 7, 1, DROP_OUTER_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[sizeof(header_image)];
		struct wire_header out;
		enum drop why = DROP_COUNT;

		memcpy(bytes, header_image, sizeof(bytes));
		bytes[cases[i].at] = cases[i].value;
		if (wire_header_parse(bytes, cases[i].len, &out, &why) || why != cases[i].why)
			fail_msg("%s: %s", cases[i].what, drop_name(why));
	}
}

static void wire_data_write__image(void **state)
{
	uint8_t bytes[WIRE_DATA_BYTES];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	wire_data_write(bytes, &data_view);
	assert_memory_equal(bytes, data_image, sizeof(bytes));
	wire_data_write(bytes, &whole_view);
	assert_memory_equal(bytes, whole_image, sizeof(bytes));
}

static void wire_probe_write__image(void **state)
{
	uint8_t bytes[WIRE_PROBE_BYTES];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	wire_probe_write(bytes, WIRE_PROBE, &probe_view);
	assert_memory_equal(bytes, probe_image, sizeof(bytes));
	wire_probe_write(bytes, WIRE_PROBE_ECHO, &probe_view);
	assert_int_equal(bytes[0], 5);
	assert_memory_equal(bytes + 1, probe_image + 1, sizeof(bytes) - 1);
}

static void wire_part__image(void **state)
{
	uint8_t bytes[WIRE_PART_BYTES];
	struct wire_cursor cursor;
	struct wire_frame f;

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	wire_part_write(bytes, &part_view);
	assert_memory_equal(bytes, part_image, sizeof(bytes));
	wire_cursor_init(&cursor, part_image, sizeof(part_image));
	assert_int_equal(wire_frame_next(&cursor, &f), 1);
	assert_int_equal(f.type, WIRE_PART);
	assert_int_equal(f.part.data.length_bytes, 10);
	assert_int_equal(f.part.data.seq, part_view.data.seq);
	assert_int_equal(f.part.data.prev, part_view.data.prev);
	assert_int_equal(f.part.data.class, 5);
	assert_int_equal(f.part.length_bytes, 4);
	assert_int_equal(f.part.index, 1);
	assert_int_equal(f.part.count, 3);
	assert_ptr_equal(f.part.data.payload, part_image + WIRE_PART_BYTES);
	assert_int_equal(wire_frame_next(&cursor, &f), 0);
}

static void wire_frame_next__refuses_parts(void **state)
{
	static const struct {
		const char *what;
		uint32_t len, at;
		uint8_t value;
	} cases[] = {
		{"header cut", 19, 0, 9},      {"payload cut", 23, 0, 9},
		{"class", 24, 1, CLASS_COUNT}, {"no payload", 24, 3, 0},
		{"reserved", 24, 19, 1},       {"count 1", 24, 18, 1},
		{"count 0", 24, 18, 0},	       {"too many", 24, 18, WIRE_PART_MAX + 1},
		{"index = count", 24, 13, 3},  {"all of the unit", 24, 17, 4},
		{"past the unit", 24, 17, 7},  {"not the last, and nothing behind it", 24, 17, 8},
		{"no unit", 24, 17, 0},	       {"fragment count 0", 24, 12, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[sizeof(part_image)];
		struct wire_cursor cursor;
		struct wire_frame f;

		memcpy(bytes, part_image, sizeof(bytes));
		bytes[cases[i].at] = cases[i].value;
		wire_cursor_init(&cursor, bytes, cases[i].len);
		if (wire_frame_next(&cursor, &f) != -1)
			fail_msg("%s", cases[i].what);
	}
}

static void wire_ping_write__image(void **state)
{
	uint8_t bytes[WIRE_PING_BYTES];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	wire_ping_write(bytes, 0x0102030405060708);
	assert_memory_equal(bytes, ping_image, sizeof(bytes));
}

static uint32_t append(uint8_t *dst, uint32_t at, const uint8_t *src, uint32_t len)
{
	memcpy(dst + at, src, len);
	return at + len;
}

static void data_check(const struct wire_frame *f, const struct wire_data *want,
		       const uint8_t *image)
{
	assert_int_equal(f->type, WIRE_DATA);
	assert_int_equal(f->data.class, want->class);
	assert_int_equal(f->data.length_bytes, want->length_bytes);
	assert_int_equal(f->data.seq, want->seq);
	assert_int_equal(f->data.prev, want->prev);
	assert_int_equal(f->data.frag_index, want->frag_index);
	assert_int_equal(f->data.frag_count, want->frag_count);
	assert_int_equal(f->data.frag_offset, want->frag_offset);
	assert_memory_equal(f->data.payload, image + WIRE_DATA_BYTES, want->length_bytes);
}

static void wire_frame_next__each_kind(void **state)
{
	uint8_t bytes[512] = {0};
	struct wire_cursor cursor;
	struct wire_frame f;
	uint32_t len = 0;

	(void)state;
	len = append(bytes, len, data_image, sizeof(data_image));
	len = append(bytes, len, probe_image, sizeof(probe_image));
	len = append(bytes, len, ping_image, sizeof(ping_image));
	len = append(bytes, len, ack_image, sizeof(ack_image));
	len = append(bytes, len, whole_image, sizeof(whole_image));
	len += 5; /* PAD */
	wire_cursor_init(&cursor, bytes, len);

	assert_int_equal(wire_frame_next(&cursor, &f), 1);
	data_check(&f, &data_view, data_image);

	assert_int_equal(wire_frame_next(&cursor, &f), 1);
	assert_int_equal(f.type, WIRE_PROBE);
	assert_int_equal(f.probe.generation, probe_view.generation);
	assert_true(f.probe.nonce == probe_view.nonce);
	assert_true(f.probe.time_ns == probe_view.time_ns);

	assert_int_equal(wire_frame_next(&cursor, &f), 1);
	assert_int_equal(f.type, WIRE_PING);
	assert_true(f.ping_next_seq == 0x0102030405060708);

	assert_int_equal(wire_frame_next(&cursor, &f), 1);
	assert_int_equal(f.type, WIRE_ACK);
	assert_int_equal(f.ack.len, sizeof(ack_image));
	assert_memory_equal(f.ack.bytes, ack_image, sizeof(ack_image));

	assert_int_equal(wire_frame_next(&cursor, &f), 1);
	data_check(&f, &whole_view, whole_image);

	assert_int_equal(wire_frame_next(&cursor, &f), 0);
	assert_int_equal(wire_frame_next(&cursor, &f), 0);
}

static void wire_frame_next__empty_packet(void **state)
{
	struct wire_cursor cursor;
	struct wire_frame f;

	(void)state;
	wire_cursor_init(&cursor, data_image, 0);
	assert_int_equal(wire_frame_next(&cursor, &f), 0);
}

static void wire_frame_next__refuses_data(void **state)
{
	static const struct {
		const char *what;
		uint32_t len, at;
		uint8_t value;
	} cases[] = {
		{"header cut", 15, 0, 1},
		{"payload cut", 19, 0, 1},
		{"high nibble", 20, 1, 0x12},
		{"class", 20, 1, CLASS_COUNT},
		{"no payload", 20, 3, 0},
		{"length past the end", 20, 2, 1},
		{"index = count", 20, 11, 3},
		{"count 0", 20, 12, 0},
		{"reserved", 20, 13, 1},
		{"index 0, offset not 0", 20, 11, 0},
		{"fragment, prev 0", 20, 10, 0},
		{"fragment, prev 2", 20, 10, 2},
		{"fragment, prev 257", 20, 9, 1},
		{"unknown type", 20, 0, 10},
		{"type 3", 20, 0, 3},
		{"type 6", 20, 0, 6},
		{"type 7", 20, 0, 7},
		{"ACK cut", 20, 0, 2},
		{"PAD, then bytes", 20, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[sizeof(data_image)];
		struct wire_cursor cursor;
		struct wire_frame f;

		memcpy(bytes, data_image, sizeof(bytes));
		bytes[cases[i].at] = cases[i].value;
		wire_cursor_init(&cursor, bytes, cases[i].len);
		if (wire_frame_next(&cursor, &f) != -1)
			fail_msg("%s", cases[i].what);
		assert_int_equal(wire_frame_next(&cursor, &f), -1);
	}
}

static void wire_frame_next__refuses_offset_past_64k(void **state)
{
	uint8_t bytes[sizeof(data_image)];
	struct wire_cursor cursor;
	struct wire_frame f;

	(void)state;
	memcpy(bytes, data_image, sizeof(bytes));
	bytes_store16(bytes + 14, 65531);
	wire_cursor_init(&cursor, bytes, sizeof(bytes));
	assert_int_equal(wire_frame_next(&cursor, &f), 1);
	bytes_store16(bytes + 14, 65532);
	wire_cursor_init(&cursor, bytes, sizeof(bytes));
	assert_int_equal(wire_frame_next(&cursor, &f), -1);
	/* A later fragment that starts at 0. */
	bytes_store16(bytes + 14, 0);
	wire_cursor_init(&cursor, bytes, sizeof(bytes));
	assert_int_equal(wire_frame_next(&cursor, &f), -1);
}

static void wire_frame_next__refuses_reserved(void **state)
{
	static const uint8_t at[] = {1, 2, 3};
	uint8_t bytes[WIRE_PROBE_BYTES];
	struct wire_cursor cursor;
	struct wire_frame f;

	(void)state;
	for (uint32_t i = 0; i < sizeof(at); i++) {
		memcpy(bytes, probe_image, sizeof(probe_image));
		bytes[at[i]] = 1;
		wire_cursor_init(&cursor, bytes, WIRE_PROBE_BYTES);
		assert_int_equal(wire_frame_next(&cursor, &f), -1);
	}
	for (uint32_t i = 1; i < 8; i++) {
		memcpy(bytes, ping_image, sizeof(ping_image));
		bytes[i] = 1;
		wire_cursor_init(&cursor, bytes, WIRE_PING_BYTES);
		assert_int_equal(wire_frame_next(&cursor, &f), -1);
	}
	wire_cursor_init(&cursor, probe_image, WIRE_PROBE_BYTES - 1);
	assert_int_equal(wire_frame_next(&cursor, &f), -1);
	wire_cursor_init(&cursor, ping_image, WIRE_PING_BYTES - 1);
	assert_int_equal(wire_frame_next(&cursor, &f), -1);
}

/* Every count, in every length: taken exactly where the blocks fit. */
static void wire_frame_next__ack_length(void **state)
{
	uint8_t bytes[64 + 9 * 68 + 1] = {2};

	(void)state;
	for (uint32_t count = 0; count < 256; count++) {
		bytes[1] = (uint8_t)count;
		for (uint32_t len = 1; len <= sizeof(bytes); len++) {
			bool fits = count <= 8 && len >= 64 + count * 68;
			struct wire_cursor cursor;
			struct wire_frame f;

			wire_cursor_init(&cursor, bytes, len);
			assert_int_equal(wire_frame_next(&cursor, &f), fits ? 1 : -1);
			if (fits)
				assert_int_equal(f.ack.len, 64 + count * 68);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_header_write__image),
		cmocka_unit_test(wire_header_parse__image),
		cmocka_unit_test(wire_header_parse__refuses),
		cmocka_unit_test(wire_data_write__image),
		cmocka_unit_test(wire_probe_write__image),
		cmocka_unit_test(wire_ping_write__image),
		cmocka_unit_test(wire_part__image),
		cmocka_unit_test(wire_frame_next__refuses_parts),
		cmocka_unit_test(wire_frame_next__each_kind),
		cmocka_unit_test(wire_frame_next__empty_packet),
		cmocka_unit_test(wire_frame_next__refuses_data),
		cmocka_unit_test(wire_frame_next__refuses_offset_past_64k),
		cmocka_unit_test(wire_frame_next__refuses_reserved),
		cmocka_unit_test(wire_frame_next__ack_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
