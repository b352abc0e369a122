/* What a connection's bytes are: TLS, HTTP/2, or something that gets a clear answer and an end. */
#include "control/io/h2_server_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define REFUSED_LINGER_NS 1000000000ull
/* TLS's own answers (key updates) to one who does not read. */
#define TLS_UNSENT_MAX	(256u << 10)
#define TLS_PLAIN_BYTES (16u << 10)
#define TLS_FIRST_BYTE	0x16 /* a handshake record (RFC 8446, 5.1) */

static const char refusal_http1[] =
	"{\"type\":\"about:blank\",\"title\":\"HTTP Version Not Supported\",\"status\":505,"
	"\"code\":\"http2-required\",\"retryable\":false,\"detail\":\"this server speaks HTTP/2 only; "
	"use prior knowledge, e.g. curl --http2-prior-knowledge\"}\n";
static const char refusal_plain[] =
	"{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
	"\"code\":\"tls-required\",\"retryable\":false,\"detail\":\"this port speaks TLS: use https, "
	"with a client certificate\"}\n";

/* It ends when what there is to say has gone out, or has had time to. */
static void refuse(struct h2_conn *conn)
{
	conn->phase = H2_CONN_REFUSED;
	loop_timer_set(conn->server->loop, &conn->timer,
		       loop_now_ns(conn->server->loop) + REFUSED_LINGER_NS);
	h2_conn_flush(conn);
	if (!conn->send_len)
		shutdown(conn->fd, SHUT_WR);
}

/* In HTTP/1.1, which whoever speaks no HTTP/2 is likely to understand. */
static void refuse_with(struct h2_conn *conn, const char *status, const char *body)
{
	char text[1024];
	int len = snprintf(text, sizeof(text),
			   "HTTP/1.1 %s\r\ncontent-type: application/problem+json\r\n"
			   "connection: close\r\ncontent-length: %zu\r\n\r\n%s",
			   status, strlen(body), body);

	if (conn->tls) {
		(void)tls_stream_write(conn->tls, text, (size_t)len);
	} else {
		memcpy(conn->send_buffer, text, (size_t)len);
		conn->send_len = (uint32_t)len;
		h2_conn_send(conn);
	}
	refuse(conn);
}

static void session_input(struct h2_conn *conn, const uint8_t *data, size_t len)
{
	ssize_t taken;

	/* GOAWAY is on its way: of what comes after it nothing counts. */
	if (conn->is_ending)
		return;
	conn->is_busy = true;
	taken = nghttp2_session_mem_recv(conn->session, data, len);
	conn->is_busy = false;
	if (taken < 0 && !conn->is_ending)
		h2_conn_doom(conn);
	else
		h2_conn_flush(conn);
}

static void identify(struct h2_conn *conn)
{
	if (conn->tls)
		access_of_tls(conn->server->access, conn->tls, &conn->identity);
	else
		access_of_socket(conn->server->access, conn->fd, &conn->identity);
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
		refuse_with(conn, "505 HTTP Version Not Supported", refusal_http1);
		return;
	}
	if (conn->preface_len < sizeof(conn->preface))
		return;
	identify(conn);
	if (h2_session_open(conn)) {
		h2_conn_doom(conn);
		return;
	}
	conn->phase = H2_CONN_OPEN;
	session_input(conn, conn->preface, conn->preface_len);
	if (part < len)
		session_input(conn, data + part, len - part);
}

static void plain_input(struct h2_conn *conn, const uint8_t *data, size_t len)
{
	if (conn->phase == H2_CONN_OPEN)
		session_input(conn, data, len);
	else if (conn->phase == H2_CONN_PREFACE)
		preface_input(conn, data, len);
}

static void tls_failed(struct h2_conn *conn)
{
	struct h2_server *server = conn->server;

	access_refused(server->access, conn->fd, loop_now_ns(server->loop),
		       tls_stream_error(conn->tls));
	refuse(conn);
}

static void sealed_input(struct h2_conn *conn, const uint8_t *data, size_t len)
{
	uint8_t plain[TLS_PLAIN_BYTES];
	int got = tls_stream_put(conn->tls, data, len);

	while (!got && !conn->is_doomed && conn->phase != H2_CONN_REFUSED) {
		got = tls_stream_read(conn->tls, plain, sizeof(plain));
		if (got <= 0)
			break;
		plain_input(conn, plain, (size_t)got);
		got = 0;
	}
	if (got == -EPROTO)
		tls_failed(conn);
	else if (got < 0 || tls_stream_unsent(conn->tls) > TLS_UNSENT_MAX)
		h2_conn_doom(conn);
	else
		h2_conn_flush(conn);
}

/* Somebody who took this port for a plain one is told so in plain. */
static void first_input(struct h2_conn *conn, uint8_t first)
{
	conn->is_begun = true;
	if (!conn->tls || first == TLS_FIRST_BYTE)
		return;
	tls_stream_free(conn->tls);
	conn->tls = NULL;
	refuse_with(conn, "400 Bad Request", refusal_plain);
}

void h2_input(struct h2_conn *conn, const uint8_t *data, size_t len)
{
	if (!conn->is_begun)
		first_input(conn, data[0]);
	if (!conn->tls)
		plain_input(conn, data, len);
	else if (conn->phase != H2_CONN_REFUSED)
		sealed_input(conn, data, len);
}
