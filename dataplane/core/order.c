#include "dataplane/core/order.h"

#include <errno.h>
#include <stddef.h>

void order_prepare(struct order_slot *slots, uint32_t slot_count)
{
	/* A zeroed slot must not pass for that of a sequence whose low bits are 0. */
	for (uint32_t i = 0; i < slot_count; i++)
		slots[i] = (struct order_slot){.tag = ~i};
}

int order_init(struct order *o, struct order_slot *slots, uint32_t slot_count, uint64_t first_seq)
{
	if (!slot_count || slot_count & (slot_count - 1))
		return -EINVAL;
	*o = (struct order){.slots = slots, .mask = slot_count - 1, .base = first_seq};
	order_prepare(slots, slot_count);
	return 0;
}

static bool slot_is(const struct order_slot *slot, uint64_t seq)
{
	return slot->tag == (uint32_t)seq;
}

void order_move(struct order *o, struct order_slot *slots, uint32_t slot_count, uint64_t end)
{
	struct order old = *o;

	o->slots = slots;
	o->mask = slot_count - 1;
	for (uint64_t seq = old.base; seq < end; seq++)
		if (slot_is(order_slot(&old, seq), seq))
			*order_slot(o, seq) = *order_slot(&old, seq);
}

/* The slot as that of `seq`, emptied if it was an older one's. */
static struct order_slot *slot_claim(struct order *o, uint64_t seq)
{
	struct order_slot *slot = order_slot(o, seq);

	if (!slot_is(slot, seq)) {
		slot->tag = (uint32_t)seq;
		slot->successor = 0;
		slot->state = ORDER_EMPTY;
	}
	return slot;
}

struct order_slot *order_open(struct order *o, uint64_t seq)
{
	return slot_claim(o, seq);
}

static void ready_append(struct order *o, uint64_t seq)
{
	order_slot(o, seq)->state = ORDER_READY;
	if (o->ready_count++)
		order_slot(o, o->ready_tail)->next_ready = (uint32_t)(seq - o->ready_tail);
	else
		o->ready_head = seq;
	o->ready_tail = seq;
}

/*
 * Its turn came: a fragment but the last is parked, and the turn of the next one comes with it.
 * What is not the next one ends the walk, so that it takes 255 steps at most.
 */
static void turn_come(struct order *o, uint64_t seq)
{
	struct order_slot *slot = order_slot(o, seq);

	while (slot->frag_index + 1 < slot->frag_count) {
		uint32_t index = slot->frag_index;

		slot->state = ORDER_PARKED;
		if (!slot->successor)
			return;
		seq += slot->successor;
		slot = order_slot(o, seq);
		if (slot->frag_index != index + 1)
			break;
	}
	ready_append(o, seq);
}

/* Did the turn of what follows this one come? */
static bool lets_pass(const struct order_slot *slot)
{
	return slot->state == ORDER_DELIVERED || slot->state == ORDER_PARKED;
}

void order_put(struct order *o, uint64_t seq, uint32_t prev)
{
	struct order_slot *slot = order_slot(o, seq), *before;

	slot->state = ORDER_HELD;
	o->held++;
	o->held_bytes += slot->len_bytes;
	if (!prev || seq - o->base < prev) {
		turn_come(o, seq);
		return;
	}
	before = slot_claim(o, seq - prev);
	if (lets_pass(before) && !before->successor) {
		before->successor = prev;
		turn_come(o, seq);
	} else if (before->successor) {
		/* Only a peer that breaks the protocol: nothing to wait for, then. */
		o->disordered++;
		turn_come(o, seq);
	} else {
		before->successor = prev;
		o->waited++;
	}
}

/* The siblings of the last fragment, all parked and each where it belongs? */
static bool is_train(const struct order *o, const struct order_slot *last, uint64_t seq)
{
	uint32_t offset = 0;

	if (last->frag_index + 1 != last->frag_count ||
	    seq - o->base < (uint64_t)last->frag_count - 1)
		return false;
	for (uint32_t i = 0; i + 1 < last->frag_count; i++) {
		uint64_t at = seq - last->frag_count + 1 + i;
		const struct order_slot *slot = order_slot(o, at);

		if (!slot_is(slot, at) || slot->state != ORDER_PARKED || slot->frag_index != i ||
		    slot->frag_count != last->frag_count || slot->class != last->class ||
		    slot->frag_offset != offset)
			return false;
		offset += slot->len_bytes;
	}
	return offset == last->frag_offset;
}

struct order_slot *order_peek(struct order *o, uint64_t *seq, bool *is_broken)
{
	struct order_slot *slot;

	if (!o->ready_count)
		return NULL;
	*seq = o->ready_head;
	slot = order_slot(o, *seq);
	*is_broken = slot->frag_count > 1 && !is_train(o, slot, *seq);
	return slot;
}

static void slot_deliver(struct order *o, struct order_slot *slot)
{
	slot->state = ORDER_DELIVERED;
	o->held--;
	o->held_bytes -= slot->len_bytes;
	o->delivered++;
	o->delivered_bytes += slot->len_bytes;
}

void order_pop(struct order *o, uint64_t seq, bool is_broken)
{
	struct order_slot *slot = order_slot(o, seq);

	o->ready_count--;
	o->ready_head = seq + (uint64_t)(int64_t)(int32_t)slot->next_ready;
	slot_deliver(o, slot);
	for (uint32_t i = 1; i < slot->frag_count && !is_broken; i++)
		slot_deliver(o, order_slot(o, seq - i));
	if (slot->successor && order_slot(o, seq + slot->successor)->state == ORDER_HELD)
		turn_come(o, seq + slot->successor);
}

bool order_advance(struct order *o)
{
	for (uint32_t i = 0; i < ORDER_ADVANCE_MAX; i++) {
		const struct order_slot *slot = order_slot(o, o->base);

		if (!slot_is(slot, o->base) || slot->state != ORDER_DELIVERED)
			return false;
		o->base++;
	}
	return true;
}

struct order_slot *order_held(const struct order *o, uint64_t seq)
{
	struct order_slot *slot = order_slot(o, seq);

	if (!slot_is(slot, seq) || slot->state == ORDER_EMPTY || slot->state == ORDER_DELIVERED)
		return NULL;
	return slot;
}

struct order_slot *order_take_lowest(struct order *o, uint64_t end, uint64_t *seq)
{
	while (o->held && o->base < end) {
		struct order_slot *slot = order_held(o, o->base);

		*seq = o->base++;
		if (!slot)
			continue;
		slot_deliver(o, slot);
		return slot;
	}
	return NULL;
}
