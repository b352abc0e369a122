#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/io/h2_client.h"
#include "tests/unit/control/h2_peer.h"

#define MS	  1000000ull
#define FOREVER	  (20000 * MS)
#define BIG_BYTES 300000

struct fixture {
	struct loop *loop;
	struct h2_peer peer;
	struct h2_client *client;
	struct peer_stream *stream; /* the last request */
	int requests;
};

/* What a request's owner heard. */
struct heard {
	struct fixture *fixture;
	struct h2_request *request;
	int headers, closes, status, error;
	size_t len;
	char data[64];
	bool destroys_on_data, destroys_on_close, repeats, cancels_on_headers;
	struct heard *cancels; /* on close */
};

static void echo(struct peer_stream *stream, void *arg)
{
	struct fixture *fixture = arg;

	fixture->requests++;
	fixture->stream = stream;
	if (strcmp(stream->path, "/echo") == 0) {
		peer_respond(stream, 200, false);
		peer_push(stream, stream->body ? stream->body : "", stream->body_len, true);
	} else if (strncmp(stream->path, "/status/", 8) == 0) {
		peer_respond(stream, atoi(stream->path + 8), true);
	} else if (strcmp(stream->path, "/stream") == 0) {
		peer_respond(stream, 200, false);
		peer_push(stream, "first", 5, false);
	} else if (strcmp(stream->path, "/reset") == 0) {
		peer_reset(stream, NGHTTP2_INTERNAL_ERROR);
	}
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->loop = loop_create();
	assert_non_null(fixture->loop);
	peer_start(&fixture->peer, fixture->loop, 0);
	fixture->peer.on_request = echo;
	fixture->peer.arg = fixture;
	fixture->client = h2_client_create(fixture->loop, fixture->peer.url);
	assert_non_null(fixture->client);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	h2_client_destroy(fixture->client);
	peer_stop(&fixture->peer);
	loop_destroy(fixture->loop);
	free(fixture);
	return 0;
}

static void on_headers(struct h2_request *request, int status, void *arg)
{
	struct heard *heard = arg;

	heard->headers++;
	heard->status = status;
	if (heard->cancels_on_headers)
		h2_request_cancel(request);
}

static void on_data(struct h2_request *request, const uint8_t *data, size_t len, void *arg)
{
	struct heard *heard = arg;

	(void)request;
	if (heard->len + len < sizeof(heard->data))
		memcpy(heard->data + heard->len, data, len);
	heard->len += len;
	if (heard->destroys_on_data) {
		h2_client_destroy(heard->fixture->client);
		heard->fixture->client = NULL;
	}
}

static void start(struct heard *heard, const char *path);

static void on_close(struct h2_request *request, int error, void *arg)
{
	struct heard *heard = arg;

	heard->closes++;
	heard->error = error;
	/* On itself it does nothing. */
	h2_request_cancel(request);
	if (heard->cancels)
		h2_request_cancel(heard->cancels->request);
	if (heard->repeats) {
		heard->repeats = false;
		start(heard, "/status/204");
	}
	if (heard->destroys_on_close) {
		h2_client_destroy(heard->fixture->client);
		heard->fixture->client = NULL;
	}
}

static struct h2_request_options options_for(struct heard *heard, const char *path)
{
	return (struct h2_request_options){
		.method = "GET",
		.path = path,
		.on_headers = on_headers,
		.on_data = on_data,
		.on_close = on_close,
		.arg = heard,
	};
}

static void start(struct heard *heard, const char *path)
{
	struct h2_request_options options = options_for(heard, path);

	heard->request = h2_client_request(heard->fixture->client, &options);
	assert_non_null(heard->request);
}

/* Turns the loop until *value is at least wanted; a test that waits in vain fails. */
static void turn_until(struct fixture *fixture, const int *value, int wanted)
{
	uint64_t end = loop_now_ns(fixture->loop) + FOREVER;

	while (*value < wanted) {
		assert_true(loop_now_ns(fixture->loop) < end);
		assert_int_equal(loop_turn(fixture->loop, 50 * MS), 0);
	}
}

static void turn_some(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_turn(fixture->loop, MS), 0);
}

static void request__status_and_body(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};
	struct h2_request_options options = options_for(&heard, "/echo");
	char body[] = "hello";

	options.method = "POST";
	options.body = body;
	options.body_len = 5;
	heard.request = h2_client_request(fixture->client, &options);
	memset(body, 'x', 5); /* it was copied */
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, 0);
	assert_int_equal(heard.status, 200);
	assert_int_equal(heard.headers, 1);
	assert_memory_equal(heard.data, "hello", 5);
	assert_true(h2_client_is_connected(fixture->client));
}

static void request__big_body(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};
	struct h2_request_options options = options_for(&heard, "/echo");
	char *body = calloc(1, BIG_BYTES);

	options.method = "POST";
	options.body = body;
	options.body_len = BIG_BYTES;
	heard.request = h2_client_request(fixture->client, &options);
	free(body);
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, 0);
	assert_int_equal(heard.len, BIG_BYTES);
}

static void request__many_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard[150] = {{0}};

	for (size_t i = 0; i < 150; i++) {
		heard[i].fixture = fixture;
		start(&heard[i], i % 2 ? "/status/204" : "/status/404");
	}
	for (size_t i = 0; i < 150; i++) {
		turn_until(fixture, &heard[i].closes, 1);
		assert_int_equal(heard[i].error, 0);
		assert_int_equal(heard[i].status, i % 2 ? 204 : 404);
	}
	assert_int_equal(fixture->peer.accepted, 1);
}

static void request__reset_by_server(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture}, next = {.fixture = fixture};

	start(&heard, "/reset");
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, -EPROTO);
	start(&next, "/status/200");
	turn_until(fixture, &next.closes, 1);
	assert_int_equal(next.error, 0);
	assert_int_equal(fixture->peer.accepted, 1);
}

static void request__timeout(void **state)
{
	struct fixture *fixture = *state;
	struct heard slow = {.fixture = fixture}, other = {.fixture = fixture};
	struct h2_request_options options = options_for(&slow, "/never");

	options.timeout_ns = 30 * MS;
	start(&other, "/stream");
	assert_non_null(h2_client_request(fixture->client, &options));
	turn_until(fixture, &slow.closes, 1);
	assert_int_equal(slow.error, -ETIMEDOUT);
	assert_int_equal(slow.headers, 0);
	/* The connection and its other streams live on. */
	assert_int_equal(other.closes, 0);
	turn_some(fixture); /* the peer hears of the reset: one stream is left there */
	peer_push(fixture->peer.conns[0].streams, "", 0, true);
	turn_until(fixture, &other.closes, 1);
	assert_int_equal(other.error, 0);
}

static void request__cancelled_is_silent(void **state)
{
	struct fixture *fixture = *state;
	struct heard early = {.fixture = fixture}, open = {.fixture = fixture};
	struct heard inside = {.fixture = fixture, .cancels_on_headers = true};
	struct heard last = {.fixture = fixture};

	start(&early, "/stream");
	h2_request_cancel(early.request); /* before it was sent */
	start(&open, "/stream");
	start(&inside, "/stream");
	turn_until(fixture, &open.headers, 1);
	turn_until(fixture, &inside.headers, 1);
	h2_request_cancel(open.request);
	start(&last, "/status/200");
	turn_until(fixture, &last.closes, 1);
	turn_some(fixture);
	assert_int_equal(early.headers + early.closes, 0);
	assert_int_equal(open.closes, 0);
	assert_int_equal(inside.closes, 0);
}

static void request__bad_arguments(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};
	struct h2_request_options options = options_for(&heard, "/x");

	options.header_count = 1000;
	assert_null(h2_client_request(fixture->client, &options));
	assert_int_equal(errno, EINVAL);
}

static void connection__loss_told_once_then_anew(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard[3] = {{.fixture = fixture}, {.fixture = fixture}, {.fixture = fixture}};
	int wanted = 0;

	for (size_t i = 0; i < 3; i++)
		start(&heard[i], "/stream");
	for (size_t i = 0; i < 3; i++)
		turn_until(fixture, &heard[i].headers, 1);
	heard[1].repeats = true;
	peer_cut(&fixture->peer);
	/* Twice: lost, then the answer to the request from its on_close. */
	turn_until(fixture, &heard[1].closes, 2);
	for (size_t i = 0; i < 3; i++)
		wanted += heard[i].closes;
	assert_int_equal(wanted, 4);
	assert_int_equal(heard[0].error, -ECONNRESET);
	assert_int_equal(heard[2].error, -ECONNRESET);
	assert_int_equal(heard[1].error, 0);
	assert_int_equal(heard[1].status, 204);
	assert_int_equal(fixture->peer.accepted, 2);
}

static void connection__loss_and_cancel_of_another(void **state)
{
	struct fixture *fixture = *state;
	struct heard a = {.fixture = fixture}, b = {.fixture = fixture};

	start(&a, "/stream");
	start(&b, "/stream");
	a.cancels = &b; /* whoever hears first cancels the other */
	b.cancels = &a;
	turn_until(fixture, &a.headers, 1);
	turn_until(fixture, &b.headers, 1);
	h2_client_reset(fixture->client);
	turn_some(fixture);
	assert_int_equal(a.closes + b.closes, 1);
}

static void connection__refused(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};

	peer_stop(&fixture->peer);
	start(&heard, "/echo");
	assert_int_equal(heard.closes, 0); /* never from within the request */
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, -ECONNREFUSED);
	assert_false(h2_client_is_connected(fixture->client));
	peer_start(&fixture->peer, fixture->loop, 0);
}

static void connection__not_http2(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};

	fixture->peer.greeting = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
	start(&heard, "/echo");
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, -EPROTO);
}

static void connection__silent_server_times_out(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};

	fixture->peer.greeting = "";
	h2_client_set_connect_timeout(fixture->client, 30 * MS);
	start(&heard, "/echo");
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, -ETIMEDOUT);
}

static void connection__goaway(void **state)
{
	struct fixture *fixture = *state;
	struct heard open = {.fixture = fixture}, late = {.fixture = fixture};
	struct heard next = {.fixture = fixture};

	start(&open, "/stream");
	turn_until(fixture, &open.headers, 1);
	peer_goaway(&fixture->peer.conns[0], 1);
	turn_some(fixture);
	start(&late, "/status/200");
	turn_until(fixture, &late.closes, 1);
	assert_int_equal(late.error, -ECONNRESET);
	peer_push(fixture->peer.conns[0].streams, "", 0, true);
	turn_until(fixture, &open.closes, 1);
	assert_int_equal(open.error, 0);
	turn_some(fixture);
	start(&next, "/status/200");
	turn_until(fixture, &next.closes, 1);
	assert_int_equal(next.error, 0);
	assert_int_equal(fixture->peer.accepted, 2);
}

static void connection__dead_peer_is_found(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};

	h2_client_set_keepalive(fixture->client, 20 * MS, 20 * MS);
	start(&heard, "/stream");
	turn_until(fixture, &heard.headers, 1);
	/* As long as it answers PINGs it lives. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_turn(fixture->loop, 10 * MS), 0);
	assert_int_equal(heard.closes, 0);
	fixture->peer.deaf = true;
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, -ECONNRESET);
}

static void destroy__at_any_time(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};

	for (int turns = 0; turns < 8; turns++) {
		start(&heard, "/stream");
		for (int i = 0; i < turns; i++)
			assert_int_equal(loop_turn(fixture->loop, MS), 0);
		h2_client_destroy(fixture->client);
		turn_some(fixture);
		fixture->client = h2_client_create(fixture->loop, fixture->peer.url);
	}
	assert_int_equal(heard.closes, 0);
}

static void destroy__inside_callbacks(void **state)
{
	static const struct {
		const char *path;
		bool on_data, on_close;
	} table[] = {
		{"/stream", true, false},
		{"/status/200", false, true},
		{"/reset", false, true},
		{"/cut", false, true},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct heard heard = {.fixture = fixture,
				      .destroys_on_data = table[i].on_data,
				      .destroys_on_close = table[i].on_close};
		struct heard other = {.fixture = fixture};
		uint64_t end = loop_now_ns(fixture->loop) + FOREVER;

		start(&other, "/never");
		start(&heard, table[i].path);
		while (fixture->client && loop_now_ns(fixture->loop) < end) {
			int requests = fixture->requests;

			assert_int_equal(loop_turn(fixture->loop, MS), 0);
			if (strcmp(table[i].path, "/cut") == 0 && requests >= (int)(2 * i + 2))
				peer_cut(&fixture->peer);
		}
		assert_null(fixture->client);
		turn_some(fixture);
		fixture->client = h2_client_create(fixture->loop, fixture->peer.url);
	}
}

static void create__urls(void **state)
{
	static const struct {
		const char *url;
		int error;
	} table[] = {
		{"ftp://x", EINVAL},
		{"http://", EINVAL},
		{"no such thing", EINVAL},
		{"http://host.invalid:1", ENOENT},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_null(h2_client_create(fixture->loop, table[i].url));
		assert_int_equal(errno, table[i].error);
	}
}

/* A unix socket that nobody accepts on: the connection itself is what is tested. */
static void create__unix_socket(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard = {.fixture = fixture};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char url[sizeof(addr.sun_path) + 8];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/causeway-test-%d.sock", getpid());
	snprintf(url, sizeof(url), "unix:%s", addr.sun_path);
	unlink(addr.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	h2_client_destroy(fixture->client);
	fixture->client = h2_client_create(fixture->loop, url);
	assert_non_null(fixture->client);
	h2_client_set_connect_timeout(fixture->client, 20 * MS);
	start(&heard, "/echo");
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, -ETIMEDOUT);
	close(fd);
	heard.closes = 0;
	start(&heard, "/echo");
	turn_until(fixture, &heard.closes, 1);
	assert_int_equal(heard.error, -ECONNREFUSED);
	unlink(addr.sun_path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(request__status_and_body),
		CASE(request__big_body),
		CASE(request__many_at_once),
		CASE(request__reset_by_server),
		CASE(request__timeout),
		CASE(request__cancelled_is_silent),
		CASE(request__bad_arguments),
		CASE(connection__loss_told_once_then_anew),
		CASE(connection__loss_and_cancel_of_another),
		CASE(connection__refused),
		CASE(connection__not_http2),
		CASE(connection__silent_server_times_out),
		CASE(connection__goaway),
		CASE(connection__dead_peer_is_found),
		CASE(destroy__at_any_time),
		CASE(destroy__inside_callbacks),
		CASE(create__urls),
		CASE(create__unix_socket),
	};

	return cmocka_run_group_tests_name("h2_client", tests, NULL, NULL);
}
