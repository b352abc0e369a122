/*
 * The sender's memory of buckets: for each new sequence, how far back the sequence before it in
 * the same bucket lies. Pure; owned by the lane's worker.
 *
 * Within a bucket the distances lead from each sequence to the one before it, back to the first one
 * or to a gap of more than WIRE_PREV_MAX, which is more than any window: what lies behind it was
 * acknowledged long ago.
 */
#pragma once

#include <stdint.h>

#include "dataplane/core/wire.h"

/* Flows that share a slot only keep more order than they need. A power of two. */
#define CHAIN_BUCKETS 4096

struct chain {
	uint32_t *last; /* [CHAIN_BUCKETS] low bits of the bucket's last sequence */
};

void chain_init(struct chain *c, uint32_t *buckets, uint64_t first_seq);

/* The distance from `seq` back to its predecessor; 0: none, or too far back. */
static inline uint32_t chain_next(struct chain *c, uint32_t bucket, uint64_t seq)
{
	uint32_t *last = &c->last[bucket & (CHAIN_BUCKETS - 1)];
	uint32_t back = (uint32_t)seq - *last;

	*last = (uint32_t)seq;
	return back <= WIRE_PREV_MAX ? back : 0;
}
