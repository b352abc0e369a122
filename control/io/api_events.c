#include "control/io/api_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/json_text.h"
#include "control/io/name_index.h"
#include "control/io/object_mark.h"

#define EVENTS_KEPT 4096

struct event_entry {
	enum model_kind kind;
	struct object_mark *mark;
	char *text;
};

/* What the clients were told last of a gateway. */
struct seen_gateway {
	char name[MODEL_NAME_BYTES];
	const char *state;
};

struct api_events {
	struct feed_hub hub;
	struct store *store;
	struct live *live;
	struct name_index seen; /* struct seen_gateway */
	uint64_t next;		/* number of the next event; the first one is 1 */
	bool is_dirty;
	bool is_gateway_noted;
	struct event_entry entries[EVENTS_KEPT];
};

/* What happened to an object; strings borrowed. */
struct fact {
	const char *time, *from, *to, *cause;
	uint64_t revision;
};

static uint64_t first_position(const struct api_events *events)
{
	return events->next > EVENTS_KEPT ? events->next - EVENTS_KEPT : 1;
}

static json_t *labels_json(const struct object_mark *mark)
{
	json_t *json = json_object();

	for (uint32_t i = 0; i < mark->label_count; i++)
		json_object_set_new(json, mark->labels[i].key, json_string(mark->labels[i].value));
	return json;
}

static char *fact_text(const struct api_events *events, const struct object_mark *mark,
		       enum model_kind kind, const struct fact *fact)
{
	char id[FEED_CURSOR_BYTES], *text;
	json_t *json;

	snprintf(id, sizeof(id), "%llu-%llu", (unsigned long long)events->live->term,
		 (unsigned long long)events->next);
	json = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:o, s:s, s:s, s:o}", "type", "event",
			 "id", id, "revision", (json_int_t)fact->revision, "time", fact->time,
			 "kind", model_kind_name(kind), "name", mark->name, "labels",
			 labels_json(mark), "from", fact->from, "to", fact->to, "cause",
			 json_text(fact->cause));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/* Without memory the event is lost to the clients, not its fact. */
static void note(struct api_events *events, const struct object *object, const struct fact *fact)
{
	struct event_entry *entry = &events->entries[events->next % EVENTS_KEPT];
	struct object_mark *mark = object_mark_make(object);
	char *text = mark ? fact_text(events, mark, object->kind, fact) : NULL;

	object_mark_drop(entry->mark);
	free(entry->text);
	*entry = (struct event_entry){.kind = object->kind, .mark = mark, .text = text};
	events->next++;
	events->is_dirty = true;
}

void api_events_note_path(struct api_events *events, const struct object *object,
			  const struct live_path *path)
{
	const struct live_change *change =
		&path->history[(path->change_count - 1) % LIVE_HISTORY_MAX];
	struct fact fact = {
		.time = change->time,
		.from = path_state_name(change->trace.from),
		.to = path_state_name(change->trace.to),
		.cause = change->text,
		.revision = change->revision,
	};

	note(events, object, &fact);
}

/* ---- gateways ---- */

static const char *gateway_state(const struct live_gateway *gateway, uint64_t now_ns)
{
	if (!gateway || !gateway->is_connected)
		return "disconnected";
	if (gateway->report_count && !live_gateway_is_fresh(gateway, now_ns))
		return "silent";
	return "connected";
}

static const char *gateway_cause(const char *state)
{
	if (!strcmp(state, "connected"))
		return "its intent stream is open, and it reports";
	if (!strcmp(state, "silent"))
		return "its intent stream is open, but nothing is heard of it";
	return "its intent stream ended";
}

/* One that was never heard of starts as disconnected. */
static struct seen_gateway *seen_gateway(struct api_events *events, const char *name)
{
	struct seen_gateway *seen = name_index_get(&events->seen, name);

	if (seen)
		return seen;
	seen = calloc(1, sizeof(*seen));
	if (!seen)
		return NULL;
	model_name_set(seen->name, name);
	seen->state = gateway_state(NULL, 0);
	if (!name_index_set(&events->seen, seen->name, seen))
		return seen;
	free(seen);
	return NULL;
}

static void look_at_gateway(struct api_events *events, const struct object *object, uint64_t now_ns)
{
	struct seen_gateway *seen = seen_gateway(events, object->name);
	const char *state =
		gateway_state(name_index_get(&events->live->gateways, object->name), now_ns);
	char time[LIVE_TIME_BYTES];
	struct fact fact;

	if (!seen || !strcmp(seen->state, state))
		return;
	live_time_now(time);
	fact = (struct fact){
		.time = time,
		.from = seen->state,
		.to = state,
		.cause = gateway_cause(state),
		.revision = store_revision(events->store),
	};
	seen->state = state;
	note(events, object, &fact);
}

/* Those that are gone from the store are forgotten. */
static void forget_gateways(struct api_events *events)
{
	for (size_t i = events->seen.count; i-- > 0;) {
		const char *name = events->seen.entries[i].name;

		if (!store_get(events->store, KIND_GATEWAY, name))
			free(name_index_remove(&events->seen, name));
	}
}

void api_events_note_gateways(struct api_events *events)
{
	events->is_gateway_noted = true;
}

static void look_at_gateways(struct api_events *events)
{
	uint64_t now_ns = loop_now_ns(events->hub.loop);

	events->is_gateway_noted = false;
	for (const struct object *at = store_next(events->store, KIND_GATEWAY, ""); at;
	     at = store_next(events->store, KIND_GATEWAY, at->name))
		look_at_gateway(events, at, now_ns);
	if (events->seen.count > store_count(events->store, KIND_GATEWAY))
		forget_gateways(events);
}

void api_events_publish(struct api_events *events)
{
	if (events->is_gateway_noted)
		look_at_gateways(events);
	if (!events->is_dirty)
		return;
	events->is_dirty = false;
	feed_publish(&events->hub);
}

/* ---- clients ---- */

static enum feed_next events_next(struct feed_hub *hub, struct feed *feed, const char **type,
				  const char **text)
{
	struct api_events *events = (struct api_events *)hub;
	const struct event_entry *entry = &events->entries[feed->position % EVENTS_KEPT];

	if (feed->position >= events->next)
		return FEED_END;
	feed->position++;
	*type = "event";
	*text = entry->text;
	return *text && object_mark_matches(entry->mark, entry->kind, &feed->filter) ? FEED_LINE
										     : FEED_SKIP;
}

static void events_cursor(struct feed_hub *hub, const struct feed *feed,
			  char cursor[FEED_CURSOR_BYTES])
{
	const struct api_events *events = (const struct api_events *)hub;

	snprintf(cursor, FEED_CURSOR_BYTES, "%llu-%llu", (unsigned long long)events->live->term,
		 (unsigned long long)feed->position - 1);
}

static bool events_is_behind(struct feed_hub *hub, const struct feed *feed)
{
	return feed->position < first_position((const struct api_events *)hub);
}

/* "": from now on; "0": all that is remembered. */
static bool read_since(const struct api_events *events, const char *text, uint64_t *position,
		       struct problem *problem)
{
	unsigned long long term, number;
	char again[FEED_CURSOR_BYTES];

	*position = text[0] ? first_position(events) : events->next;
	if (!text[0] || !strcmp(text, "0"))
		return true;
	if (sscanf(text, "%20llu-%20llu", &term, &number) == 2)
		snprintf(again, sizeof(again), "%llu-%llu", term, number);
	else
		again[0] = 0;
	if (strcmp(again, text) != 0) {
		problem_set(problem, 400, "invalid-argument",
			    "since: the id of the last bookmark or event, or 0");
		return false;
	}
	*position = number + 1;
	if (term == events->live->term && *position >= first_position(events) &&
	    *position <= events->next)
		return true;
	problem_set(problem, 410, "revision-compacted",
		    "what followed event %s is not known any more; read the paths' states, then go "
		    "on without since",
		    again);
	return false;
}

void api_events_begin(struct api_events *events, struct h2_exchange *exchange,
		      const struct api_query *query, struct problem *problem)
{
	const char *last = h2_exchange_last_event_id(exchange);
	struct feed *feed;
	uint64_t position;

	if (!read_since(events, last[0] ? last : query->since, &position, problem))
		return;
	feed = feed_open(&events->hub, exchange, query, problem);
	if (!feed)
		return;
	feed->position = position;
	feed->is_dirty = true; /* the first bookmark says where it begins */
	feed_pull(feed);
}

/* ---- life ---- */

static const struct feed_ops ops = {
	.next = events_next, .cursor = events_cursor, .is_behind = events_is_behind};

struct api_events *api_events_create(struct loop *loop, struct store *store, struct live *live)
{
	struct api_events *events = calloc(1, sizeof(*events));

	if (!events)
		return NULL;
	events->hub = (struct feed_hub){.ops = &ops, .loop = loop};
	events->store = store;
	events->live = live;
	events->next = 1;
	return events;
}

void api_events_destroy(struct api_events *events)
{
	if (!events)
		return;
	for (uint32_t i = 0; i < EVENTS_KEPT; i++) {
		object_mark_drop(events->entries[i].mark);
		free(events->entries[i].text);
	}
	for (size_t i = 0; i < events->seen.count; i++)
		free(events->seen.entries[i].value);
	name_index_free(&events->seen);
	free(events);
}

void api_events_stop(struct api_events *events)
{
	feed_stop(&events->hub);
}

uint32_t api_events_client_count(const struct api_events *events)
{
	return events->hub.count;
}
