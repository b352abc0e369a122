/*
 * Which packet numbers were seen: a sliding bitmap of the newest ones (RFC 6479, with a ring of
 * words instead of a shifted register). Pure; owned by the worker of the lane.
 *
 * No number is fresh twice. Numbers at most bit_count - 64 below the highest one are judged
 * exactly, older ones may be refused. Each commit is O(1), but a jump ahead clears the words
 * between, at most the whole window. UINT64_MAX is never fresh, so nothing wraps.
 *
 * Ask before a packet is opened, commit when its tag has proved right: a forged number must not
 * move the window.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_BITS_MIN (1u << 10)
#define REPLAY_BITS_MAX (1u << 18)

struct replay {
	uint64_t *bits;	     /* one per number, at number % bit_count */
	uint32_t mask_words; /* count of words - 1 */
	uint64_t next;	     /* highest committed + 1; 0: none yet */
};

/* words has bit_count / 64 entries; bit_count is a power of two within the limits, else -EINVAL. */
int replay_init(struct replay *r, uint64_t *words, uint32_t bit_count);
/* Nothing was seen: a new life of the lane, whose packet numbers start again. */
void replay_reset(struct replay *r);

/* Goes on with at least as many bits. What was too old to judge stays refused. */
void replay_move(struct replay *r, uint64_t *words, uint32_t bit_count);

/* Could this packet be new? */
static inline bool replay_is_fresh(const struct replay *r, uint64_t pn)
{
	if (pn >= r->next)
		return pn != UINT64_MAX;
	if (((r->next - 1) >> 6) - (pn >> 6) > r->mask_words)
		return false;
	return !(r->bits[(pn >> 6) & r->mask_words] >> (pn & 63) & 1);
}

/* The words that a new highest number enters hold an old turn of the ring. */
static inline void replay_advance(struct replay *r, uint64_t pn)
{
	uint64_t word = (r->next >> 6) + ((r->next & 63) != 0); /* the first not entered yet */
	uint64_t last = pn >> 6;

	if (word + r->mask_words < last)
		word = last - r->mask_words;
	for (; word <= last; word++)
		r->bits[word & r->mask_words] = 0;
	r->next = pn + 1;
}

/*
 * The packet proved genuine. False: it is not fresh (any more: a copy in the same burst came first)
 * and must be dropped; nothing changes.
 */
static inline bool replay_commit(struct replay *r, uint64_t pn)
{
	if (!replay_is_fresh(r, pn))
		return false;
	if (pn >= r->next)
		replay_advance(r, pn);
	r->bits[(pn >> 6) & r->mask_words] |= 1ull << (pn & 63);
	return true;
}
