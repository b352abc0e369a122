/*
 * What a step of data-parallel training over several sites takes on the ways between them, and so
 * how much of a step the accelerators compute. Pure; any thread. The formulas, for N sites that
 * all-reduce S bytes a step (hierarchical: inside each site, then between sites, then inside
 * again; only the middle part is counted here):
 *
 * Ring. The bytes are cut into N parts; in each of M = 2 (N - 1) phases every site sends one part
 * to the next site: N - 1 phases reduce, N - 1 spread the result. Each way carries
 * 2 (N - 1) / N x S. A part goes in K pieces, each passed on as soon as it is there; of a window
 * of W pieces no more are on a way until acknowledgements come back. With, for the way from the
 * i-th site to the one behind it,
 *
 *	p(i) = 8 S / (N K) / rate(i), the time of a piece
 *	w(i) = max(W p(i), rtt(i) + p(i)), the time of a window
 *
 * the whole takes
 *
 *	T = max over f and m = 0 .. M-1, each with s = M K - 1 - m K and q = floor(s / W), of
 *		sum of (p(i) + rtt(i) / 2) over i = f .. f+m round the ring
 *		+ q x max of w(i) + (s - q W) x max of p(i), over the same ways
 *
 * for the last piece to come in was passed on m times, and waited for s others and for q windows
 * otherwise. With all ways alike and K = 1 that is M times a part's transfer and half a round
 * trip; with many pieces and long parts nearly M transfers and one half round trip: the others
 * hide behind the transfer. T is to the nanosecond what an event by event simulation yields
 * without a window, and never below it with one (test_cluster_step).
 *
 * Tree. The longest way from a leaf to the root and back has H hops and a delay D:
 *
 *	T = (K + H - 1) / K x 8 S / (the lowest rate of a way, as its window slows it) + D
 *
 * Step. A share of the computation, `overlap`, has communication beside it:
 *
 *	exposed    = max(0, T - overlap x compute)
 *	efficiency = compute / (compute + exposed)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/ring.h"

/* What communication libraries pass on as a whole, if nothing else is known. */
#define STEP_PIECE_BYTES (4ull << 20)
/* No time is longer: 2^53 ns are 104 days. */
#define STEP_TIME_MAX_NS (1ull << 53)

struct step_way {
	uint64_t rate_bps; /* of the direction that the bytes go */
	uint64_t rtt_ns;
};

struct step_traffic {
	uint64_t bytes;	       /* S, reduced in each step */
	uint64_t window_bytes; /* unacknowledged on one way at most; 0: never the limit */
	uint64_t piece_bytes;  /* 0: STEP_PIECE_BYTES; never more than a window */
};

struct step_time {
	uint64_t total_ns;    /* T; STEP_TIME_MAX_NS: at least that */
	uint64_t transfer_ns; /* what the slowest way takes for all its bytes */
	uint64_t latency_ns;  /* what would remain at any rate */
	uint8_t slowest;      /* index of the way with the longest transfer */
	uint8_t longest;      /* index of the way with the longest round trip */
	bool is_window_bound; /* the slowest way has the rate, but the window is too small for it */
};

enum step_limit {
	STEP_LIMIT_NONE,      /* all communication hides behind computation */
	STEP_LIMIT_BANDWIDTH, /* the slowest way's rate */
	STEP_LIMIT_WINDOW,    /* what the job's library keeps in flight on the slowest way */
	STEP_LIMIT_LATENCY,   /* round trips, above all the longest way's */
	STEP_LIMIT_COUNT
};

struct step_result {
	uint64_t exposed_ns;
	uint32_t efficiency_ppm; /* 1,000,000: the accelerators never wait */
	uint8_t limit;		 /* enum step_limit */
	uint8_t way;		 /* index of the way that is the limit, if there is one */
};

/*
 * ways[i] leads from the ring's i-th site to the one behind it, `count` sites and as many ways; 1
 * to RING_SITES_MAX, each with a rate. With one site nothing is sent: all is 0.
 */
void step_ring(const struct step_way *ways, uint32_t count, const struct step_traffic *traffic,
	       struct step_time *time);
/* The ways of a tree, in any order; of its longest way there and back the hops and the delay. */
void step_tree(const struct step_way *ways, uint32_t count, uint32_t hops, uint64_t delay_ns,
	       const struct step_traffic *traffic, struct step_time *time);
/* compute_ns > 0; overlap in percent of it, 0 to 100. */
void step_efficiency(const struct step_time *time, uint64_t compute_ns, uint32_t overlap_pct,
		     struct step_result *result);

/* "none", "bandwidth", "window", "latency". */
const char *step_limit_name(uint8_t limit);

/*
 * The largest sum of `run` ways in a row round the ring, half the round trip each; run may be more
 * than count.
 */
uint64_t step_ring_delay(const struct step_way *ways, uint32_t count, uint32_t run);
/* Pieces that so many bytes are cut into; at least 1. */
uint64_t step_pieces(uint64_t bytes, const struct step_traffic *traffic);
