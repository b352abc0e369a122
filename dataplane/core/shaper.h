/*
 * A token bucket as a clock (GCRA, ITU-T I.371): it keeps the time at which the bytes admitted so
 * far would have left a line of the given rate. Pure; owned by the worker that sends.
 *
 * Over any interval of T seconds at most rate * T + max(burst, largest packet) bytes are admitted;
 * a caller that always has something to send and asks at least once per burst time gets rate * T
 * within 0.1 %. Idle time earns one burst, no more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SHAPER_RATE_MIN_BPS 1000000ull
#define SHAPER_RATE_MAX_BPS 400000000000ull
/* 8e9 << 31 just fits 64 bits; a byte at 400 Gb/s is 0.02 ns, or 4.3e7 of these units. */
#define SHAPER_FRACTION_BITS 31

__extension__ typedef unsigned __int128 shaper_u128;

struct shaper {
	uint64_t busy_ns;   /* the line is busy until then, */
	uint64_t busy_frac; /* plus this / 2^31 ns */
	uint64_t byte_time; /* ns per byte << SHAPER_FRACTION_BITS */
	uint64_t burst_ns;  /* how far busy may lie ahead of now */
	uint64_t rate_bps;
};

/* Rate within the limits above and burst > 0, else -EINVAL and nothing changes. The bucket is full.
 */
int shaper_init(struct shaper *s, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now);
/* A new rate from now on; what was admitted before never blocks for more than one new burst. */
int shaper_set_rate(struct shaper *s, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now);

/* When the line would be free after `bytes` more, from `start`; *frac in and out. */
static inline uint64_t shaper_after(const struct shaper *s, uint64_t start, uint64_t *frac,
				    uint32_t bytes)
{
	shaper_u128 cost = (shaper_u128)s->byte_time * bytes + *frac;

	*frac = (uint64_t)cost & ((1ull << SHAPER_FRACTION_BITS) - 1);
	return start + (uint64_t)(cost >> SHAPER_FRACTION_BITS);
}

/* May `bytes` go now? True: they are charged. A packet above the burst goes when the bucket is
 * full. */
static inline bool shaper_take(struct shaper *s, uint32_t bytes, uint64_t now)
{
	bool is_full = s->busy_ns + (s->busy_frac != 0) <= now;
	uint64_t frac = is_full ? 0 : s->busy_frac;
	uint64_t end = shaper_after(s, is_full ? now : s->busy_ns, &frac, bytes);

	if (!is_full && end + (frac != 0) > now + s->burst_ns)
		return false;
	s->busy_ns = end;
	s->busy_frac = frac;
	return true;
}

/* The earliest time at which shaper_take(s, bytes, ...) says yes; may lie in the past. */
uint64_t shaper_deadline(const struct shaper *s, uint32_t bytes);
