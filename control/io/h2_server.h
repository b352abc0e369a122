/*
 * An HTTP/2 server (RFC 9113, by prior knowledge or over TLS by ALPN) on the event loop: one
 * nghttp2 session per connection, bytes in and bytes out. It knows requests, responses and who sent
 * them, nothing of what they mean.
 *
 * One thread, the loop's. Promises, with the limits below:
 *	streams of a connection <= H2_STREAMS_MAX, header list <= H2_HEADERS_MAX (431),
 *	request body <= H2_BODY_MAX (413), those of a connection <= H2_CONN_BODIES_MAX (503),
 *	unsent bytes of one exchange <= H2_PENDING_MAX or one write of <= H2_WRITE_MAX,
 *	memory of all exchanges <= H2_HELD_MAX, and no write takes those of one connection above
 *	H2_CONN_HELD_MAX; connections <= H2_CONNS_DEFAULT, or as set.
 * Requests wait while their connection has H2_WHOLE_MAX of responses that its client does not
 * take; connections take turns of a fraction of a millisecond. Where memory or connections run
 * out, the client that holds most without moving loses its connection, not the one that comes. A
 * client that resets streams or sends frames that move nothing, more than its budget, gets GOAWAY
 * with ENHANCE_YOUR_CALM; one that sends nothing useful is closed by a timer. An HTTP/1.1 client
 * gets a 505 that names HTTP/2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/core/identity.h"
#include "control/io/loop.h"

#define H2_STREAMS_MAX	   256
#define H2_HEADERS_MAX	   (16u << 10)
#define H2_BODY_MAX	   (1u << 20)
#define H2_CONN_BODIES_MAX (8u << 20)
#define H2_PENDING_MAX	   (4u << 20)
#define H2_WRITE_MAX	   (16u << 20)
#define H2_WHOLE_MAX	   (4u << 20)
#define H2_CONN_HELD_MAX   (48u << 20)
#define H2_HELD_MAX	   (256u << 20)
#define H2_CONNS_DEFAULT   1024
#define H2_PATH_MAX	   2048
#define H2_KEY_MAX	   144 /* an idempotency-key, with its quotes */

struct h2_server;
struct h2_exchange; /* one request and its response */

struct h2_field {
	const char *name; /* lower case */
	const char *value;
};

/* Since the start. */
struct h2_counters {
	uint64_t conns_accepted;
	uint64_t conns_ended;	/* with ENHANCE_YOUR_CALM */
	uint64_t conns_evicted; /* for their memory or their place */
	uint64_t streams_stuck; /* reset because they did not move */
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
/* Who may come, and TLS; it outlives the server. Without it everybody is nobody (ROLE_NONE). */
struct access;
void h2_server_set_access(struct h2_server *server, struct access *access);
/*
 * After access_reload: ends the connections whose certificate was taken back. Returns how many;
 * those that are not through with their handshake begin anew, and are not counted.
 */
uint32_t h2_server_end_revoked(struct h2_server *server);
/* How many connections there may be; before the first one. */
void h2_server_set_conns_max(struct h2_server *server, uint32_t max);
/* Takes a listening socket (blocking, stream) over; at most 8. 0 or -errno. */
int h2_server_listen(struct h2_server *server, int fd);
/* The same; whoever connects speaks TLS. -EINVAL without access_has_tls. */
int h2_server_listen_tls(struct h2_server *server, int fd);
/*
 * Accepts nothing more, sends GOAWAY and closes each connection when its last exchange is done.
 * on_drained comes once, from the loop, when all are closed.
 */
void h2_server_drain(struct h2_server *server, void (*on_drained)(void *arg), void *arg);

/* The request. Strings live as long as the exchange; "" for a header that is not there. */
const char *h2_exchange_method(const struct h2_exchange *exchange);
const char *h2_exchange_path(const struct h2_exchange *exchange); /* with the query */
const char *h2_exchange_content_type(const struct h2_exchange *exchange);
const char *h2_exchange_accept(const struct h2_exchange *exchange);
const char *h2_exchange_last_event_id(const struct h2_exchange *exchange);
const char *h2_exchange_if_match(const struct h2_exchange *exchange);
const char *h2_exchange_if_none_match(const struct h2_exchange *exchange);
const char *h2_exchange_idempotency_key(const struct h2_exchange *exchange);
/* Who sent it: known, perhaps as nobody, for each request. */
const struct identity *h2_exchange_identity(const struct h2_exchange *exchange);
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
/* All of it or nothing: -ENOBUFS when the reader is too slow, -EMSGSIZE above H2_WRITE_MAX. */
int h2_exchange_write(struct h2_exchange *exchange, const void *data, size_t len);
void h2_exchange_end(struct h2_exchange *exchange);
/* Ends it so that the client does not take what it has for all of it. */
void h2_exchange_abort(struct h2_exchange *exchange);
/* A number that the handler finds again at the exchange; 0 until it is set. */
void h2_exchange_set_tag(struct h2_exchange *exchange, uint64_t tag);
uint64_t h2_exchange_tag(const struct h2_exchange *exchange);
/* How many responses with this status (100..599) the server has begun. */
uint64_t h2_exchange_response_count(const struct h2_exchange *exchange, int status);
const struct h2_counters *h2_exchange_counters(const struct h2_exchange *exchange);
/* Bytes written and not yet handed to the connection. */
size_t h2_exchange_pending_bytes(const struct h2_exchange *exchange);
/*
 * Called once when the exchange ends, whoever ends it; the exchange is freed when it returns. The
 * callback must not respond. Set it to NULL to hear nothing.
 */
void h2_exchange_set_on_close(struct h2_exchange *exchange,
			      void (*on_close)(struct h2_exchange *exchange, void *arg), void *arg);
