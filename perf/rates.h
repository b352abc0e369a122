/*
 * What two snapshots say together: rates, shares and whether every packet is accounted for. Pure:
 * no clock, no allocation; any thread.
 *
 * A counter that went backwards (another gateway process, a slot used anew) counts as no change.
 */
#pragma once

#include "perf/snapshot.h"

/* (after - before) per second, rounded down; 0 when no time passed. */
uint64_t rates_per_second(uint64_t before, uint64_t after, uint64_t interval_ns);

/* Of bits and packets per second. */
struct rates_flow {
	uint64_t rx_pps, rx_bps;
	uint64_t tx_pps, tx_bps;
	uint64_t outer_pps, outer_bps;
	uint64_t drop_pps;
};

/* before may be NULL: the path is new; all rates are 0 then. */
struct rates_flow rates_of_flow(const struct cw_flow_counters *before,
				const struct cw_flow_counters *after, uint64_t interval_ns);
struct rates_flow rates_of_port(const struct cw_port_counters *before,
				const struct cw_port_counters *after, uint64_t interval_ns);

uint64_t rates_drop_sum(const uint64_t drop[DROP_SLOTS]);

/* rx - (tx + held + sum of drops): 0 when nothing is unaccounted for. Modulo 2^64. */
int64_t rates_balance(const struct cw_flow_counters *flow);

/* 0.0 .. 1.0 of the worker's time between the two; -1 when it did not run. before may be NULL. */
double rates_idle_share(const struct cw_worker_counters *before,
			const struct cw_worker_counters *after);

/* The same use of the same slot, or the same port, in an older snapshot; NULL when not there. */
const struct snapshot_path *rates_find_path(const struct snapshot *snapshot,
					    const struct snapshot_path *path);
const struct snapshot_port *rates_find_port(const struct snapshot *snapshot,
					    const struct snapshot_port *port);
/* Both are of one run of one gateway. */
int rates_same_run(const struct snapshot *before, const struct snapshot *after);

/* sum += part, field by field. */
void rates_add_flow(struct cw_flow_counters *sum, const struct cw_flow_counters *part);
void rates_add_port(struct cw_port_counters *sum, const struct cw_port_counters *part);
