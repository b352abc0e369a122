/*
 * What one look at a gateway's counter pages saw: plain data, made by counter_reader.h, compared by
 * rates.h. Owned by whoever took it; never changes afterwards.
 */
#pragma once

#include <stdint.h>

#include "dataplane/abi/counters.h"

struct snapshot_port {
	struct cw_port_facts facts;
	struct cw_port_counters sum; /* over the workers */
};

struct snapshot_path {
	uint32_t slot;
	struct cw_path_facts facts;
	/* Over the workers that count this use of the slot. */
	struct cw_flow_counters out, in;
	struct cw_lane_counters lane;
};

struct snapshot_link {
	uint32_t number;
	struct cw_link_counters sum; /* over the workers */
};

struct snapshot {
	uint64_t taken_ns; /* CLOCK_MONOTONIC */
	uint64_t wall_ns;  /* CLOCK_REALTIME */
	struct cw_counters_header header;
	uint32_t port_count; /* used slots only */
	uint32_t path_count;
	uint32_t link_count;
	struct snapshot_port *ports;
	struct snapshot_path *paths;
	struct snapshot_link *links;	    /* by number */
	struct cw_worker_counters *workers; /* header.workers of them */
};
