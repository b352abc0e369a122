#include "dataplane/core/replay.h"

#include <errno.h>
#include <string.h>

int replay_init(struct replay *r, uint64_t *words, uint32_t bit_count)
{
	if (bit_count < REPLAY_BITS_MIN || bit_count > REPLAY_BITS_MAX ||
	    (bit_count & (bit_count - 1)))
		return -EINVAL;
	*r = (struct replay){.bits = words, .mask_words = bit_count / 64 - 1};
	replay_reset(r);
	return 0;
}

void replay_reset(struct replay *r)
{
	memset(r->bits, 0, ((size_t)r->mask_words + 1) * sizeof(*r->bits));
	r->next = 0;
}
