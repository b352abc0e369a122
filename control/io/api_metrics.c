/*
 * GET /metrics: OpenMetrics 1.0, or Prometheus' older text format for who asks for text/plain only.
 * The two differ in how families are headed and in the end. Bytes and seconds, as both want it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"

#define TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"

struct metrics {
	struct api_call *call;
	struct api *api;
	FILE *out;
	bool is_open; /* OpenMetrics */
};

enum family_type {
	GAUGE,
	COUNTER,
	INFO
};

/* What its samples are called behind the family's name. */
static const char *suffix_of(enum family_type type)
{
	return type == COUNTER ? "_total" : type == INFO ? "_info" : "";
}

/* The older format names the family as its samples, and knows no info. */
static void family(const struct metrics *metrics, const char *name, enum family_type type,
		   const char *help)
{
	static const char *const names[] = {
		[GAUGE] = "gauge", [COUNTER] = "counter", [INFO] = "info"};
	const char *suffix = metrics->is_open ? "" : suffix_of(type);
	const char *type_name = !metrics->is_open && type == INFO ? "gauge" : names[type];

	fprintf(metrics->out, "# TYPE causeway_%s%s %s\n# HELP causeway_%s%s %s\n", name, suffix,
		type_name, name, suffix, help);
}

static void single(const struct metrics *metrics, const char *name, const char *help,
		   uint64_t value)
{
	family(metrics, name, GAUGE, help);
	fprintf(metrics->out, "causeway_%s %llu\n", name, (unsigned long long)value);
}

/* What stands between the quotes of a label may be anything: reasons are a gateway's words. */
static void write_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

/* ---- control ---- */

static void write_control(const struct metrics *metrics)
{
	struct api *api = metrics->api;
	FILE *out = metrics->out;

	family(metrics, "build", INFO, "Of causeway-control.");
	fprintf(out, "causeway_build_info{version=\"" CAUSEWAY_VERSION "\"} 1\n");
	single(metrics, "uptime_seconds", "Since control started.",
	       (loop_now_ns(api->loop) - api->started_ns) / 1000000000);
	single(metrics, "revision", "Of desired state: each change counts it up.",
	       store_revision(api->store));
	single(metrics, "store_failed",
	       "1: the store cannot be written; changes are refused until a restart.",
	       store_is_failed(api->store));
	single(metrics, "term", "Counts the lives of control.", api->live.term);
	family(metrics, "objects", GAUGE, "In the store, by kind.");
	for (int kind = 0; kind < KIND_COUNT; kind++)
		fprintf(out, "causeway_objects{kind=\"%s\"} %zu\n",
			model_kind_name((enum model_kind)kind),
			store_count(api->store, (enum model_kind)kind));
	family(metrics, "streams", GAUGE, "Open streams to clients.");
	fprintf(out,
		"causeway_streams{stream=\"watch\"} %u\ncauseway_streams{stream=\"events\"} %u\n",
		api_watch_client_count(api->watches), api_events_client_count(api->events));
}

/* What clients did, and what was done to those that did too much. */
static void write_http(const struct metrics *metrics)
{
	const struct h2_counters *counters = h2_exchange_counters(metrics->call->exchange);
	FILE *out = metrics->out;

	family(metrics, "http_connections", COUNTER, "Accepted.");
	fprintf(out, "causeway_http_connections_total %llu\n",
		(unsigned long long)counters->conns_accepted);
	family(metrics, "http_connections_ended", COUNTER,
	       "By control: calmed, for floods and resets; evicted, for memory or room.");
	fprintf(out,
		"causeway_http_connections_ended_total{cause=\"calmed\"} %llu\n"
		"causeway_http_connections_ended_total{cause=\"evicted\"} %llu\n",
		(unsigned long long)counters->conns_ended,
		(unsigned long long)counters->conns_evicted);
	family(metrics, "http_streams_stuck", COUNTER, "Reset because nothing moved.");
	fprintf(out, "causeway_http_streams_stuck_total %llu\n",
		(unsigned long long)counters->streams_stuck);
	family(metrics, "http_requests", COUNTER, "Answered, by status.");
	for (int status = 100; status < 600; status++) {
		uint64_t count = h2_exchange_response_count(metrics->call->exchange, status);

		if (count)
			fprintf(out, "causeway_http_requests_total{code=\"%d\"} %llu\n", status,
				(unsigned long long)count);
	}
}

/* ---- gateways and links ---- */

static void write_gateways(const struct metrics *metrics)
{
	const struct store *store = metrics->api->store;
	uint64_t connected = 0;

	family(metrics, "gateway_connected", GAUGE, "1: its intent stream is open.");
	for (const struct object *at = store_next(store, KIND_GATEWAY, ""); at;
	     at = store_next(store, KIND_GATEWAY, at->name)) {
		const struct live_gateway *live =
			name_index_get(&metrics->api->live.gateways, at->name);
		bool is_connected = live && live->is_connected;

		connected += is_connected;
		fprintf(metrics->out, "causeway_gateway_connected{gateway=\"%s\",site=\"%s\"} %d\n",
			at->name, at->gateway.site, is_connected);
	}
	single(metrics, "gateways_connected", "Gateways whose intent stream is open.", connected);
}

static void write_links(const struct metrics *metrics)
{
	const struct store *store = metrics->api->store;

	family(metrics, "link_capacity_bytes_per_second", GAUGE, "In each direction.");
	for (const struct object *at = store_next(store, KIND_LINK, ""); at;
	     at = store_next(store, KIND_LINK, at->name))
		fprintf(metrics->out,
			"causeway_link_capacity_bytes_per_second{link=\"%s\"} %.10g\n", at->name,
			(double)at->link.capacity_bps / 8);
	family(metrics, "link_reservable_bytes_per_second", GAUGE,
	       "What paths may be guaranteed together in each direction, headers included.");
	for (const struct object *at = store_next(store, KIND_LINK, ""); at;
	     at = store_next(store, KIND_LINK, at->name))
		fprintf(metrics->out,
			"causeway_link_reservable_bytes_per_second{link=\"%s\"} %.10g\n", at->name,
			(double)at->link.capacity_bps / 800 * at->link.reservable_percent);
}

/* ---- paths ---- */

/* What a path's end said, by "a.b.c"; false where it has not. */
static bool told(const struct live_path_end *end, const char *path, json_int_t *value)
{
	const json_t *json = end->entry;
	char key[32];

	while (json && *path) {
		size_t len = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		json = json_object_get(json, key);
		path += path[len] ? len + 1 : len;
	}
	*value = json_integer_value(json);
	return json_is_integer(json) && *value >= 0;
}

static const char *direction_of(int end)
{
	return end ? "z_to_a" : "a_to_z";
}

/* The direction that leaves `end` of the path, and what is known of it. */
typedef void write_direction(const struct metrics *metrics, const char *name,
			     const struct object *object, const struct live_path *live, int end,
			     const char *key);

static void each_direction(const struct metrics *metrics, const char *name, const char *key,
			   write_direction *write)
{
	const struct store *store = metrics->api->store;

	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name)) {
		const struct live_path *live = name_index_get(&metrics->api->live.paths, at->name);

		for (int end = 0; live && end < 2; end++)
			write(metrics, name, at, live, end, key);
	}
}

static void write_guaranteed(const struct metrics *metrics, const char *name,
			     const struct object *object, const struct live_path *live, int end,
			     const char *key)
{
	(void)live;
	(void)key;
	fprintf(metrics->out, "causeway_%s{path=\"%s\",direction=\"%s\"} %.10g\n", name,
		object->name, direction_of(end), (double)object->path.rate_bps[end] / 8);
}

static void write_counter(const struct metrics *metrics, const char *name,
			  const struct object *object, const struct live_path_end *from, int end,
			  const char *key)
{
	json_int_t value;

	if (told(from, key, &value))
		fprintf(metrics->out, "causeway_%s_total{path=\"%s\",direction=\"%s\"} %lld\n",
			name, object->name, direction_of(end), (long long)value);
}

/* The sending end knows it. */
static void write_sent(const struct metrics *metrics, const char *name, const struct object *object,
		       const struct live_path *live, int end, const char *key)
{
	write_counter(metrics, name, object, &live->ends[end], end, key);
}

/* The receiving end knows it. */
static void write_received(const struct metrics *metrics, const char *name,
			   const struct object *object, const struct live_path *live, int end,
			   const char *key)
{
	write_counter(metrics, name, object, &live->ends[!end], end, key);
}

static void write_reasons(const struct metrics *metrics, const char *name,
			  const struct object *object, const struct live_path_end *at,
			  const char *flow, int end)
{
	json_t *counters = json_object_get(json_object_get(at->entry, "counters"), flow), *value;
	const char *reason;

	json_object_foreach (json_object_get(counters, "drops"), reason, value) {
		fprintf(metrics->out,
			"causeway_%s_total{path=\"%s\",direction=\"%s\",gateway=\"%s\",reason=\"",
			name, object->name, direction_of(end), at->gateway);
		write_escaped(metrics->out, reason);
		fprintf(metrics->out, "\"} %lld\n", (long long)json_integer_value(value));
	}
}

/* Both ends: what one did not send, and what the other did not deliver. */
static void write_drops(const struct metrics *metrics, const char *name,
			const struct object *object, const struct live_path *live, int end,
			const char *key)
{
	(void)key;
	write_reasons(metrics, name, object, &live->ends[end], "out", end);
	write_reasons(metrics, name, object, &live->ends[!end], "in", end);
}

/* The longer one of the two ends, as they measured it last. */
static void write_rtts(const struct metrics *metrics)
{
	const struct store *store = metrics->api->store;

	family(metrics, "path_rtt_seconds", GAUGE,
	       "Of the last probe, the longer one of both ends.");
	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name)) {
		const struct live_path *live = name_index_get(&metrics->api->live.paths, at->name);
		json_int_t rtt_ns = 0, value;

		for (int end = 0; live && end < 2; end++)
			if (told(&live->ends[end], "rtt_ns", &value) && value > rtt_ns)
				rtt_ns = value;
		if (rtt_ns)
			fprintf(metrics->out, "causeway_path_rtt_seconds{path=\"%s\"} %.9f\n",
				at->name, (double)rtt_ns / 1e9);
	}
}

static void write_states(const struct metrics *metrics)
{
	const struct store *store = metrics->api->store;
	uint32_t counts[PATH_STATE_COUNT] = {0};

	family(metrics, "path_active", GAUGE, "1: its state is active.");
	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name)) {
		const struct live_path *live = name_index_get(&metrics->api->live.paths, at->name);

		if (!live)
			continue;
		counts[live->machine.state]++;
		fprintf(metrics->out, "causeway_path_active{path=\"%s\"} %d\n", at->name,
			live->machine.state == PATH_ACTIVE);
	}
	family(metrics, "path_state", GAUGE, "1, with the path's present state as label.");
	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name)) {
		const struct live_path *live = name_index_get(&metrics->api->live.paths, at->name);

		if (live)
			fprintf(metrics->out,
				"causeway_path_state{path=\"%s\",link=\"%s\",state=\"%s\"} 1\n",
				at->name, at->path.assigned.link,
				path_state_name(live->machine.state));
	}
	family(metrics, "paths", GAUGE, "By state.");
	for (int state = 0; state < PATH_STATE_COUNT; state++)
		fprintf(metrics->out, "causeway_paths{state=\"%s\"} %u\n",
			path_state_name((enum path_state)state), counts[state]);
}

static void write_paths(const struct metrics *metrics)
{
	static const struct {
		const char *name, *key, *help;
		write_direction *write;
	} counters[] = {
		{"path_delivered_bytes", "counters.in.tx_bytes",
		 "Inner bytes handed to the far LAN.", write_received},
		{"path_delivered_packets", "counters.in.tx_packets",
		 "Inner packets handed to the far LAN.", write_received},
		{"path_taken_bytes", "counters.out.rx_bytes",
		 "Inner bytes taken from the near LAN.", write_sent},
		{"path_resent_frames", "transport.resent", "DATA frames sent again.", write_sent},
		{"path_lost_frames", "transport.lost",
		 "Times that a DATA frame was taken for lost.", write_sent},
		{"path_drops", NULL, "Packets dropped, by the gateway's reason.", write_drops},
	};

	write_states(metrics);
	write_rtts(metrics);
	family(metrics, "path_guaranteed_bytes_per_second", GAUGE, "As the path's spec asks.");
	each_direction(metrics, "path_guaranteed_bytes_per_second", NULL, write_guaranteed);
	for (unsigned int i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		family(metrics, counters[i].name, COUNTER, counters[i].help);
		each_direction(metrics, counters[i].name, counters[i].key, counters[i].write);
	}
}

void api_metrics(struct api_call *call)
{
	const char *accept = h2_exchange_accept(call->exchange);
	struct metrics metrics = {
		.call = call,
		.api = call->api,
		.is_open = !strstr(accept, "text/plain") || strstr(accept, "openmetrics"),
	};
	char *text = NULL;
	size_t len = 0;

	metrics.out = open_memstream(&text, &len);
	if (!metrics.out) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	write_control(&metrics);
	write_http(&metrics);
	write_gateways(&metrics);
	write_links(&metrics);
	write_paths(&metrics);
	if (metrics.is_open)
		fputs("# EOF\n", metrics.out);
	fclose(metrics.out);
	h2_exchange_respond(call->exchange, text ? 200 : 503,
			    metrics.is_open ? TYPE_OPEN : TYPE_TEXT, NULL, 0, text, len);
	free(text);
}
