/*
 * Reassembly of inner packets that were cut for the tunnel; one per (path, lane). Pure bookkeeping,
 * owned by the lane's worker: the glue owns one buffer of limit_bytes per slot in use and copies
 * each accepted fragment to buffer + frag_offset.
 *
 * Every REASM_NEW is followed by exactly one end of that slot: REASM_DONE, reasm_evict, reasm_poll,
 * reasm_cancel or reasm_flush. So an inner packet counted on REASM_NEW leaves the books once. A
 * fragment answered with REASM_DUPLICATE or REASM_BAD belongs to no slot: it is counted for itself,
 * under *why. Packets that were finished or given up are remembered for one timeout, so that what
 * arrives late of them does not open a slot again.
 * Bytes never overlap: a fragment is accepted once, at index * piece.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/drop.h"
#include "dataplane/core/wire.h"

#define REASM_TIMEOUT_NS 100000000ull
#define REASM_RECENT	 256 /* ended packets remembered; a power of two */
#define REASM_SLOTS_MAX	 32768
#define REASM_NONE	 UINT32_MAX

enum reasm_result {
	REASM_NEW,	 /* first of its packet: attach a buffer to slot and copy */
	REASM_STORE,	 /* copy into the slot's buffer */
	REASM_DONE,	 /* copy; total_len bytes are complete and the slot is free again */
	REASM_DUPLICATE, /* seen before (DROP_FRAGMENT), or its packet was given up
			    (DROP_REASSEMBLY) */
	REASM_BAD,	 /* contradicts itself or its siblings (DROP_FRAGMENT) */
	REASM_FULL,	 /* no slot free: reasm_evict, then call again */
};

struct reasm_slot {
	uint64_t deadline_ns;
	uint64_t received[4]; /* bit per index */
	uint32_t key;	      /* sequence of the packet's first fragment */
	uint32_t last_end;    /* end of the last piece, 0 before it came */
	uint16_t last_offset;
	uint16_t piece; /* length of all pieces but the last, 0 before one came */
	uint8_t count;
	uint8_t missing;
	uint8_t class;
	bool is_used;
	uint16_t head;		 /* first slot of the hash chain that starts here */
	uint16_t next;		 /* in the chain, or among the free */
	uint16_t older, younger; /* by age */
};

struct reasm {
	struct reasm_slot *slots;
	uint32_t mask;
	uint32_t limit_bytes;
	uint64_t timeout_ns;
	uint32_t used;
	uint16_t free, oldest, youngest;
	struct {
		uint64_t until_ns; /* 0: empty */
		uint32_t key;
		bool is_finished; /* else given up */
	} recent[REASM_RECENT];
};

/*
 * slot_count is a power of two up to REASM_SLOTS_MAX; limit_bytes is the largest inner packet (up
 * to 65,535); timeout_ns 0 means REASM_TIMEOUT_NS. 0 or -EINVAL.
 */
int reasm_init(struct reasm *r, struct reasm_slot *slots, uint32_t slot_count, uint32_t limit_bytes,
	       uint64_t timeout_ns);

/*
 * A fragment (frag_count >= 2) came. *slot is set for NEW, STORE and DONE, *total_len for DONE,
 * *why for DUPLICATE and BAD.
 */
enum reasm_result reasm_on_fragment(struct reasm *r, const struct wire_data *data, uint64_t now,
				    uint32_t *slot, uint32_t *total_len, enum drop *why);

/* Gives up the oldest packet: its slot (DROP_REASSEMBLY), or REASM_NONE when nothing is held. */
uint32_t reasm_evict(struct reasm *r, uint64_t now);
/* Gives up what is older than the timeout. Writes at most max slots; max reached: call again. */
uint32_t reasm_poll(struct reasm *r, uint64_t now, uint32_t *slots_out, uint32_t max);
/* When reasm_poll has something next; UINT64_MAX when nothing is held. */
uint64_t reasm_deadline(const struct reasm *r);
/* The glue had no buffer for a NEW slot: gives that packet up. */
void reasm_cancel(struct reasm *r, uint32_t slot, uint64_t now);
/* Gives up everything and forgets what ended. Writes at most max slots; max reached: call again.
 */
uint32_t reasm_flush(struct reasm *r, uint32_t *slots_out, uint32_t max);

static inline uint32_t reasm_used(const struct reasm *r)
{
	return r->used;
}
