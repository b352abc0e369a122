// SPDX-License-Identifier: BSD-3-Clause
/* The window and the look-ups; the verdicts themselves are tested in tests/unit/bpf. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/user_classifier.h"

static void classify_input_fill__pads_with_zero(void **state)
{
	static const uint32_t lengths[] = {0, 1, 14, 127, 128, 129, 1500};
	uint8_t frame[1500];

	(void)state;
	memset(frame, 0xaa, sizeof(frame));
	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct classify_input in;

		memset(&in, 0x55, sizeof(in));
		classify_input_fill(&in, frame, lengths[i]);
		assert_int_equal(in.len, lengths[i]);
		for (uint32_t j = 0; j < CLASSIFY_WINDOW; j++)
			assert_int_equal(in.data[j], j < lengths[i] ? 0xaa : 0);
		assert_int_equal(in.vlan_tci, 0x5555);
	}
}

static void user_classifier_run__nothing_set(void **state)
{
	struct classify_input in = {0};

	(void)state;
	assert_int_equal(user_classifier_run(&in), KERNEL_TRUNCATED);
	in.len = 64;
	assert_int_equal(user_classifier_run(&in), KERNEL_NOT_IP);
}

static void user_classifier_groups__no_rules(void **state)
{
	(void)state;
	assert_int_equal(user_classifier_src_group(0, 1, 2), 0);
	assert_int_equal(user_classifier_dst_group(0, 1, 2), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(classify_input_fill__pads_with_zero),
		cmocka_unit_test(user_classifier_run__nothing_set),
		cmocka_unit_test(user_classifier_groups__no_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
