#include "control/io/h2_server_internal.h"

#define NS_PER_MS 1000000ull
/* Of one turn of the loop, for all connections; then signals, timers and sockets have theirs. */
#define TURN_NS (2 * NS_PER_MS)
/* Of one connection before the next: a list of hundreds of objects is not cut, but it is the last.
 */
#define SHARE_NS (NS_PER_MS / 4)
/* Into the drain: what has not begun by then is refused, so that its client may try elsewhere. */
#define LAST_CALL_NS (800 * NS_PER_MS)

static bool may_run(const struct h2_conn *conn)
{
	return conn->ready_first && !conn->is_doomed && !conn->is_ending &&
	       conn->whole_bytes < H2_WHOLE_MAX;
}

static void turn_leave(struct h2_conn *conn)
{
	struct h2_server *server = conn->server;

	if (!conn->is_in_turn)
		return;
	conn->is_in_turn = false;
	if (conn->turn_prev)
		conn->turn_prev->turn_next = conn->turn_next;
	else
		server->turn_first = conn->turn_next;
	if (conn->turn_next)
		conn->turn_next->turn_prev = conn->turn_prev;
	else
		server->turn_last = conn->turn_prev;
}

static void turn_join(struct h2_conn *conn)
{
	struct h2_server *server = conn->server;

	conn->is_in_turn = true;
	conn->turn_next = NULL;
	conn->turn_prev = server->turn_last;
	if (conn->turn_prev)
		conn->turn_prev->turn_next = conn;
	else
		server->turn_first = conn;
	server->turn_last = conn;
}

static void turn_soon(struct h2_server *server)
{
	if (!server->turn_timer.heap_index)
		loop_timer_set(server->loop, &server->turn_timer, loop_now_ns(server->loop));
}

void h2_queue_wake(struct h2_conn *conn)
{
	if (conn->is_in_turn || !may_run(conn))
		return;
	turn_join(conn);
	turn_soon(conn->server);
}

void h2_queue_add(struct h2_exchange *ex)
{
	struct h2_conn *conn = ex->conn;

	ex->is_ready = true;
	ex->ready_prev = conn->ready_last;
	if (ex->ready_prev)
		ex->ready_prev->ready_next = ex;
	else
		conn->ready_first = ex;
	conn->ready_last = ex;
	h2_queue_wake(conn);
}

void h2_queue_remove(struct h2_exchange *ex)
{
	struct h2_conn *conn = ex->conn;

	if (!ex->is_ready)
		return;
	ex->is_ready = false;
	if (ex->ready_prev)
		ex->ready_prev->ready_next = ex->ready_next;
	else
		conn->ready_first = ex->ready_next;
	if (ex->ready_next)
		ex->ready_next->ready_prev = ex->ready_prev;
	else
		conn->ready_last = ex->ready_prev;
}

void h2_queue_forget(struct h2_conn *conn)
{
	turn_leave(conn);
}

static void run(struct h2_exchange *ex, uint64_t now_ns)
{
	struct h2_server *server = ex->conn->server;

	h2_queue_remove(ex);
	if (server->is_draining && now_ns - server->drain_ns > LAST_CALL_NS) {
		nghttp2_submit_rst_stream(ex->conn->session, NGHTTP2_FLAG_NONE, ex->stream_id,
					  NGHTTP2_REFUSED_STREAM);
		return;
	}
	server->handler.on_request(ex, server->handler.arg);
	if (ex->has_response)
		h2_exchange_body_drop(ex);
}

/* Sends once for all that it runs: nothing goes out, and no stream ends, while it is busy. */
static uint64_t run_share(struct h2_conn *conn, uint64_t now_ns)
{
	uint64_t until_ns = now_ns + SHARE_NS;

	conn->is_busy = true;
	do {
		run(conn->ready_first, now_ns);
		now_ns = loop_now_ns(conn->server->loop);
	} while (may_run(conn) && now_ns < until_ns);
	conn->is_busy = false;
	h2_conn_flush(conn);
	return now_ns;
}

static void on_turn(struct loop_timer *timer, void *arg)
{
	struct h2_server *server = arg;
	uint64_t now_ns = loop_now_ns(server->loop);
	uint64_t until_ns = now_ns + TURN_NS;

	(void)timer;
	while (server->turn_first && now_ns < until_ns) {
		struct h2_conn *conn = server->turn_first;

		turn_leave(conn);
		if (!may_run(conn))
			continue;
		now_ns = run_share(conn, now_ns);
		if (may_run(conn) && !conn->is_in_turn)
			turn_join(conn);
	}
	if (server->turn_first)
		turn_soon(server);
}

void h2_queue_init(struct h2_server *server)
{
	server->turn_timer = (struct loop_timer){.on_expire = on_turn, .arg = server};
}
