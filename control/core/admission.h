/*
 * Bandwidth admission: on each link and in each direction the guaranteed rates of its paths never
 * exceed its capacity. And the choice of a link for a new path. Pure; any thread.
 *
 *	sum(rate_bps of the link's paths in one direction) <= capacity_bps
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/model.h"

/* Guaranteed rates on one link, by the link's end they leave. */
struct link_load {
	uint64_t used_bps[2];
};

void link_load_add(struct link_load *load, const struct path *path);
bool link_load_fits(const struct link_load *load, const struct link *link);

/* A link between the two sites of a path, seen from the path's end A. */
struct link_candidate {
	const struct link *link;
	const char *name;
	bool is_reversed;
	struct link_load load; /* of the other paths */
};

/* Free rate leaving the path's end A and end Z. */
void link_candidate_free_bps(const struct link_candidate *candidate, uint64_t free_bps[2]);
/* Does a path with these guaranteed rates fit beside the others? */
bool link_candidate_fits(const struct link_candidate *candidate, const uint64_t rate_bps[2]);
/*
 * Index of the link with the most room left of those that are up and fit; the first among equals.
 * -ENOSPC none fits, -ENOENT there is none that is up. With -ENOSPC most_bps is the most that one
 * link could guarantee now in both directions.
 */
int link_candidate_choose(const struct link_candidate *candidates, uint32_t count,
			  const uint64_t rate_bps[2], uint64_t *most_bps);
