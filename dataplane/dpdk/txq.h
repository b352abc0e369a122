/*
 * Frames of one worker on their way to one port: a short staging queue in front of the driver.
 *
 * Owned by that worker. A frame that txq_put took stays until the driver takes it, in order; a full
 * queue refuses, so the caller counts the drop where it knows the packet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/abi/counters.h"
#include "dataplane/dpdk/port.h"

#define TXQ_SLOTS   1024 /* a power of two */
#define TXQ_RESERVE 4	 /* of them, for what goes first */

struct txq {
	uint16_t port_id; /* DPDK's */
	uint16_t queue_id;
	uint32_t head, tail;		   /* free-running */
	uint64_t *packets, *bytes, *depth; /* counters */
	struct rte_mbuf *slots[TXQ_SLOTS];
};

static inline uint32_t txq_depth(const struct txq *q)
{
	return q->tail - q->head;
}

static inline bool txq_has_room(const struct txq *q, uint32_t frames)
{
	return txq_depth(q) + frames <= TXQ_SLOTS - TXQ_RESERVE;
}

static inline bool txq_has_place(const struct txq *q)
{
	return txq_depth(q) < TXQ_SLOTS;
}

/* In front of all that waits; txq_has_place said yes. */
static inline void txq_put_first(struct txq *q, struct rte_mbuf *mbuf)
{
	q->slots[--q->head & (TXQ_SLOTS - 1)] = mbuf;
}

/* Hands the driver what it takes now. */
void txq_flush(struct txq *q);

/* false: full; the frame stays the caller's. */
static inline bool txq_put(struct txq *q, struct rte_mbuf *mbuf)
{
	if (unlikely(!txq_has_room(q, 1)))
		return false;
	q->slots[q->tail++ & (TXQ_SLOTS - 1)] = mbuf;
	if (txq_depth(q) >= PORT_BURST)
		txq_flush(q);
	return true;
}

/* Frees what the driver never took; returns how many. */
uint32_t txq_discard(struct txq *q);
