#include "control/core/cluster_cut.h"

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint32_t size_of(uint16_t members)
{
	return (uint32_t)__builtin_popcount(members);
}

static struct cluster_cut measure(const struct cluster_plan *plan, uint16_t members)
{
	struct cluster_cut cut = {.members = members};

	for (uint32_t i = 0; i < plan->edge_count; i++) {
		const struct cluster_edge *edge = &plan->edges[i];
		uint32_t a = members >> edge->a & 1, z = members >> edge->z & 1;

		if (a == z)
			continue;
		cut.edges++;
		cut.rate_bps = add(cut.rate_bps, edge->rate_bps[a ? 0 : 1]);
	}
	return cut;
}

void cluster_cut_find(const struct cluster_plan *plan, struct cluster_cut *cut)
{
	uint16_t all = (uint16_t)((1u << plan->member_count) - 1);

	*cut = measure(plan, 1);
	for (uint16_t members = 2; members < all; members++) {
		struct cluster_cut other = measure(plan, members);

		if (other.rate_bps < cut->rate_bps ||
		    (other.rate_bps == cut->rate_bps && size_of(members) < size_of(cut->members)))
			*cut = other;
	}
}
