#include "dataplane/core/lane.h"

void lane_tx_init(struct lane_tx *l, uint32_t *buckets, uint32_t first_seq)
{
	/*
	 * 32 bits are enough: a bucket that was silent for about 2^32 sequences gets a prev that
	 * points at a packet of another flow, which is older and thus released earlier or in the
	 * same order.
	 */
	for (uint32_t i = 0; i < LANE_BUCKETS; i++)
		buckets[i] = first_seq - (1u << 31);
	*l = (struct lane_tx){.next_seq = first_seq, .last = buckets};
}
