#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/h2_client_internal.h"

#define WINDOW_BYTES	    (1 << 20)
#define REQUEST_HEADERS_MAX 16

/* By stream, not by nghttp2's user pointer: a request may be freed while its stream still closes.
 */
static struct h2_request *request_find(struct h2_client *client, int32_t stream_id)
{
	struct h2_request *request = client->requests;

	if (client->destroyed)
		return NULL;
	while (request &&
	       (request->stream_id != stream_id || request->connection != client->connection))
		request = request->next;
	return request;
}

static void request_unlink(struct h2_request *request)
{
	struct h2_client *client = request->client;

	loop_timer_cancel(client->loop, &request->timer);
	if (request->next)
		request->next->prev = request->prev;
	if (request->prev)
		request->prev->next = request->next;
	else
		client->requests = request->next;
}

void h2_request_free(struct h2_request *request)
{
	/* Its own on_close destroys the client or cancels: h2_request_close frees it. */
	if (request->closing)
		return;
	request_unlink(request);
	free(request->body);
	free(request);
}

void h2_request_close(struct h2_request *request, int error)
{
	request_unlink(request);
	request->closing = true;
	if (request->on_close)
		request->on_close(request, error, request->arg);
	free(request->body);
	free(request);
}

/* nghttp2 stops at once when the client is gone. */
static int callback_result(struct h2_client *client)
{
	return client->destroyed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void header_copy(char *to, size_t size, const uint8_t *value, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, value, len);
	to[len] = '\0';
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct h2_request *request = request_find(arg, frame->hd.stream_id);
	char status[8];

	(void)session;
	(void)flags;
	if (!request || request->headers_done)
		return 0; /* trailers hold nothing we use */
	if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
		header_copy(status, sizeof(status), value, value_len);
		request->status = atoi(status);
	} else if (name_len == 12 && memcmp(name, "content-type", 12) == 0) {
		header_copy(request->content_type, sizeof(request->content_type), value, value_len);
	} else if (name_len == 4 && memcmp(name, "etag", 4) == 0) {
		header_copy(request->etag, sizeof(request->etag), value, value_len);
	}
	return 0;
}

static void headers_received(struct h2_request *request)
{
	if (request->headers_done || request->status < 200)
		return; /* 1xx: the real ones follow */
	request->headers_done = true;
	if (request->on_headers)
		request->on_headers(request, request->status, request->arg);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2_client *client = arg;
	struct h2_request *request = request_find(client, frame->hd.stream_id);

	(void)session;
	if (frame->hd.type == NGHTTP2_SETTINGS && !client->ready) {
		client->ready = true;
		loop_timer_cancel(client->loop, &client->connect_timer);
		h2_client_wake(client);
	}
	if (!request)
		return 0;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		request->ended = true;
	if (frame->hd.type == NGHTTP2_HEADERS)
		headers_received(request);
	return callback_result(client);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
			 const uint8_t *data, size_t len, void *arg)
{
	struct h2_request *request = request_find(arg, stream_id);

	(void)session;
	(void)flags;
	if (request && request->on_data)
		request->on_data(request, data, len, request->arg);
	return callback_result(arg);
}

static int close_error(const struct h2_request *request, uint32_t code)
{
	if (request->ended && code == NGHTTP2_NO_ERROR)
		return 0;
	/* Refused before it was looked at: the server goes away. */
	if (code == NGHTTP2_REFUSED_STREAM)
		return -ECONNRESET;
	return -EPROTO;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
	struct h2_request *request = request_find(arg, stream_id);

	(void)session;
	if (request)
		h2_request_close(request, close_error(request, code));
	return callback_result(arg);
}

/* A request that came after the server's GOAWAY. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
			     void *arg)
{
	struct h2_request *request = request_find(arg, frame->hd.stream_id);

	(void)session;
	(void)error;
	if (request && frame->hd.type == NGHTTP2_HEADERS)
		h2_request_close(request, -ECONNRESET);
	return callback_result(arg);
}

static ssize_t on_body_read(nghttp2_session *session, int32_t stream_id, uint8_t *buffer,
			    size_t size, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2_request *request = request_find(arg, stream_id);
	size_t left;

	(void)session;
	(void)source;
	if (!request)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	left = request->body_len - request->body_sent;
	if (size >= left) {
		size = left;
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	memcpy(buffer, request->body + request->body_sent, size);
	request->body_sent += size;
	return (ssize_t)size;
}

static int session_new(struct h2_client *client, nghttp2_session **session)
{
	nghttp2_session_callbacks *callbacks;
	int err;

	if (nghttp2_session_callbacks_new(&callbacks))
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
	err = nghttp2_session_client_new(session, callbacks, client);
	nghttp2_session_callbacks_del(callbacks);
	return err ? -ENOMEM : 0;
}

nghttp2_session *h2_request_session(struct h2_client *client)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
	};
	nghttp2_session *session;

	if (session_new(client, &session))
		return NULL;
	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2) ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES)) {
		nghttp2_session_del(session);
		return NULL;
	}
	return session;
}

static nghttp2_nv header_nv(const char *name, const char *value)
{
	/* nghttp2 copies both; it only reads. */
	return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
			    NGHTTP2_NV_FLAG_NONE};
}

static int submit(struct h2_request *request, const struct h2_request_options *options)
{
	struct h2_client *client = request->client;
	nghttp2_data_provider provider = {.read_callback = on_body_read};
	nghttp2_nv headers[REQUEST_HEADERS_MAX + 5] = {
		header_nv(":method", options->method),
		header_nv(":scheme", "http"),
		header_nv(":authority", client->url.authority),
		header_nv(":path", options->path),
		header_nv("user-agent", "causeway/" CAUSEWAY_VERSION),
	};

	for (uint32_t i = 0; i < options->header_count; i++)
		headers[5 + i] = header_nv(options->headers[i].name, options->headers[i].value);
	request->stream_id =
		nghttp2_submit_request(client->session, NULL, headers, 5 + options->header_count,
				       request->body_len ? &provider : NULL, NULL);
	if (request->stream_id == NGHTTP2_ERR_INVALID_ARGUMENT)
		return -EINVAL;
	return request->stream_id < 0 ? -ENOMEM : 0;
}

static void on_timeout(struct loop_timer *timer, void *arg)
{
	struct h2_request *request = arg;
	struct h2_client *client = request->client;

	(void)timer;
	nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, request->stream_id,
				  NGHTTP2_CANCEL);
	h2_client_wake(client);
	h2_client_enter(client);
	h2_request_close(request, -ETIMEDOUT);
	h2_client_leave(client);
}

static struct h2_request *request_new(struct h2_client *client,
				      const struct h2_request_options *options)
{
	struct h2_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	if (options->body_len) {
		request->body = malloc(options->body_len);
		if (!request->body) {
			free(request);
			return NULL;
		}
		memcpy(request->body, options->body, options->body_len);
		request->body_len = options->body_len;
	}
	request->client = client;
	request->on_headers = options->on_headers;
	request->on_data = options->on_data;
	request->on_close = options->on_close;
	request->arg = options->arg;
	request->timer = (struct loop_timer){.on_expire = on_timeout, .arg = request};
	return request;
}

static void request_link(struct h2_request *request)
{
	struct h2_client *client = request->client;

	request->connection = client->connection;
	request->next = client->requests;
	if (request->next)
		request->next->prev = request;
	client->requests = request;
}

static struct h2_request *fail(int error)
{
	errno = error;
	return NULL;
}

struct h2_request *h2_client_request(struct h2_client *client,
				     const struct h2_request_options *options)
{
	struct h2_request *request;
	int err;

	if (client->destroyed || options->header_count > REQUEST_HEADERS_MAX)
		return fail(EINVAL);
	if (h2_client_start(client))
		return fail(ENOMEM);
	request = request_new(client, options);
	if (!request)
		return fail(ENOMEM);
	err = submit(request, options);
	if (err) {
		free(request->body);
		free(request);
		return fail(-err);
	}
	request_link(request);
	if (options->timeout_ns)
		loop_timer_set(client->loop, &request->timer,
			       loop_now_ns(client->loop) + options->timeout_ns);
	h2_client_wake(client);
	return request;
}

void h2_request_cancel(struct h2_request *request)
{
	struct h2_client *client = request->client;

	if (request->closing)
		return;
	if (client->session && request->connection == client->connection) {
		nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, request->stream_id,
					  NGHTTP2_CANCEL);
		h2_client_wake(client);
	}
	h2_request_free(request);
}

int h2_request_status(const struct h2_request *request)
{
	return request->status;
}

const char *h2_request_content_type(const struct h2_request *request)
{
	return request->content_type;
}

const char *h2_request_etag(const struct h2_request *request)
{
	return request->etag;
}
