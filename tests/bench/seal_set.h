/*
 * Packets to seal and open for the benchmark, and what is timed on them. One thread, the EAL's.
 *
 * A set is a pool of mbufs that together take a given number of bytes, held in the order in which
 * the pool gave them and walked in that order, again and again: so a set larger than the last
 * level of the cache comes from memory each time. Out of place goes to a few TX buffers that stay
 * hot, as those of a WAN port do. Each packet has a clear header of 28 bytes in front of what is
 * sealed, written anew, as the nonce is.
 *
 * A measure walks the whole set and notes the time of each slice. RAW_IN_PLACE leaves all packets
 * sealed and OPEN opens just these, so the two follow each other.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/dpdk/aead.h"

#define SEAL_BURST	32
#define SEAL_SLICE	(8 * SEAL_BURST) /* packets between two reads of the clock */
#define SEAL_TX_BUFFERS 64
#define SEAL_AAD_BYTES	28
#define SEAL_HEAD_BYTES 16 /* the first piece of SEAL_PIECES */

#define SEAL_MEASURE_LIST(X)                                                       \
	X(RAW, "the library's one-shot call alone, out of place")                  \
	X(RAW_AHEAD, "the same, and packets to come are prefetched")               \
	X(SEAL, "aead_gcm, one piece, out of place")                               \
	X(SEAL_AHEAD, "the same, and packets to come are prefetched")              \
	X(SEAL_PIECES, "aead_gcm, the first 16 bytes and the rest as two pieces")  \
	X(RAW_IN_PLACE, "the library's one-shot call alone, in place")             \
	X(OPEN, "aead_gcm, in place")                                              \
	X(OPEN_AHEAD, "the same, sealed anew, and packets to come are prefetched") \
	X(COPY, "memcpy of the same bytes to the TX buffers")

enum seal_measure {
#define X(name, text) SEAL_MEASURE_##name,
	SEAL_MEASURE_LIST(X)
#undef X
	SEAL_MEASURE_COUNT
};

struct seal_set {
	struct rte_mempool *pool, *tx_pool;
	struct rte_mbuf **mbufs; /* [count] */
	struct rte_mbuf *tx[SEAL_TX_BUFFERS];
	uint32_t frame_bytes, count; /* a multiple of SEAL_SLICE */
	uint64_t packet_number;	     /* of the next pass over the set */
	uint64_t failures;	     /* packets that did not open */
	struct aead_key key;
};

/* bytes is what the pool takes. 0, -ENOMEM, or what aead_key_init says. */
int seal_set_make(struct seal_set *set, uint32_t frame_bytes, uint64_t bytes, bool is_shuffled);
void seal_set_free(struct seal_set *set);

static inline uint32_t seal_set_slices(const struct seal_set *set)
{
	return set->count / SEAL_SLICE;
}

/* All measures, each over all of the set: ticks[measure][slice]. */
void seal_set_measure(struct seal_set *set, uint64_t *ticks[SEAL_MEASURE_COUNT]);
