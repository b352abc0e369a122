#include "tests/sim/event.h"

#include <stdlib.h>

void event_queue_init(struct event_queue *q)
{
	*q = (struct event_queue){.room = 256};
	q->heap = malloc(q->room * sizeof(*q->heap));
	if (!q->heap)
		abort();
}

void event_queue_free(struct event_queue *q)
{
	free(q->heap);
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

void event_put(struct event_queue *q, uint64_t at_ns, enum event_kind kind, uint32_t who,
	       uint64_t arg)
{
	struct event event = {
		.at_ns = at_ns, .number = q->next_number++, .arg = arg, .kind = kind, .who = who};
	size_t at = q->count++;

	if (q->count > q->room) {
		q->room *= 2;
		q->heap = realloc(q->heap, q->room * sizeof(*q->heap));
		if (!q->heap)
			abort();
	}
	for (; at && is_before(&event, &q->heap[(at - 1) / 2]); at = (at - 1) / 2)
		q->heap[at] = q->heap[(at - 1) / 2];
	q->heap[at] = event;
}

bool event_take(struct event_queue *q, struct event *out)
{
	struct event last;
	size_t at = 0;

	if (!q->count)
		return false;
	*out = q->heap[0];
	last = q->heap[--q->count];
	for (size_t child = 1; child < q->count; child = 2 * at + 1) {
		if (child + 1 < q->count && is_before(&q->heap[child + 1], &q->heap[child]))
			child++;
		if (!is_before(&q->heap[child], &last))
			break;
		q->heap[at] = q->heap[child];
		at = child;
	}
	q->heap[at] = last;
	return true;
}
