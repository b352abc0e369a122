#include "control/io/h2_server_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 16

struct h2_exchange *h2_exchange_open(struct h2_conn *conn, int32_t stream_id)
{
	struct h2_exchange *ex = calloc(1, sizeof(*ex));

	if (!ex)
		return NULL;
	ex->conn = conn;
	ex->stream_id = stream_id;
	ex->begun_ns = conn->active_ns = loop_now_ns(conn->server->loop);
	ex->next = conn->exchanges;
	if (ex->next)
		ex->next->prev = ex;
	conn->exchanges = ex;
	return ex;
}

void h2_exchange_body_drop(struct h2_exchange *ex)
{
	ex->conn->server->body_bytes -= ex->body_capacity;
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
	h2_exchange_body_drop(ex);
	free(ex->out);
	if (ex->prev)
		ex->prev->next = ex->next;
	else
		conn->exchanges = ex->next;
	if (ex->next)
		ex->next->prev = ex->prev;
	free(ex);
}

static int body_grow(struct h2_exchange *ex, size_t wanted)
{
	struct h2_server *server = ex->conn->server;
	size_t capacity = ex->body_capacity ? ex->body_capacity : 1024;
	uint8_t *body;

	while (capacity < wanted)
		capacity *= 2;
	if (server->body_bytes + capacity - ex->body_capacity > H2_BODIES_MAX)
		return -ENOBUFS;
	body = realloc(ex->body, capacity);
	if (!body)
		return -ENOMEM;
	server->body_bytes += capacity - ex->body_capacity;
	ex->body = body;
	ex->body_capacity = capacity;
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

static int out_reserve(struct h2_exchange *ex, size_t len)
{
	size_t capacity = ex->out_capacity ? ex->out_capacity : 1024;
	uint8_t *out;

	if (ex->out_first) {
		memmove(ex->out, ex->out + ex->out_first, ex->out_len);
		ex->out_first = 0;
	}
	if (ex->out_len + len <= ex->out_capacity)
		return 0;
	while (capacity < ex->out_len + len)
		capacity *= 2;
	out = realloc(ex->out, capacity);
	if (!out)
		return -ENOMEM;
	ex->out = out;
	ex->out_capacity = capacity;
	return 0;
}

static int out_add(struct h2_exchange *ex, const void *data, size_t len)
{
	int ret = len ? out_reserve(ex, len) : 0;

	if (ret || !len)
		return ret;
	memcpy(ex->out + ex->out_len, data, len);
	ex->out_len += len;
	return 0;
}

static ssize_t read_out(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t length,
			uint32_t *data_flags, nghttp2_data_source *source, void *user_data)
{
	struct h2_exchange *ex = source->ptr;
	size_t len = ex->out_len < length ? ex->out_len : length;

	(void)session;
	(void)stream_id;
	(void)user_data;
	if (!len && !ex->is_ended)
		return NGHTTP2_ERR_DEFERRED;
	if (len) {
		memcpy(buf, ex->out + ex->out_first, len);
		ex->moved_ns = loop_now_ns(ex->conn->server->loop);
	}
	ex->out_first += len;
	ex->out_len -= len;
	if (!ex->out_len && ex->is_ended)
		*data_flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static void add_field(nghttp2_nv *nv, size_t *count, const char *name, const char *value)
{
	nv[(*count)++] = (nghttp2_nv){
		.name = (uint8_t *)name,
		.value = (uint8_t *)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
	};
}

static int reset(struct h2_exchange *ex, int error)
{
	ex->is_ended = true;
	nghttp2_submit_rst_stream(ex->conn->session, NGHTTP2_FLAG_NONE, ex->stream_id,
				  NGHTTP2_INTERNAL_ERROR);
	h2_conn_flush(ex->conn);
	return error;
}

static int submit(struct h2_exchange *ex, int status, const char *content_type,
		  const struct h2_field *fields, uint32_t field_count, const char *length,
		  bool has_data)
{
	nghttp2_data_provider provider = {.source.ptr = ex, .read_callback = read_out};
	nghttp2_nv nv[FIELDS_MAX];
	size_t count = 0;
	char status_text[8];

	if (ex->has_response)
		return -EALREADY;
	ex->has_response = true;
	snprintf(status_text, sizeof(status_text), "%d", status);
	add_field(nv, &count, ":status", status_text);
	if (content_type)
		add_field(nv, &count, "content-type", content_type);
	if (length)
		add_field(nv, &count, "content-length", length);
	for (uint32_t i = 0; i < field_count && count < FIELDS_MAX; i++)
		add_field(nv, &count, fields[i].name, fields[i].value);
	if (nghttp2_submit_response(ex->conn->session, ex->stream_id, nv, count,
				    has_data ? &provider : NULL))
		return reset(ex, -ENOMEM);
	h2_conn_flush(ex->conn);
	return 0;
}

int h2_exchange_respond(struct h2_exchange *ex, int status, const char *content_type,
			const struct h2_field *fields, uint32_t field_count, const void *body,
			size_t len)
{
	char length[24];
	bool has_data = len && !ex->is_head;

	if (ex->has_response)
		return -EALREADY;
	snprintf(length, sizeof(length), "%zu", len);
	if (has_data && out_add(ex, body, len)) {
		ex->has_response = true;
		return reset(ex, -ENOMEM);
	}
	ex->is_ended = true;
	ex->moved_ns = loop_now_ns(ex->conn->server->loop);
	return submit(ex, status, content_type, fields, field_count, status == 204 ? NULL : length,
		      has_data);
}

int h2_exchange_begin(struct h2_exchange *ex, int status, const char *content_type)
{
	ex->is_ended = ex->is_head;
	return submit(ex, status, content_type, NULL, 0, NULL, !ex->is_head);
}

int h2_exchange_write(struct h2_exchange *ex, const void *data, size_t len)
{
	int ret;

	if (ex->is_ended)
		return -EPIPE;
	if (ex->out_len + len > H2_PENDING_MAX)
		return -ENOBUFS;
	ret = out_add(ex, data, len);
	if (ret)
		return ret;
	nghttp2_session_resume_data(ex->conn->session, ex->stream_id);
	h2_conn_flush(ex->conn);
	return 0;
}

void h2_exchange_end(struct h2_exchange *ex)
{
	if (ex->is_ended)
		return;
	ex->is_ended = true;
	nghttp2_session_resume_data(ex->conn->session, ex->stream_id);
	h2_conn_flush(ex->conn);
}

size_t h2_exchange_pending_bytes(const struct h2_exchange *ex)
{
	return ex->out_len;
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
	return ex->path;
}

const char *h2_exchange_content_type(const struct h2_exchange *ex)
{
	return ex->content_type;
}

const char *h2_exchange_if_match(const struct h2_exchange *ex)
{
	return ex->if_match;
}

const char *h2_exchange_if_none_match(const struct h2_exchange *ex)
{
	return ex->if_none_match;
}

const void *h2_exchange_body(const struct h2_exchange *ex, size_t *len)
{
	*len = ex->body_len;
	return ex->body;
}
