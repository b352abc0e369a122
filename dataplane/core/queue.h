/*
 * A bounded first-in first-out queue of packets that the glue holds: a cookie and a length each.
 * Pure; owned by one worker. At no time are there more packets or bytes in it than the limits say.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct queue_slot {
	uint64_t cookie;
	uint64_t pushed_ns; /* 0: its time was not told */
	uint32_t len_bytes;
	uint32_t tag; /* the caller's */
};

struct queue {
	struct queue_slot *slots;
	uint32_t mask;
	uint32_t head, tail; /* free-running; tail - head packets are in it */
	uint32_t max_packets;
	uint64_t max_bytes;
	uint64_t bytes;
};

/* slot_count is a power of two, max_packets at most that many. 0 or -EINVAL. */
int queue_init(struct queue *q, struct queue_slot *slots, uint32_t slot_count, uint32_t max_packets,
	       uint64_t max_bytes);
/* New limits; what is above them stays until popped. 0 or -EINVAL. */
int queue_set_limits(struct queue *q, uint32_t max_packets, uint64_t max_bytes);

static inline uint32_t queue_packets(const struct queue *q)
{
	return q->tail - q->head;
}

static inline uint64_t queue_bytes(const struct queue *q)
{
	return q->bytes;
}

/* False when full: the packet stays the caller's. */
static inline bool queue_push_at(struct queue *q, uint64_t cookie, uint32_t len_bytes, uint32_t tag,
				 uint64_t now)
{
	if (queue_packets(q) >= q->max_packets || q->bytes + len_bytes > q->max_bytes)
		return false;
	q->slots[q->tail++ & q->mask] = (struct queue_slot){
		.cookie = cookie, .pushed_ns = now, .len_bytes = len_bytes, .tag = tag};
	q->bytes += len_bytes;
	return true;
}

/* The same where nobody asks how long a packet was queued. */
static inline bool queue_push(struct queue *q, uint64_t cookie, uint32_t len_bytes, uint32_t tag)
{
	return queue_push_at(q, cookie, len_bytes, tag, 0);
}

/* How long a packet that was pushed by queue_push_at has been in the queue. */
static inline uint64_t queue_sojourn_ns(const struct queue_slot *slot, uint64_t now)
{
	return now - slot->pushed_ns;
}

/* The oldest packet, or NULL; valid until the next pop. */
static inline const struct queue_slot *queue_peek(const struct queue *q)
{
	return q->tail == q->head ? (const struct queue_slot *)0 : &q->slots[q->head & q->mask];
}

/* The packet that is `ahead` places behind the oldest one, or NULL. */
static inline const struct queue_slot *queue_ahead(const struct queue *q, uint32_t ahead)
{
	return queue_packets(q) > ahead ? &q->slots[(q->head + ahead) & q->mask]
					: (const struct queue_slot *)0;
}

/* Takes the oldest packet off; false when there is none. */
static inline bool queue_pop(struct queue *q, struct queue_slot *out)
{
	const struct queue_slot *slot = queue_peek(q);

	if (!slot)
		return false;
	*out = *slot;
	q->bytes -= slot->len_bytes;
	q->head++;
	return true;
}
