/*
 * What the files of the HTTP/2 server share; nobody else includes it. h2_server.c accepts and
 * drains, h2_conn.c moves bytes, h2_session.c hears nghttp2, h2_exchange.c holds requests and
 * responses.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "control/io/h2_server.h"

#define H2_LISTENERS_MAX 8
/* Small: what comes in at once is answered in one turn of the loop, and the others wait. */
#define H2_RECV_BYTES (1u << 10)
#define H2_SEND_BYTES (64u << 10)
/* Streams that a client may reset before they are over; so many are forgotten at each check. */
#define H2_RESETS_MAX	H2_STREAMS_MAX
#define H2_RESETS_DECAY 20

struct h2_exchange {
	struct h2_conn *conn;
	struct h2_exchange *prev, *next; /* of the connection */
	int32_t stream_id;
	uint64_t begun_ns;
	uint64_t moved_ns; /* last time the client took some of the response */
	char method[16];
	char content_type[64];
	char if_match[64];
	char if_none_match[64];
	char path[H2_PATH_MAX];
	uint32_t header_bytes;
	uint8_t *body;
	size_t body_len, body_capacity;
	size_t discarded_bytes; /* of a body that was refused */
	int refused_status; /* 413, 414, 431, 503: answered with this, the handler never sees it */
	bool is_complete;   /* the request */
	bool has_response;
	bool is_ended; /* nothing more will be written */
	bool is_head;
	uint8_t *out;
	size_t out_first, out_len, out_capacity;
	void (*on_close)(struct h2_exchange *exchange, void *arg);
	void *on_close_arg;
};

enum h2_conn_phase {
	H2_CONN_PREFACE, /* fewer bytes seen than tell HTTP/2 from HTTP/1.1 */
	H2_CONN_OPEN,
	H2_CONN_REFUSED, /* the 505 goes out; what still comes in is thrown away */
};

struct h2_conn {
	struct h2_server *server;
	struct h2_conn *prev, *next;
	nghttp2_session *session;
	int fd;
	enum h2_conn_phase phase;
	struct loop_op recv_op, send_op;
	struct loop_timer timer;
	struct h2_exchange *exchanges;
	uint64_t opened_ns;
	uint64_t active_ns;  /* last time an exchange began or ended */
	uint64_t written_ns; /* last progress of sending */
	uint32_t resets;     /* by the client, of streams that were not over; decays */
	bool has_request;
	bool is_busy;	/* inside nghttp2: no sending now */
	bool is_doomed; /* to be closed at the next timer */
	bool is_goaway; /* close when the last exchange is done */
	uint8_t preface[NGHTTP2_CLIENT_MAGIC_LEN];
	uint32_t preface_len;
	uint32_t send_first, send_len;
	uint8_t recv_buffer[H2_RECV_BYTES];
	uint8_t send_buffer[H2_SEND_BYTES];
};

struct h2_listener {
	struct h2_server *server;
	struct loop_op op;
	int fd;
};

struct h2_server {
	struct loop *loop;
	struct h2_server_handler handler;
	nghttp2_session_callbacks *callbacks;
	struct h2_listener listeners[H2_LISTENERS_MAX];
	uint32_t listener_count;
	struct h2_conn *conns;
	uint32_t conn_count;
	size_t body_bytes;
	bool is_draining;
	void (*on_drained)(void *arg);
	void *on_drained_arg;
	struct loop_timer drained_timer;
	struct loop_timer accept_timer;
};

/* h2_server.c */
void h2_server_conn_closed(struct h2_server *server);

/* h2_conn.c */
void h2_conn_open(struct h2_server *server, int fd);
void h2_conn_close(struct h2_conn *conn);
/* Closes soon, from the loop: for places where callers still hold the connection. */
void h2_conn_doom(struct h2_conn *conn);
/* Sends what the session has, unless nghttp2 is on the stack. */
void h2_conn_flush(struct h2_conn *conn);
void h2_conn_goaway(struct h2_conn *conn, uint32_t error);

/* h2_session.c */
int h2_session_callbacks_create(nghttp2_session_callbacks **callbacks);
int h2_session_open(struct h2_conn *conn);

/* h2_exchange.c */
struct h2_exchange *h2_exchange_open(struct h2_conn *conn, int32_t stream_id);
void h2_exchange_close(struct h2_exchange *exchange);
/* Appends to the request body; sets refused_status when it is too much. */
void h2_exchange_body_add(struct h2_exchange *exchange, const uint8_t *data, size_t len);
void h2_exchange_body_drop(struct h2_exchange *exchange);
/* The answer to a request that the handler never sees. */
void h2_exchange_refuse(struct h2_exchange *exchange);
