/*
 * A unit put together from the parts that PART frames carry: what was sequenced for a wider link
 * and has to go again over a narrower one. Pure; owned by the worker of the lane. The caller has
 * the bytes, this says where they belong.
 *
 * A part is no sequence: nothing acknowledges it, and a unit of which one is lost comes again as a
 * whole, as the ARQ has it. Promises: no part reaches beyond the unit, none counts twice, and a
 * unit that is whole has no hole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/wire.h"

struct part_set {
	uint64_t have; /* bit per part */
	uint32_t seq;
	uint16_t unit_bytes;
	uint16_t part_bytes; /* of each but the last; 0: not known yet */
	uint16_t last_bytes; /* likewise */
	uint8_t count;
};

/* For the unit that this is a part of; it is not taken yet. */
void part_set_init(struct part_set *set, const struct wire_part *part);
/* Is it a part of that unit, cut in that way? A unit that goes once more may be cut otherwise. */
bool part_set_is(const struct part_set *set, const struct wire_part *part);
/* Of this set. Where its bytes belong in the unit; -1: it had come before. */
int part_set_take(struct part_set *set, const struct wire_part *part);
bool part_set_is_whole(const struct part_set *set);
