/*
 * CLOCK_MONOTONIC in nanoseconds from the time-stamp counter, so that a worker reads the time
 * without a system call and agrees with the agent. Set once before the workers start; constant
 * then.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include <rte_cycles.h>

struct clock_base {
	uint64_t tsc;
	uint64_t ns;
	uint64_t hz;
	uint64_t ns_per_tick; /* << 32 */
};

static inline struct clock_base clock_base_take(void)
{
	struct timespec ts;
	struct clock_base base = {.hz = rte_get_tsc_hz()};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	base.tsc = rte_rdtsc();
	base.ns = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
	base.ns_per_tick = (uint64_t)(((unsigned __int128)1000000000ull << 32) / base.hz);
	return base;
}

static inline uint64_t clock_ns(const struct clock_base *base, uint64_t tsc)
{
	return base->ns +
	       (uint64_t)(((unsigned __int128)(tsc - base->tsc) * base->ns_per_tick) >> 32);
}
