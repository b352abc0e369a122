#include "control/core/route.h"

#include <string.h>

_Static_assert(ROUTES_MAX <= 64, "a set of routes is a u64");

static bool shares_link(const struct route *a, const struct route *b)
{
	for (uint32_t i = 0; i < a->link_count; i++) {
		for (uint32_t j = 0; j < b->link_count; j++) {
			if (a->links[i] == b->links[j])
				return true;
		}
	}
	return false;
}

static bool shares_risk(const struct route *a, const struct route *b)
{
	for (uint32_t i = 0; i < a->srlg_count; i++) {
		for (uint32_t j = 0; j < b->srlg_count; j++) {
			if (!strcmp(a->srlgs[i], b->srlgs[j]))
				return true;
		}
	}
	return false;
}

bool route_is_disjoint(const struct route *a, const struct route *b)
{
	return !shares_link(a, b) && !shares_risk(a, b);
}

enum route_refusal route_check(const struct route *route, const struct route_rules *rules)
{
	if (!route->is_open)
		return ROUTE_CLOSED;
	if (rules->rtt_max_ns && route->rtt_ns > rules->rtt_max_ns)
		return ROUTE_SLOW;
	for (uint32_t i = 0; i < rules->diverse_count; i++) {
		if (!route_is_disjoint(route, &rules->diverse_from[i]))
			return ROUTE_SHARED;
	}
	return ROUTE_GOOD;
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int route_compare(const struct route *a, const struct route *b)
{
	int order = compare(a->cost, b->cost);

	if (!order)
		order = compare(a->rtt_ns, b->rtt_ns);
	if (!order)
		order = compare(b->room_bps, a->room_bps);
	if (!order)
		order = compare(a->link_count, b->link_count);
	for (uint32_t i = 0; i < a->link_count && !order; i++)
		order = compare(a->links[i], b->links[i]);
	return order;
}

uint32_t route_best(const struct route *routes, uint32_t count, const struct route_rules *rules,
		    uint32_t best[], uint32_t max)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = found;

		if (route_check(&routes[i], rules) != ROUTE_GOOD)
			continue;
		while (at > 0 && route_compare(&routes[i], &routes[best[at - 1]]) < 0)
			at--;
		if (at == max)
			continue;
		if (found < max)
			found++;
		memmove(&best[at + 1], &best[at], (found - at - 1) * sizeof(best[0]));
		best[at] = i;
	}
	return found;
}

static bool pair_is_fit(const struct route *routes, const uint64_t unfit[], uint32_t a, uint32_t b)
{
	if (unfit && (unfit[a] >> b | unfit[b] >> a) & 1)
		return false;
	return route_is_disjoint(&routes[a], &routes[b]);
}

bool route_pair(const struct route *routes, uint32_t count, const struct route_rules *rules,
		const uint64_t unfit[], uint32_t pair[2])
{
	uint32_t order[ROUTES_MAX], found = route_best(routes, count, rules, order, ROUTES_MAX);
	uint64_t best_cost = 0, best_rtt_ns = 0;
	bool is_found = false;

	for (uint32_t i = 0; i < found; i++) {
		for (uint32_t j = i + 1; j < found; j++) {
			const struct route *a = &routes[order[i]], *b = &routes[order[j]];
			uint64_t cost = a->cost + b->cost, rtt_ns = a->rtt_ns + b->rtt_ns;

			if (is_found &&
			    (cost > best_cost || (cost == best_cost && rtt_ns >= best_rtt_ns)))
				continue;
			if (!pair_is_fit(routes, unfit, order[i], order[j]))
				continue;
			pair[0] = order[i];
			pair[1] = order[j];
			best_cost = cost;
			best_rtt_ns = rtt_ns;
			is_found = true;
		}
	}
	return is_found;
}
