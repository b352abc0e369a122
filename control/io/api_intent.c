#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/intent_line.h"
#include "control/io/intent_text.h"
#include "control/io/validate.h"

#define HEARTBEAT_NS 5000000000ull
#define RETRY_NS     250000000ull
#define PUMP_NS	     2000000ull
/* Longer than an agent's longest back-off between two attempts to connect. */
#define PEER_WAIT_NS 6000000000ull
struct api_stream {
	struct api *api;
	struct h2_exchange *exchange;
	struct loop_timer timer; /* heartbeat, or another try */
	uint64_t opened_ns;
	char gateway[MODEL_NAME_BYTES];
	bool is_told;		 /* it was told an intent */
	bool is_behind;		 /* there may be news since the line under way began */
	uint64_t version;	 /* of that, or of the one under way */
	size_t pending;		 /* bytes, at the last look */
	struct intent_line line; /* under way */
};

/* ---- what a gateway is told ---- */

/* 0 and the text, NULL where the path is in no intent of this end; or -ENOMEM. */
static int path_text(struct api *api, const struct draft *view, const struct roster_path *at,
		     enum model_end end, struct shared_text **text)
{
	const struct object *object = store_get(api->store, KIND_PATH, at->name);
	struct live_path *live = object ? live_path(&api->live, object) : NULL;
	struct path_context context;
	const char *gateways[2];
	struct intent_path intent;

	*text = NULL;
	if (object && !live)
		return -ENOMEM;
	if (!object || !stage_phase(live->machine.stage) ||
	    !path_context_find(view, object, &context))
		return 0;
	api_path_gateways(api, object, gateways);
	live_path_traits(&api->live, live, gateways, context.traits);
	if (intent_plan_path(&context, end, live->machine.stage, &intent))
		return 0;
	*text = intent_text_make(&intent);
	return *text ? 0 : -ENOMEM;
}

/* Brings what the gateway is to be told up to date. 0, or -ENOMEM: it is not. */
static int gateway_refresh(struct api *api, struct roster_gateway *gateway)
{
	struct draft view = draft_view(api->store);
	int ret = 0;

	for (size_t i = 0; i < gateway->paths.count && !ret; i++) {
		struct roster_path *path = gateway->paths.entries[i].value;
		enum model_end end = roster_end(path, gateway);
		struct roster_told *told = &path->told[end];
		struct shared_text *text;

		if (!told->is_stale)
			continue;
		ret = path_text(api, &view, path, end, &text);
		if (ret)
			break;
		told->is_stale = false;
		if (!shared_text_equal(text, told->text))
			gateway->version++;
		shared_text_drop(told->text);
		told->text = text;
	}
	draft_free(&view);
	return ret;
}

/* ---- streams ---- */

static void stream_free(struct api_stream *stream)
{
	struct api *api = stream->api;
	struct live_gateway *gateway = name_index_get(&api->live.gateways, stream->gateway);

	if (gateway)
		gateway->is_connected = false;
	usage_table_lost(api->usage, stream->gateway);
	api_events_note_gateways(api->events);
	api_refresh_soon(api);
	loop_timer_cancel(api->loop, &stream->timer);
	h2_exchange_set_on_close(stream->exchange, NULL, NULL);
	name_index_remove(&api->streams, stream->gateway);
	intent_line_free(&stream->line);
	free(stream);
}

static void end_stream(struct api_stream *stream)
{
	struct h2_exchange *exchange = stream->exchange;

	stream_free(stream);
	h2_exchange_end(exchange);
}

static void set_timer(struct api_stream *stream, uint64_t delay_ns)
{
	struct loop *loop = stream->api->loop;

	loop_timer_set(loop, &stream->timer, loop_now_ns(loop) + delay_ns);
}

static void write_heartbeat(struct api_stream *stream)
{
	char text[48];
	int len = snprintf(text, sizeof(text), "{\"heartbeat\":%llu}\n",
			   (unsigned long long)store_revision(stream->api->store));

	h2_exchange_write(stream->exchange, text, (size_t)len);
}

static bool has_reported(const struct api *api, const char *name)
{
	const struct live_gateway *gateway = name_index_get(&api->live.gateways, name);

	return gateway && gateway->report_count;
}

/* Is there a path of which one of its gateways has said nothing yet? */
static bool misses_report(const struct api *api, const char *name)
{
	const struct roster_gateway *gateway = name_index_get(&api->roster.gateways, name);

	for (size_t i = 0; gateway && i < gateway->paths.count; i++) {
		const struct roster_path *path = gateway->paths.entries[i].value;

		for (int end = 0; end < 2; end++) {
			if (!path->at[end] || !has_reported(api, path->at[end]->name))
				return true;
		}
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
	return !stream->is_told && misses_report(api, stream->gateway) &&
	       (!has_reported(api, stream->gateway) ||
		loop_now_ns(api->loop) - stream->opened_ns < PEER_WAIT_NS);
}

/* 0; -errno when the stream cannot go on. */
static int write_piece(struct api_stream *stream)
{
	const struct intent_head head = {store_revision(stream->api->store), stream->api->live.term,
					 stream->gateway};
	size_t len;
	char *piece = intent_line_piece(&stream->line, &head, &len);
	int ret = piece ? h2_exchange_write(stream->exchange, piece, len) : -ENOMEM;

	free(piece);
	return ret;
}

/*
 * Writes the line as far as the client takes it. What a client has of a line it must have whole: a
 * stream that cannot go on is ended, and the gateway comes back.
 */
static void pump(struct api_stream *stream)
{
	size_t pending;

	while (stream->line.is_open && !h2_exchange_pending_bytes(stream->exchange)) {
		if (write_piece(stream)) {
			end_stream(stream);
			return;
		}
	}
	if (!stream->line.is_open) {
		intent_line_free(&stream->line);
		set_timer(stream, stream->is_behind ? PUMP_NS : HEARTBEAT_NS);
		return;
	}
	pending = h2_exchange_pending_bytes(stream->exchange);
	set_timer(stream, pending == stream->pending ? RETRY_NS : PUMP_NS);
	stream->pending = pending;
}

/* A gateway takes no more paths: admission keeps to it, but for what an older control let in. */
static bool is_too_much(struct roster_gateway *gateway, size_t count)
{
	bool was_over = gateway->is_over;

	gateway->is_over = count > INTENT_PATHS_MAX;
	if (gateway->is_over && !was_over)
		fprintf(stderr,
			"causeway-control: gateway %s: its intent has %zu paths and a gateway "
			"carries %u: it is told none of the changes until some are deleted or "
			"moved to links of other gateways\n",
			gateway->name, count, INTENT_PATHS_MAX);
	return gateway->is_over;
}

/* The texts as they are now, however long it takes to write them. 0 or -errno. */
static int line_begin(struct api_stream *stream, struct roster_gateway *gateway)
{
	struct intent_line *line = &stream->line;

	if (intent_line_begin(line, gateway->paths.count))
		return -ENOMEM;
	for (size_t i = 0; i < gateway->paths.count; i++) {
		const struct roster_path *path = gateway->paths.entries[i].value;
		struct shared_text *text = path->told[roster_end(path, gateway)].text;

		if (text)
			intent_line_add(line, text);
	}
	if (is_too_much(gateway, line->count)) {
		intent_line_free(line);
		return -E2BIG;
	}
	stream->version = gateway->version;
	stream->is_told = true;
	return 0;
}

/*
 * Each line is the whole intent, so that a slow gateway may skip some: while one is unsent, no
 * other is queued behind it.
 */
static void publish(struct api_stream *stream)
{
	struct roster_gateway *gateway = roster_gateway(&stream->api->roster, stream->gateway);

	if (stream->line.is_open) {
		stream->is_behind = true;
		pump(stream);
		return;
	}
	if (!gateway || h2_exchange_pending_bytes(stream->exchange) || must_wait(stream) ||
	    gateway_refresh(stream->api, gateway)) {
		set_timer(stream, RETRY_NS);
		return;
	}
	stream->is_behind = false;
	if (stream->is_told && stream->version == gateway->version)
		return;
	if (!line_begin(stream, gateway))
		pump(stream);
}

void api_intent_publish(struct api *api)
{
	struct roster_gateway *gateway;

	while ((gateway = roster_take_stale(&api->roster))) {
		struct api_stream *stream = name_index_get(&api->streams, gateway->name);

		if (stream)
			publish(stream);
	}
}

void api_intent_end(struct api *api, const char *gateway)
{
	struct api_stream *stream = name_index_get(&api->streams, gateway);

	if (stream)
		end_stream(stream);
}

static void on_timer(struct loop_timer *timer, void *arg)
{
	struct api_stream *stream = arg;

	(void)timer;
	if (stream->line.is_open) {
		pump(stream);
		return;
	}
	set_timer(stream, HEARTBEAT_NS);
	if (!stream->is_behind && !h2_exchange_pending_bytes(stream->exchange))
		write_heartbeat(stream);
	publish(stream);
}

static void on_close(struct h2_exchange *exchange, void *arg)
{
	(void)exchange;
	stream_free(arg);
}

/* NULL without memory. */
static struct api_stream *stream_create(struct api_call *call)
{
	struct api_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->api = call->api;
	stream->exchange = call->exchange;
	stream->opened_ns = loop_now_ns(call->api->loop);
	memcpy(stream->gateway, call->name, sizeof(stream->gateway));
	stream->timer = (struct loop_timer){.on_expire = on_timer, .arg = stream};
	if (!name_index_set(&call->api->streams, stream->gateway, stream))
		return stream;
	free(stream);
	return NULL;
}

void api_intent_open(struct api_call *call)
{
	struct api *api = call->api;
	struct live_gateway *gateway;
	struct api_stream *stream;

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
	api_intent_end(api, call->name);
	gateway = live_gateway(&api->live, call->name);
	stream = gateway ? stream_create(call) : NULL;
	if (!stream) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	gateway->is_connected = true;
	api_events_note_gateways(api->events);
	api_refresh_soon(api);
	h2_exchange_set_on_close(call->exchange, on_close, stream);
	h2_exchange_begin(call->exchange, 200, "application/x-ndjson");
	set_timer(stream, HEARTBEAT_NS);
	/* An agent reports once it has heard something. */
	if (must_wait(stream))
		write_heartbeat(stream);
	publish(stream);
}

void api_intent_stop(struct api *api)
{
	while (api->streams.count)
		end_stream(api->streams.entries[api->streams.count - 1].value);
}
