#include "control/io/h2_server_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 16
/* Sent bytes at the head of a buffer, of which the memory is given back. */
#define TRIM_BYTES (16u << 10)
#define OUT_BYTES  1024

/* Zero gives all of it back. */
static int out_resize(struct h2_exchange *ex, size_t capacity)
{
	struct h2_conn *conn = ex->conn;
	size_t before = ex->out_capacity;
	uint8_t *out = NULL;

	if (capacity)
		out = realloc(ex->out, capacity);
	else
		free(ex->out);
	if (capacity && !out)
		return -ENOMEM;
	ex->out = out;
	ex->out_capacity = capacity;
	if (ex->is_whole)
		conn->whole_bytes += capacity - before;
	if (capacity > before)
		h2_limits_hold(conn, capacity - before);
	else
		h2_limits_release(conn, before - capacity);
	return 0;
}

void h2_response_drop(struct h2_exchange *ex)
{
	out_resize(ex, 0);
}

static void out_to_front(struct h2_exchange *ex)
{
	if (ex->out_first)
		memmove(ex->out, ex->out + ex->out_first, ex->out_len);
	ex->out_first = 0;
}

/* A whole response takes what it needs; one in pieces doubles, so that pieces cost little. */
static int out_reserve(struct h2_exchange *ex, size_t len)
{
	size_t wanted = ex->out_len + len;
	size_t capacity = ex->out_capacity ? ex->out_capacity : OUT_BYTES;

	if (ex->is_whole)
		return out_resize(ex, wanted);
	if (ex->out_first + wanted <= ex->out_capacity)
		return 0;
	/* Only when much is free at the front: each byte is moved a few times at most. */
	if (wanted <= ex->out_capacity && ex->out_first >= ex->out_capacity / 4) {
		out_to_front(ex);
		return 0;
	}
	out_to_front(ex);
	while (capacity < wanted || capacity == ex->out_capacity)
		capacity *= 2;
	return out_resize(ex, capacity);
}

/* Gives sent bytes back while the rest waits: a client that lets out all but one byte holds one. */
static void out_trim(struct h2_exchange *ex)
{
	if (!ex->out_len && (ex->is_ended || ex->out_capacity > TRIM_BYTES)) {
		ex->out_first = 0;
		out_resize(ex, 0);
	} else if (ex->out_first >= TRIM_BYTES && ex->out_first >= ex->out_len) {
		out_to_front(ex);
		out_resize(ex, ex->out_len > OUT_BYTES ? ex->out_len : OUT_BYTES);
	} else if (!ex->out_len) {
		ex->out_first = 0;
	}
}

static int out_add(struct h2_exchange *ex, const void *data, size_t len)
{
	int ret = len ? out_reserve(ex, len) : 0;

	if (ret || !len)
		return ret;
	memcpy(ex->out + ex->out_first + ex->out_len, data, len);
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
	if (len)
		memcpy(buf, ex->out + ex->out_first, len);
	ex->out_first += len;
	ex->out_len -= len;
	h2_exchange_moved(ex, len);
	out_trim(ex);
	h2_queue_wake(ex->conn);
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
	ex->conn->server->responses[status < H2_STATUS_END ? status : 0]++;
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
	ex->is_whole = true;
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
	if (len > H2_WRITE_MAX)
		return -EMSGSIZE;
	/* A write that finds nothing before it may be large: the intent of a large gateway is. */
	if (ex->out_len && ex->out_len + len > H2_PENDING_MAX)
		return -ENOBUFS;
	if (ex->conn->held_bytes + len > H2_CONN_HELD_MAX)
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

void h2_exchange_abort(struct h2_exchange *ex)
{
	if (!ex->is_ended)
		reset(ex, 0);
}

size_t h2_exchange_pending_bytes(const struct h2_exchange *ex)
{
	return ex->out_len;
}
