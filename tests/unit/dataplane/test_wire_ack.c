#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/bytes.h"
#include "dataplane/core/wire_ack.h"

/* One block, number 0x12345678: sequences from 0x12345678 * 512 = 0x2468acf000. */
static const uint8_t image[64 + 68] = {
	2,    1,    9,
	0, /* type, blocks, link */
	0x11, 0x12, 0x13,
	0x14, /* queue */
	0x21, 0x22, 0x23,
	0x24, 0x25, 0x26,
	0x27, 0x28, /* largest packet */
	0x31, 0x32, 0x33,
	0x34, /* echo */
	0x41, 0x42, 0x43,
	0x44, /* delay */
	0,    0,    0,
	0x24, 0x68, 0xac,
	0xf0, 0x03, /* cumulative */
	0,    0,    0,
	0x24, 0x68, 0xac,
	0xf2, 0x10, /* end */
	0x51, 0x52, 0x53,
	0x54, 0x55, 0x56,
	0x57, 0x58, /* credit: sequence */
	0x61, 0x62, 0x63,
	0x64, 0x65, 0x66,
	0x67, 0x68, /* credit: bytes */
	0x71, 0x72, 0x73,
	0x74, 0x75, 0x76,
	0x77, 0x78, /* delivered */
	0x12, 0x34, 0x56,
	0x78, /* block */
	0x10, 0x80, [64 + 4 + 63] = 0x80,
};
static const struct wire_ack view = {
	.link = 9,
	.block_count = 1,
	.queue_us = 0x11121314,
	.largest_packet = 0x2122232425262728,
	.echo_us = 0x31323334,
	.delay_us = 0x41424344,
	.cumulative = 0x2468acf003,
	.end = 0x2468acf210,
	.credit_seq = 0x5152535455565758,
	.credit_bytes = 0x6162636465666768,
	.delivered = 0x7172737475767778,
	.blocks[0] = {.first_seq = 0x2468acf000, .bits = {1 << 4 | 1 << 15, [7] = 1ull << 63}},
};

static uint64_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return *random >> 33;
}

static void ack_check(const struct wire_ack *ack, const struct wire_ack *want)
{
	assert_int_equal(ack->link, want->link);
	assert_int_equal(ack->block_count, want->block_count);
	assert_int_equal(ack->queue_us, want->queue_us);
	assert_true(ack->largest_packet == want->largest_packet);
	assert_int_equal(ack->echo_us, want->echo_us);
	assert_int_equal(ack->delay_us, want->delay_us);
	assert_true(ack->cumulative == want->cumulative && ack->end == want->end);
	assert_true(ack->credit_seq == want->credit_seq);
	assert_true(ack->credit_bytes == want->credit_bytes);
	assert_true(ack->delivered == want->delivered);
	assert_memory_equal(ack->blocks, want->blocks, want->block_count * sizeof(want->blocks[0]));
}

static void wire_ack_write__image(void **state)
{
	uint8_t bytes[sizeof(image) + 1];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(wire_ack_write(bytes, &view), sizeof(image));
	assert_memory_equal(bytes, image, sizeof(image));
	assert_int_equal(bytes[sizeof(image)], 0xee);
}

static void wire_ack_parse__image(void **state)
{
	struct wire_ack ack;
	uint32_t used = 0;

	(void)state;
	memset(&ack, 0xee, sizeof(ack));
	assert_true(wire_ack_parse(image, sizeof(image), &ack, &used));
	assert_int_equal(used, sizeof(image));
	ack_check(&ack, &view);
	assert_int_equal(((uint8_t *)&ack.blocks[1])[0], 0xee); /* not touched */
}

static void wire_ack_parse__refuses(void **state)
{
	static const struct {
		const char *what;
		uint32_t len, at;
		uint8_t value;
	} cases[] = {
		{"empty", 0, 0, 2},
		{"fixed part cut", 63, 1, 0},
		{"block cut", sizeof(image) - 1, 0, 2},
		{"another type", sizeof(image), 0, 1},
		{"two blocks in one", sizeof(image), 1, 2},
		{"9 blocks", sizeof(image), 1, 9},
		{"reserved", sizeof(image), 3, 1},
		{"end < cumulative", sizeof(image), 38, 0xef},
		{"span", sizeof(image), 36, 0x69},
		{"block number: one too low", sizeof(image), 67, 0x77},
		{"block number: one too high", sizeof(image), 67, 0x7a},
		{"block number: far above", sizeof(image), 64, 0x13},
		{"block number: far below", sizeof(image), 64, 0x11},
	};
	struct wire_ack ack;
	uint32_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *bytes = malloc(cases[i].len + !cases[i].len); /* for ASan */

		memcpy(bytes, image, cases[i].len);
		if (cases[i].at < cases[i].len)
			bytes[cases[i].at] = cases[i].value;
		if (wire_ack_parse(bytes, cases[i].len, &ack, &used))
			fail_msg("%s", cases[i].what);
		free(bytes);
	}
}

/* cumulative and end are both allowed to lie anywhere in the block, and end right behind it. */
static void wire_ack_parse__block_edges(void **state)
{
	static const struct {
		uint64_t cumulative, end, first;
		bool good;
	} cases[] = {
		{0, 0, 0, true},
		{0, 511, 512, false},
		{0, 512, 512, true},
		{511, 511, 0, true},
		{512, 512, 0, false},
		{512, 512, 512, true},
		{1023, 1023, 512, true},
		{1023, 1030, 0, false},
		{5, 5 + (1 << 23), 1 << 23, true},
		{5, 5 + (1 << 23), (1 << 23) + 512, false},
		{5, 6 + (1 << 23), 512, false},
		/* The 32 bits of the block number wrap here. */
		{(1ull << 41) - 1, (1ull << 41) + 1, (1ull << 41) - 512, true},
		{(1ull << 41) - 1, (1ull << 41) + 1, 1ull << 41, true},
		{(1ull << 41) + 1, (1ull << 41) + 1, (1ull << 41) - 512, false},
		{0, 600, 1ull << 40, false},
		{UINT64_MAX - 5, UINT64_MAX, UINT64_MAX - 511, true},
		{UINT64_MAX - 5, UINT64_MAX, 0, false},
		{UINT64_MAX - 600, UINT64_MAX, UINT64_MAX - 511, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_ack out, ack = {
					     .block_count = 1,
					     .cumulative = cases[i].cumulative,
					     .end = cases[i].end,
					     .blocks[0].first_seq = cases[i].first,
				     };
		uint8_t bytes[WIRE_ACK_BYTES_MAX];
		uint32_t used, len = wire_ack_write(bytes, &ack);

		if (wire_ack_parse(bytes, len, &out, &used) != cases[i].good)
			fail_msg("case %zu", i);
		if (cases[i].good)
			assert_true(out.blocks[0].first_seq == cases[i].first);
	}
}

/* Nobody who reads the bits needs to look at the limits again. */
static void wire_ack_parse__clears_stray_bits(void **state)
{
	(void)state;
	for (uint64_t from = 512; from < 1024; from += 7) {
		for (uint64_t to = from; to < 1600; to += 31) {
			struct wire_ack out,
				ack = {.block_count = 1, .cumulative = from, .end = to};
			uint8_t bytes[WIRE_ACK_BYTES_MAX];
			uint32_t used, len;

			ack.blocks[0].first_seq = 512;
			memset(ack.blocks[0].bits, 0xff, sizeof(ack.blocks[0].bits));
			len = wire_ack_write(bytes, &ack);
			assert_true(wire_ack_parse(bytes, len, &out, &used));
			for (uint64_t i = 0; i < 512; i++) {
				bool is_set = out.blocks[0].bits[i / 64] >> (i % 64) & 1;

				assert_true(is_set == (512 + i >= from && 512 + i < to));
			}
		}
	}
}

static void wire_ack_parse__round_trip(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		struct wire_ack out, ack = {.link = (uint8_t)random_next(&random)};
		uint8_t bytes[WIRE_ACK_BYTES_MAX + 7];
		uint64_t base = random_next(&random) << (random_next(&random) % 33);
		uint32_t used, len;

		ack.cumulative = base;
		ack.end = base + (random_next(&random) & ((1 << 23) - 1));
		ack.queue_us = (uint32_t)random_next(&random);
		ack.delivered = random_next(&random) << 20;
		ack.block_count = (uint8_t)(random_next(&random) % 9);
		for (uint32_t b = 0; b < ack.block_count; b++) {
			uint64_t first = base + random_next(&random) % (ack.end - base + 1);

			ack.blocks[b].first_seq = first & ~511ull;
			for (uint64_t i = 0; i < 512; i++) {
				uint64_t seq = (first & ~511ull) + i;
				uint64_t bit = random_next(&random) & 1;

				if (seq >= ack.cumulative && seq < ack.end)
					ack.blocks[b].bits[i / 64] |= bit << (i % 64);
			}
		}
		len = wire_ack_write(bytes, &ack);
		assert_int_equal(len, 64 + 68 * ack.block_count);
		assert_true(wire_ack_parse(bytes, sizeof(bytes), &out, &used)); /* more behind it */
		assert_int_equal(used, len);
		ack_check(&out, &ack);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_ack_write__image),
		cmocka_unit_test(wire_ack_parse__image),
		cmocka_unit_test(wire_ack_parse__refuses),
		cmocka_unit_test(wire_ack_parse__block_edges),
		cmocka_unit_test(wire_ack_parse__clears_stray_bits),
		cmocka_unit_test(wire_ack_parse__round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
