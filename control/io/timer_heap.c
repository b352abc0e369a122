#include "control/io/timer_heap.h"

#include <errno.h>
#include <stdlib.h>

static void place(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
	heap->slots[index] = timer;
	timer->heap_index = index;
}

static void sift_up(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
	while (index > 1 && heap->slots[index / 2]->deadline_ns > timer->deadline_ns) {
		place(heap, index, heap->slots[index / 2]);
		index /= 2;
	}
	place(heap, index, timer);
}

static void sift_down(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
	for (uint32_t child = 2 * index; child <= heap->count; child = 2 * index) {
		if (child < heap->count &&
		    heap->slots[child + 1]->deadline_ns < heap->slots[child]->deadline_ns)
			child++;
		if (heap->slots[child]->deadline_ns >= timer->deadline_ns)
			break;
		place(heap, index, heap->slots[child]);
		index = child;
	}
	place(heap, index, timer);
}

static void settle(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
	if (index > 1 && heap->slots[index / 2]->deadline_ns > timer->deadline_ns)
		sift_up(heap, index, timer);
	else
		sift_down(heap, index, timer);
}

static int grow(struct timer_heap *heap)
{
	uint32_t capacity = heap->capacity ? heap->capacity * 2 : 16;
	struct loop_timer **slots = realloc(heap->slots, (capacity + 1) * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	heap->slots = slots;
	heap->capacity = capacity;
	return 0;
}

int timer_heap_set(struct timer_heap *heap, struct loop_timer *timer, uint64_t deadline_ns)
{
	if (timer->heap_index) {
		timer->deadline_ns = deadline_ns;
		settle(heap, timer->heap_index, timer);
		return 0;
	}
	if (heap->count == heap->capacity && grow(heap))
		return -ENOMEM;
	timer->deadline_ns = deadline_ns;
	heap->count++;
	sift_up(heap, heap->count, timer);
	return 0;
}

void timer_heap_remove(struct timer_heap *heap, struct loop_timer *timer)
{
	uint32_t index = timer->heap_index;
	struct loop_timer *last;

	if (!index)
		return;
	last = heap->slots[heap->count--];
	timer->heap_index = 0;
	if (last != timer)
		settle(heap, index, last);
}

struct loop_timer *timer_heap_first(const struct timer_heap *heap)
{
	return heap->count ? heap->slots[1] : NULL;
}

void timer_heap_free(struct timer_heap *heap)
{
	free(heap->slots);
	heap->slots = NULL;
	heap->count = heap->capacity = 0;
}
