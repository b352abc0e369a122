#include "dataplane/core/pacer.h"

int pacer_init(struct pacer *p, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now)
{
	struct pacer fresh = {.burst_bytes = burst_bytes};
	int rc = shaper_init(&fresh.shaper, rate_bps, burst_bytes, now);

	if (rc == 0)
		*p = fresh;
	return rc;
}

int pacer_set_rate(struct pacer *p, uint64_t rate_bps, uint64_t now)
{
	if (rate_bps == p->shaper.rate_bps)
		return 0;
	return shaper_set_rate(&p->shaper, rate_bps, p->burst_bytes, now);
}
