/*
 * Virtual clusters: from what a job wants of its sites together to the paths that it needs, with
 * the guaranteed rate of each direction. Pure; any thread. The caller knows which pairs of sites
 * have a link (its shortest usable one), makes a path of each edge of the plan, and admits all of
 * them or none; when admission refuses one, it can lower that pair's room and plan again. For the
 * status: cluster_cut_find, nccl_facts_of_plan, nccl_sizes_for, cluster_outlook with their window
 * and piece, nccl_settings for each member.
 *
 * Rates. N members; the time for communication in a step is
 *
 *	budget = step_period x (overlap + 1 / efficiency - 1)	where an efficiency is asked for
 *	budget = step_period					otherwise
 *
 * ring: a step reduces bytes_per_step S, and each way round the ring carries 2 (N - 1) / N x S of
 * it (hierarchical all-reduce: N - 1 phases reduce, N - 1 spread the result). The delay D of
 * 2 (N - 1) ways in a row remains at any rate (step_ring_delay), so that
 *
 *	rate = 8 x 2 (N - 1) / N x S / (budget - D)
 *
 * and cluster_outlook finds the efficiency that was asked for, or better. With rate_bps that is
 * the rate of each way. Both directions of a path get it: Gloo sends to the rank before, NCCL to
 * the one behind, and two rings may run against each other. With is_one_way the direction against
 * the ring gets the share of acknowledgements (CLUSTER_RETURN_SHARE). With two members both
 * directions are the ring.
 *
 * tree: S goes up each edge and the result down; H hops and a delay D on the longest way from a
 * leaf to the root and back, K pieces of STEP_PIECE_BYTES:
 *
 *	rate = 8 S x (K + H - 1) / K / (budget - D)
 *
 * matrix: rates are given pair by pair; a direction that asks nothing gets the share of
 * acknowledgements of the other one.
 *
 * Shapes. The ring is the one with the least sum of round trips, of those over pairs with room
 * enough. The tree is that of the shortest ways to a root, for the root with the least depth,
 * then the least sum of round trips, then the lowest index: where direct links are the shortest
 * ways, that is a star. A minimum spanning tree was considered: fewer kilometres in all, but
 * every edge carries the same bytes, and its longest way is never shorter.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/cluster_step.h"
#include "control/core/ring.h"

#define CLUSTER_MEMBERS_MAX  RING_SITES_MAX
#define CLUSTER_EDGES_MAX    (CLUSTER_MEMBERS_MAX * (CLUSTER_MEMBERS_MAX - 1) / 2)
#define CLUSTER_NONE	     0xff /* no member, no edge */
#define CLUSTER_RATE_MIN_BPS 1000000ull
#define CLUSTER_RATE_MAX_BPS 400000000000ull /* of a path: SHAPER_RATE_MAX_BPS */
/* A TCP acknowledgement for every second packet of 1,500 bytes is 3 %, with the tunnel's part 6. */
#define CLUSTER_RETURN_SHARE	16
#define CLUSTER_OVERLAP_DEFAULT 50 /* percent; a backward pass is about two thirds */
#define CLUSTER_BYTES_MAX	(1ull << 50)
#define CLUSTER_PERIOD_MAX_NS	86400000000000ull /* one day */

enum cluster_pattern {
	CLUSTER_RING,
	CLUSTER_TREE,
	CLUSTER_MATRIX,
	CLUSTER_PATTERN_COUNT
};

struct cluster_demand {
	uint8_t pattern;	 /* enum cluster_pattern */
	uint8_t overlap_pct;	 /* of a step's computation that has communication beside it */
	uint8_t efficiency_pct;	 /* 1 to 99; 0: not asked for */
	bool is_one_way;	 /* ring: the job runs it in the order of the plan only */
	uint64_t rate_bps;	 /* ring, tree: of each edge; 0: by bytes and period */
	uint64_t bytes_per_step; /* what all members reduce together in a step, once: gradients */
	uint64_t step_period_ns; /* what a step takes when nothing waits for the network */
	uint64_t matrix_bps[CLUSTER_MEMBERS_MAX][CLUSTER_MEMBERS_MAX]; /* from, to */
};

enum cluster_fault {
	CLUSTER_OK,
	CLUSTER_MEMBERS,    /* fewer than 2 or too many */
	CLUSTER_PATTERN,    /* unknown */
	CLUSTER_SIZE,	    /* nothing that rates follow from, or too much of it */
	CLUSTER_PERIOD,	    /* bytes without a period, a period without bytes, or too long */
	CLUSTER_OVERLAP,    /* above 100 */
	CLUSTER_EFFICIENCY, /* above 99, without bytes, or where a rate decides */
	CLUSTER_ONE_WAY,    /* not a ring */
	CLUSTER_RATE,	    /* out of range: rate_bps, or one of the matrix */
	CLUSTER_EMPTY,	    /* matrix: no rate at all, or one from a member to itself */
	CLUSTER_FAULT_COUNT
};

/* What lies between members; the caller finds it out. rtt: alike both ways. */
struct cluster_pairs {
	uint64_t rtt_ns[CLUSTER_MEMBERS_MAX][CLUSTER_MEMBERS_MAX];   /* 0: no way */
	uint64_t room_bps[CLUSTER_MEMBERS_MAX][CLUSTER_MEMBERS_MAX]; /* UINT64_MAX: not known */
};

/* One path; a < z. rates[0] leaves a, rates[1] leaves z. */
struct cluster_edge {
	uint8_t a, z;
	uint64_t rate_bps[2];
	uint64_t rtt_ns;
};

struct cluster_plan {
	uint8_t member_count;
	uint8_t edge_count;
	uint8_t order_count;		     /* of the ring; 0: there is none over these edges */
	uint8_t root;			     /* tree: else CLUSTER_NONE */
	uint8_t hops;			     /* tree: from the deepest leaf up and down again */
	uint64_t delay_ns;		     /* tree: of that way */
	uint8_t order[CLUSTER_MEMBERS_MAX];  /* members as the ring visits them; from member 0 on */
	uint8_t parent[CLUSTER_MEMBERS_MAX]; /* tree; the root's: CLUSTER_NONE */
	struct cluster_edge edges[CLUSTER_EDGES_MAX]; /* by a, then z */
};

/* Why there is no plan. */
struct cluster_refusal {
	uint8_t a, z; /* the pair, or the member a alone, or both CLUSTER_NONE: all of them */
	uint64_t needed_bps, room_bps;	/* -ENOSPC: from a to z */
	uint64_t budget_ns, latency_ns; /* -ETIMEDOUT */
};

struct cluster_scratch {
	struct ring_scratch ring;
	uint64_t cost[CLUSTER_MEMBERS_MAX][CLUSTER_MEMBERS_MAX];
};

/* What the members can expect of a plan's edges as they are: see cluster_step.h. */
struct cluster_outlook {
	bool is_known; /* false: no bytes and period in the demand, or no ring over a matrix */
	struct step_time time;
	struct step_result result;
	uint8_t limit_edge; /* CLUSTER_NONE: nothing limits */
};

const char *cluster_pattern_name(uint8_t pattern); /* "ring", "tree", "matrix" */
uint8_t cluster_pattern_find(const char *name);	   /* CLUSTER_PATTERN_COUNT: unknown */

enum cluster_fault cluster_demand_check(const struct cluster_demand *demand, uint32_t members);
/* A sentence without a full stop, for people. */
const char *cluster_fault_text(enum cluster_fault fault);

/* Time for communication in a step. */
uint64_t cluster_budget_ns(const struct cluster_demand *demand);

/*
 * The demand must have passed cluster_demand_check. Answers 0 and the plan, or *refusal and
 *
 * -ENOENT     no ring, tree or pair of the matrix over the links that there are;
 *
 * -ENOSPC     there would be one, but a pair has not the room for its rate, and without that pair
 *             there is none;
 *
 * -ETIMEDOUT  the round trips alone take all of the budget.
 */
int cluster_plan(const struct cluster_demand *demand, uint32_t members,
		 const struct cluster_pairs *pairs, struct cluster_scratch *scratch,
		 struct cluster_plan *plan, struct cluster_refusal *refusal);

/* Index of the edge between two members, CLUSTER_NONE when they have none. */
uint8_t cluster_edge_find(const struct cluster_plan *plan, uint8_t one, uint8_t other);

/*
 * Expected efficiency over the plan's edges; the caller may first set their rates and round trips
 * to what they are now. window_bytes, piece_bytes: of the job's library (nccl.h), or 0.
 */
void cluster_outlook(const struct cluster_demand *demand, const struct cluster_plan *plan,
		     uint64_t window_bytes, uint64_t piece_bytes, struct cluster_outlook *outlook);
