/*
 * The hosts behind one gateway: inner packets as the scenario says, and the path's queue in front
 * of the tunnel. A full queue holds the hosts back, as PFC does; nothing is dropped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/random.h"
#include "tests/sim/scenario.h"

#define SOURCE_QUEUE 4096 /* inner packets */

struct source_packet {
	uint64_t at_ns; /* came then */
	uint32_t flow;
	uint32_t len;
};

struct source {
	struct traffic traffic;
	struct random random;
	uint64_t made;	  /* inner packets so far */
	uint64_t next_ps; /* the next one comes then */
	uint32_t burst_left;
	uint32_t head, tail; /* free-running */
	struct source_packet queue[SOURCE_QUEUE];
};

void source_init(struct source *s, const struct traffic *traffic, uint64_t seed, uint32_t who);
/* Queues what came until now. */
void source_run(struct source *s, uint64_t now);
/* When the next one comes; UINT64_MAX: none, or not before there is room. */
uint64_t source_due(const struct source *s);

static inline uint32_t source_queued(const struct source *s)
{
	return s->tail - s->head;
}
/* The i-th of the queue. */
static inline const struct source_packet *source_peek(const struct source *s, uint32_t i)
{
	return &s->queue[(s->head + i) % SOURCE_QUEUE];
}
static inline bool source_is_done(const struct source *s)
{
	return s->made == s->traffic.packets && s->head == s->tail;
}
