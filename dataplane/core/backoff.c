#include "dataplane/core/backoff.h"

uint64_t backoff_between_ns(uint64_t min_ns, uint64_t max_ns, uint32_t attempt, uint64_t random)
{
	uint64_t ceiling_ns = 2 * min_ns;

	while (attempt-- > 0 && ceiling_ns < max_ns)
		ceiling_ns *= 2;
	if (ceiling_ns > max_ns)
		ceiling_ns = max_ns;
	return min_ns + random % (ceiling_ns - min_ns + 1);
}

uint64_t backoff_delay_ns(uint32_t attempt, uint64_t random)
{
	return backoff_between_ns(BACKOFF_MIN_NS, BACKOFF_MAX_NS, attempt, random);
}
