/*
 * Credits of one lane: what the receiver can take, as absolute limits that only grow, so that a
 * lost one heals with the next (as in InfiniBand, IBTA 1.4 volume 1, 7.9.4). Pure; owned by the
 * lane's worker.
 *
 * Two limits, and sending needs both: a sequence (a buffer each) and a number of payload bytes.
 * Both are charged once per sequence, at its first transmission. The receiver grants what is
 * delivered plus what it can hold, so it holds at most its buffers and bytes: it cannot overflow.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct credit_tx {
	uint64_t limit_seq;   /* no sequence at or above */
	uint64_t limit_bytes; /* no more payload than this in all */
	uint64_t sent_bytes;
};

struct credit_rx {
	uint64_t first_seq;
	uint32_t slots;	  /* sequences that the window spans */
	uint32_t buffers; /* units that can be held */
	uint64_t bytes;
	uint64_t granted_seq, granted_bytes; /* never less than told before */
	uint64_t received_bytes;	     /* of accepted units */
};

/* Nothing may be sent before the first grant came. */
static inline void credit_tx_init(struct credit_tx *c, uint64_t first_seq)
{
	*c = (struct credit_tx){.limit_seq = first_seq};
}

static inline bool credit_tx_may(const struct credit_tx *c, uint64_t next_seq, uint32_t count,
				 uint32_t bytes)
{
	return next_seq + count <= c->limit_seq && c->sent_bytes + bytes <= c->limit_bytes;
}

static inline void credit_tx_charge(struct credit_tx *c, uint32_t bytes)
{
	c->sent_bytes += bytes;
}

/* Limits only grow: an ACK that was overtaken changes nothing. */
static inline void credit_tx_on_limits(struct credit_tx *c, uint64_t seq, uint64_t bytes)
{
	if (seq > c->limit_seq)
		c->limit_seq = seq;
	if (bytes > c->limit_bytes)
		c->limit_bytes = bytes;
}

void credit_rx_init(struct credit_rx *c, uint64_t first_seq, uint32_t slots, uint32_t buffers,
		    uint64_t bytes);
/* Other limits from now on. Smaller ones hold once what was granted before has been used. */
static inline void credit_rx_resize(struct credit_rx *c, uint32_t slots, uint32_t buffers,
				    uint64_t bytes)
{
	c->slots = slots;
	c->buffers = buffers;
	c->bytes = bytes;
}
/*
 * After deliveries: base is the lowest undelivered sequence, delivered and delivered_bytes all that
 * left.
 */
void credit_rx_update(struct credit_rx *c, uint64_t base, uint64_t delivered,
		      uint64_t delivered_bytes);
/* May a new unit of this size be held? It was sent within what was granted. */
static inline bool credit_rx_take(struct credit_rx *c, uint32_t bytes)
{
	if (c->received_bytes + bytes > c->granted_bytes)
		return false;
	c->received_bytes += bytes;
	return true;
}
