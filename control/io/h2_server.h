/*
 * An HTTP/2 server (RFC 9113, prior knowledge) on the event loop: one nghttp2 session per
 * connection, bytes in and bytes out. It knows requests and responses, nothing of what they mean.
 *
 * One thread, the loop's. Promises, with the limits below:
 *	streams of a connection <= H2_STREAMS_MAX, header list <= H2_HEADERS_MAX (431),
 *	request body <= H2_BODY_MAX (413), all bodies in memory <= H2_BODIES_MAX (503),
 *	unsent bytes of one exchange <= H2_PENDING_MAX, connections <= H2_CONNS_MAX.
 * A slow reader holds back only its own stream; a peer that sends nothing useful is closed by a
 * timer. An HTTP/1.1 client gets a 505 that names HTTP/2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/io/loop.h"

#define H2_STREAMS_MAX 256
#define H2_HEADERS_MAX (16u << 10)
#define H2_BODY_MAX    (1u << 20)
#define H2_BODIES_MAX  (64u << 20)
#define H2_PENDING_MAX (4u << 20)
#define H2_CONNS_MAX   1024
#define H2_PATH_MAX    2048

struct h2_server;
struct h2_exchange; /* one request and its response */

struct h2_field {
	const char *name; /* lower case */
	const char *value;
};

struct h2_server_handler {
	/* The request is complete. Respond now or later. */
	void (*on_request)(struct h2_exchange *exchange, void *arg);
	void *arg;
};

/* NULL with errno ENOMEM. */
struct h2_server *h2_server_create(struct loop *loop, const struct h2_server_handler *handler);
/* Closes everything at once; exchanges get their on_close. */
void h2_server_destroy(struct h2_server *server);
/* Takes a listening socket (blocking, stream) over; at most 8. 0 or -errno. */
int h2_server_listen(struct h2_server *server, int fd);
/*
 * Accepts nothing more, sends GOAWAY and closes each connection when its last exchange is done.
 * on_drained comes once, from the loop, when all are closed.
 */
void h2_server_drain(struct h2_server *server, void (*on_drained)(void *arg), void *arg);

/* The request. Strings live as long as the exchange; "" for a header that is not there. */
const char *h2_exchange_method(const struct h2_exchange *exchange);
const char *h2_exchange_path(const struct h2_exchange *exchange); /* with the query */
const char *h2_exchange_content_type(const struct h2_exchange *exchange);
const char *h2_exchange_if_match(const struct h2_exchange *exchange);
const char *h2_exchange_if_none_match(const struct h2_exchange *exchange);
const void *h2_exchange_body(const struct h2_exchange *exchange, size_t *len);

/*
 * The whole response; body is copied. content_type may be NULL without a body. For HEAD the body
 * counts but is not sent. 0, -EALREADY, -ENOMEM (the stream is reset).
 */
int h2_exchange_respond(struct h2_exchange *exchange, int status, const char *content_type,
			const struct h2_field *fields, uint32_t field_count, const void *body,
			size_t len);
/* A response in pieces: begin, any number of writes, end. */
int h2_exchange_begin(struct h2_exchange *exchange, int status, const char *content_type);
/* All of it or nothing: -ENOBUFS when the reader is too slow. */
int h2_exchange_write(struct h2_exchange *exchange, const void *data, size_t len);
void h2_exchange_end(struct h2_exchange *exchange);
/* Bytes written and not yet handed to the connection. */
size_t h2_exchange_pending_bytes(const struct h2_exchange *exchange);
/*
 * Called once when the exchange ends, whoever ends it; the exchange is freed when it returns. The
 * callback must not respond. Set it to NULL to hear nothing.
 */
void h2_exchange_set_on_close(struct h2_exchange *exchange,
			      void (*on_close)(struct h2_exchange *exchange, void *arg), void *arg);
