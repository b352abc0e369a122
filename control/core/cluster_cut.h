/*
 * The narrowest cut of a virtual cluster: the members that the least guaranteed rate leaves, of all
 * ways to part them in two. What all members on one side can send to those on the other side
 * together never exceeds it. Exact: every part is tried, some 4,000 for 12 members. Pure.
 */
#pragma once

#include <stdint.h>

#include "control/core/cluster.h"

struct cluster_cut {
	uint16_t members;  /* bit i: member i is on the sending side */
	uint8_t edges;	   /* that cross it */
	uint64_t rate_bps; /* from that side to the other */
};

/*
 * Of equally narrow cuts the one with the fewest members on the sending side, then the lowest
 * number. 2 to CLUSTER_MEMBERS_MAX members.
 */
void cluster_cut_find(const struct cluster_plan *plan, struct cluster_cut *cut);
