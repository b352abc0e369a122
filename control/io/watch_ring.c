#include "control/io/watch_ring.h"

#include <stdlib.h>
#include <string.h>

#include "control/io/object_mark.h"
#include "control/io/resource_json.h"

#define TEXT_BYTES_MAX (16u << 20)

uint64_t watch_ring_first(const struct watch_ring *ring)
{
	return ring->next > WATCH_RING_KEPT ? ring->next - WATCH_RING_KEPT : 0;
}

uint64_t watch_ring_after(const struct watch_ring *ring, uint64_t since)
{
	uint64_t position = ring->next;

	while (position > watch_ring_first(ring) &&
	       ring->entries[(position - 1) % WATCH_RING_KEPT].revision > since)
		position--;
	return position;
}

static void entry_clear(struct watch_ring *ring, struct watch_entry *entry)
{
	object_mark_drop(entry->before);
	object_mark_drop(entry->after);
	if (entry->text)
		ring->text_bytes -= strlen(entry->text);
	free(entry->text);
	memset(entry, 0, sizeof(*entry));
}

/* Takes the mark over. Without memory the object has none: its next change tells it as a new one.
 */
static void mark_set(struct name_index *index, const char *name, struct object_mark *mark)
{
	object_mark_drop(name_index_remove(index, name));
	if (mark && name_index_set(index, mark->name, mark))
		object_mark_drop(mark);
}

void watch_ring_note(struct watch_ring *ring, const struct store_event *event)
{
	struct watch_entry *entry = &ring->entries[ring->next % WATCH_RING_KEPT];
	struct name_index *index = &ring->marks[event->kind];
	const struct object *object =
		event->is_delete ? NULL : store_get(ring->store, event->kind, event->name);

	if (ring->next >= WATCH_RING_KEPT)
		ring->floor = entry->revision;
	entry_clear(ring, entry);
	entry->revision = event->revision;
	entry->kind = event->kind;
	entry->is_delete = event->is_delete;
	model_name_set(entry->name, event->name);
	entry->before = object_mark_hold(name_index_get(index, event->name));
	entry->after = object_mark_make(object);
	mark_set(index, event->name, object_mark_hold(entry->after));
	ring->revision = event->revision;
	ring->next++;
}

static char *put_text(const struct object *object)
{
	json_t *json = json_pack("{s:s, s:I, s:o}", "type", "put", "revision",
				 (json_int_t)object->revision, "object", resource_json(object));
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

static const char *keep(struct watch_ring *ring, char *text)
{
	free(ring->scratch);
	ring->scratch = text;
	return text;
}

static const char *delete_line(struct watch_ring *ring, const struct watch_entry *entry)
{
	json_t *json = json_pack("{s:s, s:I, s:s, s:s}", "type", "delete", "revision",
				 (json_int_t)entry->revision, "kind", model_kind_name(entry->kind),
				 "name", entry->name);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return keep(ring, text);
}

/* NULL when a later change overwrote it: that one is behind it in the feed. */
static const struct object *current_object(const struct watch_ring *ring,
					   const struct watch_entry *entry)
{
	const struct object *object =
		entry->is_delete ? NULL : store_get(ring->store, entry->kind, entry->name);

	return object && object->revision == entry->revision ? object : NULL;
}

static const char *entry_line(struct watch_ring *ring, struct watch_entry *entry)
{
	const struct object *object;
	char *text;

	if (entry->text)
		return entry->text;
	object = current_object(ring, entry);
	text = object ? put_text(object) : NULL;
	if (!text || ring->text_bytes > TEXT_BYTES_MAX)
		return keep(ring, text);
	ring->text_bytes += strlen(text);
	entry->text = text;
	return text;
}

const char *watch_ring_put(struct watch_ring *ring, const struct object *object)
{
	return keep(ring, put_text(object));
}

bool watch_ring_line(struct watch_ring *ring, uint64_t position, const struct api_filter *filter,
		     const char **type, const char **text)
{
	struct watch_entry *entry = &ring->entries[position % WATCH_RING_KEPT];

	*text = NULL;
	if (object_mark_matches(entry->after, entry->kind, filter)) {
		*type = "put";
		*text = entry_line(ring, entry);
	} else if (object_mark_matches(entry->before, entry->kind, filter)) {
		*type = "delete";
		*text = delete_line(ring, entry);
	}
	return *text != NULL;
}

static bool marks_make(struct watch_ring *ring)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct name_index *index = &ring->marks[kind];

		for (const struct object *at = store_next(ring->store, (enum model_kind)kind, "");
		     at; at = store_next(ring->store, (enum model_kind)kind, at->name)) {
			struct object_mark *mark = object_mark_make(at);

			if (!mark || name_index_set(index, mark->name, mark)) {
				object_mark_drop(mark);
				return false;
			}
		}
	}
	return true;
}

struct watch_ring *watch_ring_create(struct store *store)
{
	struct watch_ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return NULL;
	ring->store = store;
	ring->floor = ring->revision = store_revision(store);
	if (marks_make(ring))
		return ring;
	watch_ring_free(ring);
	return NULL;
}

void watch_ring_free(struct watch_ring *ring)
{
	if (!ring)
		return;
	for (uint32_t i = 0; i < WATCH_RING_KEPT; i++)
		entry_clear(ring, &ring->entries[i]);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		for (size_t i = 0; i < ring->marks[kind].count; i++)
			object_mark_drop(ring->marks[kind].entries[i].value);
		name_index_free(&ring->marks[kind]);
	}
	free(ring->scratch);
	free(ring);
}
