/*
 * What is to happen, in order of virtual time: a binary heap. Events of the same time come out in
 * the order in which they were put in, so a run depends on nothing but its seed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_SITE,    /* a turn of the worker of site `who` */
	EVENT_FAULT,   /* step `arg` of the scenario begins */
	EVENT_CALM,    /* and ends */
	EVENT_SESSION, /* site `who` learns of session `arg` */
	EVENT_REKEY,   /* site `who` takes step `arg` of a change of keys */
	EVENT_WATCH,   /* is there progress? */
};

struct event {
	uint64_t at_ns;
	uint64_t number; /* of insertion */
	uint64_t arg;
	uint32_t kind; /* enum event_kind */
	uint32_t who;
};

struct event_queue {
	struct event *heap;
	size_t count, room;
	uint64_t next_number;
};

void event_queue_init(struct event_queue *q);
void event_queue_free(struct event_queue *q);
void event_put(struct event_queue *q, uint64_t at_ns, enum event_kind kind, uint32_t who,
	       uint64_t arg);
/* The earliest; false: there is none. */
bool event_take(struct event_queue *q, struct event *out);
