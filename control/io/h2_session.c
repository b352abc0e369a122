#include "control/io/h2_server_internal.h"

#include <stdlib.h>
#include <string.h>

/* RFC 9113, 10.5.1: what a field costs beside its text. */
#define FIELD_OVERHEAD 32
#define DISCARD_MAX    (16u << 20)
/* Above it an answer is not worth its work: a bomb of HPACK references (RFC 7541, 7.3). */
#define BOMB_BYTES (4 * H2_HEADERS_MAX)
/* A smaller piece of a body that does not end it moves nothing worth a frame. */
#define SMALL_DATA 32
/* DATA that we send pays for the WINDOW_UPDATEs that it makes the client send. */
#define DATA_CREDIT 4
#define LARGE_DATA  1024

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
	/* So that an endless response does not hold back the others of its connection. */
	static const nghttp2_extpri in_turns = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
	struct h2_conn *conn = user_data;
	struct h2_exchange *ex;

	if (!is_request(frame))
		return 0;
	ex = h2_exchange_open(conn, frame->hd.stream_id);
	if (!ex)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, ex);
	(void)nghttp2_session_change_extpri_stream_priority(session, frame->hd.stream_id, &in_turns,
							    1);
	return 0;
}

/* nghttp2 stops at once, in the middle of a frame or a header block, when enough is enough. */
static int verdict(const struct h2_conn *conn)
{
	return conn->is_ending ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* Before anything else of a frame is looked at. Not for unknown types: they cost their bytes. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data)
{
	struct h2_conn *conn = user_data;
	bool ends = hd->flags & NGHTTP2_FLAG_END_STREAM;

	(void)session;
	if (hd->type == NGHTTP2_HEADERS)
		conn->block_ns = loop_now_ns(conn->server->loop);
	else if (hd->type != NGHTTP2_RST_STREAM &&
		 (hd->type != NGHTTP2_DATA || (!ends && hd->length < SMALL_DATA)))
		h2_limits_waste(conn);
	return verdict(conn);
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
		{"content-type", ex->content_type, sizeof(ex->content_type), 415},
		/* 0: as if it were not there. */
		{"accept", ex->accept, sizeof(ex->accept), 0},
		{"last-event-id", ex->last_event_id, sizeof(ex->last_event_id), 0},
		{"if-match", ex->if_match, sizeof(ex->if_match), 412},
		{"if-none-match", ex->if_none_match, sizeof(ex->if_none_match), 431},
		{"idempotency-key", ex->idempotency_key, sizeof(ex->idempotency_key), 0},
	};
	int status;

	if (!strcmp(name, ":path")) {
		status = h2_exchange_set_path(ex, value, len);
		ex->refused_status = ex->refused_status ? ex->refused_status : status;
		return;
	}
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
	if (!ex || ex->is_complete)
		return 0;
	ex->header_bytes += (uint32_t)(name_len + value_len + FIELD_OVERHEAD);
	if (ex->header_bytes > BOMB_BYTES) {
		h2_limits_end(user_data);
		return verdict(user_data);
	}
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
	h2_exchange_moved(ex, len);
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

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		h2_limits_reset(conn);
	if (frame->hd.type == NGHTTP2_HEADERS)
		conn->block_ns = 0;
	else if (frame->hd.type != NGHTTP2_DATA)
		return verdict(conn);
	ex = exchange_of(session, frame->hd.stream_id);
	if (!ex || ex->is_complete)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		h2_exchange_complete(ex);
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
	h2_queue_add(ex);
	return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
			    void *user_data)
{
	struct h2_conn *conn = user_data;

	(void)session;
	(void)error;
	if (frame->hd.type == NGHTTP2_HEADERS)
		conn->block_ns = 0;
	return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	struct h2_conn *conn = user_data;
	struct h2_exchange *ex;

	if (frame->hd.type == NGHTTP2_RST_STREAM && !conn->server->is_draining &&
	    frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
		h2_limits_reset(conn);
	if (frame->hd.type != NGHTTP2_DATA)
		return 0;
	/* A drop that a small window let out pays for nothing (CVE-2019-9511). */
	ex = exchange_of(session, frame->hd.stream_id);
	if (frame->hd.length >= LARGE_DATA || !ex || !ex->out_len)
		conn->waste -= conn->waste < DATA_CREDIT ? conn->waste : DATA_CREDIT;
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error,
			   void *user_data)
{
	struct h2_exchange *ex = exchange_of(session, stream_id);

	(void)error;
	(void)user_data;
	if (!ex)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	h2_exchange_close(ex);
	return 0;
}

int h2_session_callbacks_create(nghttp2_session_callbacks **callbacks)
{
	nghttp2_session_callbacks *cbs;

	if (nghttp2_session_callbacks_new(&cbs))
		return -1;
	nghttp2_session_callbacks_set_on_begin_frame_callback(cbs, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cbs, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, on_frame_recv);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cbs, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(cbs, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(cbs, on_stream_close);
	*callbacks = cbs;
	return 0;
}

int h2_session_open(struct h2_conn *conn)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX},
		/* RFC 9218: no tree of streams that a client could make us rebuild. */
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};

	if (nghttp2_session_server_new3(&conn->session, conn->server->callbacks, conn, NULL,
					&conn->server->memory.mem))
		return -1;
	return nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, 3);
}
