#include "control/core/cluster.h"

#include <stddef.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

static const char *const pattern_names[CLUSTER_PATTERN_COUNT] = {
	[CLUSTER_RING] = "ring",
	[CLUSTER_TREE] = "tree",
	[CLUSTER_MATRIX] = "matrix",
};

static const char *const fault_texts[CLUSTER_FAULT_COUNT] = {
	[CLUSTER_OK] = "nothing is wrong",
	[CLUSTER_MEMBERS] = "a cluster has 2 to 12 members",
	[CLUSTER_PATTERN] = "the pattern is ring, tree or matrix",
	[CLUSTER_SIZE] = "a ring or a tree wants rate_bps, or bytes_per_step and step_period; "
			 "a matrix has rates of its own; bytes_per_step is at most 1 PiB",
	[CLUSTER_PERIOD] = "bytes_per_step and step_period go together; a period is at most a day",
	[CLUSTER_OVERLAP] = "overlap is 0 to 100 percent",
	[CLUSTER_EFFICIENCY] = "efficiency is 1 to 99 percent, for a ring or a tree that is given "
			       "by bytes_per_step and step_period and not by rate_bps",
	[CLUSTER_ONE_WAY] = "only a ring can be one way",
	[CLUSTER_RATE] = "a rate is 1 Mb/s to 400 Gb/s",
	[CLUSTER_EMPTY] = "a matrix has at least one rate, and none from a member to itself",
};

const char *cluster_pattern_name(uint8_t pattern)
{
	return pattern < CLUSTER_PATTERN_COUNT ? pattern_names[pattern] : "";
}

uint8_t cluster_pattern_find(const char *name)
{
	uint8_t i = 0;

	while (i < CLUSTER_PATTERN_COUNT && strcmp(pattern_names[i], name) != 0)
		i++;
	return i;
}

const char *cluster_fault_text(enum cluster_fault fault)
{
	return fault_texts[fault];
}

static bool rate_is_valid(uint64_t bps)
{
	return bps >= CLUSTER_RATE_MIN_BPS && bps <= CLUSTER_RATE_MAX_BPS;
}

static enum cluster_fault check_matrix(const struct cluster_demand *demand, uint32_t members)
{
	bool is_empty = true;

	for (uint32_t from = 0; from < members; from++) {
		for (uint32_t to = 0; to < members; to++) {
			uint64_t bps = demand->matrix_bps[from][to];

			if (!bps)
				continue;
			if (from == to)
				return CLUSTER_EMPTY;
			if (!rate_is_valid(bps))
				return CLUSTER_RATE;
			is_empty = false;
		}
	}
	return is_empty ? CLUSTER_EMPTY : CLUSTER_OK;
}

static enum cluster_fault check_rates(const struct cluster_demand *demand, uint32_t members)
{
	if (demand->pattern == CLUSTER_MATRIX)
		return demand->rate_bps ? CLUSTER_SIZE : check_matrix(demand, members);
	if (!demand->rate_bps)
		return demand->bytes_per_step ? CLUSTER_OK : CLUSTER_SIZE;
	return rate_is_valid(demand->rate_bps) ? CLUSTER_OK : CLUSTER_RATE;
}

static enum cluster_fault check_step(const struct cluster_demand *demand)
{
	if (demand->bytes_per_step > CLUSTER_BYTES_MAX)
		return CLUSTER_SIZE;
	if (!demand->bytes_per_step != !demand->step_period_ns)
		return CLUSTER_PERIOD;
	if (demand->step_period_ns > CLUSTER_PERIOD_MAX_NS)
		return CLUSTER_PERIOD;
	if (demand->overlap_pct > 100)
		return CLUSTER_OVERLAP;
	if (!demand->efficiency_pct)
		return CLUSTER_OK;
	if (demand->efficiency_pct > 99 || !demand->bytes_per_step || demand->rate_bps ||
	    demand->pattern == CLUSTER_MATRIX)
		return CLUSTER_EFFICIENCY;
	return CLUSTER_OK;
}

enum cluster_fault cluster_demand_check(const struct cluster_demand *demand, uint32_t members)
{
	enum cluster_fault fault;

	if (members < 2 || members > CLUSTER_MEMBERS_MAX)
		return CLUSTER_MEMBERS;
	if (demand->pattern >= CLUSTER_PATTERN_COUNT)
		return CLUSTER_PATTERN;
	if (demand->is_one_way && demand->pattern != CLUSTER_RING)
		return CLUSTER_ONE_WAY;
	fault = check_step(demand);
	return fault ? fault : check_rates(demand, members);
}

uint64_t cluster_budget_ns(const struct cluster_demand *demand)
{
	u128 period = demand->step_period_ns;
	uint32_t wanted = demand->efficiency_pct;

	if (!wanted)
		return demand->step_period_ns;
	return (uint64_t)(period * (demand->overlap_pct * wanted + 100 * (100 - wanted)) /
			  (100 * wanted));
}

uint8_t cluster_edge_find(const struct cluster_plan *plan, uint8_t one, uint8_t other)
{
	uint8_t a = one < other ? one : other, z = one < other ? other : one;

	for (uint8_t i = 0; i < plan->edge_count; i++) {
		if (plan->edges[i].a == a && plan->edges[i].z == z)
			return i;
	}
	return CLUSTER_NONE;
}

/* The way from one member to another, and the edge it is. */
static uint8_t way_between(const struct cluster_plan *plan, uint8_t from, uint8_t to,
			   struct step_way *way)
{
	uint8_t found = cluster_edge_find(plan, from, to);
	const struct cluster_edge *edge = &plan->edges[found];

	way->rate_bps = edge->rate_bps[from == edge->a ? 0 : 1];
	way->rtt_ns = edge->rtt_ns;
	return found;
}

static uint32_t ring_ways(const struct cluster_plan *plan, struct step_way *ways, uint8_t *edges)
{
	for (uint32_t i = 0; i < plan->order_count; i++) {
		uint8_t to = plan->order[(i + 1) % plan->order_count];

		edges[i] = way_between(plan, plan->order[i], to, &ways[i]);
	}
	return plan->order_count;
}

/* The slower direction of each edge: sums go up, results come down. */
static uint32_t tree_ways(const struct cluster_plan *plan, struct step_way *ways, uint8_t *edges)
{
	uint32_t count = 0;

	for (uint8_t i = 0; i < plan->member_count; i++) {
		struct step_way down;

		if (plan->parent[i] == CLUSTER_NONE)
			continue;
		way_between(plan, plan->parent[i], i, &down);
		edges[count] = way_between(plan, i, plan->parent[i], &ways[count]);
		if (down.rate_bps < ways[count].rate_bps)
			ways[count] = down;
		count++;
	}
	return count;
}

/* The edges' round trips may be newer than the plan. */
static uint64_t tree_delay(const struct cluster_plan *plan)
{
	uint64_t most = 0;

	for (uint8_t leaf = 0; leaf < plan->member_count; leaf++) {
		uint64_t sum = 0;

		for (uint8_t i = leaf; plan->parent[i] != CLUSTER_NONE; i = plan->parent[i])
			sum += plan->edges[cluster_edge_find(plan, i, plan->parent[i])].rtt_ns;
		if (sum > most)
			most = sum;
	}
	return most;
}

void cluster_outlook(const struct cluster_demand *demand, const struct cluster_plan *plan,
		     uint64_t window_bytes, uint64_t piece_bytes, struct cluster_outlook *outlook)
{
	struct step_traffic traffic = {
		.bytes = demand->bytes_per_step,
		.window_bytes = window_bytes,
		.piece_bytes = piece_bytes,
	};
	struct step_way ways[CLUSTER_MEMBERS_MAX];
	uint8_t edges[CLUSTER_MEMBERS_MAX];
	uint32_t count;

	*outlook = (struct cluster_outlook){.limit_edge = CLUSTER_NONE};
	if (!demand->bytes_per_step || !demand->step_period_ns)
		return;
	if (plan->root != CLUSTER_NONE) {
		count = tree_ways(plan, ways, edges);
		step_tree(ways, count, plan->hops, tree_delay(plan), &traffic, &outlook->time);
	} else if (plan->order_count) {
		count = ring_ways(plan, ways, edges);
		step_ring(ways, count, &traffic, &outlook->time);
	} else {
		return;
	}
	outlook->is_known = true;
	step_efficiency(&outlook->time, demand->step_period_ns, demand->overlap_pct,
			&outlook->result);
	if (outlook->result.limit != STEP_LIMIT_NONE)
		outlook->limit_edge = edges[outlook->result.way];
}
