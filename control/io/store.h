/*
 * Where desired state is kept, in the terms of etcd: one revision that counts every change,
 * transactions that compare revisions and then put or delete, reads by kind and name, and a watch
 * of changes since a revision. Runtime facts (reports, connections) are not in it.
 *
 * Control's thread. Objects returned stay valid until the next commit.
 */
#pragma once

#include <stddef.h>

#include "control/core/model.h"

struct store;

struct store_change {
	bool is_delete;
	enum model_kind kind;
	const char *name;
	const struct object *object; /* for a put; copied, its revision is set by the store */
	uint64_t base_revision;	     /* the object's now; 0: there must be none */
};

struct store_event {
	uint64_t revision;
	bool is_delete;
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
};

/* Zero it before use; the caller's until store_unwatch. */
struct store_watch {
	void (*on_event)(const struct store_event *event, void *arg);
	void *arg;
	struct store_watch *next;
};

/* In memory; gone with the process. NULL without memory. */
struct store *store_mem_create(void);
void store_destroy(struct store *store);

/* Of the last commit; 1 for an empty store. */
uint64_t store_revision(const struct store *store);
/*
 * All or nothing, under one new revision. 0; -EAGAIN an object's revision is not its base_revision;
 * -ENOMEM.
 */
int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t *revision);
/* NULL when there is none. */
const struct object *store_get(const struct store *store, enum model_kind kind, const char *name);
/* The first object of a kind behind a name, in byte order of names; "" begins. NULL at the end. */
const struct object *store_next(const struct store *store, enum model_kind kind, const char *name);
size_t store_count(const struct store *store, enum model_kind kind);

/*
 * Events after `since`, those that were already made at once, later ones from inside store_commit.
 * -ESTALE when the store does not remember that far back.
 */
int store_watch(struct store *store, struct store_watch *watch, uint64_t since);
void store_unwatch(struct store *store, struct store_watch *watch);
