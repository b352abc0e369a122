#include "control/io/h2_server_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCEPT_AGAIN_NS 100000000ull

static void on_accept_again(struct loop_timer *timer, void *arg);

struct h2_server *h2_server_create(struct loop *loop, const struct h2_server_handler *handler)
{
	struct h2_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->loop = loop;
	server->handler = *handler;
	server->conns_max = H2_CONNS_DEFAULT;
	h2_memory_init(&server->memory, H2_CONNS_DEFAULT, sizeof(struct h2_conn));
	server->accept_timer = (struct loop_timer){.on_expire = on_accept_again, .arg = server};
	h2_queue_init(server);
	if (h2_session_callbacks_create(&server->callbacks)) {
		h2_memory_free(&server->memory);
		free(server);
		errno = ENOMEM;
		return NULL;
	}
	return server;
}

/* A peer that vanished without a word must not keep its stream for hours. */
static void set_socket_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},	 {SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 10}, {IPPROTO_TCP, TCP_KEEPINTVL, 5},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},	 {IPPROTO_TCP, TCP_USER_TIMEOUT, 20000},
	};

	/* They fail on unix sockets, where the kernel knows the peer's fate anyway. */
	for (unsigned int i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static void on_accept(struct loop_op *op, int result, void *arg)
{
	struct h2_listener *listener = arg;
	struct h2_server *server = listener->server;

	(void)op;
	if (result < 0) {
		/* Out of descriptors, or a peer that left the queue: try again a little later. */
		bool has_room =
			(result == -EMFILE || result == -ENFILE) && h2_limits_make_room(server);

		loop_timer_set(server->loop, &server->accept_timer,
			       loop_now_ns(server->loop) + (has_room ? 0 : ACCEPT_AGAIN_NS));
		return;
	}
	if (server->is_draining ||
	    (server->conn_count >= server->conns_max && !h2_limits_make_room(server))) {
		close(result);
		return;
	}
	server->counters.conns_accepted++;
	set_socket_options(result);
	h2_conn_open(server, result, listener->is_tls);
}

void h2_server_set_conns_max(struct h2_server *server, uint32_t max)
{
	server->conns_max = max;
	h2_memory_free(&server->memory);
	h2_memory_init(&server->memory, max, sizeof(struct h2_conn));
}

void h2_server_set_access(struct h2_server *server, struct access *access)
{
	server->access = access;
}

uint32_t h2_server_end_revoked(struct h2_server *server)
{
	uint32_t count = 0;

	if (!access_has_crl(server->access))
		return 0;
	for (struct h2_conn *conn = server->conns; conn; conn = conn->next) {
		bool is_secured = conn->tls && tls_stream_is_secured(conn->tls);

		if (!conn->tls || (is_secured && !access_revokes(server->access, conn->tls)))
			continue;
		count += is_secured;
		h2_conn_doom(conn);
	}
	return count;
}

static int listen_on(struct h2_server *server, int fd, bool is_tls)
{
	struct h2_listener *listener;
	int ret;

	if (server->listener_count == H2_LISTENERS_MAX)
		return -ENOSPC;
	listener = &server->listeners[server->listener_count];
	*listener = (struct h2_listener){
		.server = server,
		.op = {.on_done = on_accept, .arg = listener},
		.fd = fd,
		.is_tls = is_tls,
	};
	ret = loop_accept(server->loop, &listener->op, fd);
	if (!ret)
		server->listener_count++;
	return ret;
}

int h2_server_listen(struct h2_server *server, int fd)
{
	return listen_on(server, fd, false);
}

int h2_server_listen_tls(struct h2_server *server, int fd)
{
	return access_has_tls(server->access) ? listen_on(server, fd, true) : -EINVAL;
}

static void on_accept_again(struct loop_timer *timer, void *arg)
{
	struct h2_server *server = arg;

	for (uint32_t i = 0; i < server->listener_count; i++) {
		struct h2_listener *listener = &server->listeners[i];

		if (loop_op_is_pending(&listener->op) ||
		    !loop_accept(server->loop, &listener->op, listener->fd))
			continue;
		loop_timer_set(server->loop, timer, loop_now_ns(server->loop) + ACCEPT_AGAIN_NS);
	}
}

static void close_listeners(struct h2_server *server)
{
	loop_timer_cancel(server->loop, &server->accept_timer);
	for (uint32_t i = 0; i < server->listener_count; i++) {
		loop_cancel(server->loop, &server->listeners[i].op);
		close(server->listeners[i].fd);
	}
	server->listener_count = 0;
}

static void on_drained_timer(struct loop_timer *timer, void *arg)
{
	struct h2_server *server = arg;

	(void)timer;
	if (server->on_drained)
		server->on_drained(server->on_drained_arg);
}

static void check_drained(struct h2_server *server)
{
	if (server->is_draining && !server->conn_count)
		loop_timer_set(server->loop, &server->drained_timer, loop_now_ns(server->loop));
}

void h2_server_conn_closed(struct h2_server *server)
{
	server->conn_count--;
	check_drained(server);
}

void h2_server_drain(struct h2_server *server, void (*on_drained)(void *arg), void *arg)
{
	if (server->is_draining)
		return;
	server->is_draining = true;
	server->drain_ns = loop_now_ns(server->loop);
	server->on_drained = on_drained;
	server->on_drained_arg = arg;
	server->drained_timer.on_expire = on_drained_timer;
	server->drained_timer.arg = server;
	close_listeners(server);
	for (struct h2_conn *conn = server->conns; conn; conn = conn->next)
		h2_conn_goaway(conn, NGHTTP2_NO_ERROR);
	check_drained(server);
}

void h2_server_destroy(struct h2_server *server)
{
	if (!server)
		return;
	close_listeners(server);
	while (server->conns)
		h2_conn_close(server->conns);
	loop_timer_cancel(server->loop, &server->drained_timer);
	loop_timer_cancel(server->loop, &server->turn_timer);
	nghttp2_session_callbacks_del(server->callbacks);
	h2_memory_free(&server->memory);
	free(server);
}
