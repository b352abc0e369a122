/*
 * The open outer packet of one lane: small inner packets share it for a short while. Pure; owned by
 * the lane's worker. The glue owns the bytes; this says what may join, under which outer ECN field,
 * and when the packet has to go.
 *
 * Promises: frames never exceed the capacity; Not-ECT and ECN-capable inner packets never share, so
 * a CE mark on the outer packet never costs a Not-ECT packet its life at the far end; nothing waits
 * longer than AGGREGATE_FLUSH_NS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/inner.h"
#include "dataplane/core/wire.h"

#define AGGREGATE_MAX_INNER 512	     /* bytes; larger packets travel alone */
#define AGGREGATE_FLUSH_NS  10000ull /* after the first joined */

struct aggregate {
	uint32_t capacity; /* bytes of frames that one outer packet takes */
	uint32_t used;	   /* bytes of frames so far */
	uint32_t count;	   /* DATA frames so far; 0: nothing is open */
	uint64_t deadline_ns;
	uint8_t ecn; /* of the outer packet, enum ecn */
};

static inline void aggregate_init(struct aggregate *a, uint32_t capacity)
{
	*a = (struct aggregate){.capacity = capacity};
}

/* The packet was sent: nothing is open. */
static inline void aggregate_reset(struct aggregate *a)
{
	a->used = 0;
	a->count = 0;
	a->ecn = ECN_NOT_ECT;
}

static inline bool aggregate_is_open(const struct aggregate *a)
{
	return a->count != 0;
}

/* Is an inner packet of this size one to wait for company? */
static inline bool aggregate_wants(const struct aggregate *a, uint32_t len)
{
	return len <= AGGREGATE_MAX_INNER && WIRE_DATA_BYTES + len <= a->capacity;
}

/* May an inner packet of len bytes join (or open) the packet? False: send what is open first. */
static inline bool aggregate_may_add(const struct aggregate *a, uint32_t len, uint8_t ecn)
{
	if (!aggregate_wants(a, len) || WIRE_DATA_BYTES + len > a->capacity - a->used)
		return false;
	return a->count == 0 || (a->ecn == ECN_NOT_ECT) == (ecn == ECN_NOT_ECT);
}

/*
 * Joins, after aggregate_may_add said yes. Returns the offset among the frames where the DATA
 * header goes; the payload follows it.
 */
uint32_t aggregate_add(struct aggregate *a, uint32_t len, uint8_t ecn, uint64_t now);

/* When it has to go: UINT64_MAX when nothing is open. */
static inline uint64_t aggregate_deadline(const struct aggregate *a)
{
	return a->count ? a->deadline_ns : UINT64_MAX;
}

static inline bool aggregate_is_due(const struct aggregate *a, uint64_t now)
{
	return a->count && now >= a->deadline_ns;
}
