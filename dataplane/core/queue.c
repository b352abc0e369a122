#include "dataplane/core/queue.h"

#include <errno.h>

int queue_init(struct queue *q, struct queue_slot *slots, uint32_t slot_count, uint32_t max_packets,
	       uint64_t max_bytes)
{
	if (!slot_count || slot_count & (slot_count - 1))
		return -EINVAL;
	*q = (struct queue){.slots = slots, .mask = slot_count - 1};
	return queue_set_limits(q, max_packets, max_bytes);
}

int queue_set_limits(struct queue *q, uint32_t max_packets, uint64_t max_bytes)
{
	if (!max_packets || max_packets - 1 > q->mask || !max_bytes)
		return -EINVAL;
	q->max_packets = max_packets;
	q->max_bytes = max_bytes;
	return 0;
}
