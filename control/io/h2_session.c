#include "control/io/h2_server_internal.h"

#include <stdlib.h>
#include <string.h>

/* RFC 9113, 10.5.1: what a field costs beside its text. */
#define FIELD_OVERHEAD 32
#define DISCARD_MAX    (16u << 20)

static struct h2_exchange *exchange_of(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

static bool is_request(const nghttp2_frame *frame)
{
	return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	struct h2_conn *conn = user_data;
	struct h2_exchange *ex;

	if (!is_request(frame))
		return 0;
	ex = h2_exchange_open(conn, frame->hd.stream_id);
	if (!ex)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, ex);
	return 0;
}

static bool copy_field(char *dst, size_t size, const uint8_t *value, size_t len)
{
	/* A field that does not fit in its place is not one that we could act upon. */
	if (len >= size)
		return false;
	memcpy(dst, value, len);
	dst[len] = 0;
	return true;
}

static void take_field(struct h2_exchange *ex, const char *name, const uint8_t *value, size_t len)
{
	const struct {
		const char *name;
		char *dst;
		size_t size;
		int status;
	} fields[] = {
		{":method", ex->method, sizeof(ex->method), 501},
		{":path", ex->path, sizeof(ex->path), 414},
		{"content-type", ex->content_type, sizeof(ex->content_type), 415},
		{"if-match", ex->if_match, sizeof(ex->if_match), 412},
		{"if-none-match", ex->if_none_match, sizeof(ex->if_none_match), 431},
	};

	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(fields[i].name, name) != 0)
			continue;
		if (!copy_field(fields[i].dst, fields[i].size, value, len) && !ex->refused_status)
			ex->refused_status = fields[i].status;
		return;
	}
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *user_data)
{
	struct h2_exchange *ex = exchange_of(session, frame->hd.stream_id);

	(void)flags;
	(void)user_data;
	if (!ex || ex->is_complete)
		return 0;
	ex->header_bytes += (uint32_t)(name_len + value_len + FIELD_OVERHEAD);
	if (ex->header_bytes > H2_HEADERS_MAX)
		ex->refused_status = 431;
	else if (is_request(frame))
		take_field(ex, (const char *)name, value, value_len);
	return 0;
}

/*
 * The rest of a body that was refused. A reset at once would be right by RFC 9113, 8.1, but curl
 * takes it for a failure and hides the answer; a client that goes on and on is reset nevertheless.
 */
static int discard(nghttp2_session *session, struct h2_exchange *ex, size_t len)
{
	ex->discarded_bytes += len;
	if (ex->discarded_bytes > DISCARD_MAX)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, ex->stream_id,
					  NGHTTP2_NO_ERROR);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
			 const uint8_t *data, size_t len, void *user_data)
{
	struct h2_exchange *ex = exchange_of(session, stream_id);

	(void)flags;
	(void)user_data;
	if (!ex)
		return 0;
	if (ex->has_response)
		return discard(session, ex, len);
	h2_exchange_body_add(ex, data, len);
	if (ex->refused_status)
		h2_exchange_refuse(ex);
	return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	struct h2_conn *conn = user_data;
	struct h2_exchange *ex;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	ex = exchange_of(session, frame->hd.stream_id);
	if (!ex || ex->is_complete)
		return 0;
	ex->is_complete = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (ex->has_response)
		return 0;
	ex->is_head = !strcmp(ex->method, "HEAD");
	if (ex->refused_status) {
		h2_exchange_refuse(ex);
		return 0;
	}
	if (!ex->is_complete)
		return 0;
	conn->has_request = true;
	conn->server->handler.on_request(ex, conn->server->handler.arg);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error,
			   void *user_data)
{
	struct h2_conn *conn = user_data;
	struct h2_exchange *ex = exchange_of(session, stream_id);

	if (!ex)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	h2_exchange_close(ex);
	if (error == NGHTTP2_NO_ERROR || conn->resets++ < H2_RESETS_MAX)
		return 0;
	/* Rapid reset (CVE-2023-44487): what is left of its input is not worth the work. */
	(void)nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
	return 0;
}

int h2_session_callbacks_create(nghttp2_session_callbacks **callbacks)
{
	nghttp2_session_callbacks *cbs;

	if (nghttp2_session_callbacks_new(&cbs))
		return -1;
	nghttp2_session_callbacks_set_on_begin_headers_callback(cbs, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, on_frame_recv);
	nghttp2_session_callbacks_set_on_stream_close_callback(cbs, on_stream_close);
	*callbacks = cbs;
	return 0;
}

int h2_session_open(struct h2_conn *conn)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX},
	};

	if (nghttp2_session_server_new(&conn->session, conn->server->callbacks, conn))
		return -1;
	return nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, 2);
}
