/*
 * What is timed of one direction of the fast path, and what follows from it. One thread, the rig's.
 *
 * Every measure times the same work on the same frames: one batch of bursts between two reads of
 * the time-stamp counter. Stages are differences between measures that each do one step more than
 * the one before, so they sum to the total by construction; a stage that costs less than the noise
 * may come out negative.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/bench_machines.h"
#include "tests/bench/bench_rig.h"

#define MEASURE_LIST(X)                                                                     \
	X(MACSWAP, "take a burst, swap the MAC addresses, send")                            \
	X(MACSWAP_NULL, "the same over net_null, whose driver makes and frees the buffers") \
	X(MEMCPY, "memcpy of the frames' bytes to other buffers")                           \
	X(RECEIVE, "take a burst off the port")                                             \
	X(CLASSIFY, "the same, and ask the classifier")                                     \
	X(OPEN, "inbound: the same, and parse, open, walk the frames")                      \
	X(ACCEPT, "the worker's own receive_burst, of a worker turn taken apart")           \
	X(ACKS, "outbound: the worker's receive_burst on the WAN, of the same turn: ACKs")  \
	X(SERVICE, "the worker's own outbound_service and flush, of the same turn")         \
	X(MACHINES, "the reliable transport's machines alone, on as many sequences")        \
	X(SEND, "staging queue and driver, for frames that are there")                      \
	X(TOTAL, "the whole worker turn")

enum measure {
#define X(name, text) MEASURE_##name,
	MEASURE_LIST(X)
#undef X
	MEASURE_COUNT
};

/* One round: what each measure took, and the books of the whole turns. */
struct round {
	uint64_t ticks[MEASURE_COUNT];
	uint64_t frames[MEASURE_COUNT];
	uint64_t packets; /* inner, of MEASURE_TOTAL */
	uint64_t sent;	  /* frames sent, of MEASURE_TOTAL */
};

/* One batch of each measure, one after the other, added to the round. false: frames were lost. */
bool measure_all(struct rig *rig, struct machines *machines, struct round *round);
