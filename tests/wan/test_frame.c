#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wan/frame.h"

static void frame_dscp__reads_both_families(void **state)
{
	static const struct {
		uint8_t from12[12]; /* the frame from its type on */
		uint32_t len;
		uint8_t dscp;
	} cases[] = {
		{{0x08, 0x00, 0x45, 0x88}, 34, 34},
		{{0x08, 0x00, 0x45, 0xb9}, 34, 46},
		{{0x86, 0xdd, 0x68, 0x80}, 54, 34},
		{{0x86, 0xdd, 0x62, 0xbf}, 54, 10},
		{{0x81, 0x00, 0, 5, 0x08, 0x00, 0x45, 0x28}, 38, 10},
		{{0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6, 0x08, 0x00, 0x45, 0x28}, 42, 10},
		{{0x08, 0x06, 0x45, 0x88}, 42, 0},
		{{0x08, 0x00, 0x45, 0x88}, 15, 0}, /* cut off */
		{{0x81, 0x00, 0, 5, 0x08, 0x00, 0x45, 0x88}, 16, 0},
		{{0}, 0, 0},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t frame[64] = {0};

		memcpy(frame + 12, cases[i].from12, sizeof(cases[i].from12));
		assert_int_equal(frame_dscp(frame, cases[i].len), cases[i].dscp);
	}
}

static void frame_corrupt__flips_one_bit(void **state)
{
	uint8_t frame[20] = {0};

	(void)state;
	frame_corrupt(frame, sizeof(frame), 0);
	assert_int_equal(frame[14], 0x80);
	frame_corrupt(frame, sizeof(frame), 47);
	assert_int_equal(frame[19], 0x01);
	frame_corrupt(frame, sizeof(frame), 48);
	frame_corrupt(frame, sizeof(frame), -1);
	for (unsigned int i = 0; i < sizeof(frame); i++)
		assert_int_equal(frame[i], i == 14 ? 0x80 : i == 19 ? 0x01 : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_dscp__reads_both_families),
		cmocka_unit_test(frame_corrupt__flips_one_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
