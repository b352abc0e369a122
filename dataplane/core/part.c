#include "dataplane/core/part.h"

void part_set_init(struct part_set *set, const struct wire_part *part)
{
	*set = (struct part_set){
		.seq = part->data.seq, .unit_bytes = part->data.length_bytes, .count = part->count};
}

static bool is_last(const struct wire_part *part)
{
	return part->index == part->count - 1;
}

/* All but the last are of one length, as fragment_piece cuts them. */
static void length_learn(struct part_set *set, const struct wire_part *part)
{
	if (is_last(part))
		set->last_bytes = part->length_bytes;
	else
		set->part_bytes = part->length_bytes;
}

static bool lengths_agree(const struct part_set *set)
{
	return !set->part_bytes || !set->last_bytes ||
	       (uint32_t)(set->count - 1) * set->part_bytes + set->last_bytes == set->unit_bytes;
}

bool part_set_is(const struct part_set *set, const struct wire_part *part)
{
	uint16_t known = is_last(part) ? set->last_bytes : set->part_bytes;
	struct part_set then = *set;

	if (set->seq != part->data.seq || set->unit_bytes != part->data.length_bytes ||
	    set->count != part->count || (known && known != part->length_bytes))
		return false;
	length_learn(&then, part);
	return lengths_agree(&then);
}

int part_set_take(struct part_set *set, const struct wire_part *part)
{
	if (set->have >> part->index & 1)
		return -1;
	set->have |= 1ull << part->index;
	length_learn(set, part);
	return is_last(part) ? set->unit_bytes - part->length_bytes
			     : part->index * part->length_bytes;
}

bool part_set_is_whole(const struct part_set *set)
{
	return set->have == UINT64_MAX >> (64 - set->count);
}
