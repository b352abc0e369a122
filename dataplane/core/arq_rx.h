/*
 * The receiver's half of the ARQ of one lane: which sequences came, and what an ACK says of them.
 * Pure; owned by the lane's worker.
 *
 * While something is missing, each ACK carries up to 8 blocks of 512 sequences: the newest one,
 * then those that changed lately (each in at least 3 ACKs, so that a lost ACK costs nothing), then
 * the next ones of a sweep over all of [cumulative, end). Where that range is 8 blocks or less,
 * each ACK carries all of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/wire_ack.h"

#define ARQ_RX_REPEATS 3

struct arq_rx {
	uint64_t *received; /* bit per sequence of the window */
	uint8_t *repeats;   /* per block: ACKs that must still carry it */
	uint16_t *changed;  /* ring of block indices with repeats, oldest first */
	uint32_t mask;	    /* sequences */
	uint32_t block_mask;
	uint32_t changed_head, changed_tail; /* free-running */
	uint64_t cumulative;		     /* the lowest sequence that is missing */
	uint64_t end;			     /* one past the highest known to exist */
	uint64_t sweep;			     /* block number to sweep next */
};

/*
 * slot_count: the window, a power of two of at least 512. received has a bit for each slot; repeats
 * and changed an entry for each 512. 0 or -EINVAL.
 */
int arq_rx_init(struct arq_rx *a, uint64_t *received, uint8_t *repeats, uint16_t *changed,
		uint32_t slot_count, uint64_t first_seq);

/* Goes on in other memory, for at least as many; repeats are zero there. O(sequences waiting). */
void arq_rx_move(struct arq_rx *a, uint64_t *received, uint8_t *repeats, uint16_t *changed,
		 uint32_t slot_count);

/* The full number of a sequence of which the wire brought the low 32 bits. */
static inline uint64_t arq_rx_expand(const struct arq_rx *a, uint32_t low)
{
	return a->cumulative + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)a->cumulative);
}

/* Did it come already? For sequences below `cumulative` or within the window. */
static inline bool arq_rx_has(const struct arq_rx *a, uint64_t seq)
{
	if ((int64_t)(seq - a->cumulative) < 0)
		return true;
	return seq < a->end && (a->received[(seq & a->mask) / 64] >> (seq & 63) & 1);
}
/* One that did not come yet; never one window or more above a sequence that is still of interest.
 */
void arq_rx_put(struct arq_rx *a, uint64_t seq);
/* The sender will use next_seq next: all below exist. false: beyond the limit. */
bool arq_rx_on_next(struct arq_rx *a, uint64_t next_seq, uint64_t limit);

/* Fills cumulative, end and blocks of *ack. */
void arq_rx_report(struct arq_rx *a, struct wire_ack *ack);
