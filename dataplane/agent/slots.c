#include "dataplane/agent/slots.h"

#include <string.h>

#include "dataplane/abi/verdict.h"

struct slot *slots_take(struct slots *slots, const struct intent_path *intent)
{
	for (uint32_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &slots->slot[i];
		uint8_t generation = (uint8_t)(slot->generation + 1);

		if (slot->is_used)
			continue;
		memset(slot, 0, sizeof(*slot));
		slot->generation = generation;
		slot->handle = HANDLE_MAKE(i, generation);
		slot->intent = *intent;
		slot->is_used = true;
		if (slots->high <= i)
			slots->high = i + 1;
		return slot;
	}
	return NULL;
}

void slots_release(struct slots *slots, struct slot *slot)
{
	slot->is_used = false;
	while (slots->high && !slots->slot[slots->high - 1].is_used)
		slots->high--;
}

struct slot *slots_by_id(struct slots *slots, uint32_t id)
{
	for (uint32_t i = 0; i < slots->high; i++)
		if (slots->slot[i].is_used && slots->slot[i].intent.id == id)
			return &slots->slot[i];
	return NULL;
}

uint32_t slots_index(const struct slots *slots, const struct slot *slot)
{
	return (uint32_t)(slot - slots->slot);
}
