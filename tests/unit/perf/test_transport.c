#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "perf/transport.h"

#define SECOND 1000000000ull

static void rates_of__two_looks(void **state)
{
	const struct cw_lane_counters before = {.sequenced = 1000, .lost = 10, .resent = 11};
	const struct cw_lane_counters after = {.sequenced = 3000,
					       .lost = 50,
					       .resent = 61,
					       .spurious = 4,
					       .stall_credit_ns = SECOND / 2,
					       .stall_window_ns = 5 * SECOND,
					       .pause_ns = SECOND / 5};
	struct transport_rates r = transport_rates_of(&before, &after, 2 * SECOND);

	(void)state;
	assert_int_equal(r.sequenced_ps, 1000);
	assert_int_equal(r.lost_ps, 20);
	assert_int_equal(r.resent_ps, 25);
	assert_int_equal(r.spurious_ps, 2);
	assert_true(r.loss_share == 0.02);
	assert_true(r.stalls.credit == 0.25);
	assert_true(r.stalls.window == 1); /* of several workers */
	assert_true(r.stalls.pause == 0.1);
	assert_true(r.stalls.key == 0 && r.stalls.pace == 0);
}

static void rates_of__nothing_known(void **state)
{
	const struct cw_lane_counters lane = {.sequenced = 5, .lost = 1, .stall_key_ns = 9};
	const struct cw_lane_counters less = {.sequenced = 2};
	struct transport_rates r;

	(void)state;
	r = transport_rates_of(NULL, &lane, SECOND);
	assert_int_equal(r.sequenced_ps, 0);
	assert_true(r.loss_share == -1);
	r = transport_rates_of(&lane, &lane, SECOND);
	assert_true(r.loss_share == -1);
	r = transport_rates_of(&lane, &less, SECOND);
	assert_true(r.loss_share == -1 && r.stalls.key == 0);
	r = transport_rates_of(&less, &lane, 0);
	assert_true(r.sequenced_ps == 0 && r.stalls.key == 0);
}

static void link_rates__share_of_what_it_may_now(void **state)
{
	const struct cw_link_counters before = {.tx_bytes = 100, .lost = 5};
	struct cw_link_counters after = {.tx_bytes = 100 + 50000,
					 .rx_bytes = 1000,
					 .lost = 7,
					 .nominal_bps = 1000000,
					 .rate_bps = 500000};
	struct link_rates r = transport_link_rates(&before, &after, SECOND);

	(void)state;
	assert_int_equal(r.tx_bps, 400000);
	assert_int_equal(r.rx_bps, 8000);
	assert_int_equal(r.lost_ps, 2);
	assert_true(r.tx_share == 0.8);
	after.rate_bps = 0;
	assert_true(transport_link_rates(&before, &after, SECOND).tx_share == -1);
	assert_true(transport_link_rates(NULL, &after, SECOND).tx_share == -1);
}

static void link_find__by_number(void **state)
{
	struct snapshot_link links[2] = {{.number = 3}, {.number = 200}};
	const struct snapshot snapshot = {.link_count = 2, .links = links};

	(void)state;
	assert_ptr_equal(transport_link_find(&snapshot, 200), &links[1]);
	assert_null(transport_link_find(&snapshot, 4));
	assert_null(transport_link_find(NULL, 3));
}

static void fill__stays_in_its_bounds(void **state)
{
	(void)state;
	assert_true(transport_fill(1, 4) == 0.25);
	assert_true(transport_fill(5, 4) == 1);
	assert_true(transport_fill(5, 0) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_of__two_looks),
		cmocka_unit_test(rates_of__nothing_known),
		cmocka_unit_test(link_rates__share_of_what_it_may_now),
		cmocka_unit_test(link_find__by_number),
		cmocka_unit_test(fill__stays_in_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
