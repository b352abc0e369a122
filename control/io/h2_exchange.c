#include "control/io/h2_server_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an exchange costs beside its parts, with nghttp2's own of the stream. */
#define EXCHANGE_BYTES (sizeof(struct h2_exchange) + 512)
/* So much taken or given, or all of it, counts as movement. */
#define MOVED_BYTES 4096

struct h2_exchange *h2_exchange_open(struct h2_conn *conn, int32_t stream_id)
{
	struct h2_exchange *ex = calloc(1, sizeof(*ex));

	if (!ex)
		return NULL;
	ex->conn = conn;
	ex->stream_id = stream_id;
	ex->begun_ns = ex->moved_ns = conn->active_ns = loop_now_ns(conn->server->loop);
	ex->next = conn->exchanges;
	if (ex->next)
		ex->next->prev = ex;
	conn->exchanges = ex;
	h2_limits_hold(conn, EXCHANGE_BYTES);
	return ex;
}

void h2_exchange_complete(struct h2_exchange *ex)
{
	ex->is_complete = true;
	ex->conn->answering++;
}

int h2_exchange_set_path(struct h2_exchange *ex, const uint8_t *path, size_t len)
{
	if (len >= H2_PATH_MAX)
		return 414;
	ex->path = malloc(len + 1);
	if (!ex->path)
		return 503;
	memcpy(ex->path, path, len);
	ex->path[len] = 0;
	h2_limits_hold(ex->conn, len + 1);
	return 0;
}

static void path_drop(struct h2_exchange *ex)
{
	if (ex->path)
		h2_limits_release(ex->conn, strlen(ex->path) + 1);
	free(ex->path);
	ex->path = NULL;
}

void h2_exchange_moved(struct h2_exchange *ex, size_t len)
{
	ex->moved_bytes += (uint32_t)len;
	if (ex->moved_bytes < MOVED_BYTES && (ex->out_len || !ex->is_ended))
		return;
	ex->moved_bytes = 0;
	ex->moved_ns = ex->conn->moved_ns = loop_now_ns(ex->conn->server->loop);
}

void h2_exchange_body_drop(struct h2_exchange *ex)
{
	h2_limits_release(ex->conn, ex->body_capacity);
	ex->conn->body_bytes -= ex->body_capacity;
	free(ex->body);
	ex->body = NULL;
	ex->body_len = ex->body_capacity = 0;
}

void h2_exchange_close(struct h2_exchange *ex)
{
	struct h2_conn *conn = ex->conn;

	if (ex->on_close)
		ex->on_close(ex, ex->on_close_arg);
	conn->active_ns = loop_now_ns(conn->server->loop);
	conn->answering -= ex->is_complete;
	h2_queue_remove(ex);
	h2_exchange_body_drop(ex);
	path_drop(ex);
	h2_response_drop(ex);
	h2_limits_release(conn, EXCHANGE_BYTES);
	if (ex->prev)
		ex->prev->next = ex->next;
	else
		conn->exchanges = ex->next;
	if (ex->next)
		ex->next->prev = ex->prev;
	free(ex);
	h2_queue_wake(conn);
}

static int body_grow(struct h2_exchange *ex, size_t wanted)
{
	struct h2_conn *conn = ex->conn;
	size_t capacity = ex->body_capacity ? ex->body_capacity : 1024;
	size_t more;
	uint8_t *body;

	while (capacity < wanted)
		capacity *= 2;
	more = capacity - ex->body_capacity;
	if (conn->body_bytes + more > H2_CONN_BODIES_MAX)
		return -ENOBUFS;
	body = realloc(ex->body, capacity);
	if (!body)
		return -ENOMEM;
	ex->body = body;
	ex->body_capacity = capacity;
	conn->body_bytes += more;
	h2_limits_hold(conn, more);
	return 0;
}

void h2_exchange_body_add(struct h2_exchange *ex, const uint8_t *data, size_t len)
{
	if (ex->refused_status)
		return;
	if (ex->body_len + len > H2_BODY_MAX) {
		ex->refused_status = 413;
		h2_exchange_body_drop(ex);
		return;
	}
	if (ex->body_len + len > ex->body_capacity && body_grow(ex, ex->body_len + len)) {
		ex->refused_status = 503;
		h2_exchange_body_drop(ex);
		return;
	}
	memcpy(ex->body + ex->body_len, data, len);
	ex->body_len += len;
}

static const struct refusal {
	int status;
	const char *title, *code, *detail;
} refusals[] = {
	{412, "Precondition Failed", "precondition-failed", "if-match is no entity tag of ours"},
	{413, "Content Too Large", "body-too-large", "a request body may have 1 MiB"},
	{414, "URI Too Long", "path-too-long", "a path may have 2047 bytes"},
	{415, "Unsupported Media Type", "unsupported-media-type", "send application/json"},
	{431, "Request Header Fields Too Large", "headers-too-large",
	 "all header fields together may have 16 KiB"},
	{501, "Not Implemented", "unknown-method", "no resource has such a method"},
	{503, "Service Unavailable", "overloaded", "too many large requests at once, try again"},
};

void h2_exchange_refuse(struct h2_exchange *ex)
{
	const struct refusal *refusal = refusals;
	char body[512];
	int len;

	while (refusal->status != ex->refused_status)
		refusal++;
	len = snprintf(body, sizeof(body),
		       "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
		       "\"code\":\"%s\",\"retryable\":%s,\"errors\":[]}\n",
		       refusal->title, refusal->status, refusal->detail, refusal->code,
		       refusal->status == 503 ? "true" : "false");
	h2_exchange_respond(ex, refusal->status, "application/problem+json", NULL, 0, body,
			    (size_t)len);
}

const struct h2_counters *h2_exchange_counters(const struct h2_exchange *ex)
{
	return &ex->conn->server->counters;
}

void h2_exchange_set_on_close(struct h2_exchange *ex,
			      void (*on_close)(struct h2_exchange *exchange, void *arg), void *arg)
{
	ex->on_close = on_close;
	ex->on_close_arg = arg;
}

const char *h2_exchange_method(const struct h2_exchange *ex)
{
	return ex->method;
}

const char *h2_exchange_path(const struct h2_exchange *ex)
{
	return ex->path ? ex->path : "";
}

const char *h2_exchange_content_type(const struct h2_exchange *ex)
{
	return ex->content_type;
}

const char *h2_exchange_accept(const struct h2_exchange *ex)
{
	return ex->accept;
}

const char *h2_exchange_last_event_id(const struct h2_exchange *ex)
{
	return ex->last_event_id;
}

uint64_t h2_exchange_response_count(const struct h2_exchange *ex, int status)
{
	return status >= 0 && status < H2_STATUS_END ? ex->conn->server->responses[status] : 0;
}

const char *h2_exchange_if_match(const struct h2_exchange *ex)
{
	return ex->if_match;
}

const char *h2_exchange_if_none_match(const struct h2_exchange *ex)
{
	return ex->if_none_match;
}

const char *h2_exchange_idempotency_key(const struct h2_exchange *ex)
{
	return ex->idempotency_key;
}

void h2_exchange_set_tag(struct h2_exchange *ex, uint64_t tag)
{
	ex->tag = tag;
}

uint64_t h2_exchange_tag(const struct h2_exchange *ex)
{
	return ex->tag;
}

const void *h2_exchange_body(const struct h2_exchange *ex, size_t *len)
{
	*len = ex->body_len;
	return ex->body;
}
