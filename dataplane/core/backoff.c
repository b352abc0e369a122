#include "dataplane/core/backoff.h"

uint64_t backoff_delay_ns(uint32_t attempt, uint64_t random)
{
	uint64_t ceiling_ns = 2 * BACKOFF_MIN_NS;

	while (attempt-- > 0 && ceiling_ns < BACKOFF_MAX_NS)
		ceiling_ns *= 2;
	if (ceiling_ns > BACKOFF_MAX_NS)
		ceiling_ns = BACKOFF_MAX_NS;
	return BACKOFF_MIN_NS + random % (ceiling_ns - BACKOFF_MIN_NS + 1);
}
