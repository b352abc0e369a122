/*
 * Numbered frames of several flows through a gateway pair, and the proof that they came out: each
 * exactly once, in order within its flow, byte by byte. Frames of all sizes between two limits; odd
 * flows are IPv6. What a frame looks like follows from its flow and number alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/gateway_pair.h"

#define TRAFFIC_FLOWS	  8
#define TRAFFIC_BYTES_MIN 60 /* of a frame */

struct traffic_flow {
	uint32_t sent;
	uint32_t next; /* the number that must come out next */
	uint32_t got;
};

struct traffic {
	struct pair *pair;
	uint32_t bytes_max; /* of a frame */
	bool may_skip;	    /* numbers may be missing, but never come again or late */
	struct traffic_flow flows[2][TRAFFIC_FLOWS]; /* by the gateway that they enter at */
	uint64_t random;
	const char *fault; /* what came out wrong first; NULL: nothing */
};

void traffic_init(struct traffic *t, struct pair *pair, uint64_t seed);
/* One frame of a random flow into a gateway. false: no buffer, or no room. */
bool traffic_send(struct traffic *t, uint32_t gateway);
/* As many as there are until one queue of the gateway holds this many packets. */
void traffic_fill(struct traffic *t, uint32_t gateway, uint32_t queued);
/* Takes out and checks what the gateway delivered. Returns how many frames. */
uint32_t traffic_take(struct traffic *t, uint32_t gateway);
/* Over all flows that enter at a gateway. */
uint64_t traffic_sent(const struct traffic *t, uint32_t gateway);
uint64_t traffic_got(const struct traffic *t, uint32_t gateway);
