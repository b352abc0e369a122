#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/resource_json.h"
#include "control/io/validate.h"

#define HEARTBEAT_NS 5000000000ull
#define RETRY_NS     250000000ull
/* Longer than an agent's longest back-off between two attempts to connect. */
#define PEER_WAIT_NS 6000000000ull

struct api_stream {
	struct api *api;
	struct h2_exchange *exchange;
	struct api_stream *prev, *next;
	struct loop_timer timer; /* heartbeat, or another try */
	uint64_t opened_ns;
	char gateway[MODEL_NAME_BYTES];
	char *sent; /* the paths that the gateway was told last; NULL: nothing yet */
};

static void stream_free(struct api_stream *stream)
{
	struct api *api = stream->api;

	loop_timer_cancel(api->loop, &stream->timer);
	h2_exchange_set_on_close(stream->exchange, NULL, NULL);
	if (stream->prev)
		stream->prev->next = stream->next;
	else
		api->streams = stream->next;
	if (stream->next)
		stream->next->prev = stream->prev;
	free(stream->sent);
	free(stream);
}

static struct api_stream *find_stream(struct api *api, const char *gateway)
{
	struct api_stream *stream = api->streams;

	while (stream && strcmp(stream->gateway, gateway) != 0)
		stream = stream->next;
	return stream;
}

static void end_stream(struct api_stream *stream)
{
	struct h2_exchange *exchange = stream->exchange;
	struct live_gateway *gateway = name_index_get(&stream->api->live.gateways, stream->gateway);

	if (gateway)
		gateway->is_connected = false;
	stream_free(stream);
	h2_exchange_end(exchange);
}

/* NULL: the site has no map for the path's class. */
static json_t *deliver_json(const struct intent_deliver *deliver)
{
	json_t *json = deliver->has_dscp || deliver->has_priority ? json_object() : NULL;

	if (deliver->has_dscp)
		json_object_set_new(json, "dscp", json_integer(deliver->dscp));
	if (deliver->has_priority)
		json_object_set_new(json, "pfc_priority", json_integer(deliver->priority));
	return json;
}

static json_t *path_json(const struct intent_path *path)
{
	char local[64] = "", address[64] = "";
	json_t *peer;

	ip_addr_format(&path->local_addr, local, sizeof(local));
	ip_addr_format(&path->peer_addr, address, sizeof(address));
	peer = json_pack("{s:s, s:s, s:i, s:i, s:I, s:s}", "gateway", path->peer, "address",
			 address, "udp_port", path->peer_udp_port, "lanes", path->peer_lanes,
			 "max_bps", (json_int_t)path->peer_max_bps, "certificate",
			 path->peer_certificate);
	return json_pack(
		"{s:s, s:I, s:I, s:i, s:i, s:i, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, "
		"s:o, s:o, s:o, s:o*}",
		"name", path->name, "id", (json_int_t)path->id, "generation",
		(json_int_t)path->generation, "class", path->class, "dscp", path->dscp, "link",
		path->link_id, "when_down", model_when_down_name(path->when_down), "port",
		path->port, "local", local, "peer", peer, "far_lan_mtu",
		(json_int_t)path->far_lan_mtu, "rate_bps", (json_int_t)path->rate_bps, "max_bps",
		(json_int_t)path->max_bps, "link_rtt_ns", (json_int_t)path->link_rtt_ns, "link_bps",
		(json_int_t)path->link_bps, "near", prefix_list_json(path->near, path->near_count),
		"far", prefix_list_json(path->far, path->far_count), "match",
		match_list_json(path->match, path->match_count), "deliver",
		deliver_json(&path->deliver));
}

static void add_path(struct api *api, const struct draft *view, const struct object *object,
		     const char *gateway, json_t *list)
{
	static const char *const phases[] = {
		[PHASE_RECEIVE] = "receive",
		[PHASE_CLAIM] = "claim",
		[PHASE_DRAIN] = "drain",
	};
	const struct live_path *live;
	struct path_context context;
	const char *gateways[2];
	struct intent_path intent;

	/* Cheapest first: each gateway's line asks this of each path. */
	api_path_gateways(api, object, gateways);
	if (strcmp(gateways[0], gateway) != 0 && strcmp(gateways[1], gateway) != 0)
		return;
	live = live_path(&api->live, object);
	if (!live || !stage_phase(live->machine.stage) ||
	    !path_context_find(view, object, &context))
		return;
	live_path_traits(&api->live, live, gateways, context.traits);
	for (int end = 0; end < 2; end++) {
		json_t *json;

		if (strcmp(gateways[end], gateway) != 0 ||
		    intent_plan_path(&context, (enum model_end)end, live->machine.stage, &intent))
			continue;
		json = path_json(&intent);
		json_object_set_new(json, "phase", json_string(phases[intent.phase]));
		json_array_append_new(list, json);
	}
}

static json_t *paths_json(struct api *api, const char *gateway)
{
	struct draft view = draft_view(api->store);
	json_t *list = json_array();

	for (const struct object *at = store_next(api->store, KIND_PATH, ""); at;
	     at = store_next(api->store, KIND_PATH, at->name))
		add_path(api, &view, at, gateway, list);
	draft_free(&view);
	return list;
}

/* False when the stream cannot take the line. */
static bool write_line(struct api_stream *stream, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	bool is_written;

	json_decref(json);
	if (!text)
		return false;
	/* The terminating zero has done its duty: its place takes the newline. */
	text[len] = '\n';
	is_written = !h2_exchange_write(stream->exchange, text, len + 1);
	free(text);
	return is_written;
}

static bool send_intent(struct api_stream *stream, json_t *paths)
{
	struct api *api = stream->api;

	return write_line(stream, json_pack("{s:I, s:I, s:s, s:O}", "revision",
					    (json_int_t)store_revision(api->store), "term",
					    (json_int_t)api->live.term, "gateway", stream->gateway,
					    "paths", paths));
}

static void set_timer(struct api_stream *stream, uint64_t delay_ns)
{
	struct loop *loop = stream->api->loop;

	loop_timer_set(loop, &stream->timer, loop_now_ns(loop) + delay_ns);
}

static void write_heartbeat(struct api_stream *stream)
{
	json_int_t revision = (json_int_t)store_revision(stream->api->store);

	write_line(stream, json_pack("{s:I}", "heartbeat", revision));
}

static bool has_reported(const struct api *api, const char *name)
{
	const struct live_gateway *gateway = name_index_get(&api->live.gateways, name);

	return gateway && gateway->report_count;
}

/* Is there a path of which one of its gateways has said nothing yet? */
static bool misses_report(struct api *api, const char *gateway)
{
	for (const struct object *at = store_next(api->store, KIND_PATH, ""); at;
	     at = store_next(api->store, KIND_PATH, at->name)) {
		const char *gateways[2];

		api_path_gateways(api, at, gateways);
		if (strcmp(gateways[0], gateway) != 0 && strcmp(gateways[1], gateway) != 0)
			continue;
		if (!has_reported(api, gateways[0]) || !has_reported(api, gateways[1]))
			return true;
	}
	return false;
}

/*
 * After a restart of control the gateways come back one by one. To tell the first of them a guess
 * of the other's traits would tear down the paths that run between them. Where the other one stays
 * away, the first one's own report tells what to leave as it is (live_path_traits).
 */
static bool must_wait(struct api_stream *stream)
{
	struct api *api = stream->api;

	/* Without its own word about its paths it would be told to forget them. */
	return !stream->sent && misses_report(api, stream->gateway) &&
	       (!has_reported(api, stream->gateway) ||
		loop_now_ns(api->loop) - stream->opened_ns < PEER_WAIT_NS);
}

/*
 * Each line is the whole intent, so that a slow gateway may skip some: while one is unsent, no
 * other is queued behind it.
 */
static void publish(struct api_stream *stream)
{
	json_t *paths;
	char *text;

	if (h2_exchange_pending_bytes(stream->exchange) || must_wait(stream)) {
		set_timer(stream, RETRY_NS);
		return;
	}
	paths = paths_json(stream->api, stream->gateway);
	text = json_dumps(paths, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text || (stream->sent && !strcmp(text, stream->sent)) || !send_intent(stream, paths)) {
		free(text);
	} else {
		free(stream->sent);
		stream->sent = text;
		set_timer(stream, HEARTBEAT_NS);
	}
	json_decref(paths);
}

void api_intent_publish(struct api *api)
{
	struct api_stream *next;

	api->is_intent_dirty = false;
	for (struct api_stream *stream = api->streams; stream; stream = next) {
		next = stream->next;
		if (store_get(api->store, KIND_GATEWAY, stream->gateway))
			publish(stream);
		else
			end_stream(stream);
	}
}

static void on_timer(struct loop_timer *timer, void *arg)
{
	struct api_stream *stream = arg;

	(void)timer;
	set_timer(stream, HEARTBEAT_NS);
	publish(stream);
	if (!h2_exchange_pending_bytes(stream->exchange))
		write_heartbeat(stream);
}

static void on_close(struct h2_exchange *exchange, void *arg)
{
	struct api_stream *stream = arg;
	struct live_gateway *gateway = name_index_get(&stream->api->live.gateways, stream->gateway);

	(void)exchange;
	if (gateway)
		gateway->is_connected = false;
	stream_free(stream);
}

void api_intent_open(struct api_call *call)
{
	struct api *api = call->api;
	struct api_stream *stream = find_stream(api, call->name);
	struct live_gateway *gateway;

	if (!store_get(api->store, KIND_GATEWAY, call->name)) {
		problem_set(&call->problem, 404, "not-found", "there is no gateway %s", call->name);
		return;
	}
	/* HEAD is safe (RFC 9110, 9.2.1): it takes nobody's place. */
	if (!strcmp(h2_exchange_method(call->exchange), "HEAD")) {
		h2_exchange_begin(call->exchange, 200, "application/x-ndjson");
		return;
	}
	/* A gateway that lost its connection may be back before we notice: the newest one counts.
	 */
	if (stream)
		end_stream(stream);
	gateway = live_gateway(&api->live, call->name);
	stream = gateway ? calloc(1, sizeof(*stream)) : NULL;
	if (!stream) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	gateway->is_connected = true;
	stream->api = api;
	stream->exchange = call->exchange;
	stream->opened_ns = loop_now_ns(api->loop);
	memcpy(stream->gateway, call->name, sizeof(stream->gateway));
	stream->timer = (struct loop_timer){.on_expire = on_timer, .arg = stream};
	stream->next = api->streams;
	if (stream->next)
		stream->next->prev = stream;
	api->streams = stream;
	h2_exchange_set_on_close(call->exchange, on_close, stream);
	h2_exchange_begin(call->exchange, 200, "application/x-ndjson");
	set_timer(stream, HEARTBEAT_NS);
	publish(stream);
	/* An agent reports once it has heard something. */
	if (!stream->sent)
		write_heartbeat(stream);
}

void api_intent_stop(struct api *api)
{
	while (api->streams)
		end_stream(api->streams);
}
