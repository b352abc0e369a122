/*
 * The transport's counters (dataplane/abi/counters.h) by name: how each adds up over workers, and
 * what it is called in JSON. One list for the gateway's reports and for the tools that read the
 * pages. Pure; any thread.
 */
#pragma once

#include <stdint.h>

#include "dataplane/abi/counters.h"

enum counter_how {
	COUNTER_SUM,  /* counts, and gauges of which each worker has a part */
	COUNTER_MOST, /* the highest is the one to know */
	COUNTER_LEAST /* the lowest of those that are not 0: 0 is "not known yet" */
};

/* X(member, how), all but the padding */
#define LANE_COUNTERS(X)                    \
	X(sequenced, COUNTER_SUM)           \
	X(resent, COUNTER_SUM)              \
	X(lost, COUNTER_SUM)                \
	X(spurious, COUNTER_SUM)            \
	X(acked, COUNTER_SUM)               \
	X(acks_sent, COUNTER_SUM)           \
	X(acks_received, COUNTER_SUM)       \
	X(acks_invalid, COUNTER_SUM)        \
	X(pings_sent, COUNTER_SUM)          \
	X(pings_received, COUNTER_SUM)      \
	X(pings_invalid, COUNTER_SUM)       \
	X(received, COUNTER_SUM)            \
	X(duplicates, COUNTER_SUM)          \
	X(refused, COUNTER_SUM)             \
	X(disordered, COUNTER_SUM)          \
	X(replayed, COUNTER_SUM)            \
	X(reordered, COUNTER_SUM)           \
	X(delivered, COUNTER_SUM)           \
	X(retained_packets, COUNTER_SUM)    \
	X(retained_bytes, COUNTER_SUM)      \
	X(retain_packets_max, COUNTER_SUM)  \
	X(retain_bytes_max, COUNTER_SUM)    \
	X(waiting_packets, COUNTER_SUM)     \
	X(waiting_bytes, COUNTER_SUM)       \
	X(waiting_packets_max, COUNTER_SUM) \
	X(waiting_bytes_max, COUNTER_SUM)   \
	X(reorder_depth, COUNTER_MOST)      \
	X(reorder_depth_max, COUNTER_MOST)  \
	X(reorder_window_ns, COUNTER_MOST)  \
	X(rtt_ns, COUNTER_MOST)             \
	X(rtt_min_ns, COUNTER_LEAST)        \
	X(queue_us, COUNTER_MOST)           \
	X(stall_credit_ns, COUNTER_SUM)     \
	X(stall_window_ns, COUNTER_SUM)     \
	X(stall_key_ns, COUNTER_SUM)        \
	X(stall_pace_ns, COUNTER_SUM)       \
	X(pause_ns, COUNTER_SUM)            \
	X(key_phase, COUNTER_MOST)          \
	X(keys_installed, COUNTER_SUM)

/* Every worker that sees a lowering lowers its own part: one event, not several. */
#define LINK_COUNTERS(X)               \
	X(tx_packets, COUNTER_SUM)     \
	X(tx_bytes, COUNTER_SUM)       \
	X(rx_packets, COUNTER_SUM)     \
	X(rx_bytes, COUNTER_SUM)       \
	X(nominal_bps, COUNTER_MOST)   \
	X(rate_bps, COUNTER_SUM)       \
	X(lowered, COUNTER_MOST)       \
	X(lowered_count, COUNTER_MOST) \
	X(rtt_ns, COUNTER_MOST)        \
	X(rtt_min_ns, COUNTER_LEAST)   \
	X(queue_us, COUNTER_MOST)      \
	X(lost, COUNTER_SUM)           \
	X(resent, COUNTER_SUM)

struct counter_field {
	const char *name;
	uint32_t word; /* index of the 64-bit word in the struct */
	enum counter_how how;
};

#define LANE_FIELDS 39
#define LINK_FIELDS 13
extern const struct counter_field lane_fields[LANE_FIELDS];
extern const struct counter_field link_fields[LINK_FIELDS];

static inline uint64_t counter_value(const void *counters, const struct counter_field *field)
{
	return ((const uint64_t *)counters)[field->word];
}

/* One more worker's part; sum begins as zeros. */
void counter_add_lane(struct cw_lane_counters *sum, const struct cw_lane_counters *part);
void counter_add_link(struct cw_link_counters *sum, const struct cw_link_counters *part);
