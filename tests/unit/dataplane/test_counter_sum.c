#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/counter_sum.h"

/* Every word but the padding has exactly one name, and no name comes twice. */
static void fields_are_whole(const struct counter_field *fields, uint32_t count, uint32_t words)
{
	uint8_t seen[64] = {0};

	for (uint32_t i = 0; i < count; i++) {
		assert_true(fields[i].word < words - 3);
		assert_int_equal(seen[fields[i].word]++, 0);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(fields[i].name, fields[k].name);
	}
}

static void fields__name_every_word_once(void **state)
{
	(void)state;
	fields_are_whole(lane_fields, LANE_FIELDS, sizeof(struct cw_lane_counters) / 8);
	fields_are_whole(link_fields, LINK_FIELDS, sizeof(struct cw_link_counters) / 8);
}

static void value__by_name(void **state)
{
	const struct cw_link_counters link = {.tx_packets = 7, .queue_us = 9, .resent = 11};

	(void)state;
	for (uint32_t i = 0; i < LINK_FIELDS; i++) {
		uint64_t value = counter_value(&link, &link_fields[i]);

		if (!strcmp(link_fields[i].name, "tx_packets"))
			assert_int_equal(value, 7);
		else if (!strcmp(link_fields[i].name, "queue_us"))
			assert_int_equal(value, 9);
		else if (!strcmp(link_fields[i].name, "resent"))
			assert_int_equal(value, 11);
		else
			assert_int_equal(value, 0);
	}
}

static void add_lane__counts_and_gauges(void **state)
{
	const struct cw_lane_counters a = {.sequenced = 10,
					   .retained_packets = 3,
					   .rtt_ns = 20,
					   .rtt_min_ns = 15,
					   .reorder_depth_max = 9,
					   .stall_credit_ns = 100,
					   .pad = {1, 2, 3}};
	const struct cw_lane_counters b = {.sequenced = 5,
					   .retained_packets = 4,
					   .rtt_ns = 30,
					   .rtt_min_ns = 12,
					   .reorder_depth_max = 2,
					   .stall_credit_ns = 50};
	const struct cw_lane_counters unmeasured = {.sequenced = 1};
	struct cw_lane_counters sum = {0};

	(void)state;
	counter_add_lane(&sum, &unmeasured);
	assert_int_equal(sum.rtt_min_ns, 0);
	counter_add_lane(&sum, &a);
	counter_add_lane(&sum, &b);
	counter_add_lane(&sum, &unmeasured);
	assert_int_equal(sum.sequenced, 17);
	assert_int_equal(sum.retained_packets, 7);
	assert_int_equal(sum.rtt_ns, 30);
	assert_int_equal(sum.rtt_min_ns, 12);
	assert_int_equal(sum.reorder_depth_max, 9);
	assert_int_equal(sum.stall_credit_ns, 150);
	assert_int_equal(sum.pad[0] + sum.pad[1] + sum.pad[2], 0);
}

static void add_link__shares_of_the_rate(void **state)
{
	const struct cw_link_counters a = {
		.nominal_bps = 1000, .rate_bps = 300, .lowered = 1, .lowered_count = 2, .lost = 1};
	const struct cw_link_counters b = {.nominal_bps = 1000, .rate_bps = 400, .lost = 2};
	struct cw_link_counters sum = {0};

	(void)state;
	counter_add_link(&sum, &a);
	counter_add_link(&sum, &b);
	assert_int_equal(sum.nominal_bps, 1000);
	assert_int_equal(sum.rate_bps, 700);
	assert_int_equal(sum.lowered, 1);
	assert_int_equal(sum.lowered_count, 2);
	assert_int_equal(sum.lost, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields__name_every_word_once),
		cmocka_unit_test(value__by_name),
		cmocka_unit_test(add_lane__counts_and_gauges),
		cmocka_unit_test(add_link__shares_of_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
