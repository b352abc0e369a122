#include "control/io/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/name_index.h"

#define EVENTS_KEPT 1024

struct store {
	uint64_t revision;
	struct name_index kinds[KIND_COUNT]; /* struct object */
	struct store_watch *watches;
	struct store_event events[EVENTS_KEPT]; /* a ring */
	uint64_t event_count;			/* ever made */
};

struct store *store_mem_create(void)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store)
		store->revision = 1;
	return store;
}

void store_destroy(struct store *store)
{
	if (!store)
		return;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		for (size_t i = 0; i < store->kinds[kind].count; i++)
			free(store->kinds[kind].entries[i].value);
		name_index_free(&store->kinds[kind]);
	}
	free(store);
}

uint64_t store_revision(const struct store *store)
{
	return store->revision;
}

const struct object *store_get(const struct store *store, enum model_kind kind, const char *name)
{
	return name_index_get(&store->kinds[kind], name);
}

const struct object *store_next(const struct store *store, enum model_kind kind, const char *name)
{
	return name_index_next(&store->kinds[kind], name);
}

size_t store_count(const struct store *store, enum model_kind kind)
{
	return store->kinds[kind].count;
}

static void tell(struct store *store, const struct store_event *event)
{
	struct store_watch *next;

	store->events[store->event_count++ % EVENTS_KEPT] = *event;
	for (struct store_watch *watch = store->watches; watch; watch = next) {
		next = watch->next;
		watch->on_event(event, watch->arg);
	}
}

static int compare(const struct store *store, const struct store_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct object *now = store_get(store, changes[i].kind, changes[i].name);

		if ((now ? now->revision : 0) != changes[i].base_revision)
			return -EAGAIN;
	}
	return 0;
}

/* Everything that can fail, before anything is changed. */
static int allocate(struct store *store, const struct store_change *changes, size_t count,
		    struct object **copies)
{
	size_t puts[KIND_COUNT] = {0};

	for (size_t i = 0; i < count; i++) {
		if (changes[i].is_delete)
			continue;
		puts[changes[i].kind]++;
		copies[i] = malloc(sizeof(*copies[i]));
		if (!copies[i])
			return -ENOMEM;
		*copies[i] = *changes[i].object;
	}
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		if (name_index_reserve(&store->kinds[kind], puts[kind]))
			return -ENOMEM;
	}
	return 0;
}

static void apply(struct store *store, const struct store_change *change, struct object *copy)
{
	struct name_index *index = &store->kinds[change->kind];
	struct store_event event = {
		.revision = store->revision,
		.is_delete = change->is_delete,
		.kind = change->kind,
	};

	model_name_set(event.name, change->name);
	free(name_index_remove(index, event.name));
	if (copy) {
		copy->revision = store->revision;
		name_index_set(index, copy->name, copy);
	}
	tell(store, &event);
}

int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t *revision)
{
	struct object **copies;
	int ret = compare(store, changes, count);

	if (ret)
		return ret;
	copies = calloc(count ? count : 1, sizeof(struct object *));
	if (!copies)
		return -ENOMEM;
	ret = allocate(store, changes, count, copies);
	if (ret) {
		for (size_t i = 0; i < count; i++)
			free(copies[i]);
	} else if (count) {
		store->revision++;
		for (size_t i = 0; i < count; i++)
			apply(store, &changes[i], copies[i]);
	}
	free(copies);
	*revision = store->revision;
	return ret;
}

int store_watch(struct store *store, struct store_watch *watch, uint64_t since)
{
	uint64_t first = store->event_count > EVENTS_KEPT ? store->event_count - EVENTS_KEPT : 0;

	/* The oldest event kept may be the middle of its transaction: it must be known already. */
	if (first && store->events[first % EVENTS_KEPT].revision > since)
		return -ESTALE;
	watch->next = store->watches;
	store->watches = watch;
	for (uint64_t i = first; i < store->event_count; i++) {
		const struct store_event *event = &store->events[i % EVENTS_KEPT];

		if (event->revision > since)
			watch->on_event(event, watch->arg);
	}
	return 0;
}

void store_unwatch(struct store *store, struct store_watch *watch)
{
	for (struct store_watch **at = &store->watches; *at; at = &(*at)->next) {
		if (*at == watch) {
			*at = watch->next;
			return;
		}
	}
}
