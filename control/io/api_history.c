/*
 * GET /v1/paths/{name}/history: what became of a path, the oldest first: what was asked for, by
 * whom (the store's log), and what became of it (its states since control started).
 */
#include <stdlib.h>
#include <string.h>

#include "control/core/rfc3339.h"
#include "control/io/api_internal.h"
#include "control/io/json_text.h"

#define RECORDS_MAX 200

static json_t *state_json(const struct live_change *change)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "type", "state", "rev",
			 (json_int_t)change->revision, "time", change->time, "from",
			 path_state_name(change->trace.from), "to",
			 path_state_name(change->trace.to), "cause", json_text(change->text));
}

/* The last LIVE_HISTORY_MAX. */
static void states_add(const struct live_path *path, json_t *items)
{
	uint32_t first =
		path->change_count > LIVE_HISTORY_MAX ? path->change_count - LIVE_HISTORY_MAX : 0;

	for (uint32_t i = first; i < path->change_count; i++)
		json_array_append_new(items, state_json(&path->history[i % LIVE_HISTORY_MAX]));
}

struct reading {
	json_t *items;
	const char *tenant; /* whose path it must be; empty: anybody's */
};

static bool is_same(const json_t *before, const json_t *after, const char *key)
{
	return json_equal(json_object_get(before, key), json_object_get(after, key));
}

static bool is_deleting(const json_t *object)
{
	return json_integer_value(
		       json_object_get(json_object_get(object, "assigned"), "is_deleting")) != 0;
}

static const char *what_changed(const json_t *before, const json_t *after)
{
	if (!before)
		return "created";
	if (!after)
		return "gone";
	if (!is_same(before, after, "spec") || !is_same(before, after, "labels"))
		return "changed";
	if (is_deleting(after) && !is_deleting(before))
		return "deleted";
	return "assigned";
}

static bool is_of_tenant(const json_t *object, const char *tenant)
{
	const char *whose =
		json_string_value(json_object_get(json_object_get(object, "spec"), "tenant"));

	return !tenant[0] || (whose && !strcmp(whose, tenant));
}

static void on_record(const struct store_record *record, void *arg)
{
	struct reading *reading = arg;
	json_t *before = record->before ? json_loads(record->before, 0, NULL) : NULL;
	json_t *after = record->after ? json_loads(record->after, 0, NULL) : NULL;
	const json_t *shown = after ? after : before;
	char time[RFC3339_TEXT_BYTES];
	json_t *item;

	rfc3339_format(record->time_ns, time);
	item = json_pack("{s:s, s:I, s:s, s:s, s:o, s:O*, s:O*}", "type", "change", "rev",
			 (json_int_t)record->revision, "time", time, "change",
			 what_changed(before, after), "actor", json_text(record->actor), "spec",
			 json_object_get(shown, "spec"), "labels",
			 json_object_get(shown, "labels"));
	if (shown && is_of_tenant(shown, reading->tenant))
		json_array_insert_new(reading->items, 0, item);
	else
		json_decref(item);
	json_decref(before);
	json_decref(after);
}

/* Both lists are in order; of one revision the change comes before the states that follow it. */
static json_t *merge(json_t *changes, json_t *states)
{
	json_t *items = json_array();
	size_t c = 0, s = 0;

	while (c < json_array_size(changes) || s < json_array_size(states)) {
		json_t *change = json_array_get(changes, c), *state = json_array_get(states, s);
		json_int_t change_rev = json_integer_value(json_object_get(change, "rev"));
		json_int_t state_rev = json_integer_value(json_object_get(state, "rev"));

		if (change && (!state || change_rev <= state_rev)) {
			json_array_append(items, change);
			c++;
		} else {
			json_array_append(items, state);
			s++;
		}
	}
	json_decref(changes);
	json_decref(states);
	return items;
}

static void respond(struct api_call *call, json_t *items)
{
	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:s, s:I, s:o}", "kind", "history", "name", call->name,
				   "revision", (json_int_t)store_revision(call->api->store),
				   "items", items),
			 0);
}

/* Also of a path that is gone, as long as the log remembers. */
void api_history(struct api_call *call)
{
	struct api *api = call->api;
	json_t *changes = json_array(), *states = json_array();
	struct reading reading = {.items = changes, .tenant = call->query.filter.tenant};
	const struct live_path *path = name_index_get(&api->live.paths, call->name);
	const struct object *object;

	call->kind = KIND_PATH;
	object = store_get(api->store, call->kind, call->name);
	if (path && object)
		states_add(path, states);
	if (store_history(api->store, call->kind, call->name, 0, RECORDS_MAX, on_record, &reading))
		problem_set(&call->problem, 503, "storage-failed",
			    "the log cannot be read, try again");
	else if (!object && !json_array_size(changes))
		problem_set(&call->problem, 404, "not-found", "there is no path %s", call->name);
	else
		respond(call, merge(json_incref(changes), json_incref(states)));
	json_decref(changes);
	json_decref(states);
}
