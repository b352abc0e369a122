/*
 * The last changes of desired state, with what filters ask of each object before and after, and the
 * texts that clients are told. Control's thread.
 *
 * Promise: each change after revision `floor` is here, or not made yet.
 */
#pragma once

#include "control/io/api_query.h"
#include "control/io/name_index.h"
#include "control/io/store.h"

/* A commit makes at most 4096 changes: one does not push all that was kept out. */
#define WATCH_RING_KEPT 8192

struct object_mark;

struct watch_entry {
	uint64_t revision;
	enum model_kind kind;
	bool is_delete;
	char name[MODEL_NAME_BYTES];
	struct object_mark *before, *after;
	char *text; /* of a put, once a client was told it */
};

struct watch_ring {
	struct store *store;
	struct name_index marks[KIND_COUNT]; /* struct object_mark, of what there is */
	uint64_t next;			     /* position: how many changes were ever noted */
	uint64_t floor, revision;	     /* revision: of the last change */
	size_t text_bytes;
	char *scratch; /* the last text that is kept nowhere else */
	struct watch_entry entries[WATCH_RING_KEPT];
};

/* NULL without memory. */
struct watch_ring *watch_ring_create(struct store *store);
void watch_ring_free(struct watch_ring *ring);
void watch_ring_note(struct watch_ring *ring, const struct store_event *event);
/* The oldest position that is still there. */
uint64_t watch_ring_first(const struct watch_ring *ring);
/* Of the first change after a revision that is not below the floor. */
uint64_t watch_ring_after(const struct watch_ring *ring, uint64_t since);
/*
 * What the change at a position, which is there, means to a client: an object that comes to match
 * is put, one that ceases to is deleted. False: nothing. Text borrowed until the next call.
 */
bool watch_ring_line(struct watch_ring *ring, uint64_t position, const struct api_filter *filter,
		     const char **type, const char **text);
/* An object as it is now. Text likewise. */
const char *watch_ring_put(struct watch_ring *ring, const struct object *object);
