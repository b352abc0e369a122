/*
 * A worker's part of a path's rate, when the path's flows are spread over several workers. Pure;
 * owned by the worker that sends.
 *
 * Each worker computes its own part from what all of them were offered lately, which it reads in
 * their counters; nobody writes anything shared. Workers that see the same counters get parts that
 * add up to the rate; for one interval after demand moved they may add up to a little more or less.
 */
#pragma once

#include <stdint.h>

#define SHARE_WORKERS_MAX 16
/* One part in so many is split evenly, so that a worker whose demand begins can send at once. */
#define SHARE_EVEN 32

struct share {
	uint32_t workers, self;
	uint64_t seen[SHARE_WORKERS_MAX];   /* bytes offered until the last update */
	uint64_t demand[SHARE_WORKERS_MAX]; /* smoothed bytes per interval */
};

/* workers is 1..SHARE_WORKERS_MAX, self < workers. */
void share_init(struct share *s, uint32_t workers, uint32_t self);
/*
 * offered[i]: bytes that worker i was ever offered, whether it could send them or not. Returns our
 * part of rate_bps. Call it at even intervals.
 */
uint64_t share_update(struct share *s, const uint64_t *offered, uint64_t rate_bps);
