#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/roce/pattern.h"

static void pattern_fill__pieces_are_the_whole(void **state)
{
	struct pattern p;
	uint8_t whole[64], piece[64];

	(void)state;
	pattern_init(&p, 7, 1);
	pattern_fill(&p, 1000, whole, sizeof(whole));
	for (uint32_t from = 0; from < 20; from++)
		for (uint32_t len = 0; len < 40; len++) {
			pattern_fill(&p, 1000 + from, piece, len);
			assert_memory_equal(piece, whole + from, len);
			assert_int_equal(pattern_check(&p, 1000 + from, piece, len), len);
		}
}

static void pattern_check__finds_each_wrong_byte(void **state)
{
	struct pattern p;
	uint8_t bytes[37];

	(void)state;
	pattern_init(&p, 7, 1);
	pattern_fill(&p, 3, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 0x10;
		assert_int_equal(pattern_check(&p, 3, bytes, sizeof(bytes)), i);
		bytes[i] ^= 0x10;
	}
}

static void pattern_check__knows_offset_seed_and_queue_pair(void **state)
{
	struct pattern p, other_seed, other_qp;
	uint8_t bytes[16];

	(void)state;
	pattern_init(&p, 7, 1);
	pattern_init(&other_seed, 8, 1);
	pattern_init(&other_qp, 7, 2);
	pattern_fill(&p, 4096, bytes, sizeof(bytes));
	assert_true(pattern_check(&p, 8192, bytes, sizeof(bytes)) < sizeof(bytes));
	assert_true(pattern_check(&other_seed, 4096, bytes, sizeof(bytes)) < sizeof(bytes));
	assert_true(pattern_check(&other_qp, 4096, bytes, sizeof(bytes)) < sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_fill__pieces_are_the_whole),
		cmocka_unit_test(pattern_check__finds_each_wrong_byte),
		cmocka_unit_test(pattern_check__knows_offset_seed_and_queue_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
