/*
 * Round-trip time of one link as a lane's sender sees it: smoothed value, variation and timeout
 * after RFC 6298, and the least of the last ten seconds. Pure; owned by the worker of the lane.
 *
 * rtt_min is the least of all samples of between 7/8 of RTT_WINDOW_NS and RTT_WINDOW_NS, as of the
 * newest one; it is kept by slices of an eighth. (Kathleen Nichols' three samples are smaller, but
 * were measured to forget all but the last 22 % of the window where samples are sparse.) Before the
 * first sample all answers derive from the initial value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RTT_WINDOW_NS 10000000000ull
#define RTT_SLICES    8
#define RTT_MAX_NS    60000000000ull /* longer samples count as this */

struct rtt {
	bool has_sample;
	uint64_t smoothed_ns;
	uint64_t var_ns;
	uint64_t latest_ns;
	uint64_t min_ns;
	uint64_t slice;		    /* of time, that of the newest sample */
	uint64_t least[RTT_SLICES]; /* ring by slice; UINT64_MAX: none */
};

/* initial_ns: a first guess, at least 1 (0 becomes 1). */
void rtt_init(struct rtt *r, uint64_t initial_ns);
/* A measured round trip, the peer's delay taken off. 0 becomes 1: clocks tick coarsely. */
void rtt_on_sample(struct rtt *r, uint64_t sample_ns, uint64_t now);

static inline uint64_t rtt_smoothed(const struct rtt *r)
{
	return r->smoothed_ns;
}

static inline uint64_t rtt_var(const struct rtt *r)
{
	return r->var_ns;
}

static inline uint64_t rtt_min(const struct rtt *r)
{
	return r->min_ns;
}

static inline uint64_t rtt_latest(const struct rtt *r)
{
	return r->latest_ns;
}

/* How long an answer may take when the peer acknowledges once per ack_period_ns. */
static inline uint64_t rtt_timeout(const struct rtt *r, uint64_t ack_period_ns)
{
	uint64_t usual = r->smoothed_ns + 4 * r->var_ns + ack_period_ns;
	uint64_t floor = r->smoothed_ns + r->smoothed_ns / 4;

	return usual > floor ? usual : floor;
}
