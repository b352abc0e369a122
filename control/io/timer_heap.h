/*
 * A binary heap of the loop's timers, earliest deadline first. Each timer keeps its own index, so
 * that setting one again or cancelling it costs O(log n). Owned by one loop, on its thread.
 */
#pragma once

#include "control/io/loop.h"

struct timer_heap {
	struct loop_timer **slots; /* 1-based: heap_index 0 means "not set" */
	uint32_t count;
	uint32_t capacity;
};

/* 0 or -ENOMEM; moving a timer that is set never fails. */
int timer_heap_set(struct timer_heap *heap, struct loop_timer *timer, uint64_t deadline_ns);
void timer_heap_remove(struct timer_heap *heap, struct loop_timer *timer);
/* The earliest timer or NULL. */
struct loop_timer *timer_heap_first(const struct timer_heap *heap);
void timer_heap_free(struct timer_heap *heap);
