#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/channel_internal.h"
#include "dataplane/core/backoff.h"

#define SILENCE_NS 15000000000ull

void channel_log(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "causeway-gateway: %s\n", text);
}

/* splitmix64 (Steele, Lea, Flood 2014): jitter needs no more. */
static uint64_t random_next(struct channel *channel)
{
	uint64_t z = channel->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void channel_free(struct channel *channel)
{
	line_buffer_free(&channel->lines);
	free(channel->sent_report);
	free(channel->next_report);
	free(channel->url);
	free(channel->gateway);
	free(channel);
}

static void channel_leave(struct channel *channel)
{
	if (--channel->depth == 0 && channel->destroyed)
		channel_free(channel);
}

/*
 * The only place that assigns the state. Logs a new state, and a new reason for one that delivers
 * nothing; not each attempt that fails as the one before.
 */
__attribute__((format(printf, 3, 4))) static void
set_state(struct channel *channel, enum channel_state state, const char *why, ...)
{
	bool same = channel->state == state;
	char text[sizeof(channel->why)];
	va_list args;

	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	if (same && (state == CHANNEL_UP || strcmp(text, channel->why) == 0))
		return;
	channel->state = state;
	memcpy(channel->why, text, sizeof(text));
	channel_log("control %s: %s", channel->url, text);
	if (!same && channel->on_state)
		channel->on_state(state, channel->arg);
}

static void retry_later(struct channel *channel)
{
	uint64_t delay_ns = backoff_delay_ns(channel->attempt, random_next(channel));

	if (channel->destroyed)
		return;
	channel->attempt++;
	loop_timer_cancel(channel->loop, &channel->silence_timer);
	loop_timer_set(channel->loop, &channel->retry_timer, loop_now_ns(channel->loop) + delay_ns);
}

/* Gives this stream up; the next attempt comes after the back-off. */
static void stream_drop(struct channel *channel)
{
	if (channel->destroyed)
		return;
	if (channel->stream)
		h2_request_cancel(channel->stream);
	channel->stream = NULL;
	retry_later(channel);
}

static void intent_received(struct channel *channel, struct intent_line *line, const char *text,
			    size_t len)
{
	if (strcmp(line->gateway, channel->gateway) != 0) {
		channel_log("control %s: sent the intent of gateway %s: ignored", channel->url,
			    line->gateway);
		intent_free(line->intent);
		return;
	}
	if (line->intent->term < channel->term) {
		set_state(channel, CHANNEL_DOWN,
			  "refused: its term %llu is older than %llu, seen before; another control "
			  "may have taken over, or its clock went back",
			  (unsigned long long)line->intent->term,
			  (unsigned long long)channel->term);
		intent_free(line->intent);
		stream_drop(channel);
		return;
	}
	channel->term = line->intent->term;
	channel->attempt = 0;
	set_state(channel, CHANNEL_UP, "connected, revision %llu",
		  (unsigned long long)line->revision);
	if (channel->destroyed)
		intent_free(line->intent);
	else
		channel->on_intent(line->intent, text, len, channel->arg);
}

static void line_received(struct channel *channel, const char *text, size_t len)
{
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;

	if (len == 0)
		return;
	if (intent_json_parse(text, len, &line, error)) {
		channel_log("control %s: intent refused, the last one stays: %s", channel->url,
			    error);
		return;
	}
	if (line.type == INTENT_LINE_INTENT)
		intent_received(channel, &line, text, len);
	else
		set_state(channel, CHANNEL_UP, "connected, revision %llu",
			  (unsigned long long)line.revision);
}

static void silence_restart(struct channel *channel)
{
	loop_timer_set(channel->loop, &channel->silence_timer,
		       loop_now_ns(channel->loop) + channel->silence_ns);
}

static void on_stream_data(struct h2_request *request, const uint8_t *data, size_t len, void *arg)
{
	struct channel *channel = arg;
	const char *line;
	size_t line_len;

	if (h2_request_status(request) != 200)
		return;
	channel->depth++;
	silence_restart(channel);
	if (line_buffer_push(&channel->lines, data, len)) {
		set_state(channel, CHANNEL_DOWN, "an intent line of more than %u bytes: refused",
			  INTENT_LINE_MAX);
		stream_drop(channel);
	}
	while (!channel->destroyed && channel->stream == request &&
	       line_buffer_next(&channel->lines, &line, &line_len))
		line_received(channel, line, line_len);
	channel_leave(channel);
}

static void stream_failed(struct channel *channel, int error)
{
	if (error == -EPROTO)
		set_state(channel, CHANNEL_DOWN,
			  "broke the stream or speaks no HTTP/2; forwarding goes on, retrying");
	else if (error == -EKEYREJECTED)
		set_state(channel, CHANNEL_DOWN, "no TLS: %s; forwarding goes on, retrying",
			  h2_client_why(channel->client));
	else
		set_state(channel, CHANNEL_DOWN, "%s; forwarding goes on, retrying",
			  strerror(-error));
}

static void on_stream_close(struct h2_request *request, int error, void *arg)
{
	struct channel *channel = arg;
	int status = h2_request_status(request);

	channel->depth++;
	channel->stream = NULL;
	if (error)
		stream_failed(channel, error);
	else if (status == 404)
		set_state(channel, CHANNEL_UNKNOWN,
			  "gateway %s is unknown to control: apply its definition (causewayctl "
			  "apply -f FILE); retrying",
			  channel->gateway);
	else if (status == 403)
		set_state(
			channel, CHANNEL_DOWN,
			"refuses this gateway's certificate (403): it must say role gateway, name "
			"%s and its site (causewayctl pki issue gateway); retrying",
			channel->gateway);
	else if (status == 200)
		set_state(channel, CHANNEL_DOWN, "ended the stream; forwarding goes on, retrying");
	else
		set_state(channel, CHANNEL_DOWN, "answered %d to the intent stream; retrying",
			  status);
	retry_later(channel);
	channel_leave(channel);
}

static void stream_open(struct channel *channel)
{
	static const struct h2_header accept = {"accept", "application/x-ndjson"};
	char path[256];
	struct h2_request_options options = {
		.method = "GET",
		.path = path,
		.headers = &accept,
		.header_count = 1,
		.on_data = on_stream_data,
		.on_close = on_stream_close,
		.arg = channel,
	};

	snprintf(path, sizeof(path), "/v1/gateways/%s/intent", channel->gateway);
	line_buffer_clear(&channel->lines);
	channel->stream = h2_client_request(channel->client, &options);
	if (channel->stream)
		silence_restart(channel);
	else
		retry_later(channel);
}

static void on_retry(struct loop_timer *timer, void *arg)
{
	(void)timer;
	stream_open(arg);
}

static void on_silence(struct loop_timer *timer, void *arg)
{
	struct channel *channel = arg;

	(void)timer;
	channel->depth++;
	set_state(channel, CHANNEL_DOWN, "silent for too long; forwarding goes on, retrying");
	stream_drop(channel);
	if (!channel->destroyed)
		h2_client_reset(channel->client);
	channel_leave(channel);
}

static int channel_init(struct channel *channel, struct loop *loop,
			const struct channel_config *config)
{
	channel->loop = loop;
	channel->on_intent = config->on_intent;
	channel->on_state = config->on_state;
	channel->arg = config->arg;
	channel->term = config->min_term;
	channel->random = config->random_seed;
	channel->silence_ns = config->silence_ns ? config->silence_ns : SILENCE_NS;
	channel->retry_timer = (struct loop_timer){.on_expire = on_retry, .arg = channel};
	channel->silence_timer = (struct loop_timer){.on_expire = on_silence, .arg = channel};
	line_buffer_init(&channel->lines, INTENT_LINE_MAX);
	channel->url = strdup(config->url);
	channel->gateway = strdup(config->gateway);
	if (!channel->url || !channel->gateway)
		return -ENOMEM;
	channel->client = h2_client_create(loop, config->url);
	if (!channel->client)
		return -errno;
	if (!config->tls || !h2_client_set_tls(channel->client, config->tls))
		return 0;
	h2_client_destroy(channel->client);
	return -ENOMEM;
}

struct channel *channel_create(struct loop *loop, const struct channel_config *config)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	int err = channel ? channel_init(channel, loop, config) : -ENOMEM;

	if (err) {
		if (channel)
			channel_free(channel);
		errno = -err;
		return NULL;
	}
	/* From the loop, so that no callback runs before the caller holds the channel. */
	loop_timer_set(loop, &channel->retry_timer, loop_now_ns(loop));
	return channel;
}

void channel_destroy(struct channel *channel)
{
	if (!channel || channel->destroyed)
		return;
	h2_client_destroy(channel->client);
	loop_timer_cancel(channel->loop, &channel->retry_timer);
	loop_timer_cancel(channel->loop, &channel->silence_timer);
	channel->stream = NULL;
	channel->report = NULL;
	channel->destroyed = true;
	if (channel->depth == 0)
		channel_free(channel);
}

enum channel_state channel_state(const struct channel *channel)
{
	return channel->state ? channel->state : CHANNEL_DOWN;
}
