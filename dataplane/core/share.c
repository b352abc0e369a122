#include "dataplane/core/share.h"

__extension__ typedef unsigned __int128 share_u128;

void share_init(struct share *s, uint32_t workers, uint32_t self)
{
	*s = (struct share){.workers = workers, .self = self};
}

uint64_t share_update(struct share *s, const uint64_t *offered, uint64_t rate_bps)
{
	uint64_t even = rate_bps / SHARE_EVEN / s->workers;
	uint64_t rest = rate_bps - even * s->workers;
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->workers; i++) {
		s->demand[i] = (s->demand[i] + (offered[i] - s->seen[i])) / 2;
		s->seen[i] = offered[i];
		total += s->demand[i];
	}
	if (total == 0)
		return even + rest / s->workers;
	return even + (uint64_t)((share_u128)rest * s->demand[s->self] / total);
}
