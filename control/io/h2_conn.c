#include "control/io/h2_server_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_S	 1000000000ull
#define FIRST_REQUEST_NS (15 * NS_PER_S)
#define IDLE_NS		 (300 * NS_PER_S)
#define STALLED_NS	 (60 * NS_PER_S)
/* The largest frame we send: DATA of 16 KiB, or one block of response headers. */
#define H2_FRAME_ROOM (17u << 10)
/* Frames that TLS seals in one go: they fit the send buffer with all that TLS adds. */
#define H2_SEALED_BYTES (2 * H2_FRAME_ROOM)

static void on_recv(struct loop_op *op, int result, void *arg);
static void on_sent(struct loop_op *op, int result, void *arg);

static void start_recv(struct h2_conn *conn)
{
	if (loop_recv(conn->server->loop, &conn->recv_op, conn->fd, conn->recv_buffer,
		      sizeof(conn->recv_buffer)))
		h2_conn_doom(conn);
}

/* A client that does not take the answers to its frames is not read on. */
static void receive_on(struct h2_conn *conn)
{
	if (!loop_op_is_pending(&conn->recv_op) && !conn->is_doomed && !h2_limits_is_choked(conn))
		start_recv(conn);
}

void h2_conn_send(struct h2_conn *conn)
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

/* Without it the other end could not tell an end from a cut. Where the socket takes it at once. */
static void say_goodbye(struct h2_conn *conn)
{
	size_t len;

	if (!conn->tls || conn->send_len)
		return;
	tls_stream_shut(conn->tls);
	len = tls_stream_get(conn->tls, conn->send_buffer, sizeof(conn->send_buffer));
	if (len)
		(void)!send(conn->fd, conn->send_buffer, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void h2_conn_close(struct h2_conn *conn)
{
	struct h2_server *server = conn->server;

	loop_timer_cancel(server->loop, &conn->timer);
	loop_cancel(server->loop, &conn->recv_op);
	loop_cancel(server->loop, &conn->send_op);
	while (conn->exchanges)
		h2_exchange_close(conn->exchanges);
	h2_queue_forget(conn);
	loop_timer_cancel(server->loop, &conn->timer);
	nghttp2_session_del(conn->session);
	say_goodbye(conn);
	tls_stream_free(conn->tls);
	close(conn->fd);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		server->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	h2_memory_give_conn(&server->memory, conn);
	h2_server_conn_closed(server);
}

/* One frame at most comes out of the session at a time; there is always room for the next. */
static int fill_frames(struct h2_conn *conn, uint8_t *buffer, uint32_t size, uint32_t *filled)
{
	while (size - *filled >= H2_FRAME_ROOM) {
		const uint8_t *data;
		ssize_t len = nghttp2_session_mem_send(conn->session, &data);

		if (len <= 0)
			return (int)len;
		if ((size_t)len > size - *filled)
			return NGHTTP2_ERR_BUFFER_ERROR;
		memcpy(buffer + *filled, data, (size_t)len);
		*filled += (uint32_t)len;
	}
	return 0;
}

/* What TLS has to say itself, and frames once it is through with that. */
static int fill_sealed(struct h2_conn *conn)
{
	uint8_t frames[H2_SEALED_BYTES];
	uint32_t len = 0;
	int ret = 0;

	if (conn->phase == H2_CONN_OPEN)
		ret = fill_frames(conn, frames, sizeof(frames), &len);
	if (ret < 0 || tls_stream_write(conn->tls, frames, len))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	conn->send_len =
		(uint32_t)tls_stream_get(conn->tls, conn->send_buffer, sizeof(conn->send_buffer));
	return 0;
}

static int fill_send_buffer(struct h2_conn *conn)
{
	if (conn->tls)
		return fill_sealed(conn);
	return fill_frames(conn, conn->send_buffer, sizeof(conn->send_buffer), &conn->send_len);
}

static bool is_over(const struct h2_conn *conn)
{
	return conn->phase == H2_CONN_OPEN && !conn->send_len &&
	       !nghttp2_session_want_read(conn->session) &&
	       !nghttp2_session_want_write(conn->session);
}

/* Closing with unread bytes would reset the connection and eat the GOAWAY. */
static void linger(struct h2_conn *conn)
{
	conn->phase = H2_CONN_REFUSED;
	say_goodbye(conn);
	shutdown(conn->fd, SHUT_WR);
}

void h2_conn_flush(struct h2_conn *conn)
{
	int ret;

	if (conn->is_busy || conn->is_doomed || conn->send_len ||
	    (conn->phase != H2_CONN_OPEN && !conn->tls))
		return;
	conn->is_busy = true;
	ret = fill_send_buffer(conn);
	conn->is_busy = false;
	if (ret < 0 || (is_over(conn) && !conn->is_ending)) {
		h2_conn_doom(conn);
		return;
	}
	if (is_over(conn))
		linger(conn);
	if (conn->send_len) {
		conn->written_ns = loop_now_ns(conn->server->loop);
		h2_conn_send(conn);
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
		h2_conn_send(conn);
		return;
	}
	conn->send_first = 0;
	h2_conn_flush(conn);
	receive_on(conn);
	/* Closing with unread bytes would reset the connection and eat the answer. */
	if (conn->phase == H2_CONN_REFUSED && !conn->send_len)
		shutdown(conn->fd, SHUT_WR);
}

static void on_recv(struct loop_op *op, int result, void *arg)
{
	struct h2_conn *conn = arg;
	bool is_refused = conn->phase == H2_CONN_REFUSED;

	(void)op;
	if (result <= 0 || (is_refused && ++conn->lingered > H2_LINGER_RECVS)) {
		h2_conn_close(conn);
		return;
	}
	h2_input(conn, conn->recv_buffer, (size_t)result);
	receive_on(conn);
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

static bool is_useless(const struct h2_conn *conn, uint64_t now_ns)
{
	if (conn->is_doomed || conn->is_ending || conn->phase == H2_CONN_REFUSED)
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
	loop_timer_set(conn->server->loop, timer, now_ns + H2_CHECK_NS);
	if (conn->phase != H2_CONN_OPEN)
		return;
	h2_limits_check(conn, now_ns);
	if (!conn->exchanges && now_ns - conn->active_ns > IDLE_NS)
		h2_conn_goaway(conn, NGHTTP2_NO_ERROR);
	h2_conn_flush(conn);
}

static struct h2_conn *conn_create(struct h2_server *server, bool is_tls)
{
	struct h2_conn *conn = h2_memory_take_conn(&server->memory, sizeof(*conn));

	/* Not the buffers: pages of them that are never used take no memory. */
	if (conn)
		memset(conn, 0, offsetof(struct h2_conn, recv_buffer));
	if (!conn || !is_tls)
		return conn;
	conn->tls = access_tls(server->access);
	if (conn->tls)
		return conn;
	h2_memory_give_conn(&server->memory, conn);
	return NULL;
}

void h2_conn_open(struct h2_server *server, int fd, bool is_tls)
{
	struct h2_conn *conn = conn_create(server, is_tls);

	if (!conn) {
		close(fd);
		return;
	}
	conn->server = server;
	conn->fd = fd;
	conn->recv_op = (struct loop_op){.on_done = on_recv, .arg = conn};
	conn->send_op = (struct loop_op){.on_done = on_sent, .arg = conn};
	conn->timer = (struct loop_timer){.on_expire = on_check, .arg = conn};
	conn->opened_ns = conn->active_ns = conn->moved_ns = loop_now_ns(server->loop);
	conn->next = server->conns;
	if (conn->next)
		conn->next->prev = conn;
	server->conns = conn;
	server->conn_count++;
	loop_timer_set(server->loop, &conn->timer, conn->opened_ns + H2_CHECK_NS);
	start_recv(conn);
}

const struct identity *h2_exchange_identity(const struct h2_exchange *exchange)
{
	return &exchange->conn->identity;
}
