#include "tests/sim/packet.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/random.h"

#define BIG_ROOM (PACKET_FRAMES * sizeof(struct packet_frame))
_Static_assert(BIG_ROOM >= WIRE_ACK_BYTES_MAX, "a control frame fits");

uint64_t payload_check(const struct payload *p)
{
	uint64_t x = random_mix((uint64_t)p->flow << 32 | p->number);

	return random_mix(x ^ ((uint64_t)p->total << 32 | (uint64_t)p->offset << 16 | p->len));
}

static size_t packet_size(bool is_big)
{
	return is_big ? offsetof(struct packet, frames) + BIG_ROOM : sizeof(struct packet);
}

struct packet *packet_new(struct packet_pool *pool, bool is_big)
{
	struct packet *packet = pool->free[is_big];

	if (packet)
		pool->free[is_big] = packet->next;
	else if (!(packet = malloc(packet_size(is_big))))
		abort();
	memset(packet, 0, offsetof(struct packet, frames));
	packet->is_big = is_big;
	pool->live++;
	return packet;
}

struct packet *packet_copy(struct packet_pool *pool, const struct packet *packet)
{
	struct packet *copy = packet_new(pool, packet->is_big);

	memcpy(copy, packet, packet_size(packet->is_big));
	return copy;
}

void packet_put(struct packet_pool *pool, struct packet *packet)
{
	packet->next = pool->free[packet->is_big];
	pool->free[packet->is_big] = packet;
	pool->live--;
}

void packet_pool_free(struct packet_pool *pool)
{
	for (int i = 0; i < 2; i++) {
		while (pool->free[i]) {
			struct packet *packet = pool->free[i];

			pool->free[i] = packet->next;
			free(packet);
		}
	}
}
