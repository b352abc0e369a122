#include "control/io/api_feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS   3000000ull
#define PATIENT_NS 200000000ull /* between looks at a client that takes nothing */
#define STALL_NS   30000000000ull
/* Beside the text: event, id and data of a server-sent event. */
#define FRAMING_BYTES 128

static void feed_free(struct feed *feed)
{
	struct feed_hub *hub = feed->hub;

	loop_timer_cancel(hub->loop, &feed->timer);
	h2_exchange_set_on_close(feed->exchange, NULL, NULL);
	if (feed->prev)
		feed->prev->next = feed->next;
	else
		hub->feeds = feed->next;
	if (feed->next)
		feed->next->prev = feed->prev;
	hub->count--;
	if (hub->ops->on_free)
		hub->ops->on_free(hub, feed);
	free(feed);
}

static void feed_end(struct feed *feed)
{
	struct h2_exchange *exchange = feed->exchange;

	feed_free(feed);
	h2_exchange_end(exchange);
}

/* The id goes with bookmarks only: what came before one was told whole. */
static bool write_text(struct feed *feed, const char *type, const char *id, const char *text)
{
	size_t len = strlen(text), size = len + FRAMING_BYTES;
	char *line = malloc(size);
	int used;
	bool is_written;

	if (!line)
		return false;
	if (!feed->is_sse)
		used = snprintf(line, size, "%s\n", text);
	else if (id)
		used = snprintf(line, size, "event: %s\nid: %s\ndata: %s\n\n", type, id, text);
	else
		used = snprintf(line, size, "event: %s\ndata: %s\n\n", type, text);
	is_written = !h2_exchange_write(feed->exchange, line, (size_t)used);
	free(line);
	feed->written_bytes += (size_t)used;
	return is_written;
}

static bool write_bookmark(struct feed *feed)
{
	char cursor[FEED_CURSOR_BYTES], text[FRAMING_BYTES];

	feed->hub->ops->cursor(feed->hub, feed, cursor);
	snprintf(text, sizeof(text),
		 strchr(cursor, '-') ? "{\"type\":\"bookmark\",\"id\":\"%s\"}"
				     : "{\"type\":\"bookmark\",\"revision\":%s}",
		 cursor);
	feed->is_dirty = false;
	feed->bookmark_ns = loop_now_ns(feed->hub->loop) + feed->heartbeat_ns;
	return write_text(feed, "bookmark", cursor, text);
}

/* The last line says why, so that the client need not guess. */
static void feed_fail(struct feed *feed)
{
	write_text(feed, "error", NULL,
		   "{\"type\":\"error\",\"code\":\"too-slow\",\"retryable\":true,\"detail\":"
		   "\"you read more slowly than things happen; go on from the last bookmark\"}");
	feed_end(feed);
}

/* False when the client has taken nothing for long, and what it needs is still on its way. */
static bool is_moving(struct feed *feed, uint64_t now_ns)
{
	size_t pending = h2_exchange_pending_bytes(feed->exchange);
	uint64_t drained = feed->written_bytes - pending;

	if (!pending || drained != feed->drained_bytes) {
		feed->drained_bytes = drained;
		feed->drained_ns = now_ns;
	}
	return now_ns - feed->drained_ns < STALL_NS;
}

static uint64_t retry_ns(const struct feed *feed, uint64_t now_ns)
{
	return now_ns - feed->drained_ns < PATIENT_NS ? RETRY_NS : PATIENT_NS;
}

static size_t room(const struct feed *feed)
{
	size_t max =
		feed->hub->pending_bytes > FEED_PENDING_TOTAL ? FEED_PENDING_MIN : FEED_PENDING_MAX;
	size_t pending = h2_exchange_pending_bytes(feed->exchange);

	return pending < max ? max - pending : 0;
}

enum pull {
	PULL_DONE,
	PULL_WAIT,
	PULL_BROKEN
};

static enum pull pull_lines(struct feed *feed)
{
	struct feed_hub *hub = feed->hub;
	const char *type, *text;

	while (room(feed)) {
		enum feed_next next = hub->ops->next(hub, feed, &type, &text);

		if (next == FEED_END || next == FEED_LATER)
			return next == FEED_END ? PULL_DONE : PULL_WAIT;
		if (next == FEED_SKIP)
			continue;
		feed->is_dirty = true;
		if (!write_text(feed, type, NULL, text))
			return PULL_BROKEN;
	}
	return PULL_WAIT;
}

void feed_pull(struct feed *feed)
{
	struct loop *loop = feed->hub->loop;
	uint64_t now_ns = loop_now_ns(loop);
	enum pull pull;

	if (feed->hub->ops->is_behind(feed->hub, feed) || !is_moving(feed, now_ns)) {
		feed_fail(feed);
		return;
	}
	pull = pull_lines(feed);
	if (pull == PULL_DONE && (feed->is_dirty || feed->is_once || now_ns >= feed->bookmark_ns) &&
	    !write_bookmark(feed))
		pull = PULL_BROKEN;
	if (pull == PULL_BROKEN || (pull == PULL_DONE && feed->is_once)) {
		feed_end(feed);
		return;
	}
	loop_timer_set(loop, &feed->timer,
		       pull == PULL_WAIT ? now_ns + retry_ns(feed, now_ns) : feed->bookmark_ns);
}

static void on_timer(struct loop_timer *timer, void *arg)
{
	(void)timer;
	feed_pull(arg);
}

static void on_close(struct h2_exchange *exchange, void *arg)
{
	(void)exchange;
	feed_free(arg);
}

/* Server-sent events where they were asked for, by parameter or by header. False: by neither name.
 */
static bool wants_sse(const struct h2_exchange *exchange, const char *format, bool *is_sse)
{
	*is_sse = format[0] ? !strcmp(format, "sse")
			    : strstr(h2_exchange_accept(exchange), "text/event-stream") != NULL;
	return !format[0] || *is_sse || !strcmp(format, "ndjson");
}

struct feed *feed_open(struct feed_hub *hub, struct h2_exchange *exchange,
		       const struct api_query *query, struct problem *problem)
{
	struct feed *feed;
	bool is_sse;

	if (!wants_sse(exchange, query->format, &is_sse)) {
		problem_set(problem, 400, "invalid-argument", "format: ndjson or sse");
		return NULL;
	}
	/* HEAD is safe (RFC 9110, 9.2.1): it takes nobody's place. */
	if (!strcmp(h2_exchange_method(exchange), "HEAD")) {
		h2_exchange_begin(exchange, 200,
				  is_sse ? "text/event-stream" : "application/x-ndjson");
		return NULL;
	}
	feed = hub->count < FEED_COUNT_MAX ? calloc(1, sizeof(*feed)) : NULL;
	if (!feed) {
		problem_set(problem, 503, "overloaded", "too many streams are open, try again");
		return NULL;
	}
	feed->hub = hub;
	feed->exchange = exchange;
	feed->is_sse = is_sse;
	feed->is_once = query->is_once;
	feed->filter = query->filter;
	feed->heartbeat_ns = query->heartbeat_ns;
	feed->drained_ns = loop_now_ns(hub->loop);
	feed->timer = (struct loop_timer){.on_expire = on_timer, .arg = feed};
	feed->next = hub->feeds;
	if (feed->next)
		feed->next->prev = feed;
	hub->feeds = feed;
	hub->count++;
	h2_exchange_set_on_close(exchange, on_close, feed);
	h2_exchange_begin(exchange, 200, is_sse ? "text/event-stream" : "application/x-ndjson");
	return feed;
}

void feed_publish(struct feed_hub *hub)
{
	struct feed *next;

	hub->pending_bytes = 0;
	for (struct feed *feed = hub->feeds; feed; feed = feed->next)
		hub->pending_bytes += h2_exchange_pending_bytes(feed->exchange);
	for (struct feed *feed = hub->feeds; feed; feed = next) {
		next = feed->next;
		feed_pull(feed);
	}
}

void feed_stop(struct feed_hub *hub)
{
	while (hub->feeds)
		feed_end(hub->feeds);
}
