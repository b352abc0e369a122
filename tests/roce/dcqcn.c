#include "tests/roce/dcqcn.h"

#include <string.h>

/* Behind so many steps at once, all that matters is that the clock is right again. */
#define STEPS_AT_ONCE 4096

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void dcqcn_init(struct dcqcn *d, uint64_t line_bps, uint64_t now)
{
	memset(d, 0, sizeof(*d));
	d->line_bps = d->rate_bps = d->target_bps = line_bps;
	d->alpha = DCQCN_ALPHA_ONE;
	d->alpha_ns = now + DCQCN_ALPHA_NS;
	d->raise_ns = now + DCQCN_RAISE_NS;
}

void dcqcn_on_cnp(struct dcqcn *d, uint64_t now)
{
	uint64_t floor = min64(DCQCN_FLOOR_BPS, d->line_bps), rate;

	if (d->cuts && now < d->cut_ns + DCQCN_CUT_NS)
		return;
	/* While it still recovers from the cut before, the target stays what it was; else repeated
	 * notifications of one congestion would forget where the rate came from. */
	if (d->steps || !d->cuts)
		d->target_bps = d->rate_bps;
	rate = d->rate_bps - d->rate_bps * d->alpha / (2 * DCQCN_ALPHA_ONE);
	d->rate_bps = rate > floor ? rate : floor;
	d->alpha += (DCQCN_ALPHA_ONE - d->alpha) / DCQCN_ALPHA_GAIN;
	d->cuts++;
	d->steps = 0;
	d->cut_ns = now;
	d->alpha_ns = now + DCQCN_ALPHA_NS;
	d->raise_ns = now + DCQCN_RAISE_NS;
}

static void rate_raise(struct dcqcn *d)
{
	if (d->steps++ >= DCQCN_FAST_STEPS)
		d->target_bps =
			min64(d->line_bps, d->target_bps + d->line_bps / DCQCN_RAISE_FRACTION + 1);
	d->rate_bps = (d->rate_bps + d->target_bps + 1) / 2;
	/* Halves never arrive. */
	if (d->rate_bps + d->line_bps / 1000 >= d->line_bps)
		d->rate_bps = d->target_bps = d->line_bps;
}

void dcqcn_poll(struct dcqcn *d, uint64_t now)
{
	unsigned int n;

	for (n = 0; d->alpha_ns <= now && n < STEPS_AT_ONCE; n++, d->alpha_ns += DCQCN_ALPHA_NS)
		d->alpha -= (d->alpha + DCQCN_ALPHA_GAIN - 1) / DCQCN_ALPHA_GAIN;
	if (d->alpha_ns <= now)
		d->alpha_ns = now + DCQCN_ALPHA_NS;
	for (n = 0; d->raise_ns <= now && n < STEPS_AT_ONCE; n++, d->raise_ns += DCQCN_RAISE_NS)
		if (d->rate_bps < d->line_bps)
			rate_raise(d);
	if (d->raise_ns <= now)
		d->raise_ns = now + DCQCN_RAISE_NS;
}

uint64_t dcqcn_deadline(const struct dcqcn *d)
{
	return d->rate_bps < d->line_bps ? d->raise_ns : UINT64_MAX;
}
