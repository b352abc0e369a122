/*
 * What paths carried, by interval, out of what gateways report. Gateways tell what their counters
 * stand at; a meter keeps what was counted of them and gives the growth to a record.
 *
 * Pure; whoever holds a struct owns it. Promise: however often a reading comes, in whatever order,
 * and however often control begins anew with the meters that it kept: the sum over all records is
 * what the counters say, never more. It rests on two things: within one life of the counters (an
 * epoch) they only grow, so a smaller value is an older one; and an epoch's number is not used
 * again. Of two epochs the meter remembers where they stood, for a report that comes late.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/drop.h"

/*
 * X(name, where a report has it), of one direction of a path. What is said by the end where it
 * enters the tunnel, and by the one where it leaves.
 */
#define USAGE_SENT_FIELDS(X)                            \
	X(packets, "counters.out.rx_packets")           \
	X(bytes, "counters.out.rx_bytes")               \
	X(sequenced, "transport.sequenced")             \
	X(resent, "transport.resent")                   \
	X(lost, "transport.lost")                       \
	X(stall_credit_ns, "transport.stall_credit_ns") \
	X(stall_window_ns, "transport.stall_window_ns") \
	X(stall_key_ns, "transport.stall_key_ns")       \
	X(stall_pace_ns, "transport.stall_pace_ns")
#define USAGE_TAKEN_FIELDS(X)                          \
	X(delivered_packets, "counters.in.tx_packets") \
	X(delivered_bytes, "counters.in.tx_bytes")     \
	X(pause_ns, "transport.pause_ns")

#define USAGE_ENUM(name, place) USAGE_##name,
enum usage_field {
	USAGE_SENT_FIELDS(USAGE_ENUM) USAGE_TAKEN_FIELDS(USAGE_ENUM) USAGE_DROPS
};
#undef USAGE_ENUM

/* Behind the fields: drops by reason, and those whose reason this program does not know. */
#define USAGE_DROP_OTHER DROP_COUNT
#define USAGE_VALUES	 (USAGE_DROPS + DROP_COUNT + 1)
/* Sums stay below what JSON and SQLite carry as an integer. */
#define USAGE_VALUE_MAX ((uint64_t)INT64_MAX)

/* One direction. */
struct usage_counts {
	uint64_t value[USAGE_VALUES];
};

/* What a gateway's counters stand at, for one path. What it did not tell is 0. */
struct usage_reading {
	uint64_t epoch;
	struct usage_counts out, in; /* leaving and reaching this end */
};

/* How far one gateway's counters of one path are counted. All zero: nothing yet. */
struct usage_meter {
	struct usage_reading now, before; /* of the newest epoch, and of the one before */
};

/* What a path carried in an interval: what leaves end A, what leaves end Z. */
struct usage_record {
	uint64_t guaranteed_bps[2]; /* the highest in the interval */
	struct usage_counts counts[2];
};

/*
 * Counts a reading, from the gateway at that end (0: A). The growth is added to the record. False:
 * there was none, neither meter nor record changed.
 */
bool usage_meter_read(struct usage_meter *meter, const struct usage_reading *reading,
		      unsigned int end, struct usage_record *record);
/* Another part of the same interval. */
void usage_record_add(struct usage_record *record, const struct usage_record *part);
uint64_t usage_drops(const struct usage_counts *counts);
/* When the interval with this moment began: all are aligned to the epoch. */
uint64_t usage_interval_begin(uint64_t time_ns, uint64_t interval_ns);
/* bytes in ns as bit/s, USAGE_VALUE_MAX where that is too small for it. */
uint64_t usage_rate_bps(uint64_t bytes, uint64_t ns);
