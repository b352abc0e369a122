#include "control/core/admission.h"

#include <errno.h>

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void link_load_add(struct link_load *load, const struct path *path)
{
	for (int end = 0; end < 2; end++) {
		enum model_end at = path_link_end(path, (enum model_end)end);

		load->used_bps[at] = add_saturated(load->used_bps[at], path->rate_bps[end]);
	}
}

bool link_load_fits(const struct link_load *load, const struct link *link)
{
	return load->used_bps[END_A] <= link->capacity_bps &&
	       load->used_bps[END_Z] <= link->capacity_bps;
}

void link_candidate_free_bps(const struct link_candidate *candidate, uint64_t free_bps[2])
{
	uint64_t capacity_bps = candidate->link->capacity_bps;

	for (int end = 0; end < 2; end++) {
		uint64_t used_bps = candidate->load.used_bps[end ^ candidate->is_reversed];

		free_bps[end] = used_bps < capacity_bps ? capacity_bps - used_bps : 0;
	}
}

bool link_candidate_fits(const struct link_candidate *candidate, const uint64_t rate_bps[2])
{
	uint64_t free_bps[2];

	link_candidate_free_bps(candidate, free_bps);
	return rate_bps[0] <= free_bps[0] && rate_bps[1] <= free_bps[1];
}

int link_candidate_choose(const struct link_candidate *candidates, uint32_t count,
			  const uint64_t rate_bps[2], uint64_t *most_bps)
{
	uint64_t best_room_bps = 0;
	int best = -ENOENT;

	*most_bps = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t free_bps[2], room_bps;

		if (candidates[i].link->is_down)
			continue;
		if (best == -ENOENT)
			best = -ENOSPC;
		link_candidate_free_bps(&candidates[i], free_bps);
		if (min_u64(free_bps[0], free_bps[1]) > *most_bps)
			*most_bps = min_u64(free_bps[0], free_bps[1]);
		if (!link_candidate_fits(&candidates[i], rate_bps))
			continue;
		room_bps = min_u64(free_bps[0] - rate_bps[0], free_bps[1] - rate_bps[1]);
		if (best >= 0 && room_bps <= best_room_bps)
			continue;
		best = (int)i;
		best_room_bps = room_bps;
	}
	return best;
}
