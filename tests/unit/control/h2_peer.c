#include "tests/unit/control/h2_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "h2_peer: %s: %s\n", what, strerror(errno));
	abort();
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
		       void *arg)
{
	struct peer_conn *conn = arg;

	(void)session;
	(void)flags;
	/* Blocks when full; tests keep below a socket's buffer. A client that is gone is fine. */
	if (send(conn->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		return (ssize_t)len;
	return (ssize_t)len;
}

static struct peer_stream *stream_find(struct peer_conn *conn, int32_t id)
{
	struct peer_stream *stream = conn->streams;

	while (stream && stream->id != id)
		stream = stream->next;
	return stream;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct peer_conn *conn = arg;
	struct peer_stream *stream = calloc(1, sizeof(*stream));

	(void)session;
	must(stream, "memory");
	stream->conn = conn;
	stream->id = frame->hd.stream_id;
	stream->next = conn->streams;
	conn->streams = stream;
	return 0;
}

static void copy(char *to, size_t size, const uint8_t *value, size_t len)
{
	snprintf(to, size, "%.*s", (int)len, (const char *)value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
	struct peer_stream *stream = stream_find(arg, frame->hd.stream_id);

	(void)session;
	(void)flags;
	if (name_len == 7 && memcmp(name, ":method", 7) == 0)
		copy(stream->method, sizeof(stream->method), value, len);
	if (name_len == 5 && memcmp(name, ":path", 5) == 0)
		copy(stream->path, sizeof(stream->path), value, len);
	if (name_len == 12 && memcmp(name, "content-type", 12) == 0)
		copy(stream->content_type, sizeof(stream->content_type), value, len);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct peer_stream *stream = stream_find(arg, id);

	(void)session;
	(void)flags;
	stream->body = realloc(stream->body, stream->body_len + len + 1);
	must(stream->body, "memory");
	memcpy(stream->body + stream->body_len, data, len);
	stream->body_len += len;
	stream->body[stream->body_len] = '\0';
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct peer_conn *conn = arg;
	struct peer_stream *stream = stream_find(conn, frame->hd.stream_id);

	(void)session;
	if (stream && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && conn->peer->on_request)
		conn->peer->on_request(stream, conn->peer->arg);
	return 0;
}

static void stream_free(struct peer_stream *stream)
{
	free(stream->body);
	free(stream->out);
	free(stream);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct peer_conn *conn = arg;
	struct peer_stream **link = &conn->streams;

	(void)session;
	(void)code;
	while (*link && (*link)->id != id)
		link = &(*link)->next;
	if (*link) {
		struct peer_stream *stream = *link;

		*link = stream->next;
		stream_free(stream);
	}
	return 0;
}

static void conn_close(struct peer_conn *conn)
{
	if (!conn->session)
		return;
	loop_cancel(conn->peer->loop, &conn->watch);
	nghttp2_session_del(conn->session);
	conn->session = NULL;
	close(conn->fd);
	while (conn->streams) {
		struct peer_stream *stream = conn->streams;

		conn->streams = stream->next;
		stream_free(stream);
	}
}

static void on_readable(struct loop_op *op, int result, void *arg)
{
	struct peer_conn *conn = arg;
	uint8_t bytes[65536];
	ssize_t len;

	(void)op;
	(void)result;
	if (conn->peer->deaf) {
		loop_cancel(conn->peer->loop, &conn->watch);
		return;
	}
	len = recv(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0 || nghttp2_session_mem_recv(conn->session, bytes, (size_t)len) < 0 ||
	    nghttp2_session_send(conn->session))
		conn_close(conn);
}

static void conn_session(struct peer_conn *conn)
{
	nghttp2_session_callbacks *callbacks;

	must(nghttp2_session_callbacks_new(&callbacks) == 0, "memory");
	nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	must(nghttp2_session_server_new(&conn->session, callbacks, conn) == 0, "memory");
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void on_accept(struct loop_op *op, int result, void *arg)
{
	struct h2_peer *peer = arg;
	struct peer_conn *conn = &peer->conns[peer->accepted];

	(void)op;
	must(result >= 0 && peer->accepted < PEER_CONNS_MAX, "accept");
	peer->accepted++;
	*conn = (struct peer_conn){.peer = peer, .fd = result};
	conn->watch = (struct loop_op){.on_done = on_readable, .arg = conn};
	conn_session(conn);
	if (peer->greeting) {
		send(conn->fd, peer->greeting, strlen(peer->greeting), MSG_NOSIGNAL);
		return;
	}
	must(loop_watch_readable(peer->loop, &conn->watch, conn->fd) == 0, "watch");
}

void peer_start(struct h2_peer *peer, struct loop *loop, uint16_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;

	*peer = (struct h2_peer){.loop = loop};
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(peer->listen_fd >= 0, "socket");
	setsockopt(peer->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	must(bind(peer->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
	must(listen(peer->listen_fd, 16) == 0, "listen");
	peer->accept = (struct loop_op){.on_done = on_accept, .arg = peer};
	must(loop_accept(loop, &peer->accept, peer->listen_fd) == 0, "accept");
	snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%u", peer_port(peer));
}

uint16_t peer_port(const struct h2_peer *peer)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	must(getsockname(peer->listen_fd, (struct sockaddr *)&addr, &len) == 0, "getsockname");
	return ntohs(addr.sin_port);
}

void peer_cut(struct h2_peer *peer)
{
	for (uint32_t i = 0; i < peer->accepted; i++)
		conn_close(&peer->conns[i]);
}

void peer_stop(struct h2_peer *peer)
{
	peer_cut(peer);
	loop_cancel(peer->loop, &peer->accept);
	close(peer->listen_fd);
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t size,
		       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct peer_stream *stream = source->ptr;
	size_t left = stream->out_len - stream->out_sent;

	(void)session;
	(void)id;
	(void)arg;
	if (left == 0 && !stream->out_ends)
		return NGHTTP2_ERR_DEFERRED;
	if (size >= left) {
		size = left;
		*flags |= stream->out_ends ? NGHTTP2_DATA_FLAG_EOF : 0;
	}
	if (size)
		memcpy(buffer, stream->out + stream->out_sent, size);
	stream->out_sent += size;
	return (ssize_t)size;
}

/* From outside of nghttp2's callbacks; within them on_readable sends. */
static void conn_send(struct peer_conn *conn)
{
	nghttp2_session_send(conn->session);
}

void peer_respond(struct peer_stream *stream, int status, bool ends)
{
	nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = on_read};
	char text[8];
	nghttp2_nv head[] = {
		{(uint8_t *)":status", (uint8_t *)text, 7, 3, NGHTTP2_NV_FLAG_NONE},
		{(uint8_t *)"content-type", (uint8_t *)"text/x", 12, 6, NGHTTP2_NV_FLAG_NONE},
	};

	snprintf(text, sizeof(text), "%d", status);
	must(nghttp2_submit_response(stream->conn->session, stream->id, head, 2,
				     ends ? NULL : &provider) == 0,
	     "respond");
}

void peer_push(struct peer_stream *stream, const void *data, size_t len, bool ends)
{
	struct peer_conn *conn = stream->conn;

	stream->out = realloc(stream->out, stream->out_len + len + 1);
	must(stream->out, "memory");
	memcpy(stream->out + stream->out_len, data, len);
	stream->out_len += len;
	stream->out_ends = ends;
	nghttp2_session_resume_data(conn->session, stream->id);
	conn_send(conn);
}

void peer_reset(struct peer_stream *stream, uint32_t code)
{
	nghttp2_submit_rst_stream(stream->conn->session, NGHTTP2_FLAG_NONE, stream->id, code);
	conn_send(stream->conn);
}

void peer_goaway(struct peer_conn *conn, int32_t last_stream)
{
	nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, last_stream, NGHTTP2_NO_ERROR, NULL,
			      0);
	conn_send(conn);
}
