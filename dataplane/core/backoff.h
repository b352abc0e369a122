/*
 * How long to wait before the next attempt: exponential with jitter, so that the gateways of a
 * fleet do not come back in step after control was away. Pure.
 */
#pragma once

#include <stdint.h>

#define BACKOFF_MIN_NS 200000000ull  /* 200 ms */
#define BACKOFF_MAX_NS 5000000000ull /* 5 s */

/*
 * attempt: failures in a row before, from 0. random: any number, uniform. The result is uniform in
 * [BACKOFF_MIN_NS, ceiling], where ceiling starts at twice the minimum, doubles with each attempt
 * and ends at BACKOFF_MAX_NS.
 */
uint64_t backoff_delay_ns(uint32_t attempt, uint64_t random);
/* The same with other bounds: max_ns >= 2 * min_ns > 0. */
uint64_t backoff_between_ns(uint64_t min_ns, uint64_t max_ns, uint32_t attempt, uint64_t random);
