/*
 * What the files of the composer share; nobody else includes it. tunnel.c makes a lane and sends,
 * tunnel_receive.c receives, delivers and acknowledges, tunnel_ack.c takes the far end's ACKs,
 * tunnel_sizes.c says how large the windows have to be, tunnel_resize.c changes them.
 */
#pragma once

#include "dataplane/core/tunnel.h"

#define TUNNEL_NO_PACKET UINT64_MAX /* largest_packet of an ACK that has seen none */

/* Where the machines' memory begins. */
struct tunnel_parts {
	struct arq_tx_slot *tx_slots;
	uint64_t *acked;
	uint32_t *buckets;
	struct order_slot *order_slots;
	uint64_t *received;
	uint8_t *repeats;
	uint16_t *changed;
	uint64_t *replay;
};
/* Returns how much they take together; memory NULL: only that. */
size_t tunnel_lay(const struct tunnel_sizes *sizes, void *memory, struct tunnel_parts *parts);

static inline uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t ack_period(uint64_t rtt_ns)
{
	return max_of(rtt_ns / 32, TUNNEL_ACK_NS);
}

/* A worker that lost its core for long measures round trips that the link never had. */
static inline uint64_t tunnel_timeout(const struct tunnel *t)
{
	return min_of(rtt_timeout(&t->rtt, ack_period(rtt_smoothed(&t->rtt))),
		      2 * rtt_min(&t->rtt) + TUNNEL_PROBE_NS);
}

/* From now on a time-out until the next PING, if there is anything to hear of. */
void tunnel_probe_arm(struct tunnel *t, uint64_t now);
/* Something was delivered: is that worth an ACK? */
void tunnel_credit_tend(struct tunnel *t);
