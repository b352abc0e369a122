/*
 * What two looks at the transport of a path, or at a link, say together: rates, and shares of time.
 * Pure: no clock, no allocation; any thread.
 */
#pragma once

#include "perf/snapshot.h"

/* Of the time between the looks, 0 to 1. Several workers may wait at once: still at most 1. */
struct transport_stalls {
	double credit, window, key, pace; /* something waited to be sent, and for this */
	double pause;			  /* the LAN here took nothing that was ready for it */
};

struct transport_rates {
	/* per second, in DATA frames */
	uint64_t sequenced_ps, lost_ps, resent_ps, spurious_ps;
	uint64_t received_ps, reordered_ps, duplicates_ps;
	double loss_share; /* lost / sequenced; -1: nothing was sequenced */
	struct transport_stalls stalls;
};

/* before may be NULL: the path is new; all is 0 then, and loss_share -1. */
struct transport_rates transport_rates_of(const struct cw_lane_counters *before,
					  const struct cw_lane_counters *after,
					  uint64_t interval_ns);

struct link_rates {
	uint64_t tx_bps, rx_bps; /* as on the wire: with the framing of Ethernet */
	uint64_t lost_ps, resent_ps;
	double tx_share; /* of the rate that it has now; -1: that is not known */
};

/* before may be NULL. */
struct link_rates transport_link_rates(const struct cw_link_counters *before,
				       const struct cw_link_counters *after, uint64_t interval_ns);

/* NULL: none of that number. */
const struct snapshot_link *transport_link_find(const struct snapshot *snapshot, uint32_t number);

/* part / whole, 0 to 1; 0 when there is no whole. */
double transport_fill(uint64_t part, uint64_t whole);
