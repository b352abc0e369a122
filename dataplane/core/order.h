/*
 * Order within each bucket of one lane: holds units until the one before them in their bucket is
 * delivered, and no longer. Pure; owned by the lane's worker.
 *
 * A unit's `previous` names its predecessor. What is ready waits in one list, in the order in which
 * it became ready, for the caller to deliver; delivering one makes its successor ready. So a chain
 * of any length costs O(1) per unit, there is no state per flow, and a gap holds back one bucket.
 * Fragments are parked as their turn comes, and delivered together when the last one's turn came;
 * they lie side by side in the window then, since their sequences do.
 *
 * Slots are valid only for the sequence in their tag, so nothing needs clearing when the window
 * moves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum order_state {
	ORDER_EMPTY = 0, /* only named as a predecessor so far */
	ORDER_HELD,	 /* waits for its predecessor */
	ORDER_READY,	 /* in the list */
	ORDER_PARKED,	 /* a fragment whose turn came before the last one's */
	ORDER_DELIVERED,
};

struct order_slot {
	uint64_t cookie;
	uint32_t tag;	     /* low bits of its sequence */
	uint32_t successor;  /* distance to it; 0: unknown */
	uint32_t next_ready; /* distance, wraps; meaningless for the last one */
	uint16_t len_bytes;
	uint16_t frag_offset;
	uint8_t frag_index, frag_count;
	uint8_t class;
	uint8_t ecn;
	uint8_t state; /* enum order_state */
	uint8_t pad[3];
};
_Static_assert(sizeof(struct order_slot) == 32, "memory of a window");

struct order {
	struct order_slot *slots;
	uint32_t mask;
	uint64_t base;			 /* the lowest undelivered sequence */
	uint64_t ready_head, ready_tail; /* sequences */
	uint32_t ready_count;
	uint32_t held; /* units with a cookie */
	uint64_t held_bytes;
	uint64_t delivered, delivered_bytes; /* units, ever */
	uint64_t waited;		     /* units that came before their predecessor */
	uint64_t disordered; /* units whose predecessor has another successor; not held back */
};

/* How far `base` moves in one call; the rest follows with the next. */
#define ORDER_ADVANCE_MAX 4096

/* Makes slots ready for order_move. Any thread. */
void order_prepare(struct order_slot *slots, uint32_t slot_count);
/* Goes on in other slots, prepared and at least as many. `end`: nothing at or above was ever named.
 * O(sequences from base to end). */
void order_move(struct order *o, struct order_slot *slots, uint32_t slot_count, uint64_t end);
/* 0 or -EINVAL: not a power of two. */
int order_init(struct order *o, struct order_slot *slots, uint32_t slot_count, uint64_t first_seq);

static inline struct order_slot *order_slot(const struct order *o, uint64_t seq)
{
	return &o->slots[seq & o->mask];
}

/*
 * A new unit, base <= seq < base + slot_count, never seen before: its slot, of which the caller
 * fills cookie and frame fields; then order_put.
 */
struct order_slot *order_open(struct order *o, uint64_t seq);
/* prev: distance back to its predecessor, 0: none that matters. */
void order_put(struct order *o, uint64_t seq, uint32_t prev);

/*
 * The next ready unit: for fragments the last one, the others being parked below it. NULL: nothing.
 * *is_broken: a last fragment whose siblings are not there or not like it.
 */
struct order_slot *order_peek(struct order *o, uint64_t *seq, bool *is_broken);
/* It was delivered, siblings too unless it is broken; its successor becomes ready. */
void order_pop(struct order *o, uint64_t seq, bool is_broken);
/* Moves `base` over what is delivered, at most ORDER_ADVANCE_MAX sequences. True: call again. */
bool order_advance(struct order *o);

/*
 * Gives up the order: the held unit of the lowest sequence below `end`, which is the caller's then;
 * fragments each by itself. NULL: none is left. Only order_init follows.
 */
struct order_slot *order_take_lowest(struct order *o, uint64_t end, uint64_t *seq);
/* The unit of this sequence if it is held, and so not delivered, else NULL. */
struct order_slot *order_held(const struct order *o, uint64_t seq);
