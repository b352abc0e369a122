#include "tests/sim/link.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

void link_init(struct link *l, const struct link_config *config, struct packet_pool *pool,
	       uint64_t seed, uint32_t who)
{
	*l = (struct link){
		.config = *config, .pool = pool, .who = who, .ring_room = 1024, .heap_room = 64};
	random_init(&l->random, seed, 0x1100 + who);
	l->ring = calloc(l->ring_room, sizeof(*l->ring));
	l->heap = calloc(l->heap_room, sizeof(*l->heap));
	if (!l->ring || !l->heap)
		abort();
}

void link_free(struct link *l)
{
	struct packet *packet;

	while ((packet = link_take(l, UINT64_MAX)))
		packet_put(l->pool, packet);
	for (uint32_t i = 0; i < LINK_RECORDED; i++) {
		if (l->recorded[i])
			packet_put(l->pool, l->recorded[i]);
	}
	free(l->ring);
	free(l->heap);
}

static bool is_before(const struct packet *a, const struct packet *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void ring_push(struct link *l, struct packet *packet)
{
	if (l->tail - l->head == l->ring_room) {
		struct packet **ring = malloc(2 * l->ring_room * sizeof(*ring));

		if (!ring)
			abort();
		for (uint64_t i = l->head; i < l->tail; i++)
			ring[i & (2 * l->ring_room - 1)] = l->ring[i & (l->ring_room - 1)];
		free(l->ring);
		l->ring = ring;
		l->ring_room *= 2;
	}
	l->ring[l->tail++ & (l->ring_room - 1)] = packet;
	l->last_due_ns = packet->due_ns;
}

static void heap_push(struct link *l, struct packet *packet)
{
	uint64_t at = l->heap_count++;

	if (l->heap_count > l->heap_room) {
		l->heap_room *= 2;
		l->heap = realloc(l->heap, l->heap_room * sizeof(*l->heap));
		if (!l->heap)
			abort();
	}
	for (; at && is_before(packet, l->heap[(at - 1) / 2]); at = (at - 1) / 2)
		l->heap[at] = l->heap[(at - 1) / 2];
	l->heap[at] = packet;
}

static struct packet *heap_pop(struct link *l)
{
	struct packet *top = l->heap[0], *last = l->heap[--l->heap_count];
	uint64_t at = 0;

	for (uint64_t child = 1; child < l->heap_count; child = 2 * at + 1) {
		if (child + 1 < l->heap_count && is_before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!is_before(l->heap[child], last))
			break;
		l->heap[at] = l->heap[child];
		at = child;
	}
	l->heap[at] = last;
	return top;
}

/* On its way, `extra` later than the propagation delay alone. */
static void launch(struct link *l, struct packet *packet, uint64_t leaves_ns, uint64_t extra,
		   bool keeps_order)
{
	packet->due_ns = leaves_ns + l->config.delay_ns + extra;
	packet->number = l->next_number++;
	if (keeps_order && packet->due_ns < l->last_due_ns)
		packet->due_ns = l->last_due_ns;
	/* One that is late for itself must not make the ring's order late. */
	if (packet->due_ns < l->last_due_ns || (extra && !keeps_order))
		heap_push(l, packet);
	else
		ring_push(l, packet);
}

static uint64_t jitter(struct link *l)
{
	if (!random_ppm(&l->random, l->config.jitter_ppm))
		return 0;
	return random_below(&l->random, l->config.jitter_ns + 1);
}

static void burst_turn(struct link *l, uint64_t now)
{
	const struct link_config *c = &l->config;

	if (l->is_bad && now >= l->bad_until_ns)
		l->is_bad = false;
	if (!random_ppm(&l->random, l->is_bad ? c->good_ppm : c->bad_ppm))
		return;
	l->is_bad = !l->is_bad;
	l->bad_until_ns = now + 4000000 * (12000000000000ull / c->capacity_bps) / c->good_ppm;
}

static bool is_lost(struct link *l, const struct packet *packet, uint64_t now, enum link_drop *why)
{
	const struct link_config *c = &l->config;

	*why = LINK_DROP_CUT;
	if (l->is_cut)
		return true;
	if (c->bad_ppm)
		burst_turn(l, now);
	*why = LINK_DROP_BURST;
	if (l->is_bad && random_ppm(&l->random, c->bad_loss_ppm))
		return true;
	*why = LINK_DROP_LOSS;
	if (random_ppm(&l->random, c->loss_ppm))
		return true;
	return !packet->frame_count && random_ppm(&l->random, c->control_loss_ppm);
}

/* The attacker records now and then, and sends what was recorded again, now or much later. */
static void attack(struct link *l, const struct packet *packet, uint64_t leaves_ns)
{
	struct packet **slot = &l->recorded[random_below(&l->random, LINK_RECORDED)];

	if (*slot && random_ppm(&l->random, 500000)) {
		launch(l, packet_copy(l->pool, *slot), leaves_ns,
		       1 + random_below(&l->random, 4 * l->config.delay_ns + 1), false);
		l->replays++;
	}
	if (!*slot || random_ppm(&l->random, 250000)) {
		if (*slot)
			packet_put(l->pool, *slot);
		*slot = packet_copy(l->pool, packet);
	}
}

static bool lose(struct link *l, struct packet *packet, enum link_drop why)
{
	l->drops[why]++;
	l->dropped_frames += packet->frame_count;
	packet_put(l->pool, packet);
	return false;
}

/* Through the queue and onto the line: when its last bit leaves; 0: the queue is full. */
static uint64_t serialise(struct link *l, uint32_t bytes, uint64_t now)
{
	uint64_t now_ps = now * 1000, rate = l->config.capacity_bps;
	uint64_t wait_ps = l->busy_ps > now_ps ? l->busy_ps - now_ps : 0;
	uint64_t queued = (uint64_t)((u128)wait_ps * rate / 8000000000000ull);

	if (queued > l->config.queue_bytes)
		return 0;
	if (queued > l->queue_peak)
		l->queue_peak = queued;
	l->busy_ps = now_ps + wait_ps + (uint64_t)((u128)bytes * 8000000000000ull / rate);
	return (l->busy_ps + 999) / 1000;
}

bool link_send(struct link *l, struct packet *packet, uint64_t now, enum link_drop *why)
{
	uint64_t leaves_ns = serialise(l, packet->line_bytes, now);

	l->packets++;
	l->bytes += packet->line_bytes;
	*why = LINK_DROP_QUEUE;
	if (!leaves_ns)
		return lose(l, packet, LINK_DROP_QUEUE);
	if (is_lost(l, packet, now, why))
		return lose(l, packet, *why);
	if (random_ppm(&l->random, l->config.copy_ppm)) {
		launch(l, packet_copy(l->pool, packet), leaves_ns, jitter(l),
		       l->config.keeps_order);
		l->copies++;
	}
	if (random_ppm(&l->random, l->config.replay_ppm))
		attack(l, packet, leaves_ns);
	*why = LINK_DROP_CORRUPT;
	packet->is_corrupt = random_ppm(&l->random, l->config.corrupt_ppm);
	if (packet->is_corrupt) {
		l->drops[LINK_DROP_CORRUPT]++;
		l->dropped_frames += packet->frame_count;
	}
	launch(l, packet, leaves_ns, jitter(l), l->config.keeps_order);
	return true;
}

static struct packet *ring_first(const struct link *l)
{
	return l->head == l->tail ? NULL : l->ring[l->head & (l->ring_room - 1)];
}

static bool is_heap_first(const struct link *l)
{
	const struct packet *first = ring_first(l);

	return l->heap_count && (!first || is_before(l->heap[0], first));
}

uint64_t link_due(const struct link *l)
{
	if (is_heap_first(l))
		return l->heap[0]->due_ns;
	return l->head == l->tail ? UINT64_MAX : ring_first(l)->due_ns;
}

struct packet *link_take(struct link *l, uint64_t now)
{
	struct packet *packet;

	if (link_due(l) == UINT64_MAX || link_due(l) > now)
		return NULL;
	if (is_heap_first(l))
		return heap_pop(l);
	packet = ring_first(l);
	l->head++;
	return packet;
}
