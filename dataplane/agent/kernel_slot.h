/*
 * One slot of the classifier's tables in the kernel (bpf/kernel_maps.h): a trie of prefixes and a
 * hash of rule sets, made once and filled again and again. Only to be filled while no program reads
 * the slot; who calls sees to that. Owned by the agent thread, as part of struct kernel_rules.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/ruleset.h"

struct kernel_slot {
	int trie_fd, sets_fd; /* valid if prefixes_max is not 0 */
	uint32_t prefixes_max, sets_max;
	uint64_t left; /* ticket of the grace period since programs were sent elsewhere; 0: none */
};

/*
 * Makes empty tables with room for twice as many prefixes and sets, and for KERNEL_SLOT_ROOM at
 * least, and puts them into slot `index` of the outer maps, which takes two RCU grace periods. 0 or
 * -errno: the slot is as it was, or has no tables, and so no room, until it is opened again.
 */
#define KERNEL_SLOT_ROOM 4096u
int kernel_slot_open(struct kernel_slot *slot, uint32_t index, int tries_fd, int sets_fd,
		     uint32_t prefixes, uint32_t sets);
bool kernel_slot_has_room(const struct kernel_slot *slot, uint32_t prefixes, uint32_t sets);
/* Writes these rules in place of what the tables held. 0 or -errno: it holds anything. */
int kernel_slot_fill(struct kernel_slot *slot, const struct ruleset *rules);
void kernel_slot_close(struct kernel_slot *slot);
