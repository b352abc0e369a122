#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/core/route.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char rhine[][MODEL_NAME_BYTES] = {"bridge-3", "rhine"};
static const char alps[][MODEL_NAME_BYTES] = {"alps"};
static const char both[][MODEL_NAME_BYTES] = {"alps", "rhine"};

static const struct route_rules any;

static struct route route_of(uint32_t link, uint64_t cost, uint64_t rtt_ns)
{
	return (struct route){
		.link_count = 1, .links = {link}, .is_open = true, .cost = cost, .rtt_ns = rtt_ns};
}

static struct route with_risk(struct route route, const char (*srlgs)[MODEL_NAME_BYTES],
			      uint32_t count)
{
	route.srlgs = srlgs;
	route.srlg_count = count;
	return route;
}

static void is_disjoint__links_and_risks(void **state)
{
	struct route plain = route_of(1, 0, 0), other = route_of(2, 0, 0);
	struct route on_rhine = with_risk(route_of(3, 0, 0), rhine, 2);
	struct route on_alps = with_risk(route_of(4, 0, 0), alps, 1);
	struct route on_both = with_risk(route_of(5, 0, 0), both, 2);

	(void)state;
	assert_false(route_is_disjoint(&plain, &plain));
	assert_true(route_is_disjoint(&plain, &other));
	assert_true(route_is_disjoint(&plain, &on_rhine));
	assert_true(route_is_disjoint(&on_rhine, &on_alps));
	assert_false(route_is_disjoint(&on_rhine, &on_both));
	assert_false(route_is_disjoint(&on_both, &on_alps));
}

static void check__says_how_far_it_got(void **state)
{
	struct route from[] = {with_risk(route_of(9, 0, 0), alps, 1),
			       with_risk(route_of(8, 0, 0), rhine, 2)};
	struct route_rules rules = {.rtt_max_ns = 20, .diverse_from = from, .diverse_count = 2};
	struct route route = with_risk(route_of(1, 0, 21), both, 2);

	(void)state;
	route.is_open = false;
	assert_int_equal(route_check(&route, &rules), ROUTE_CLOSED);
	route.is_open = true;
	assert_int_equal(route_check(&route, &rules), ROUTE_SLOW);
	route.rtt_ns = 20;
	assert_int_equal(route_check(&route, &rules), ROUTE_SHARED);
	route.srlgs = &both[1];
	route.srlg_count = 1;
	assert_int_equal(route_check(&route, &rules), ROUTE_SHARED);
	rules.diverse_count = 1;
	assert_int_equal(route_check(&route, &rules), ROUTE_GOOD);
	route.links[0] = 9;
	assert_int_equal(route_check(&route, &rules), ROUTE_SHARED);
	assert_int_equal(route_check(&route, &any), ROUTE_GOOD);
}

static void compare__cost_then_rtt_then_room_then_number(void **state)
{
	struct route a = route_of(2, 10, 50), b = route_of(1, 10, 50);

	(void)state;
	assert_true(route_compare(&b, &a) < 0);
	assert_true(route_compare(&a, &b) > 0);
	assert_int_equal(route_compare(&a, &a), 0);
	a.room_bps = 1;
	assert_true(route_compare(&a, &b) < 0);
	b.rtt_ns = 49;
	assert_true(route_compare(&b, &a) < 0);
	a.cost = 9;
	assert_true(route_compare(&a, &b) < 0);
}

static void best__the_first_k_in_order(void **state)
{
	struct route routes[] = {
		route_of(0, 10, 30), route_of(1, 20, 10), route_of(2, 10, 20),
		route_of(3, 10, 20), route_of(4, 5, 90),  route_of(5, 1, 1),
	};
	static const uint32_t order[] = {4, 2, 3, 0, 1};
	struct route_rules fast = {.rtt_max_ns = 20};
	uint32_t best[COUNT(routes)];

	(void)state;
	routes[5].is_open = false;
	for (uint32_t max = 0; max <= COUNT(routes); max++) {
		uint32_t count = max < COUNT(order) ? max : COUNT(order);

		assert_int_equal(route_best(routes, COUNT(routes), &any, best, max), count);
		assert_memory_equal(best, order, count * sizeof(best[0]));
	}
	assert_int_equal(route_best(routes, COUNT(routes), &fast, best, COUNT(routes)), 3);
	assert_int_equal(best[2], 1);
	assert_int_equal(route_best(routes, 0, &any, best, 1), 0);
}

/* The cheapest route shares a risk with all but the dearest: it is in nobody's best pair. */
static void pair__cheapest_together(void **state)
{
	struct route routes[] = {
		with_risk(route_of(0, 1, 5), both, 2),	 with_risk(route_of(1, 30, 5), rhine, 2),
		with_risk(route_of(2, 20, 5), alps, 1),	 with_risk(route_of(3, 20, 4), alps, 1),
		with_risk(route_of(4, 25, 1), rhine, 2), route_of(5, 100, 1),
	};
	static const struct {
		uint32_t closed;
		uint32_t pair[2];
	} steps[] = {{6, {3, 4}}, {3, {2, 4}}, {2, {0, 5}}, {0, {4, 5}}, {4, {1, 5}}};
	uint32_t pair[2];

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].closed < COUNT(routes))
			routes[steps[i].closed].is_open = false;
		assert_true(route_pair(routes, COUNT(routes), &any, NULL, pair));
		assert_memory_equal(pair, steps[i].pair, sizeof(pair));
	}
	routes[5].is_open = false;
	assert_false(route_pair(routes, COUNT(routes), &any, NULL, pair));
	assert_false(route_pair(routes, 0, &any, NULL, pair));
}

static void pair__equal_costs_by_rtt(void **state)
{
	struct route routes[] = {route_of(0, 10, 9), route_of(1, 10, 30), route_of(2, 10, 8)};
	uint32_t pair[2];

	(void)state;
	assert_true(route_pair(routes, COUNT(routes), &any, NULL, pair));
	assert_int_equal(pair[0], 2);
	assert_int_equal(pair[1], 0);
}

static void pair__but_the_unfit(void **state)
{
	struct route routes[] = {route_of(0, 1, 1), route_of(1, 2, 1), route_of(2, 3, 1)};
	uint64_t unfit[COUNT(routes)] = {0, 1 << 0, 0};
	uint32_t pair[2];

	(void)state;
	assert_true(route_pair(routes, COUNT(routes), &any, unfit, pair));
	assert_int_equal(pair[0], 0);
	assert_int_equal(pair[1], 2);
	unfit[0] = 1 << 2;
	assert_true(route_pair(routes, COUNT(routes), &any, unfit, pair));
	assert_int_equal(pair[0], 1);
	unfit[2] = 1 << 1;
	assert_false(route_pair(routes, COUNT(routes), &any, unfit, pair));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_disjoint__links_and_risks),
		cmocka_unit_test(check__says_how_far_it_got),
		cmocka_unit_test(compare__cost_then_rtt_then_room_then_number),
		cmocka_unit_test(best__the_first_k_in_order),
		cmocka_unit_test(pair__cheapest_together),
		cmocka_unit_test(pair__equal_costs_by_rtt),
		cmocka_unit_test(pair__but_the_unfit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
