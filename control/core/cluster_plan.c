#include <errno.h>
#include <string.h>

#include "control/core/cluster.h"

__extension__ typedef unsigned __int128 u128;

/* Rates by direction while a plan is made. */
struct draft {
	const struct cluster_demand *demand;
	const struct cluster_pairs *pairs;
	uint32_t members;
	uint64_t (*cost)[CLUSTER_MEMBERS_MAX]; /* round trip, RING_NO_WAY: none or too narrow */
	uint64_t rate_bps[CLUSTER_MEMBERS_MAX][CLUSTER_MEMBERS_MAX];
	struct cluster_plan plan;
};

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t return_share(uint64_t bps)
{
	return max_of(bps / CLUSTER_RETURN_SHARE, CLUSTER_RATE_MIN_BPS);
}

/*
 * The rate that moves so many bytes in what the latency leaves of the budget. slack_ns makes up for
 * times that are rounded up one by one. 0: nothing is left.
 */
static uint64_t rate_for(const struct draft *draft, u128 bytes, uint64_t latency_ns,
			 uint64_t slack_ns)
{
	uint64_t budget = cluster_budget_ns(draft->demand), left;
	u128 rate;

	if (budget <= latency_ns + slack_ns)
		return 0;
	left = budget - latency_ns - slack_ns;
	rate = (bytes * 8 * 1000000000 + left - 1) / left;
	return rate < UINT64_MAX ? max_of((uint64_t)rate, CLUSTER_RATE_MIN_BPS) : UINT64_MAX;
}

static int out_of_time(const struct draft *draft, uint64_t latency_ns,
		       struct cluster_refusal *refusal)
{
	*refusal = (struct cluster_refusal){
		.a = CLUSTER_NONE,
		.z = CLUSTER_NONE,
		.budget_ns = cluster_budget_ns(draft->demand),
		.latency_ns = latency_ns,
	};
	return -ETIMEDOUT;
}

/* Where two are all, the pair; else the first member with fewer ways than the shape needs. */
static int no_way(const struct draft *draft, uint32_t ways_needed, struct cluster_refusal *refusal)
{
	*refusal = (struct cluster_refusal){.a = CLUSTER_NONE, .z = CLUSTER_NONE};
	if (draft->members == 2) {
		*refusal = (struct cluster_refusal){.a = 0, .z = 1};
		return -ENOENT;
	}
	for (uint32_t i = 0; i < draft->members; i++) {
		uint32_t ways = 0;

		for (uint32_t j = 0; j < draft->members; j++)
			ways += draft->cost[i][j] != RING_NO_WAY;
		if (ways < ways_needed) {
			refusal->a = (uint8_t)i;
			break;
		}
	}
	return -ENOENT;
}

static uint64_t ring_latency(const struct draft *draft)
{
	const struct cluster_plan *plan = &draft->plan;
	struct step_way ways[CLUSTER_MEMBERS_MAX];

	for (uint32_t i = 0; i < draft->members; i++) {
		uint8_t to = plan->order[(i + 1) % draft->members];

		ways[i] = (struct step_way){.rtt_ns = draft->pairs->rtt_ns[plan->order[i]][to]};
	}
	return step_ring_delay(ways, draft->members, 2 * (draft->members - 1));
}

static int shape_ring(struct draft *draft, struct ring_scratch *scratch,
		      struct cluster_refusal *refusal)
{
	const struct cluster_demand *demand = draft->demand;
	struct cluster_plan *plan = &draft->plan;
	uint32_t n = draft->members, phases = 2 * (n - 1);
	uint64_t total, rate = demand->rate_bps;
	u128 part = (demand->bytes_per_step + n - 1) / n;

	if (ring_order(draft->cost, n, scratch, plan->order, &total))
		return no_way(draft, 2, refusal);
	plan->order_count = (uint8_t)n;
	if (!rate)
		rate = rate_for(draft, part * phases, ring_latency(draft), phases);
	if (!rate)
		return out_of_time(draft, ring_latency(draft), refusal);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t from = plan->order[i], to = plan->order[(i + 1) % n];

		draft->rate_bps[from][to] = rate;
		if (n > 2)
			draft->rate_bps[to][from] = demand->is_one_way ? return_share(rate) : rate;
	}
	return 0;
}

/* Shortest ways to a root (Dijkstra), by round trip, then hops, then the nearer parent. */
struct tree {
	uint8_t root, hops; /* hops: of the deepest member */
	uint64_t depth_ns;  /* round trips on the longest way */
	uint64_t total_ns;  /* round trips of all edges */
	uint8_t parent[CLUSTER_MEMBERS_MAX];
	uint8_t level[CLUSTER_MEMBERS_MAX];
	uint64_t far_ns[CLUSTER_MEMBERS_MAX];
};

static void relax(const struct draft *draft, struct tree *tree, uint32_t by, uint32_t done)
{
	for (uint32_t i = 0; i < draft->members; i++) {
		uint64_t way = draft->cost[i][by], far_ns = tree->far_ns[by] + way;

		if (done >> i & 1 || way == RING_NO_WAY)
			continue;
		if (far_ns > tree->far_ns[i] ||
		    (far_ns == tree->far_ns[i] && tree->level[by] + 1 >= tree->level[i]))
			continue;
		tree->far_ns[i] = far_ns;
		tree->level[i] = (uint8_t)(tree->level[by] + 1);
		tree->parent[i] = (uint8_t)by;
	}
}

static bool grow(const struct draft *draft, uint8_t root, struct tree *tree)
{
	uint32_t done = 0;

	*tree = (struct tree){.root = root};
	memset(tree->parent, CLUSTER_NONE, sizeof(tree->parent));
	memset(tree->level, 0xff, sizeof(tree->level));
	for (uint32_t i = 0; i < draft->members; i++)
		tree->far_ns[i] = RING_NO_WAY;
	tree->far_ns[root] = tree->level[root] = 0;
	for (uint32_t round = 0; round < draft->members; round++) {
		uint32_t next = CLUSTER_MEMBERS_MAX;

		for (uint32_t i = 0; i < draft->members; i++) {
			if (!(done >> i & 1) &&
			    (next == CLUSTER_MEMBERS_MAX || tree->far_ns[i] < tree->far_ns[next]))
				next = i;
		}
		if (tree->far_ns[next] == RING_NO_WAY)
			return false;
		done |= 1u << next;
		relax(draft, tree, next, done);
		tree->depth_ns = max_of(tree->depth_ns, tree->far_ns[next]);
		tree->hops = (uint8_t)max_of(tree->hops, tree->level[next]);
		if (next != root)
			tree->total_ns += draft->cost[next][tree->parent[next]];
	}
	return true;
}

static bool tree_is_better(const struct tree *a, const struct tree *b)
{
	if (a->depth_ns != b->depth_ns)
		return a->depth_ns < b->depth_ns;
	return a->total_ns < b->total_ns;
}

static int shape_tree(struct draft *draft, struct cluster_refusal *refusal)
{
	const struct cluster_demand *demand = draft->demand;
	uint64_t pieces = step_pieces(demand->bytes_per_step, &(struct step_traffic){0});
	uint64_t rate = demand->rate_bps;
	struct tree best = {.depth_ns = UINT64_MAX}, tree;
	u128 bytes;

	for (uint8_t root = 0; root < draft->members; root++) {
		if (!grow(draft, root, &tree))
			return no_way(draft, 1, refusal);
		if (tree_is_better(&tree, &best))
			best = tree;
	}
	draft->plan.root = best.root;
	draft->plan.hops = (uint8_t)(2 * best.hops);
	draft->plan.delay_ns = best.depth_ns;
	memcpy(draft->plan.parent, best.parent, sizeof(best.parent));
	bytes = ((u128)demand->bytes_per_step * (pieces + draft->plan.hops - 1) + pieces - 1) /
		pieces;
	if (!rate)
		rate = rate_for(draft, bytes, best.depth_ns, draft->plan.hops);
	if (!rate)
		return out_of_time(draft, best.depth_ns, refusal);
	for (uint32_t i = 0; i < draft->members; i++) {
		if (best.parent[i] == CLUSTER_NONE)
			continue;
		draft->rate_bps[i][best.parent[i]] = rate;
		draft->rate_bps[best.parent[i]][i] = rate;
	}
	return 0;
}

static int shape_matrix(struct draft *draft, struct cluster_refusal *refusal)
{
	for (uint8_t from = 0; from < draft->members; from++) {
		for (uint8_t to = 0; to < draft->members; to++) {
			uint64_t rate = draft->demand->matrix_bps[from][to];

			if (!rate)
				continue;
			if (draft->cost[from][to] == RING_NO_WAY) {
				*refusal = (struct cluster_refusal){.a = from, .z = to};
				return -ENOENT;
			}
			draft->rate_bps[from][to] = rate;
			if (!draft->demand->matrix_bps[to][from])
				draft->rate_bps[to][from] = return_share(rate);
		}
	}
	return 0;
}

/* The first direction that has not the room for its rate. */
static bool find_narrow(const struct draft *draft, struct cluster_refusal *refusal)
{
	for (uint8_t from = 0; from < draft->members; from++) {
		for (uint8_t to = 0; to < draft->members; to++) {
			uint64_t room = draft->pairs->room_bps[from][to];

			if (room > CLUSTER_RATE_MAX_BPS)
				room = CLUSTER_RATE_MAX_BPS;
			if (draft->rate_bps[from][to] <= room)
				continue;
			*refusal = (struct cluster_refusal){
				.a = from,
				.z = to,
				.needed_bps = draft->rate_bps[from][to],
				.room_bps = room,
			};
			return true;
		}
	}
	return false;
}

static void write_edges(struct draft *draft)
{
	struct cluster_plan *plan = &draft->plan;

	for (uint8_t a = 0; a < draft->members; a++) {
		for (uint8_t z = (uint8_t)(a + 1); z < draft->members; z++) {
			if (!draft->rate_bps[a][z])
				continue;
			plan->edges[plan->edge_count++] = (struct cluster_edge){
				.a = a,
				.z = z,
				.rate_bps = {draft->rate_bps[a][z], draft->rate_bps[z][a]},
				.rtt_ns = draft->pairs->rtt_ns[a][z],
			};
		}
	}
}

/* A member with one edge ends every ring, and the search for one is long. */
static bool may_have_ring(const struct draft *draft)
{
	uint32_t needed = draft->members > 2 ? 2 : 1;

	for (uint32_t i = 0; i < draft->members; i++) {
		uint32_t ways = 0;

		for (uint32_t j = 0; j < draft->members; j++)
			ways += draft->rate_bps[i][j] != 0;
		if (ways < needed)
			return false;
	}
	return true;
}

/* A ring over the edges of a tree or a matrix, where there happens to be one. */
static void find_order(struct draft *draft, struct ring_scratch *scratch)
{
	struct cluster_plan *plan = &draft->plan;
	uint64_t total;

	if (!may_have_ring(draft))
		return;
	for (uint32_t i = 0; i < draft->members; i++) {
		for (uint32_t j = 0; j < draft->members; j++) {
			if (!draft->rate_bps[i][j])
				draft->cost[i][j] = RING_NO_WAY;
		}
	}
	if (!ring_order(draft->cost, draft->members, scratch, plan->order, &total))
		plan->order_count = (uint8_t)draft->members;
}

static void read_pairs(struct draft *draft)
{
	for (uint32_t i = 0; i < draft->members; i++) {
		for (uint32_t j = 0; j < draft->members; j++) {
			uint64_t rtt = draft->pairs->rtt_ns[i][j];

			draft->cost[i][j] = i != j && rtt ? rtt : RING_NO_WAY;
		}
	}
}

static int shape(struct draft *draft, struct ring_scratch *scratch, struct cluster_refusal *refusal)
{
	memset(draft->rate_bps, 0, sizeof(draft->rate_bps));
	draft->plan = (struct cluster_plan){
		.member_count = (uint8_t)draft->members,
		.root = CLUSTER_NONE,
	};
	memset(draft->plan.parent, CLUSTER_NONE, sizeof(draft->plan.parent));
	switch (draft->demand->pattern) {
	case CLUSTER_RING:
		return shape_ring(draft, scratch, refusal);
	case CLUSTER_TREE:
		return shape_tree(draft, refusal);
	default:
		return shape_matrix(draft, refusal);
	}
}

/* Shapes that fit, cheapest first: a pair that is too narrow for its rate is left out next time. */
static int search(struct draft *draft, struct ring_scratch *scratch,
		  struct cluster_refusal *refusal)
{
	struct cluster_refusal why;
	bool is_narrow = false;

	/* Each turn takes a pair away, so that there are at most CLUSTER_EDGES_MAX. */
	for (;;) {
		int status = shape(draft, scratch, &why);

		if (!status && !find_narrow(draft, &why))
			return 0;
		/* The first pair that was too narrow says more than what failed without it. */
		if (!is_narrow)
			*refusal = why;
		if (status)
			return is_narrow ? -ENOSPC : status;
		if (draft->demand->pattern == CLUSTER_MATRIX)
			return -ENOSPC;
		is_narrow = true;
		draft->cost[why.a][why.z] = draft->cost[why.z][why.a] = RING_NO_WAY;
	}
}

int cluster_plan(const struct cluster_demand *demand, uint32_t members,
		 const struct cluster_pairs *pairs, struct cluster_scratch *scratch,
		 struct cluster_plan *plan, struct cluster_refusal *refusal)
{
	struct draft draft = {
		.demand = demand, .pairs = pairs, .members = members, .cost = scratch->cost};
	int status;

	read_pairs(&draft);
	status = search(&draft, &scratch->ring, refusal);
	if (status)
		return status;
	if (demand->pattern != CLUSTER_RING)
		find_order(&draft, &scratch->ring);
	write_edges(&draft);
	*plan = draft.plan;
	return 0;
}
