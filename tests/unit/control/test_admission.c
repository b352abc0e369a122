#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dataplane/core/tunnel.h"
#include "tests/unit/control/admission_world.h"

/* ---- what a path takes ---- */

static void wire__full_packets_and_all_around_them(void **state)
{
	static const struct {
		struct admission_medium medium;
		uint64_t line_bytes, inner_bytes;
	} table[] = {
		/* Ethernet 14, IPv4 20, UDP 8, tunnel 28 + 16, DATA 16, framing 24. */
		{{0}, 1500 + 126, 1500},
		{{.is_v6 = true}, 1500 + 146, 1500},
		{{.packet_bytes = 9000}, 9000 + 126, 9000},
		{{.packet_bytes = 9000, .wan_mtu = 9088}, 9000 + 126, 9000},
		{{.packet_bytes = 9000, .wan_mtu = 9087}, 9000 + 2 * 126, 9000},
		{{.packet_bytes = 9000, .wan_mtu = 1588}, 9000 + 6 * 126, 9000},
		{{.packet_bytes = 9000, .wan_mtu = 1588, .is_v6 = true}, 9000 + 7 * 146, 9000},
		{{.packet_bytes = 640, .wan_mtu = 1}, 640 + 10 * 126, 640},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		uint64_t bps = table[i].inner_bytes * 8000;

		assert_int_equal(admission_wire_bps(&table[i].medium, bps),
				 table[i].line_bytes * 8000);
		assert_int_equal(admission_wire_bps(&table[i].medium, 0), 0);
		/* Never rounded down. */
		assert_in_range(admission_wire_bps(&table[i].medium, 1), 2, 3);
		assert_true(admission_wire_bps(&table[i].medium, UINT64_MAX) == UINT64_MAX);
	}
}

static void reservable__percent(void **state)
{
	(void)state;
	assert_int_equal(admission_reservable_bps(10 * GB, 90), 9 * GB);
	assert_true(admission_reservable_bps(UINT64_MAX, 100) == UINT64_MAX);
	assert_int_equal(admission_reservable_bps(99, 50), 49);
}

/* The same as the gateways make, for the maximal rates. */
static void claim__windows_of_the_data_plane(void **state)
{
	struct admission_ask ask = {.rate_bps = {1 * GB, 2 * GB}, .max_bps = {3 * GB, 0}};
	struct admission_medium medium = {.rtt_ns = 20 * MS, .lanes = {2, 3}};
	struct tunnel_demand demand = {
		.tx_bps = 3 * GB, .rx_bps = 2 * GB, .rtt_ns = 20 * MS, .loss = 0.01};
	struct tunnel_sizes a, z;
	struct admission_claim claim;

	(void)state;
	tunnel_sizes_for(&demand, &a);
	demand.tx_bps = 2 * GB;
	demand.rx_bps = 3 * GB;
	tunnel_sizes_for(&demand, &z);
	admission_claim_make(&ask, &medium, &claim);
	assert_int_equal(claim.amounts[ADMISSION_RATE_A], admission_wire_bps(&medium, 1 * GB));
	assert_int_equal(claim.amounts[ADMISSION_RATE_Z], admission_wire_bps(&medium, 2 * GB));
	assert_int_equal(claim.amounts[ADMISSION_BUFFER_A], 2 * a.retain_bytes + 3 * a.rx_bytes);
	assert_int_equal(claim.amounts[ADMISSION_BUFFER_Z], 3 * z.retain_bytes + 2 * z.rx_bytes);
	assert_int_equal(claim.amounts[ADMISSION_TENANT_RATE], 2 * GB);
	assert_int_equal(claim.amounts[ADMISSION_TENANT_BUFFER],
			 claim.amounts[ADMISSION_BUFFER_A] + claim.amounts[ADMISSION_BUFFER_Z]);
	/* Retention = rate x (RTT + detection) x 1.25: more than this, less than 1.2 times. */
	assert_in_range(a.retain_bytes, 3 * GB / 8 / 50 * 5 / 4, 3 * GB / 8 / 50 * 3 / 2);
}

static void claim__never_less_than_a_window(void **state)
{
	static const struct admission_ask nothing;
	struct admission_ask huge = {.rate_bps = {UINT64_MAX, UINT64_MAX}};
	struct admission_medium medium = {.rtt_ns = 1}, moon = {.rtt_ns = UINT64_MAX};
	struct admission_claim claim, most;

	(void)state;
	admission_claim_make(&nothing, &medium, &claim);
	assert_int_equal(claim.amounts[ADMISSION_RATE_A], 0);
	assert_int_equal(claim.amounts[ADMISSION_BUFFER_A], 2 << 20);
	/* 400 Gb/s and ten seconds: nothing wraps. */
	admission_claim_make(&huge, &moon, &most);
	assert_true(most.amounts[ADMISSION_BUFFER_A] > 400 * GB / 8 * 10);
	assert_true(most.amounts[ADMISSION_BUFFER_A] < 400 * GB * 100);
}

/* ---- decisions ---- */

static const char one_duct[][MODEL_NAME_BYTES] = {"duct"};

static void decide__takes_the_cheapest_then_the_emptiest(void **state)
{
	struct admission_verdict verdict;
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_OK);
	assert_int_equal(verdict.option, 0);
	assert_int_equal(verdict.offer_count, 0);
	world_book(&w, &w.rates[0][1], 0, &(struct booking){0, FOREVER, 1});
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_OK);
	assert_int_equal(verdict.option, 1);
	w.options[1].route.cost = 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_OK);
	assert_int_equal(verdict.option, 0);
}

static void decide__stays_where_it_is(void **state)
{
	struct admission_verdict verdict;
	struct world w;

	(void)state;
	world_make(&w);
	w.options[1].route.cost = 1;
	w.options[1].route.is_open = false;
	w.request.current = 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_OK);
	assert_int_equal(verdict.option, 1);
	/* But not where it would not fit. */
	w.request.ask.rate_bps[0] = 9 * GB;
	world_book(&w, &w.rates[1][0], 0, &(struct booking){0, FOREVER, 1 * GB});
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_OK);
	assert_int_equal(verdict.option, 0);
}

static void decide__refusal_of_the_one_that_got_furthest(void **state)
{
	struct admission_verdict verdict;
	struct route diverse;
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(admission_decide(&w.request, w.options, 0, w.scratch, &verdict),
			 ADMISSION_NO_ROUTE);
	assert_true(verdict.option == ADMISSION_NO_OPTION);
	w.options[0].route.is_open = false;
	w.options[1].route.is_open = false;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_ROUTE);
	w.options[1].route.is_open = true;
	w.request.rules.rtt_max_ns = 9 * MS;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_LATENCY);
	assert_int_equal(verdict.option, 1);
	w.options[1].route.rtt_ns = 9 * MS;
	w.options[1].route.srlgs = one_duct;
	w.options[1].route.srlg_count = 1;
	diverse = w.options[1].route;
	diverse.links[0] = 77;
	w.request.rules.diverse_from = &diverse;
	w.request.rules.diverse_count = 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_DISJOINT);
	assert_int_equal(verdict.offer_count, 0);
	diverse.srlg_count = 0;
	w.near[1].limit = 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BUFFERS);
	assert_int_equal(verdict.resource, ADMISSION_BUFFER_A);
	w.rates[1][1].limit = 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BANDWIDTH);
	assert_int_equal(verdict.resource, ADMISSION_RATE_Z);
	assert_int_equal(verdict.option, 1);
}

static void decide__says_what_binds_and_when(void **state)
{
	struct admission_verdict verdict;
	struct world w;

	(void)state;
	world_make(&w);
	w.request.ask.rate_bps[0] = 6 * GB;
	world_book(&w, &w.rates[0][0], 0,
		   &(struct booking){NOW + 50 * SECOND, NOW + 60 * SECOND, 9 * GB});
	world_book(&w, &w.rates[1][0], 1, &(struct booking){0, NOW + 70 * SECOND, 5 * GB});
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BANDWIDTH);
	/* The one that lacks least. */
	assert_int_equal(verdict.option, 1);
	assert_int_equal(verdict.wanted, admission_wire_bps(&w.options[1].medium, 6 * GB));
	assert_int_equal(verdict.booked, 5 * GB);
	assert_int_equal(verdict.limit, 10 * GB);
	assert_int_equal(verdict.at_ns, NOW);
}

/* A gateway that both end at keeps the buffers of the one that carries, the larger ones. */
static void pair__shares_the_buffers_of_a_gateway(void **state)
{
	struct admission_claim claims[2];
	uint32_t pair[2];
	struct world w;

	(void)state;
	world_make(&w);
	w.options[1].medium.rtt_ns = w.options[1].route.rtt_ns = 20 * MS;
	for (int i = 0; i < 2; i++)
		admission_claim_make(&w.request.ask, &w.options[i].medium, &claims[i]);
	w.far.limit = claims[1].amounts[ADMISSION_BUFFER_Z];
	assert_true(admission_pair(&w.request, w.options, 2, w.scratch, pair));
	assert_int_equal(pair[0], 0);
	assert_int_equal(pair[1], 1);
	w.far.limit--;
	assert_false(admission_pair(&w.request, w.options, 2, w.scratch, pair));
	w.far.limit++;
	w.rates[1][0].limit = 1;
	assert_false(admission_pair(&w.request, w.options, 2, w.scratch, pair));
}

/* The tenant pays for the buffers of both gateways at end A, and for the larger ones at end Z. */
static void pair__counts_all_buffers_of_the_tenant(void **state)
{
	struct admission_claim claims[2];
	struct calendar quota = {0};
	bool is_shared[2] = {false, true};
	uint32_t pair[2];
	struct world w;

	(void)state;
	world_make(&w);
	for (uint32_t i = 0; i < 2; i++) {
		w.options[i].gateways[END_A] = i;
		w.options[i].calendars[ADMISSION_TENANT_BUFFER] = &quota;
		admission_claim_make(&w.request.ask, &w.options[i].medium, &claims[i]);
	}
	admission_claim_beside(&claims[0], is_shared, &claims[1]);
	assert_int_equal(claims[1].amounts[ADMISSION_BUFFER_Z], 0);
	assert_int_equal(claims[1].amounts[ADMISSION_TENANT_RATE], 0);
	quota.limit =
		claims[0].amounts[ADMISSION_TENANT_BUFFER] + claims[1].amounts[ADMISSION_BUFFER_A];
	assert_true(admission_pair(&w.request, w.options, 2, w.scratch, pair));
	quota.limit--;
	assert_false(admission_pair(&w.request, w.options, 2, w.scratch, pair));
}

static enum admission_code decide_pair(struct world *w, uint32_t *second,
				       struct admission_verdict *verdict)
{
	return admission_decide_pair(&w->request, w->options, 2, w->scratch, second, verdict);
}

static void pair__stays_where_it_is(void **state)
{
	struct admission_verdict verdict;
	uint32_t second = 0;
	struct world w;

	(void)state;
	world_make(&w);
	w.request.current = 1;
	w.options[0].route.is_open = w.options[1].route.is_open = false;
	assert_int_equal(decide_pair(&w, &second, &verdict), ADMISSION_OK);
	assert_int_equal(verdict.option, 1);
	assert_int_equal(second, 0);
	/* A new backup is not looked for among those that are drained. */
	second = ADMISSION_NO_OPTION;
	assert_int_equal(decide_pair(&w, &second, &verdict), ADMISSION_NO_DISJOINT);
}

static void pair__refusals(void **state)
{
	static const char risk[1][MODEL_NAME_BYTES] = {"duct"};
	const struct booking busy = {0, FOREVER, 9500 * MB};
	struct admission_verdict verdict;
	uint32_t second = ADMISSION_NO_OPTION;
	struct world w;

	(void)state;
	world_make(&w);
	for (int i = 0; i < 2; i++) {
		w.options[i].route.srlgs = risk;
		w.options[i].route.srlg_count = 1;
	}
	assert_int_equal(decide_pair(&w, &second, &verdict), ADMISSION_NO_DISJOINT);
	assert_int_equal(verdict.offer_count, 0);
	w.options[1].route.srlg_count = 0;
	world_book(&w, &w.rates[1][1], 0, &busy);
	assert_int_equal(decide_pair(&w, &second, &verdict), ADMISSION_NO_BANDWIDTH);
	assert_int_equal(verdict.option, 1);
	assert_int_equal(verdict.resource, ADMISSION_RATE_Z);
}

/* What a path without a second link is offered is no offer for one with two. */
static void pair__offers_hold(void **state)
{
	const struct booking busy = {NOW - SECOND, NOW + 50 * SECOND, 9500 * MB};
	struct admission_verdict verdict;
	uint32_t second = ADMISSION_NO_OPTION;
	struct world w;

	(void)state;
	world_make(&w);
	world_book(&w, &w.rates[1][1], 0, &busy);
	assert_int_equal(decide_pair(&w, &second, &verdict), ADMISSION_NO_BANDWIDTH);
	assert_int_equal(verdict.offer_count, 2);
	for (uint32_t i = 0; i < verdict.offer_count; i++) {
		struct admission_verdict again;

		w.request.ask = verdict.offers[i].ask;
		second = ADMISSION_NO_OPTION;
		assert_int_equal(decide_pair(&w, &second, &again), ADMISSION_OK);
	}
	assert_int_equal(verdict.offers[0].kind, ADMISSION_OFFER_RATE);
	assert_true(verdict.offers[0].ask.rate_bps[0] >= 400 * MB);
	assert_int_equal(verdict.offers[1].kind, ADMISSION_OFFER_START);
	assert_int_equal(verdict.offers[1].ask.start_ns, NOW + 50 * SECOND);
}

static void names__of_the_api(void **state)
{
	static const char *const names[] = {
		"no-route",
		"latency-infeasible",
		"no-disjoint-route",
		"insufficient-bandwidth",
		"insufficient-buffers",
		"quota-exceeded",
		"ok",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(admission_code_name((enum admission_code)i), names[i]);
	assert_string_equal(admission_offer_name(ADMISSION_OFFER_START), "start");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire__full_packets_and_all_around_them),
		cmocka_unit_test(reservable__percent),
		cmocka_unit_test(claim__windows_of_the_data_plane),
		cmocka_unit_test(claim__never_less_than_a_window),
		cmocka_unit_test(decide__takes_the_cheapest_then_the_emptiest),
		cmocka_unit_test(decide__stays_where_it_is),
		cmocka_unit_test(decide__refusal_of_the_one_that_got_furthest),
		cmocka_unit_test(decide__says_what_binds_and_when),
		cmocka_unit_test(pair__shares_the_buffers_of_a_gateway),
		cmocka_unit_test(pair__counts_all_buffers_of_the_tenant),
		cmocka_unit_test(pair__stays_where_it_is),
		cmocka_unit_test(pair__refusals),
		cmocka_unit_test(pair__offers_hold),
		cmocka_unit_test(names__of_the_api),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
