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

void replay_move(struct replay *r, uint64_t *words, uint32_t bit_count)
{
	struct replay old = *r;
	uint64_t last = old.next ? (old.next - 1) >> 6 : 0;
	uint64_t count = old.next ? (uint64_t)old.mask_words + 1 : 0;

	r->bits = words;
	r->mask_words = bit_count / 64 - 1;
	/* A number below the old window, and inside the new one, must not be taken for fresh. */
	memset(words, 0xff, bit_count / 8);
	for (uint64_t word = last; count; word--, count--) {
		words[word & r->mask_words] = old.bits[word & old.mask_words];
		if (!word)
			break;
	}
}
