#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/store_internal.h"

static const struct object *object_of(const struct stored *stored)
{
	return stored ? &stored->object : NULL;
}

const struct object *store_get(const struct store *store, enum model_kind kind, const char *name)
{
	return object_of(name_index_get(&store->durable[kind], name));
}

const struct object *store_next(const struct store *store, enum model_kind kind, const char *name)
{
	return object_of(name_index_next(&store->durable[kind], name));
}

size_t store_count(const struct store *store, enum model_kind kind)
{
	return store->durable[kind].count;
}

const struct object *store_head_get(const struct store *store, enum model_kind kind,
				    const char *name)
{
	return object_of(name_index_get(&store->head[kind], name));
}

const struct object *store_head_next(const struct store *store, enum model_kind kind,
				     const char *name)
{
	return object_of(name_index_next(&store->head[kind], name));
}

void store_observe_head(struct store *store,
			void (*on_head)(enum model_kind kind, const char *name, void *arg),
			void *arg)
{
	store->on_head = on_head;
	store->on_head_arg = arg;
}

void *store_head_observer(const struct store *store,
			  void (*on_head)(enum model_kind kind, const char *name, void *arg))
{
	return store->on_head == on_head ? store->on_head_arg : NULL;
}

/* Never fails: there is room. */
static void index_apply(struct name_index *index, const struct store_item *item)
{
	struct stored *old = name_index_get(index, item->name);

	if (item->is_delete) {
		name_index_remove(index, item->name);
	} else {
		name_index_set(index, item->stored->object.name, item->stored);
		item->stored->refs++;
	}
	stored_drop(old);
}

static void count_puts(const struct store_txn *txn, size_t puts[KIND_COUNT])
{
	memset(puts, 0, KIND_COUNT * sizeof(puts[0]));
	for (size_t i = 0; i < txn->count; i++)
		puts[txn->items[i].kind] += !txn->items[i].is_delete;
}

int store_view_reserve(struct store *store, const struct store_txn *txn)
{
	size_t puts[KIND_COUNT];

	count_puts(txn, puts);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		if (name_index_reserve(&store->head[kind], puts[kind]) ||
		    name_index_reserve(&store->durable[kind],
				       store->pending_puts[kind] + puts[kind]))
			return -ENOMEM;
	}
	return 0;
}

void store_view_commit(struct store *store, const struct store_txn *txn)
{
	size_t puts[KIND_COUNT];

	count_puts(txn, puts);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		store->pending_puts[kind] += puts[kind];
	for (size_t i = 0; i < txn->count; i++)
		index_apply(&store->head[txn->items[i].kind], &txn->items[i]);
	store->head_revision = txn->revision;
	for (size_t i = 0; i < txn->count && store->on_head; i++)
		store->on_head(txn->items[i].kind, txn->items[i].name, store->on_head_arg);
}

/* One at a time, with care for watches that go while they are told. */
static void tell(struct store *store, const struct store_event *event)
{
	for (struct store_watch *watch = store->watches; watch; watch = store->watch_next) {
		store->watch_next = watch->next;
		watch->on_event(event, watch->arg);
	}
}

static void tell_item(struct store *store, const struct store_txn *txn,
		      const struct store_item *item, const struct object *object)
{
	struct store_event event = {
		.revision = txn->revision,
		.time_ns = txn->time_ns,
		.is_delete = item->is_delete,
		.kind = item->kind,
		.actor = txn->actor,
		.object = object,
	};

	memcpy(event.name, item->name, sizeof(event.name));
	tell(store, &event);
}

void store_view_settle(struct store *store, const struct store_txn *txn)
{
	size_t puts[KIND_COUNT];

	count_puts(txn, puts);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		store->pending_puts[kind] -= puts[kind];
	/* Whoever is told of one change must see all of them, and what was deleted still once. */
	for (size_t i = 0; i < txn->count; i++) {
		const struct store_item *item = &txn->items[i];
		struct stored *old = name_index_get(&store->durable[item->kind], item->name);

		if (old)
			old->refs++;
		index_apply(&store->durable[item->kind], item);
		if (old && !item->is_delete)
			stored_drop(old);
		if (item->is_delete)
			((struct store_item *)item)->stored = old;
	}
	store->revision = txn->revision;
	for (size_t i = 0; i < txn->count; i++)
		tell_item(store, txn, &txn->items[i], object_of(txn->items[i].stored));
}

void store_view_fail(struct store *store)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct name_index *head = &store->head[kind], *durable = &store->durable[kind];

		for (size_t i = 0; i < durable->count; i++)
			((struct stored *)durable->entries[i].value)->refs++;
		for (size_t i = 0; i < head->count; i++)
			stored_drop(head->entries[i].value);
		/* It fits: all of these were in head before, and its room never shrinks. */
		if (durable->count)
			memcpy(head->entries, durable->entries,
			       durable->count * sizeof(head->entries[0]));
		head->count = durable->count;
	}
	store->head_revision = store->revision;
	if (store->on_head)
		store->on_head(KIND_COUNT, "", store->on_head_arg);
}

int store_view_load(struct store *store, struct stored *stored)
{
	enum model_kind kind = stored->object.kind;

	if (name_index_set(&store->head[kind], stored->object.name, stored))
		return -ENOMEM;
	stored->refs++;
	if (name_index_set(&store->durable[kind], stored->object.name, stored))
		return -ENOMEM;
	stored->refs++;
	return 0;
}

static void index_free(struct name_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		stored_drop(index->entries[i].value);
	name_index_free(index);
}

void store_view_free(struct store *store)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		index_free(&store->head[kind]);
		index_free(&store->durable[kind]);
	}
}

void store_unwatch(struct store *store, struct store_watch *watch)
{
	if (store->watch_next == watch)
		store->watch_next = watch->next;
	for (struct store_watch **at = &store->watches; *at; at = &(*at)->next) {
		if (*at == watch) {
			*at = watch->next;
			return;
		}
	}
}
