#include "dataplane/core/chain.h"

void chain_init(struct chain *c, uint32_t *buckets, uint64_t first_seq)
{
	/*
	 * 32 bits are enough: a bucket that was silent for about 2^32 sequences gets a distance
	 * that points at a packet of another flow, which was delivered long ago.
	 */
	for (uint32_t i = 0; i < CHAIN_BUCKETS; i++)
		buckets[i] = (uint32_t)first_seq - (1u << 31);
	c->last = buckets;
}
