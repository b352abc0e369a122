#include "control/io/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct draft draft_begin(struct store *store)
{
	return (struct draft){.store = store};
}

struct draft draft_view(struct store *store)
{
	return (struct draft){.store = store, .is_view = true};
}

static const struct object *below_get(const struct draft *draft, enum model_kind kind,
				      const char *name)
{
	return draft->is_view ? store_get(draft->store, kind, name)
			      : store_head_get(draft->store, kind, name);
}

static const struct object *below_next(const struct draft *draft, enum model_kind kind,
				       const char *name)
{
	return draft->is_view ? store_next(draft->store, kind, name)
			      : store_head_next(draft->store, kind, name);
}

void draft_free(struct draft *draft)
{
	for (size_t i = 0; i < draft->count; i++)
		free(draft->items[i]);
	free(draft->items);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		name_index_free(&draft->by_name[kind]);
	*draft = (struct draft){0};
}

struct draft_item *draft_find(const struct draft *draft, enum model_kind kind, const char *name)
{
	return name_index_get(&draft->by_name[kind], name);
}

static struct draft_item *item_add(struct draft *draft, enum model_kind kind, const char *name)
{
	struct draft_item *item;

	if (draft->count == draft->capacity) {
		size_t capacity = draft->capacity ? draft->capacity * 2 : 4;
		struct draft_item **items =
			realloc(draft->items, capacity * sizeof(struct draft_item *));

		if (!items)
			return NULL;
		draft->items = items;
		draft->capacity = capacity;
	}
	item = calloc(1, sizeof(*item));
	if (!item)
		return NULL;
	item->kind = kind;
	model_name_set(item->name, name);
	if (name_index_set(&draft->by_name[kind], item->name, item)) {
		free(item);
		return NULL;
	}
	item->old = below_get(draft, kind, name);
	draft->items[draft->count++] = item;
	return item;
}

struct object *draft_edit(struct draft *draft, enum model_kind kind, const char *name)
{
	struct draft_item *item = draft_find(draft, kind, name);

	if (!item) {
		item = item_add(draft, kind, name);
		if (!item)
			return NULL;
		if (item->old)
			item->object = *item->old;
	}
	item->is_delete = false;
	item->object.kind = kind;
	memcpy(item->object.name, item->name, sizeof(item->name));
	return &item->object;
}

int draft_delete(struct draft *draft, enum model_kind kind, const char *name)
{
	struct draft_item *item = draft_find(draft, kind, name);

	if (!item)
		item = item_add(draft, kind, name);
	if (!item)
		return -ENOMEM;
	item->is_delete = true;
	return 0;
}

const struct object *draft_get(const struct draft *draft, enum model_kind kind, const char *name)
{
	const struct draft_item *item = draft_find(draft, kind, name);

	if (item)
		return item->is_delete ? NULL : &item->object;
	return below_get(draft, kind, name);
}

const struct object *draft_next(const struct draft *draft, enum model_kind kind, const char *name)
{
	const struct object *stored = below_next(draft, kind, name);
	const struct draft_item *item = name_index_next(&draft->by_name[kind], name);

	/* Both lists go on in step: to walk them all must not cost more than their length. */
	while (item && (!stored || strcmp(item->name, stored->name) <= 0)) {
		if (!item->is_delete)
			return &item->object;
		stored = below_next(draft, kind, item->name);
		item = name_index_next(&draft->by_name[kind], item->name);
	}
	return stored;
}

bool draft_item_is_changed(const struct draft_item *item)
{
	if (item->is_delete || !item->old)
		return item->is_delete == (item->old != NULL);
	return memcmp(&item->object, item->old, sizeof(item->object)) != 0;
}

int draft_commit(const struct draft *draft, struct store_ticket *ticket)
{
	struct store_change *changes;
	size_t count = 0;
	int ret;

	changes = calloc(draft->count ? draft->count : 1, sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	for (size_t i = 0; i < draft->count; i++) {
		const struct draft_item *item = draft->items[i];

		if (!draft_item_is_changed(item))
			continue;
		changes[count++] = (struct store_change){
			.is_delete = item->is_delete,
			.kind = item->kind,
			.name = item->name,
			.object = item->is_delete ? NULL : &item->object,
			.base_revision = item->old ? item->old->revision : 0,
		};
	}
	if (ticket)
		ticket->actor = draft->actor;
	ret = store_commit(draft->store, changes, count, ticket);
	free(changes);
	return ret;
}
