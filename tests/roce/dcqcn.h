/*
 * The rate of one queue pair: a small DCQCN (Zhu et al., SIGCOMM 2015). A congestion notification
 * cuts the rate by half of alpha, at most once per 50 us; alpha follows how often that happens.
 * Then the rate returns in five steps half of the way each, and behind that in steps that also
 * raise the rate it returns to. Pure; owned by the sender's loop.
 *
 * Always DCQCN_FLOOR_BPS or less than the line's rate <= rate_bps <= line_bps.
 */
#pragma once

#include <stdint.h>

#define DCQCN_FLOOR_BPS	     1000000ull
#define DCQCN_CUT_NS	     50000
#define DCQCN_ALPHA_NS	     55000
#define DCQCN_RAISE_NS	     300000
#define DCQCN_FAST_STEPS     5
#define DCQCN_ALPHA_ONE	     65536
#define DCQCN_ALPHA_GAIN     256 /* 1/g */
#define DCQCN_RAISE_FRACTION 64	 /* of the line's rate, added per step */

struct dcqcn {
	uint64_t line_bps, rate_bps, target_bps;
	uint64_t cut_ns, alpha_ns, raise_ns; /* last cut; next decay; next raise */
	uint32_t alpha;			     /* of DCQCN_ALPHA_ONE */
	uint32_t steps;
	uint64_t cuts;
};

void dcqcn_init(struct dcqcn *d, uint64_t line_bps, uint64_t now);
void dcqcn_on_cnp(struct dcqcn *d, uint64_t now);
void dcqcn_poll(struct dcqcn *d, uint64_t now);
/* UINT64_MAX: at the line's rate, nothing to do. */
uint64_t dcqcn_deadline(const struct dcqcn *d);
