/*
 * The sender's numbers of one lane: a sequence for each DATA frame, with the distance back to the
 * one before it in the same bucket, and a packet number for each outer packet. Pure; owned by the
 * lane's worker.
 *
 * Sequences and packet numbers are never used twice in the life of a lane. Within a bucket prev
 * leads from each sequence to the one before it, back to the first one or to a gap of more than
 * WIRE_PREV_MAX.
 */
#pragma once

#include <stdint.h>

#include "dataplane/core/wire.h"

#define LANE_BUCKETS 4096

struct lane_number {
	uint32_t seq;
	uint32_t prev; /* 0: none, or too far back */
};

struct lane_tx {
	uint64_t next_seq; /* the wire carries its low 32 bits */
	uint64_t next_packet;
	uint32_t *last; /* [LANE_BUCKETS] low bits of the bucket's last sequence */
};

/*
 * buckets has LANE_BUCKETS entries. first_seq should differ between two lives of a lane (a random
 * number), so that a receiver does not take the new packets for late ones of the old.
 */
void lane_tx_init(struct lane_tx *l, uint32_t *buckets, uint32_t first_seq);

/* Numbers a whole packet, or the first fragment of one. */
static inline struct lane_number lane_tx_next(struct lane_tx *l, uint32_t bucket)
{
	uint32_t *last = &l->last[bucket & (LANE_BUCKETS - 1)];
	uint32_t seq = (uint32_t)l->next_seq++;
	uint32_t back = seq - *last;

	*last = seq;
	return (struct lane_number){.seq = seq, .prev = back <= WIRE_PREV_MAX ? back : 0};
}

/* Numbers a further fragment: it follows the one numbered just before. */
static inline struct lane_number lane_tx_fragment(struct lane_tx *l, uint32_t bucket)
{
	uint32_t seq = (uint32_t)l->next_seq++;

	l->last[bucket & (LANE_BUCKETS - 1)] = seq;
	return (struct lane_number){.seq = seq, .prev = 1};
}

/* The number of the next outer packet. */
static inline uint64_t lane_tx_packet(struct lane_tx *l)
{
	return l->next_packet++;
}
