/*
 * What two looks say of one path, worked out once for the table, the page of the path and JSON.
 * Points into the snapshots. One thread.
 */
#pragma once

#include "perf/limit.h"
#include "perf/rates.h"
#include "perf/transport.h"

struct path_view {
	const struct snapshot_path *path, *old; /* old: NULL, no rates yet */
	struct rates_flow out, in;
	struct transport_rates transport;
	struct limit_input limit;
	struct limits limits;
};

/* before, when rates can be had from it. */
const struct snapshot *view_comparable(const struct snapshot *before, const struct snapshot *after);
/* 0 without before. */
uint64_t view_interval_ns(const struct snapshot *before, const struct snapshot *after);
/* path is one of after's; before may be NULL. */
void view_of_path(struct path_view *view, const struct snapshot *before,
		  const struct snapshot *after, const struct snapshot_path *path);
struct link_rates view_of_link(const struct snapshot *before, const struct snapshot *after,
			       const struct snapshot_link *link);

/* "claim"; enum intent_phase. */
const char *view_phase_name(uint32_t phase);
