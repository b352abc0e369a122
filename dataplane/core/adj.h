/*
 * Next hops of one worker: address -> port and MAC, and the few packets that wait for one. Pure;
 * owned by that worker. The agent resolves addresses through the kernel; this remembers the
 * answers.
 *
 * Bounds: at most ADJ_WAIT_MAX packets wait for one address and ADJ_WAIT_TOTAL in a table; a packet
 * waits at most ADJ_PENDING_NS + one sweep. Open addressing with linear probing; a removal shifts
 * the followers back, so lookups never slow down with age. Entry pointers hold until the next call
 * that inserts, removes or polls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/core/prefix.h"

#define ADJ_WAIT_MAX	   8
#define ADJ_WAIT_TOTAL	   256
#define ADJ_ASK_NS	   1000000000ull /* ask the agent again this often */
#define ADJ_PENDING_NS	   3000000000ull /* then the address is unreachable */
#define ADJ_UNREACHABLE_NS 1000000000ull /* for so long, then it is forgotten */
#define ADJ_SWEEP_NS	   1000000ull	 /* adj_poll looks at ADJ_SWEEP_SLOTS slots this often */
#define ADJ_SWEEP_SLOTS	   64

enum adj_state {
	ADJ_FREE = 0,
	ADJ_PENDING,
	ADJ_READY,
	ADJ_UNREACHABLE,
};

struct adj_waiter {
	uint64_t cookie;
	uint32_t ctx;
};

struct adj_entry {
	struct ip_addr ip;
	uint8_t state; /* enum adj_state */
	uint8_t port;
	uint8_t mac[6];
	uint8_t waiting;
	uint8_t reason;	    /* UNREACHABLE: the caller's; 0 when nobody answered in time */
	uint64_t ask_ns;    /* PENDING: ask again then */
	uint64_t expire_ns; /* PENDING: unreachable then; UNREACHABLE: forgotten then */
	struct adj_waiter waiters[ADJ_WAIT_MAX];
};

struct adj_table {
	struct adj_entry *slots;
	uint32_t mask;
	uint32_t used;
	uint32_t timed;	  /* entries PENDING or UNREACHABLE */
	uint32_t waiting; /* packets, over all entries */
	uint32_t cursor;  /* of the sweep */
	uint64_t sweep_ns;
};

enum adj_event_kind {
	ADJ_ASK,     /* still pending: ask the agent for ip again */
	ADJ_GAVE_UP, /* now unreachable: the waiters are DROP_NO_NEIGHBOUR */
};

struct adj_event {
	enum adj_event_kind kind;
	struct ip_addr ip;
	uint32_t waiting;
	struct adj_waiter waiters[ADJ_WAIT_MAX];
};

/* slot_count is a power of two of at least 8; three quarters of it can be in use. 0 or -EINVAL. */
int adj_init(struct adj_table *t, struct adj_entry *slots, uint32_t slot_count);

static inline uint32_t adj_hash(const struct ip_addr *ip)
{
	uint64_t high, low;

	memcpy(&high, ip->bytes, 8);
	memcpy(&low, ip->bytes + 8, 8);
	low ^= high * 0x9e3779b97f4a7c15ull;
	/* Hosts of one prefix differ in the last bytes, on little-endian machines the top bits, and
	 * a multiplication carries upwards only: fold them down first. */
	low ^= low >> 32;
	low *= 0xff51afd7ed558ccdull;
	return (uint32_t)(low >> 32);
}

/* The entry in any state but FREE, or NULL. */
static inline struct adj_entry *adj_find(const struct adj_table *t, const struct ip_addr *ip)
{
	uint32_t at = adj_hash(ip) & t->mask;

	while (t->slots[at].state != ADJ_FREE) {
		if (!memcmp(&t->slots[at].ip, ip, sizeof(*ip)))
			return &t->slots[at];
		at = (at + 1) & t->mask;
	}
	return (struct adj_entry *)0;
}

/*
 * Starts to resolve ip, which is not in the table: the caller asks the agent and lets packets wait.
 * NULL when the table is full (DROP_NO_NEIGHBOUR).
 */
struct adj_entry *adj_insert_pending(struct adj_table *t, const struct ip_addr *ip, uint64_t now);
/* A packet waits for a PENDING entry; false: too many do (DROP_NEIGHBOUR_QUEUE). */
bool adj_wait(struct adj_table *t, struct adj_entry *entry, uint64_t cookie, uint32_t ctx);

/*
 * The agent's answer: the entry is READY (inserted if need be and there is room). Returns how many
 * packets waited, written to out in their order.
 */
uint32_t adj_set_ready(struct adj_table *t, const struct ip_addr *ip, uint8_t port,
		       const uint8_t mac[6], struct adj_waiter out[ADJ_WAIT_MAX]);
/*
 * No such neighbour or no route: dropped without asking until ADJ_UNREACHABLE_NS from now. The
 * caller may set the entry's reason afterwards.
 */
uint32_t adj_set_unreachable(struct adj_table *t, const struct ip_addr *ip, uint64_t now,
			     struct adj_waiter out[ADJ_WAIT_MAX]);
/* Forgets ip; the next packet asks anew. */
uint32_t adj_remove(struct adj_table *t, const struct ip_addr *ip,
		    struct adj_waiter out[ADJ_WAIT_MAX]);
/*
 * What time has changed, at most max events: returns how many. Cheap to call each turn. max
 * reached: the rest comes with later calls. Forgets expired UNREACHABLE entries.
 */
uint32_t adj_poll(struct adj_table *t, uint64_t now, struct adj_event *out, uint32_t max);
/*
 * Takes the packets of one ctx out of every queue, at most max; max reached: call again. What is
 * known of the addresses stays, and so does the order of the other packets.
 */
uint32_t adj_withdraw(struct adj_table *t, uint32_t ctx, struct adj_waiter *out, uint32_t max);
/* Takes one entry out, whatever its state, for shutdown; false when the table is empty. */
bool adj_drain(struct adj_table *t, uint32_t *waiting, struct adj_waiter out[ADJ_WAIT_MAX]);
