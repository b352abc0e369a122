#include "control/io/h2_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/io/h2_client_internal.h"

#define CONNECT_TIMEOUT_NS (5ull * 1000 * 1000 * 1000)
#define TX_BYTES_MIN	   65536

static void client_connect(struct h2_client *client);

/* What a connection holds; the requests stay. */
static void connection_close(struct h2_client *client)
{
	loop_cancel(client->loop, &client->connect_op);
	loop_cancel(client->loop, &client->recv_op);
	loop_cancel(client->loop, &client->send_op);
	loop_timer_cancel(client->loop, &client->connect_timer);
	loop_timer_cancel(client->loop, &client->keepalive_timer);
	loop_timer_cancel(client->loop, &client->wake_timer);
	h2_client_tls_end(client);
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->connecting = false;
	client->ready = false;
	client->pinged = false;
	client->wake_error = 0;
	client->tx_len = 0;
	client->tx_sent = 0;
}

static void client_free(struct h2_client *client)
{
	nghttp2_session_del(client->session);
	h2_client_tls_free(client);
	free(client->tx);
	free(client);
}

void h2_client_enter(struct h2_client *client)
{
	client->depth++;
}

bool h2_client_leave(struct h2_client *client)
{
	if (--client->depth > 0 || !client->destroyed)
		return true;
	client_free(client);
	return false;
}

void h2_client_wake(struct h2_client *client)
{
	loop_timer_set(client->loop, &client->wake_timer, loop_now_ns(client->loop));
}

static struct h2_request *request_of(struct h2_client *client, uint32_t connection)
{
	struct h2_request *request = client->requests;

	while (request && request->connection != connection)
		request = request->next;
	return request;
}

/*
 * The connection is over. All is ready for the next one before the first owner hears of it, as
 * owners may ask anew at once. Never from within nghttp2. Returns false when an owner destroyed the
 * client.
 */
static bool client_lose(struct h2_client *client, int error)
{
	uint32_t connection = client->connection++;
	struct h2_request *request;

	connection_close(client);
	nghttp2_session_del(client->session);
	client->session = NULL;
	h2_client_enter(client);
	while (!client->destroyed && (request = request_of(client, connection)))
		h2_request_close(request, error);
	return h2_client_leave(client);
}

static int tx_append(struct h2_client *client, const uint8_t *data, size_t len)
{
	if (client->tx_len + len > client->tx_capacity) {
		size_t capacity = client->tx_len + len + TX_BYTES_MIN;
		uint8_t *tx = realloc(client->tx, capacity);

		if (!tx)
			return -ENOMEM;
		client->tx = tx;
		client->tx_capacity = capacity;
	}
	memcpy(client->tx + client->tx_len, data, len);
	client->tx_len += len;
	return 0;
}

/* Takes from nghttp2 what it has to send, about one buffer full. 0 or -errno. */
static int tx_fill(struct h2_client *client)
{
	bool is_open = !client->tls || tls_stream_is_secured(client->tls);

	client->tx_len = 0;
	client->tx_sent = 0;
	while (is_open && client->tx_len < TX_BYTES_MIN) {
		const uint8_t *data;
		ssize_t len = nghttp2_session_mem_send(client->session, &data);

		if (len < 0)
			return -EPROTO;
		if (len == 0)
			break;
		if (tx_append(client, data, (size_t)len))
			return -ENOMEM;
	}
	return client->tls ? h2_client_tls_seal(client) : 0;
}

static int tx_submit(struct h2_client *client)
{
	return loop_send(client->loop, &client->send_op, client->fd, client->tx + client->tx_sent,
			 (uint32_t)(client->tx_len - client->tx_sent));
}

static bool session_is_over(struct h2_client *client)
{
	return !nghttp2_session_want_read(client->session) &&
	       !nghttp2_session_want_write(client->session);
}

static void client_flush(struct h2_client *client)
{
	int error;

	if (client->fd < 0 || client->connecting || loop_op_is_pending(&client->send_op))
		return;
	h2_client_enter(client);
	error = tx_fill(client);
	if (!h2_client_leave(client))
		return;
	if (!error && client->tx_len > 0)
		error = tx_submit(client);
	else if (!error && session_is_over(client))
		error = client->ready ? -ECONNRESET : -EPROTO;
	if (error)
		client_lose(client, error);
}

static void on_sent(struct loop_op *op, int result, void *arg)
{
	struct h2_client *client = arg;
	int error = 0;

	(void)op;
	if (result <= 0) {
		client_lose(client, -ECONNRESET);
		return;
	}
	client->tx_sent += (size_t)result;
	if (client->tx_sent < client->tx_len)
		error = tx_submit(client);
	else
		client_flush(client);
	if (error)
		client_lose(client, error);
}

/* Call between enter and leave. 0 or -errno. */
static int rx_take(struct h2_client *client, size_t len)
{
	if (client->tls)
		return h2_client_tls_input(client, client->rx, len);
	return nghttp2_session_mem_recv(client->session, client->rx, len) < 0 ? -EPROTO : 0;
}

static int rx_submit(struct h2_client *client)
{
	return loop_recv(client->loop, &client->recv_op, client->fd, client->rx,
			 sizeof(client->rx));
}

static void on_received(struct loop_op *op, int result, void *arg)
{
	struct h2_client *client = arg;
	int error;

	(void)op;
	if (result <= 0) {
		client_lose(client, -ECONNRESET);
		return;
	}
	client->last_rx_ns = loop_now_ns(client->loop);
	client->pinged = false;
	h2_client_enter(client);
	error = rx_take(client, (size_t)result);
	if (!h2_client_leave(client))
		return;
	if (!error)
		error = rx_submit(client);
	if (error)
		client_lose(client, error);
	else
		client_flush(client);
}

static void on_connect_timeout(struct loop_timer *timer, void *arg)
{
	(void)timer;
	client_lose(arg, -ETIMEDOUT);
}

static void on_keepalive(struct loop_timer *timer, void *arg)
{
	struct h2_client *client = arg;
	uint64_t silence_ns = loop_now_ns(client->loop) - client->last_rx_ns;
	uint64_t next_ns = client->last_rx_ns + client->interval_ns;

	if (!client->requests || !client->interval_ns)
		return; /* the next request arms it again */
	if (client->pinged && silence_ns >= client->interval_ns + client->timeout_ns) {
		client_lose(client, -ECONNRESET);
		return;
	}
	if (silence_ns >= client->interval_ns) {
		client->pinged = true;
		nghttp2_submit_ping(client->session, NGHTTP2_FLAG_NONE, NULL);
		next_ns += client->timeout_ns;
	}
	loop_timer_set(client->loop, timer, next_ns);
	client_flush(client);
}

static void on_wake(struct loop_timer *timer, void *arg)
{
	struct h2_client *client = arg;

	(void)timer;
	if (client->wake_error) {
		client_lose(client, client->wake_error);
		return;
	}
	if (client->ready && client->interval_ns && !client->keepalive_timer.heap_index)
		loop_timer_set(client->loop, &client->keepalive_timer,
			       client->last_rx_ns + client->interval_ns);
	client_flush(client);
}

/* This address does not answer: the next one, or the end. */
static void connect_failed(struct h2_client *client, int error)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->address++;
	if (client->address < client->address_count) {
		client_connect(client);
		return;
	}
	client->wake_error = error;
	h2_client_wake(client);
}

static void on_connected(struct loop_op *op, int result, void *arg)
{
	struct h2_client *client = arg;
	int one = 1;
	int error;

	(void)op;
	if (result < 0) {
		connect_failed(client, result);
		return;
	}
	client->connecting = false;
	client->last_rx_ns = loop_now_ns(client->loop);
	if (!client->url.is_unix)
		setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	error = h2_client_tls_begin(client);
	if (!error && client->tls)
		(void)tls_stream_read(client->tls, NULL, 0); /* begins the handshake */
	if (!error)
		error = rx_submit(client);
	if (error)
		client_lose(client, error);
	else
		h2_client_wake(client);
}

static void client_connect(struct h2_client *client)
{
	const struct h2_address *to = &client->addresses[client->address];
	int error;

	client->fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		connect_failed(client, -errno);
		return;
	}
	error = loop_connect(client->loop, &client->connect_op, client->fd,
			     (const struct sockaddr *)&to->addr, to->len);
	if (error)
		connect_failed(client, error);
}

int h2_client_start(struct h2_client *client)
{
	if (client->session)
		return 0;
	client->session = h2_request_session(client);
	if (!client->session)
		return -ENOMEM;
	client->address = 0;
	client->connecting = true;
	loop_timer_set(client->loop, &client->connect_timer,
		       loop_now_ns(client->loop) + client->connect_timeout_ns);
	client_connect(client);
	return 0;
}

static void client_init(struct h2_client *client, struct loop *loop)
{
	client->loop = loop;
	client->fd = -1;
	client->connection = 1;
	client->connect_timeout_ns = CONNECT_TIMEOUT_NS;
	client->connect_op = (struct loop_op){.on_done = on_connected, .arg = client};
	client->recv_op = (struct loop_op){.on_done = on_received, .arg = client};
	client->send_op = (struct loop_op){.on_done = on_sent, .arg = client};
	client->connect_timer = (struct loop_timer){.on_expire = on_connect_timeout, .arg = client};
	client->keepalive_timer = (struct loop_timer){.on_expire = on_keepalive, .arg = client};
	client->wake_timer = (struct loop_timer){.on_expire = on_wake, .arg = client};
}

struct h2_client *h2_client_create(struct loop *loop, const char *url)
{
	struct h2_client *client = calloc(1, sizeof(*client));
	int err;

	if (!client) {
		errno = ENOMEM;
		return NULL;
	}
	client_init(client, loop);
	err = url_parse(url, &client->url);
	if (!err)
		err = h2_client_resolve(client);
	if (err) {
		client_free(client);
		errno = -err;
		return NULL;
	}
	return client;
}

void h2_client_destroy(struct h2_client *client)
{
	if (!client || client->destroyed)
		return;
	connection_close(client);
	while (client->requests)
		h2_request_free(client->requests);
	client->destroyed = true;
	if (client->depth == 0)
		client_free(client);
}

void h2_client_set_keepalive(struct h2_client *client, uint64_t interval_ns, uint64_t timeout_ns)
{
	client->interval_ns = interval_ns;
	client->timeout_ns = timeout_ns;
	loop_timer_cancel(client->loop, &client->keepalive_timer);
	if (client->ready)
		h2_client_wake(client);
}

void h2_client_set_connect_timeout(struct h2_client *client, uint64_t timeout_ns)
{
	client->connect_timeout_ns = timeout_ns;
}

bool h2_client_is_connected(const struct h2_client *client)
{
	return client->ready;
}

void h2_client_reset(struct h2_client *client)
{
	if (!client->session)
		return;
	client->wake_error = -ECONNRESET;
	h2_client_wake(client);
}
