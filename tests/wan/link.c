#include "tests/wan/link.h"

#include <errno.h>
#include <string.h>

#define LINK_NONE      UINT32_MAX
#define ETHERNET_BYTES 14
/* A queue that cannot take one jumbo frame would be a cut. */
#define QUEUE_MIN_BYTES 16384

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t dice_roll(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static bool dice_hits(uint64_t *state, double chance)
{
	return chance > 0 && (double)(dice_roll(state) >> 11) * 0x1p-53 < chance;
}

static bool chance_is_valid(double chance)
{
	return chance >= 0 && chance <= 1;
}

static bool config_is_valid(const struct link_config *config)
{
	return chance_is_valid(config->loss) && chance_is_valid(config->burst_enter) &&
	       chance_is_valid(config->burst_leave) && chance_is_valid(config->reorder) &&
	       chance_is_valid(config->duplicate) && chance_is_valid(config->corrupt);
}

/* A seed of its own for each effect. */
static void dice_seed(struct link *link)
{
	for (unsigned int i = 0; i < DICE_COUNT; i++) {
		uint64_t seed = link->config.seed ^ ((uint64_t)(i + 1) << 56);

		link->dice[i] = dice_roll(&seed);
	}
}

int link_init(struct link *link, const struct link_config *config, struct link_slot *slots,
	      uint32_t *heap, uint32_t slot_count)
{
	if (!config_is_valid(config) || slot_count == 0 || slot_count == LINK_NONE)
		return -EINVAL;
	memset(link, 0, sizeof(*link));
	link->config = *config;
	link->slots = slots;
	link->heap = heap;
	link->slot_count = slot_count;
	link->priority.head = link->priority.tail = LINK_NONE;
	link->best_effort.head = link->best_effort.tail = LINK_NONE;
	dice_seed(link);
	return 0;
}

int link_configure(struct link *link, const struct link_config *config)
{
	if (!config_is_valid(config))
		return -EINVAL;
	if (config->rate_bps != link->config.rate_bps)
		link->line_remainder = 0;
	if (config->seed != link->config.seed) {
		link->config.seed = config->seed;
		dice_seed(link);
	}
	link->config = *config;
	return 0;
}

void link_cut(struct link *link)
{
	link->is_cut = true;
	link->epoch++;
}

void link_join(struct link *link)
{
	link->is_cut = false;
}

uint64_t link_queue_limit(const struct link_config *config)
{
	uint64_t bytes = config->queue_bytes;

	if (bytes == 0)
		bytes = (uint64_t)((double)config->rate_bps / 8e9 * (double)config->queue_ns);
	return bytes > QUEUE_MIN_BYTES ? bytes : QUEUE_MIN_BYTES;
}

uint32_t link_held(const struct link *link)
{
	return link->queued + link->heap_len;
}

/* ---- the line: a heap ordered by due time, then by order of entry ---- */

static bool line_is_before(const struct link *link, uint32_t a, uint32_t b)
{
	const struct link_slot *x = &link->slots[a], *y = &link->slots[b];

	return x->due_ns != y->due_ns ? x->due_ns < y->due_ns : x->order < y->order;
}

static void line_insert(struct link *link, uint32_t slot)
{
	uint32_t i = link->heap_len++;

	while (i > 0 && line_is_before(link, slot, link->heap[(i - 1) / 2])) {
		link->heap[i] = link->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	link->heap[i] = slot;
}

static uint32_t line_take(struct link *link)
{
	uint32_t first = link->heap[0];
	uint32_t last = link->heap[--link->heap_len];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= link->heap_len)
			break;
		if (child + 1 < link->heap_len &&
		    line_is_before(link, link->heap[child + 1], link->heap[child]))
			child++;
		if (!line_is_before(link, link->heap[child], last))
			break;
		link->heap[i] = link->heap[child];
		i = child;
	}
	link->heap[i] = last;
	return first;
}

static enum link_drop line_loses(struct link *link)
{
	double turn = link->in_burst ? link->config.burst_leave : link->config.burst_enter;

	if (dice_hits(&link->dice[DICE_BURST], turn))
		link->in_burst = !link->in_burst;
	if (link->in_burst && link->config.burst_enter > 0)
		return LINK_DROP_BURST;
	return dice_hits(&link->dice[DICE_LOSS], link->config.loss) ? LINK_DROP_LOSS : LINK_PASS;
}

static uint64_t line_due(struct link *link, uint64_t departure_ns)
{
	uint64_t due = departure_ns + link->config.delay_ns;
	uint64_t jitter = link->config.jitter_ns;

	if (jitter) {
		uint64_t swing = dice_roll(&link->dice[DICE_JITTER]) % (2 * jitter + 1);

		due += swing;
		due = due > departure_ns + jitter ? due - jitter : departure_ns;
	}
	if (due < link->last_due_ns)
		due = link->last_due_ns;
	if (dice_hits(&link->dice[DICE_REORDER], link->config.reorder)) {
		link->stats.reordered++;
		return due + link->config.reorder_ns;
	}
	link->last_due_ns = due;
	return due;
}

/* The last bit of the frame has left the rate server. */
static void line_enter(struct link *link, uint32_t slot, uint64_t departure_ns)
{
	struct link_slot *frame = &link->slots[slot];
	enum link_drop drop = line_loses(link);

	frame->order = link->order++;
	frame->corrupt_bit = -1;
	frame->copies = drop == LINK_PASS;
	frame->cause = (uint8_t)drop;
	frame->due_ns = line_due(link, departure_ns);
	if (frame->copies && dice_hits(&link->dice[DICE_DUPLICATE], link->config.duplicate))
		frame->copies = 2;
	if (frame->len_bytes > ETHERNET_BYTES &&
	    dice_hits(&link->dice[DICE_CORRUPT], link->config.corrupt)) {
		uint32_t bits = (frame->len_bytes - ETHERNET_BYTES) * 8;

		frame->corrupt_bit = (int32_t)(dice_roll(&link->dice[DICE_CORRUPT]) % bits);
	}
	line_insert(link, slot);
}

/* ---- the rate server ---- */

static void fifo_append(struct link *link, struct link_fifo *fifo, uint32_t slot)
{
	link->slots[slot].next = LINK_NONE;
	if (fifo->head == LINK_NONE)
		fifo->head = slot;
	else
		link->slots[fifo->tail].next = slot;
	fifo->tail = slot;
	fifo->bytes += link->slots[slot].len_bytes;
	link->queued++;
}

static uint32_t fifo_remove(struct link *link, struct link_fifo *fifo)
{
	uint32_t slot = fifo->head;

	fifo->head = link->slots[slot].next;
	fifo->bytes -= link->slots[slot].len_bytes;
	link->queued--;
	return slot;
}

static uint64_t fifo_arrival(const struct link *link, const struct link_fifo *fifo)
{
	return fifo->head == LINK_NONE ? UINT64_MAX : link->slots[fifo->head].arrival_ns;
}

/* When the server begins its next frame; UINT64_MAX: nothing waits. */
static uint64_t server_start(const struct link *link)
{
	uint64_t priority = fifo_arrival(link, &link->priority);
	uint64_t best_effort = fifo_arrival(link, &link->best_effort);
	uint64_t first = priority < best_effort ? priority : best_effort;

	return first > link->line_free_ns ? first : link->line_free_ns;
}

static uint64_t server_time(struct link *link, uint32_t len_bytes)
{
	uint64_t rate = link->config.rate_bps;
	uint64_t work;

	if (rate == 0)
		return 0;
	work = len_bytes * 8000000000ull + link->line_remainder;
	link->line_remainder = work % rate;
	return work / rate;
}

/*
 * Serves in the line's own time, not in the caller's: a late poll gives the same departures and the
 * same choice between the two queues as a punctual one.
 */
static void server_run(struct link *link, uint64_t now)
{
	while (link->queued) {
		uint64_t start = server_start(link);
		bool priority_first = fifo_arrival(link, &link->priority) <= start;
		uint32_t slot;

		if (start > now)
			return;
		slot = fifo_remove(link, priority_first ? &link->priority : &link->best_effort);
		if (link->slots[slot].epoch == link->epoch)
			start += server_time(link, link->slots[slot].len_bytes);
		link->line_free_ns = start;
		line_enter(link, slot, start);
	}
}

enum link_drop link_on_frame(struct link *link, uint32_t slot, uint32_t len_bytes, uint8_t dscp,
			     uint64_t now)
{
	bool is_priority = (link->config.priority_dscp >> (dscp & 63)) & 1;
	struct link_fifo *fifo = is_priority ? &link->priority : &link->best_effort;
	enum link_drop drop = LINK_PASS;

	link->stats.rx_frames++;
	link->stats.rx_bytes += len_bytes;
	link->stats.priority_frames += is_priority;
	server_run(link, now);
	if (link->is_cut)
		drop = LINK_DROP_CUT;
	else if (slot >= link->slot_count)
		drop = LINK_DROP_SLOT;
	else if (link->config.rate_bps && fifo->bytes + len_bytes > link_queue_limit(&link->config))
		drop = LINK_DROP_QUEUE;
	if (drop != LINK_PASS) {
		link->stats.dropped[drop]++;
		return drop;
	}
	link->slots[slot].arrival_ns = now;
	link->slots[slot].len_bytes = len_bytes;
	link->slots[slot].epoch = link->epoch;
	fifo_append(link, fifo, slot);
	if (fifo->bytes > link->stats.max_queue_bytes)
		link->stats.max_queue_bytes = fifo->bytes;
	return LINK_PASS;
}

static void link_deliver(struct link *link, uint32_t slot, struct link_out *out)
{
	struct link_slot *frame = &link->slots[slot];

	/* Counted only here, so that the sum in the header holds at any time. */
	if (frame->epoch != link->epoch) {
		frame->cause = LINK_DROP_CUT;
		frame->copies = 0;
	}
	if (frame->cause != LINK_PASS)
		link->stats.dropped[frame->cause]++;
	link->stats.duplicated += frame->copies == 2;
	link->stats.corrupted += frame->copies && frame->corrupt_bit >= 0;
	link->stats.tx_frames += frame->copies;
	link->stats.tx_bytes += (uint64_t)frame->copies * frame->len_bytes;
	out->slot = slot;
	out->len_bytes = frame->len_bytes;
	out->copies = frame->copies;
	out->corrupt_bit = frame->corrupt_bit;
}

uint32_t link_poll(struct link *link, uint64_t now, struct link_out *out, uint32_t max)
{
	uint32_t count = 0;

	server_run(link, now);
	while (count < max && link->heap_len && link->slots[link->heap[0]].due_ns <= now)
		link_deliver(link, line_take(link), &out[count++]);
	return count;
}

uint64_t link_deadline(const struct link *link)
{
	uint64_t deadline = link->queued ? server_start(link) : UINT64_MAX;

	if (link->heap_len && link->slots[link->heap[0]].due_ns < deadline)
		deadline = link->slots[link->heap[0]].due_ns;
	return deadline;
}
