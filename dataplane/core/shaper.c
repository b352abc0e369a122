#include "dataplane/core/shaper.h"

#include <errno.h>

#define NS_BITS_PER_BYTE 8000000000ull /* 8 bits times 1e9 ns */

/* Nanoseconds that `bytes` take on an idle line, rounded up. */
static uint64_t duration_ns(const struct shaper *s, uint32_t bytes)
{
	uint64_t frac = 0;
	uint64_t whole = shaper_after(s, 0, &frac, bytes);

	return whole + (frac != 0);
}

int shaper_set_rate(struct shaper *s, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now)
{
	if (rate_bps < SHAPER_RATE_MIN_BPS || rate_bps > SHAPER_RATE_MAX_BPS || !burst_bytes)
		return -EINVAL;
	s->rate_bps = rate_bps;
	s->byte_time = (NS_BITS_PER_BYTE << SHAPER_FRACTION_BITS) / rate_bps;
	s->burst_ns = duration_ns(s, burst_bytes);
	if (s->busy_ns > now + s->burst_ns) {
		s->busy_ns = now + s->burst_ns;
		s->busy_frac = 0;
	}
	return 0;
}

int shaper_init(struct shaper *s, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now)
{
	struct shaper fresh = {.busy_ns = now};
	int rc = shaper_set_rate(&fresh, rate_bps, burst_bytes, now);

	if (rc == 0)
		*s = fresh;
	return rc;
}

uint64_t shaper_deadline(const struct shaper *s, uint32_t bytes)
{
	uint64_t frac = s->busy_frac;
	uint64_t end = shaper_after(s, s->busy_ns, &frac, bytes) + (frac != 0);
	uint64_t full = s->busy_ns + (s->busy_frac != 0);
	uint64_t due = end > s->burst_ns ? end - s->burst_ns : 0;

	return due < full ? due : full;
}
