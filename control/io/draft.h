/*
 * A change of desired state in the making: objects to put and delete over the store's head, which
 * includes the commits under way. All rules look at the draft, so that one object and a hundred are
 * checked by the same code. One request's.
 */
#pragma once

#include "control/io/name_index.h"
#include "control/io/store.h"

struct draft_item {
	bool is_delete;
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
	struct object object;	  /* of a put */
	const struct object *old; /* in head, NULL: created */
	char pointer[24];	  /* where the request speaks of it, e.g. "/items/3" */
};

struct draft {
	struct store *store;
	const char *actor;  /* whose request it is, for the log; NULL: control's own */
	const char *tenant; /* the one who asks must not hear of others; NULL or "": may */
	bool is_view;
	struct draft_item **items; /* in the order they came */
	size_t count, capacity;
	struct name_index by_name[KIND_COUNT];
};

struct draft draft_begin(struct store *store);
/* The durable view in a draft's clothes, for what only looks. It cannot be committed. */
struct draft draft_view(struct store *store);
void draft_free(struct draft *draft);
/* The object to change, a copy of what is there or a zeroed one; NULL without memory. */
struct object *draft_edit(struct draft *draft, enum model_kind kind, const char *name);
/* 0 or -ENOMEM. */
int draft_delete(struct draft *draft, enum model_kind kind, const char *name);
/* As they will be: NULL when not there (any more). */
const struct object *draft_get(const struct draft *draft, enum model_kind kind, const char *name);
const struct object *draft_next(const struct draft *draft, enum model_kind kind, const char *name);
/* NULL when this draft does not touch the object. */
struct draft_item *draft_find(const struct draft *draft, enum model_kind kind, const char *name);
bool draft_item_is_changed(const struct draft_item *item);
/* Commits what is changed; without any change the revision stays. As store_commit; actor is the
 * draft's. */
int draft_commit(const struct draft *draft, struct store_ticket *ticket);
