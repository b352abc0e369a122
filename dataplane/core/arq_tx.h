/*
 * The sender's half of the ARQ of one lane: what was sequenced and is not acknowledged yet, and
 * which of it was lost. Pure; owned by the lane's worker.
 *
 * A sequence is lost only on evidence: one ACK covers it, shows it missing, and the largest packet
 * that this ACK speaks of was sent later than the sequence's last transmission by more than the
 * reorder window. Nothing is marked on a time-out and nothing by counting (RFC 8985's reasoning,
 * with the time of sending from the ACK itself). So on a link that does not reorder beyond the
 * window each resend answers a loss. The window grows at once when a repair proves to have been
 * needless and shrinks slowly.
 *
 * Work is O(1) per sequence over its life, and an ACK costs at most its blocks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/wire_ack.h"

#define ARQ_TX_NONE	    UINT32_MAX
#define ARQ_REORDER_NS	    50000ull	  /* on top of RTT / 64 */
#define ARQ_REORDER_HOLD_NS 1000000000ull /* a wider window shrinks by 1/8 each such time */

enum arq_tx_state {
	ARQ_TX_FREE = 0, /* or acknowledged */
	ARQ_TX_FLIGHT,
	ARQ_TX_LOST, /* in the list of repairs */
};

/* What must be known to send it again. */
struct arq_tx_slot {
	uint64_t cookie;
	uint64_t sent_ns;	       /* last transmission */
	uint32_t first_unit;	       /* first transmission, ns >> ARQ_FIRST_SHIFT, wraps */
	uint32_t next_lost, prev_lost; /* in the list of repairs: low bits of sequences */
	uint32_t prev;
	uint16_t len_bytes;
	uint16_t frag_offset;
	uint8_t frag_index, frag_count;
	uint8_t class;
	uint8_t ecn;
	uint8_t state;	 /* enum arq_tx_state */
	uint8_t repairs; /* so far; stops at 255 */
	uint8_t pad[6];
};
_Static_assert(sizeof(struct arq_tx_slot) == 48, "memory of a window");

#define ARQ_FIRST_SHIFT 10

struct arq_tx {
	struct arq_tx_slot *slots;
	uint64_t *acked; /* bit per slot */
	uint32_t mask;
	uint64_t una, next; /* oldest unacknowledged sequence, next new one */
	uint32_t retained, retain_packets;
	uint64_t retained_bytes, retain_bytes;
	uint32_t lost_head, lost_tail; /* low bits of sequences */
	uint32_t lost_count;
	uint64_t reorder_extra_ns; /* of the window, learnt from needless repairs */
	uint64_t reorder_decay_ns; /* when it shrinks next */
	uint64_t lost, spurious;   /* counters, ever */
};

/* What an ACK says about time: made once per ACK by the composer. */
struct arq_evidence {
	uint64_t now;
	uint64_t sent_ns;    /* when the largest packet that it speaks of was sent */
	uint64_t rtt_min_ns; /* a repair acknowledged sooner was needless */
	uint64_t reorder_ns; /* arq_tx_reorder */
	uint64_t reorder_max_ns;
	/*
	 * The lane moved to another link then (0: never), and an ACK of what went by the one before
	 * took no longer than this. A packet of the new link proves nothing of one that is under
	 * way on a longer one, until that time is over.
	 */
	uint64_t moved_ns, moved_wait_ns;
};

/* slot_count is a power of two of at least 64; acked has a bit for each. 0 or -EINVAL. */
int arq_tx_init(struct arq_tx *a, struct arq_tx_slot *slots, uint64_t *acked, uint32_t slot_count,
		uint64_t first_seq);

/* Goes on in other slots, at least as many, which need no clearing. O(sequences in flight). */
void arq_tx_move(struct arq_tx *a, struct arq_tx_slot *slots, uint64_t *acked, uint32_t slot_count);

static inline bool arq_tx_has_room(const struct arq_tx *a, uint32_t count, uint32_t bytes)
{
	return a->next + count - a->una <= (uint64_t)a->mask + 1 &&
	       a->retained + count <= a->retain_packets &&
	       a->retained_bytes + bytes <= a->retain_bytes;
}

static inline struct arq_tx_slot *arq_tx_slot(const struct arq_tx *a, uint64_t seq)
{
	return &a->slots[seq & a->mask];
}

/* A new sequence, sent now: its slot, of which the caller fills the frame's fields and cookie. */
struct arq_tx_slot *arq_tx_push(struct arq_tx *a, uint32_t len_bytes, uint64_t now);

/*
 * Acknowledges everything below `cumulative`, or what the block says. Writes cookies to out and
 * returns how many; max of them: call again, the rest is still to come.
 */
uint32_t arq_tx_on_cumulative(struct arq_tx *a, uint64_t cumulative, const struct arq_evidence *e,
			      uint64_t out[], uint32_t max);
uint32_t arq_tx_on_block(struct arq_tx *a, const struct wire_ack_block *block, uint64_t cumulative,
			 uint64_t end, const struct arq_evidence *e, uint64_t out[], uint32_t max);
/* What the block shows missing of [cumulative, end) and the evidence suffices for: to be repaired.
 */
void arq_tx_mark_lost(struct arq_tx *a, const struct wire_ack_block *block, uint64_t cumulative,
		      uint64_t end, const struct arq_evidence *e);

static inline bool arq_tx_has_lost(const struct arq_tx *a)
{
	return a->lost_count != 0;
}
/* The next one to repair, as if sent now. NULL: none. */
struct arq_tx_slot *arq_tx_take_lost(struct arq_tx *a, uint64_t now, uint64_t *seq);

/* The reorder window for this round-trip time. */
uint64_t arq_tx_reorder(struct arq_tx *a, uint64_t rtt_ns, uint64_t now);

/* Everything unacknowledged: cookies, at most max; fewer: that was all. */
uint32_t arq_tx_flush(struct arq_tx *a, uint64_t out[], uint32_t max);

static inline uint64_t arq_tx_in_flight(const struct arq_tx *a)
{
	return a->next - a->una;
}
