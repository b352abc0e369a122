#include "control/io/h2_server_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_S	  1000000000ull
#define CHECK_NS	  (2 * NS_PER_S)
#define FIRST_REQUEST_NS  (15 * NS_PER_S)
#define SLOW_REQUEST_NS	  (60 * NS_PER_S)
#define IDLE_NS		  (300 * NS_PER_S)
#define STALLED_NS	  (60 * NS_PER_S)
#define REFUSED_LINGER_NS NS_PER_S
/* The largest frame we send: DATA of 16 KiB, or one block of response headers. */
#define H2_FRAME_ROOM (17u << 10)

static const char refusal_body[] =
	"{\"type\":\"about:blank\",\"title\":\"HTTP Version Not Supported\",\"status\":505,"
	"\"code\":\"http2-required\",\"retryable\":false,\"detail\":\"this server speaks HTTP/2 only; "
	"use prior knowledge, e.g. curl --http2-prior-knowledge\"}\n";

static void on_recv(struct loop_op *op, int result, void *arg);
static void on_sent(struct loop_op *op, int result, void *arg);

static void start_recv(struct h2_conn *conn)
{
	if (loop_recv(conn->server->loop, &conn->recv_op, conn->fd, conn->recv_buffer,
		      sizeof(conn->recv_buffer)))
		h2_conn_doom(conn);
}

static void start_send(struct h2_conn *conn)
{
	if (loop_send(conn->server->loop, &conn->send_op, conn->fd,
		      conn->send_buffer + conn->send_first, conn->send_len))
		h2_conn_doom(conn);
}

void h2_conn_doom(struct h2_conn *conn)
{
	conn->is_doomed = true;
	loop_timer_set(conn->server->loop, &conn->timer, loop_now_ns(conn->server->loop));
}

void h2_conn_close(struct h2_conn *conn)
{
	struct h2_server *server = conn->server;

	loop_timer_cancel(server->loop, &conn->timer);
	loop_cancel(server->loop, &conn->recv_op);
	loop_cancel(server->loop, &conn->send_op);
	while (conn->exchanges)
		h2_exchange_close(conn->exchanges);
	loop_timer_cancel(server->loop, &conn->timer);
	nghttp2_session_del(conn->session);
	close(conn->fd);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		server->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	free(conn);
	h2_server_conn_closed(server);
}

/* One frame at most comes out of the session at a time; there is always room for the next. */
static int fill_send_buffer(struct h2_conn *conn)
{
	while (sizeof(conn->send_buffer) - conn->send_len >= H2_FRAME_ROOM) {
		const uint8_t *data;
		ssize_t len = nghttp2_session_mem_send(conn->session, &data);

		if (len <= 0)
			return (int)len;
		if ((size_t)len > sizeof(conn->send_buffer) - conn->send_len)
			return NGHTTP2_ERR_BUFFER_ERROR;
		memcpy(conn->send_buffer + conn->send_len, data, (size_t)len);
		conn->send_len += (uint32_t)len;
	}
	return 0;
}

static bool is_over(const struct h2_conn *conn)
{
	return conn->phase == H2_CONN_OPEN && !conn->send_len &&
	       !nghttp2_session_want_read(conn->session) &&
	       !nghttp2_session_want_write(conn->session);
}

void h2_conn_flush(struct h2_conn *conn)
{
	int ret;

	if (conn->phase != H2_CONN_OPEN || conn->is_busy || conn->is_doomed || conn->send_len)
		return;
	conn->is_busy = true;
	ret = fill_send_buffer(conn);
	conn->is_busy = false;
	if (ret < 0 || is_over(conn)) {
		h2_conn_doom(conn);
		return;
	}
	if (conn->send_len) {
		conn->written_ns = loop_now_ns(conn->server->loop);
		start_send(conn);
	}
}

static void on_sent(struct loop_op *op, int result, void *arg)
{
	struct h2_conn *conn = arg;

	(void)op;
	if (result <= 0) {
		h2_conn_close(conn);
		return;
	}
	conn->written_ns = loop_now_ns(conn->server->loop);
	conn->send_first += (uint32_t)result;
	conn->send_len -= (uint32_t)result;
	if (conn->send_len) {
		start_send(conn);
		return;
	}
	conn->send_first = 0;
	if (conn->phase == H2_CONN_REFUSED) {
		/* Closing with unread bytes would reset the connection and eat the answer. */
		shutdown(conn->fd, SHUT_WR);
		return;
	}
	h2_conn_flush(conn);
}

static void refuse_http1(struct h2_conn *conn)
{
	conn->phase = H2_CONN_REFUSED;
	conn->send_len = (uint32_t)snprintf((char *)conn->send_buffer, sizeof(conn->send_buffer),
					    "HTTP/1.1 505 HTTP Version Not Supported\r\n"
					    "content-type: application/problem+json\r\n"
					    "connection: close\r\ncontent-length: %zu\r\n\r\n%s",
					    sizeof(refusal_body) - 1, refusal_body);
	start_send(conn);
	loop_timer_set(conn->server->loop, &conn->timer,
		       loop_now_ns(conn->server->loop) + REFUSED_LINGER_NS);
}

static void session_input(struct h2_conn *conn, const uint8_t *data, size_t len)
{
	ssize_t taken;

	conn->is_busy = true;
	taken = nghttp2_session_mem_recv(conn->session, data, len);
	conn->is_busy = false;
	if (taken < 0)
		h2_conn_doom(conn);
	else
		h2_conn_flush(conn);
}

/* Compares the first bytes with the client's magic; hands them on when they are all there. */
static void preface_input(struct h2_conn *conn, const uint8_t *data, size_t len)
{
	static const char magic[] = NGHTTP2_CLIENT_MAGIC;
	size_t wanted = sizeof(conn->preface) - conn->preface_len;
	size_t part = len < wanted ? len : wanted;

	memcpy(conn->preface + conn->preface_len, data, part);
	conn->preface_len += (uint32_t)part;
	if (memcmp(conn->preface, magic, conn->preface_len) != 0) {
		refuse_http1(conn);
		return;
	}
	if (conn->preface_len < sizeof(conn->preface))
		return;
	if (h2_session_open(conn)) {
		h2_conn_doom(conn);
		return;
	}
	conn->phase = H2_CONN_OPEN;
	session_input(conn, conn->preface, conn->preface_len);
	if (part < len)
		session_input(conn, data + part, len - part);
}

static void on_recv(struct loop_op *op, int result, void *arg)
{
	struct h2_conn *conn = arg;

	(void)op;
	if (result <= 0) {
		h2_conn_close(conn);
		return;
	}
	if (conn->phase == H2_CONN_OPEN)
		session_input(conn, conn->recv_buffer, (size_t)result);
	else if (conn->phase == H2_CONN_PREFACE)
		preface_input(conn, conn->recv_buffer, (size_t)result);
	start_recv(conn);
}

void h2_conn_goaway(struct h2_conn *conn, uint32_t error)
{
	int32_t last;

	if (conn->phase != H2_CONN_OPEN) {
		h2_conn_doom(conn);
		return;
	}
	last = nghttp2_session_get_last_proc_stream_id(conn->session);
	if (nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, last, error, NULL, 0))
		h2_conn_doom(conn);
	h2_conn_flush(conn);
}

/* Half a request, or a whole response that the client's window never lets out. */
static bool is_stuck(const struct h2_exchange *ex, uint64_t now_ns)
{
	if (!ex->is_complete)
		return now_ns - ex->begun_ns > SLOW_REQUEST_NS;
	return ex->is_ended && ex->out_len && now_ns - ex->moved_ns > STALLED_NS;
}

static void reset_stuck(struct h2_conn *conn, uint64_t now_ns)
{
	for (struct h2_exchange *ex = conn->exchanges; ex; ex = ex->next) {
		if (is_stuck(ex, now_ns))
			nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, ex->stream_id,
						  NGHTTP2_CANCEL);
	}
}

static bool is_useless(const struct h2_conn *conn, uint64_t now_ns)
{
	if (conn->is_doomed || conn->phase == H2_CONN_REFUSED)
		return true;
	if (!conn->has_request && now_ns - conn->opened_ns > FIRST_REQUEST_NS)
		return true;
	return conn->send_len && now_ns - conn->written_ns > STALLED_NS;
}

static void on_check(struct loop_timer *timer, void *arg)
{
	struct h2_conn *conn = arg;
	uint64_t now_ns = loop_now_ns(conn->server->loop);

	if (is_useless(conn, now_ns)) {
		h2_conn_close(conn);
		return;
	}
	loop_timer_set(conn->server->loop, timer, now_ns + CHECK_NS);
	if (conn->phase != H2_CONN_OPEN)
		return;
	reset_stuck(conn, now_ns);
	conn->resets -= conn->resets < H2_RESETS_DECAY ? conn->resets : H2_RESETS_DECAY;
	if (!conn->exchanges && now_ns - conn->active_ns > IDLE_NS)
		h2_conn_goaway(conn, NGHTTP2_NO_ERROR);
	h2_conn_flush(conn);
}

void h2_conn_open(struct h2_server *server, int fd)
{
	struct h2_conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return;
	}
	conn->server = server;
	conn->fd = fd;
	conn->recv_op = (struct loop_op){.on_done = on_recv, .arg = conn};
	conn->send_op = (struct loop_op){.on_done = on_sent, .arg = conn};
	conn->timer = (struct loop_timer){.on_expire = on_check, .arg = conn};
	conn->opened_ns = conn->active_ns = loop_now_ns(server->loop);
	conn->next = server->conns;
	if (conn->next)
		conn->next->prev = conn;
	server->conns = conn;
	server->conn_count++;
	loop_timer_set(server->loop, &conn->timer, conn->opened_ns + CHECK_NS);
	start_recv(conn);
}
