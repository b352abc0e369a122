/*
 * A ring all-reduce, event by event: what the formulas of cluster_step.h are tested against. Each
 * way sends pieces one by one, phase after phase; a piece of phase p can go once that of phase
 * p - 1 has come in from the way before. Of a window's pieces no more are on a way until
 * acknowledgements come back.
 */
#pragma once

#include <stdint.h>

struct ring_sim_way {
	uint64_t piece_ns; /* until it has been sent */
	uint64_t delay_ns; /* from there to here, and for its acknowledgement */
};

/* When the last piece came in; 2 to 12 ways; pieces of a part; of a window, 0: no limit. */
uint64_t ring_sim(const struct ring_sim_way *ways, uint32_t count, uint32_t pieces,
		  uint32_t window);
