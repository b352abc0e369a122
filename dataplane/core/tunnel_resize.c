#include "dataplane/core/tunnel_internal.h"

#include <string.h>

void tunnel_prepare(const struct tunnel_sizes *sizes, void *memory)
{
	struct tunnel_parts parts;

	memset(memory, 0, tunnel_lay(sizes, memory, &parts));
	order_prepare(parts.order_slots, sizes->rx_slots);
}

/* A half that there is not stays away, and what is under way has a place. */
static bool slots_suffice(uint32_t now, uint32_t then)
{
	return (now == 0) == (then == 0) && then >= now && (then & (then - 1)) == 0;
}

static bool sizes_suffice(const struct tunnel_sizes *now, const struct tunnel_sizes *then)
{
	return slots_suffice(now->tx_slots, then->tx_slots) &&
	       slots_suffice(now->rx_slots, then->rx_slots) &&
	       slots_suffice(now->replay_bits, then->replay_bits) &&
	       then->replay_bits <= REPLAY_BITS_MAX;
}

static void tx_resize(struct tunnel *t, const struct tunnel_parts *parts)
{
	const struct tunnel_sizes *sizes = &t->config.sizes;

	arq_tx_move(&t->tx, parts->tx_slots, parts->acked, sizes->tx_slots);
	t->tx.retain_packets = sizes->retain_packets;
	t->tx.retain_bytes = sizes->retain_bytes;
	memcpy(parts->buckets, t->chain.last, CHAIN_BUCKETS * sizeof(*parts->buckets));
	t->chain.last = parts->buckets;
}

static void rx_resize(struct tunnel *t, const struct tunnel_parts *parts)
{
	const struct tunnel_sizes *sizes = &t->config.sizes;

	order_move(&t->order, parts->order_slots, sizes->rx_slots, t->rx.end);
	arq_rx_move(&t->rx, parts->received, parts->repeats, parts->changed, sizes->rx_slots);
	/* As after a delivery: a sender that waits is told by the next poll. */
	t->has_delivered = true;
	credit_rx_resize(&t->credit_rx, sizes->rx_slots, sizes->rx_buffers, sizes->rx_bytes);
}

void *tunnel_resize(struct tunnel *t, const struct tunnel_sizes *sizes, void *memory)
{
	void *before = t->memory;
	struct tunnel_parts parts;

	if (!sizes_suffice(&t->config.sizes, sizes))
		return NULL;
	t->config.sizes = *sizes;
	t->memory = memory;
	tunnel_lay(sizes, memory, &parts);
	replay_move(&t->replay, parts.replay, sizes->replay_bits);
	if (sizes->tx_slots)
		tx_resize(t, &parts);
	if (sizes->rx_slots)
		rx_resize(t, &parts);
	return before;
}
