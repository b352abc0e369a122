/*
 * The gateway's paths as the agent knows them: which slot and handle each has, what is proved, what
 * is claimed. Agent thread.
 *
 * A slot's generation changes with each use, so that a packet that was claimed for a path that is
 * gone never reaches the next one in its place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/intent.h"

#define SLOTS_MAX INTENT_PATHS_MAX

struct slot {
	struct intent_path intent;
	uint32_t handle;
	uint32_t proved_generation; /* of the newest probe that came back; 0: none */
	uint64_t rtt_ns;
	uint64_t incarnation; /* of the path's life here: key_exchange.h */
	uint8_t sends_link;   /* number of the link that it sends by */
	bool is_moving;	      /* to the link of its intent, which is not proved yet */
	bool is_settling;     /* it has moved: its windows are still for both links */
	bool is_used;
	bool is_leaving;   /* no intent has it any more; it receives until all has arrived */
	bool is_receiving; /* the workers have it */
	bool is_claiming;  /* what the next claims_apply puts into force, */
	bool is_claimed;   /* and what the last one did */
	bool is_blocking;  /* likewise: idle rules, which block what nobody claims */
	bool is_blocked;
	uint8_t generation;
	uint64_t entered;	 /* leaving: packets that had come in, both ways, */
	uint64_t quiet_since_ns; /* and when the last of them did */
	uint64_t leaves_by_ns;	 /* whatever still comes */
	char error[160];	 /* why it is not receiving or not claiming; empty: fine */
};

struct slots {
	struct slot slot[SLOTS_MAX];
	uint32_t high; /* no slot in use at or above */
};

/* A free slot with its handle, or NULL: too many paths. */
struct slot *slots_take(struct slots *slots, const struct intent_path *intent);
void slots_release(struct slots *slots, struct slot *slot);
/* NULL: no such path. */
struct slot *slots_by_id(struct slots *slots, uint32_t id);
uint32_t slots_index(const struct slots *slots, const struct slot *slot);

/* Claims or does not; a path that blocks does so whenever it does not claim. */
static inline void slot_set_claiming(struct slot *slot, bool is_claiming)
{
	slot->is_claiming = is_claiming;
	slot->is_blocking = !is_claiming && slot->intent.when_down == WHEN_DOWN_BLOCK;
}

static inline bool slot_is_proved(const struct slot *slot)
{
	return slot->proved_generation == slot->intent.generation;
}

/* It moves, and neither by the new link nor by the old one does anything come back. */
static inline bool slot_is_stranded(const struct slot *slot)
{
	return slot->is_moving && !slot->proved_generation;
}
