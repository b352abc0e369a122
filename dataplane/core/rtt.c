#include "dataplane/core/rtt.h"

#define SLICE_NS (RTT_WINDOW_NS / RTT_SLICES)

static void least_clear(struct rtt *r)
{
	for (uint32_t i = 0; i < RTT_SLICES; i++)
		r->least[i] = UINT64_MAX;
	r->min_ns = UINT64_MAX;
}

/* Time has reached a new slice: forgets those that it pushes out. */
static void least_slide(struct rtt *r, uint64_t slice)
{
	uint64_t gone = slice - r->slice < RTT_SLICES ? slice - r->slice : RTT_SLICES;

	for (uint64_t i = 0; i < gone; i++)
		r->least[(slice - i) % RTT_SLICES] = UINT64_MAX;
	r->slice = slice;
	r->min_ns = UINT64_MAX;
	for (uint32_t i = 0; i < RTT_SLICES; i++)
		r->min_ns = r->least[i] < r->min_ns ? r->least[i] : r->min_ns;
}

static void least_on_sample(struct rtt *r, uint64_t rtt_ns, uint64_t now)
{
	uint64_t slice = now / SLICE_NS;
	uint64_t *least = &r->least[slice % RTT_SLICES];

	if (slice != r->slice)
		least_slide(r, slice);
	*least = rtt_ns < *least ? rtt_ns : *least;
	r->min_ns = rtt_ns < r->min_ns ? rtt_ns : r->min_ns;
}

static uint64_t within_limits(uint64_t rtt_ns)
{
	if (!rtt_ns)
		return 1;
	return rtt_ns < RTT_MAX_NS ? rtt_ns : RTT_MAX_NS;
}

void rtt_init(struct rtt *r, uint64_t initial_ns)
{
	uint64_t rtt_ns = within_limits(initial_ns);

	*r = (struct rtt){
		.smoothed_ns = rtt_ns,
		.var_ns = rtt_ns / 2,
		.latest_ns = rtt_ns,
		.min_ns = rtt_ns,
	};
}

void rtt_on_sample(struct rtt *r, uint64_t sample_ns, uint64_t now)
{
	uint64_t rtt_ns = within_limits(sample_ns), off;

	r->latest_ns = rtt_ns;
	if (!r->has_sample) {
		r->has_sample = true;
		r->smoothed_ns = rtt_ns;
		r->var_ns = rtt_ns / 2;
		r->slice = now / SLICE_NS;
		least_clear(r);
		least_on_sample(r, rtt_ns, now);
		return;
	}
	/* RFC 6298, 2.3: variation first, with the old smoothed value. */
	off = rtt_ns > r->smoothed_ns ? rtt_ns - r->smoothed_ns : r->smoothed_ns - rtt_ns;
	r->var_ns = (3 * r->var_ns + off) / 4;
	r->smoothed_ns = (7 * r->smoothed_ns + rtt_ns) / 8;
	least_on_sample(r, rtt_ns, now);
}
