#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/io/api_internal.h"
#include "control/io/json_place.h"
#include "control/io/validate.h"

#define TICK_NS	  100000000ull
#define POLL_REST 4

/* {kind} stands for a resource's plural, {name} for a name. One line per method. */
static const struct api_route {
	const char *method, *pattern;
	void (*handle)(struct api_call *call);
	unsigned int flags;
} routes[] = {
	{"GET", "/v1/status", api_status, 0},
	{"GET", "/v1/openapi.yaml", api_openapi, 0},
	{"GET", "/v1/openapi.json", api_openapi_json, 0},
	{"GET", "/v1/watch", api_watch_open, TAKES_FEED},
	{"GET", "/v1/events", api_events_open, TAKES_FEED},
	{"GET", "/v1/topology", api_topology, TAKES_FORMAT},
	{"GET", "/v1/usage", api_usage, TAKES_USAGE},
	{"GET", "/v1/validate", api_validate, TAKES_PAGE},
	{"GET", "/v1/backup", api_backup, 0},
	{"GET", "/metrics", api_metrics, 0},
	{"GET", "/v1/classes", api_classes, 0},
	{"GET", "/v1/classes/{name}", api_class, 0},
	{"POST", "/v1/apply", api_apply, TAKES_BODY | TAKES_KEY},
	{"GET", "/v1/gateways/{name}/intent", api_intent_open, 0},
	{"POST", "/v1/gateways/{name}/report", api_report, TAKES_BODY},
	{"POST", "/v1/gateways/{name}/alive", api_alive, 0},
	{"GET", "/v1/links/{name}/drain", api_link_drain, 0},
	{"GET", "/v1/paths/{name}/history", api_history, 0},
	{"GET", "/v1/paths/{name}/explain", api_path_explain, 0},
	{"POST", "/v1/paths/{name}/commit", api_path_commit, TAKES_WAIT | TAKES_KEY},
	{"POST", "/v1/paths/{name}/abort", api_path_abort, TAKES_WAIT | TAKES_KEY},
	{"POST", "/v1/paths/{name}/renew", api_path_renew, TAKES_WAIT | TAKES_KEY},
	{"POST", "/v1/offers", api_offers, TAKES_BODY},
	{"GET", "/v1/clusters/{name}/settings", api_cluster_settings, 0},
	{"GET", "/v1/clusters/{name}/explain", api_cluster_explain, 0},
	{"GET", "/v1/{kind}", api_list, TAKES_LIST},
	{"GET", "/v1/{kind}/{name}", api_get, TAKES_WAIT},
	{"PUT", "/v1/{kind}/{name}", api_put, TAKES_BODY | TAKES_WAIT},
	{"DELETE", "/v1/{kind}/{name}", api_delete, TAKES_WAIT},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

void api_respond_json(struct h2_exchange *exchange, int status, json_t *json, uint64_t etag)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct h2_field fields[1];
	char etag_text[32];
	uint32_t count = 0;

	json_decref(json);
	if (!text) {
		h2_exchange_respond(exchange, 503, NULL, NULL, 0, NULL, 0);
		return;
	}
	if (etag) {
		snprintf(etag_text, sizeof(etag_text), "\"%llu\"", (unsigned long long)etag);
		fields[count++] = (struct h2_field){"etag", etag_text};
	}
	h2_exchange_respond(exchange, status, "application/json", fields, count, text,
			    strlen(text));
	free(text);
}

void api_respond_empty(struct api_call *call, int status)
{
	h2_exchange_respond(call->exchange, status, NULL, NULL, 0, NULL, 0);
}

void api_respond_problem(struct api_call *call, const char *allow)
{
	json_t *json = problem_json(&call->problem);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct h2_field fields[1] = {{"allow", allow}};

	h2_exchange_respond(call->exchange, call->problem.status, "application/problem+json",
			    fields, allow ? 1 : 0, text, text ? strlen(text) : 0);
	json_decref(json);
	free(text);
}

/* One part of a path against one of a pattern: literal, or noted in the call. */
static bool part_matches(const char *pattern, const char *part, struct api_call *call)
{
	enum model_kind kind = model_kind_find_plural(pattern);

	if (!strcmp(pattern, "{kind}")) {
		call->kind = model_kind_find_plural(part);
		return call->kind != KIND_COUNT;
	}
	if (!strcmp(pattern, "{name}"))
		return model_name_is_valid(part) && model_name_set(call->name, part);
	if (kind != KIND_COUNT)
		call->kind = kind;
	return !strcmp(pattern, part);
}

/* Cuts the next part, without its slash, off a path; false at the end or when it is too long. */
static bool part_next(const char **path, char part[MODEL_NAME_BYTES])
{
	size_t len;

	if (**path != '/')
		return false;
	len = strcspn(*path + 1, "/");
	if (!len || len >= MODEL_NAME_BYTES)
		return false;
	memcpy(part, *path + 1, len);
	part[len] = 0;
	*path += len + 1;
	return true;
}

static bool pattern_matches(const char *pattern, const char *path, struct api_call *call)
{
	char want[MODEL_NAME_BYTES], part[MODEL_NAME_BYTES];

	while (*pattern && *path) {
		if (!part_next(&pattern, want) || !part_next(&path, part) ||
		    !part_matches(want, part, call))
			return false;
	}
	return !*pattern && !*path;
}

static bool method_matches(const char *wanted, const char *method)
{
	return !strcmp(wanted, method) || (!strcmp(method, "HEAD") && !strcmp(wanted, "GET"));
}

static void allow_add(char *allow, size_t size, const char *method)
{
	size_t len = strlen(allow);

	snprintf(allow + len, size - len, "%s%s%s", len ? ", " : "", method,
		 !strcmp(method, "GET") ? ", HEAD" : "");
}

/* The route; or NULL, the problem is set, and allow lists the methods that there are, if any. */
static const struct api_route *find_route(struct api_call *call, const char *path, char *allow,
					  size_t size)
{
	const char *method = h2_exchange_method(call->exchange);

	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (!pattern_matches(routes[i].pattern, path, call))
			continue;
		if (method_matches(routes[i].method, method)) {
			allow[0] = 0;
			return &routes[i];
		}
		allow_add(allow, size, routes[i].method);
	}
	if (allow[0])
		problem_set(&call->problem, 405, "method-not-allowed", "%s has the methods %s",
			    path, allow);
	else
		problem_set(&call->problem, 404, "not-found", "there is nothing at %.200s", path);
	return NULL;
}

static bool content_type_is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	return !type[0] ||
	       (!strncasecmp(type, json, len) && (!type[len] || strchr("; ", type[len])));
}

static void read_body(struct api_call *call)
{
	const void *text;
	size_t len;

	if (!content_type_is_json(h2_exchange_content_type(call->exchange))) {
		problem_set(&call->problem, 415, "unsupported-media-type",
			    "send the body as application/json");
		return;
	}
	text = h2_exchange_body(call->exchange, &len);
	call->body = json_parse(text, len, &call->problem);
}

static void on_request(struct h2_exchange *exchange, void *arg)
{
	struct api_call call = {.api = arg, .exchange = exchange};
	char path[H2_PATH_MAX], allow[64] = "";
	const struct api_route *route;
	char *query;

	snprintf(path, sizeof(path), "%s", h2_exchange_path(exchange));
	query = strchr(path, '?');
	if (query)
		*query++ = 0;
	route = find_route(&call, path, allow, sizeof(allow));
	api_query_init(&call.query);
	if (route && query)
		api_query_read(&call.query, query, route->flags, call.kind, &call.problem);
	call.wait_states = call.query.wait_states;
	call.wait_ns = call.query.wait_ns;
	if (route && !problem_is_set(&call.problem) && route->flags & TAKES_BODY)
		read_body(&call);
	if (!problem_is_set(&call.problem) && api_permits(&call, route->pattern) &&
	    (!(route->flags & TAKES_KEY) || api_key_begin(&call)))
		route->handle(&call);
	api_key_end(&call);
	if (problem_is_set(&call.problem))
		api_respond_problem(&call, allow[0] ? allow : NULL);
	problem_clear(&call.problem);
	json_decref(call.body);
}

void api_refresh_soon(struct api *api)
{
	uint64_t now_ns = loop_now_ns(api->loop);

	loop_timer_set(api->loop, &api->refresh,
		       now_ns > api->poll_from_ns ? now_ns : api->poll_from_ns);
}

static void on_store_event(const struct store_event *event, void *arg)
{
	struct api *api = arg;

	api_watch_note(api->watches, event);
	if (event->is_delete && event->kind == KIND_GATEWAY)
		live_gateway_forget(&api->live, event->name);
	if (event->is_delete && event->object &&
	    (event->kind == KIND_PATH || event->kind == KIND_CLUSTER))
		api_wait_check(api, event->object, true);
	if (event->is_delete && event->kind == KIND_PATH)
		live_path_forget(&api->live, event->name);
	api_note_event(api, event);
	api_refresh_soon(api);
}

static void refresh(struct api *api)
{
	uint64_t begin_ns = loop_now_ns(api->loop), end_ns;

	if (api->is_stopping)
		return;
	if (api->is_roster_short)
		api_note_all(api);
	api_paths_poll(api);
	/* However many paths and reports: this takes a fifth of the time at most. */
	end_ns = loop_now_ns(api->loop);
	api->poll_from_ns = end_ns + POLL_REST * (end_ns - begin_ns);
	api_intent_publish(api);
	api_events_publish(api->events);
	api_watch_publish(api->watches);
}

static void on_refresh(struct loop_timer *timer, void *arg)
{
	(void)timer;
	refresh(arg);
}

static void on_due(struct loop_timer *timer, void *arg)
{
	(void)timer;
	api_refresh_soon(arg);
}

/* Who was waited for is not any more. */
static void on_returned(struct loop_timer *timer, void *arg)
{
	struct api *api = arg;

	(void)timer;
	roster_note_all(&api->roster);
	api_refresh_soon(api);
}

static void on_heard(const char *gateway, void *arg)
{
	struct api *api = arg;

	roster_note_gateway(&api->roster, gateway);
	api_events_note_gateways(api->events);
	usage_table_lost(api->usage, gateway);
	api_refresh_soon(api);
}

static void on_tick(struct loop_timer *timer, void *arg)
{
	struct api *api = arg;

	refresh(api);
	if (!api->is_stopping)
		loop_timer_set(api->loop, timer, loop_now_ns(api->loop) + TICK_NS);
}

static void feeds_free(struct api *api)
{
	api_watch_destroy(api->watches);
	api_events_destroy(api->events);
	usage_table_destroy(api->usage);
	api_keys_destroy(api->keys);
	api_moves_destroy(api->moves);
}

struct api *api_create(struct loop *loop, struct store *store, uint64_t term)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api)
		return NULL;
	api->loop = loop;
	api->store = store;
	api->ledger = validate_begin(store);
	api->live.term = term;
	api->started_ns = loop_now_ns(loop);
	api->live.begin_ns = api->started_ns;
	api->live.loop = loop;
	api->live.on_heard = on_heard;
	api->live.arg = api;
	api->watch = (struct store_watch){.on_event = on_store_event, .arg = api};
	api->tick = (struct loop_timer){.on_expire = on_tick, .arg = api};
	api->refresh = (struct loop_timer){.on_expire = on_refresh, .arg = api};
	api->due = (struct loop_timer){.on_expire = on_due, .arg = api};
	api->returned = (struct loop_timer){.on_expire = on_returned, .arg = api};
	api->watches = api_watch_create(loop, store);
	api->events = api_events_create(loop, store, &api->live);
	api->usage = usage_table_create(loop, store);
	api->keys = api_keys_create(loop, store);
	api->moves = api_moves_create(api);
	if (!api->ledger || !api->watches || !api->events || !api->usage || !api->keys ||
	    !api->moves || store_watch(store, &api->watch, store_revision(store))) {
		feeds_free(api);
		validate_end(api->ledger);
		free(api);
		return NULL;
	}
	loop_timer_set(loop, &api->tick, api->started_ns + TICK_NS);
	loop_timer_set(loop, &api->returned, api->started_ns + LIVE_RETURN_NS);
	api_paths_begin(api);
	return api;
}

void api_set_usage(struct api *api, uint64_t interval_ns, uint32_t keep_days)
{
	usage_table_configure(api->usage, interval_ns, keep_days);
}

struct h2_server_handler api_handler(struct api *api)
{
	return (struct h2_server_handler){.on_request = on_request, .arg = api};
}

void api_stop(struct api *api)
{
	api->is_stopping = true;
	loop_timer_cancel(api->loop, &api->tick);
	loop_timer_cancel(api->loop, &api->refresh);
	loop_timer_cancel(api->loop, &api->due);
	loop_timer_cancel(api->loop, &api->returned);
	api_moves_stop(api->moves);
	api_wait_stop(api);
	api_backup_stop(api);
	api_intent_stop(api);
	api_watch_stop(api->watches);
	api_events_stop(api->events);
	usage_table_stop(api->usage);
}

void api_destroy(struct api *api)
{
	if (!api)
		return;
	loop_timer_cancel(api->loop, &api->tick);
	loop_timer_cancel(api->loop, &api->refresh);
	loop_timer_cancel(api->loop, &api->due);
	loop_timer_cancel(api->loop, &api->returned);
	store_unwatch(api->store, &api->watch);
	feeds_free(api);
	validate_end(api->ledger);
	live_free(&api->live);
	roster_free(&api->roster);
	name_index_free(&api->streams);
	key_index_free(&api->waiting);
	free(api);
}
