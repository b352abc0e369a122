/*
 * What the files of the HTTP/2 server share; nobody else includes it. h2_server.c accepts and
 * drains, h2_conn.c moves bytes, h2_input.c tells what they are, h2_session.c hears nghttp2,
 * h2_exchange.c holds requests, h2_response.c responses, h2_queue.c decides which request is next,
 * h2_limits.c bounds what a client can cost.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "control/io/access.h"
#include "control/io/h2_memory.h"
#include "control/io/h2_server.h"

#define H2_LISTENERS_MAX 8
#define H2_STATUS_END	 600
/* Small: what comes in at once is answered in one turn of the loop, and the others wait. */
#define H2_RECV_BYTES (1u << 10)
#define H2_SEND_BYTES (64u << 10)
/* What is read and thrown away of a connection that was refused or ended, in such pieces. */
#define H2_LINGER_RECVS 1024
/* How often a connection is looked after. */
#define H2_CHECK_NS 2000000000ull

struct h2_exchange {
	struct h2_conn *conn;
	struct h2_exchange *prev, *next; /* of the connection */
	int32_t stream_id;
	uint64_t begun_ns;
	uint64_t moved_ns;    /* last time the client gave or took a good piece of a body */
	uint32_t moved_bytes; /* since then */
	struct h2_exchange *ready_prev, *ready_next; /* waits for the handler */
	bool is_ready;
	bool is_stuck; /* and was reset for it */
	bool is_whole; /* its response: h2_exchange_respond */
	char method[16];
	char content_type[64];
	char accept[192];
	char last_event_id[48];
	char if_match[64];
	char if_none_match[64];
	char idempotency_key[H2_KEY_MAX];
	char *path; /* NULL: none came */
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
	uint64_t tag;
};

enum h2_conn_phase {
	H2_CONN_PREFACE, /* fewer bytes seen than tell HTTP/2 from HTTP/1.1 */
	H2_CONN_OPEN,
	H2_CONN_REFUSED, /* the 505 or GOAWAY goes out; what still comes in is thrown away */
};

struct h2_conn {
	struct h2_server *server;
	struct h2_conn *prev, *next;
	nghttp2_session *session;
	struct tls_stream *tls;	  /* NULL: plain */
	struct identity identity; /* known as soon as the first request can be */
	int fd;
	bool is_begun; /* the first byte has come */
	enum h2_conn_phase phase;
	struct loop_op recv_op, send_op;
	struct loop_timer timer;
	struct h2_exchange *exchanges;
	uint64_t opened_ns;
	uint64_t active_ns;  /* last time an exchange began or ended */
	uint64_t written_ns; /* last progress of sending */
	uint64_t block_ns;   /* since when a header block is on its way; 0: none */
	uint64_t moved_ns;   /* last time it gave or took a good piece of a body */
	uint32_t resets;     /* of streams, by the client or for its faults; decays */
	uint32_t waste;	     /* frames that move nothing; decays */
	uint32_t lingered;   /* pieces that came in after the end */
	uint32_t answering;  /* exchanges whose request is complete */
	size_t held_bytes;   /* memory that its exchanges have */
	size_t body_bytes;   /* of that, for requests */
	size_t whole_bytes;  /* of that, for whole responses */
	struct h2_exchange *ready_first, *ready_last;
	struct h2_conn *turn_prev, *turn_next; /* of those that wait for their turn */
	bool is_in_turn;
	bool is_ending;	 /* it did too much: what it sends is not read any more */
	bool is_evicted; /* its memory is spoken for */
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
	bool is_tls;
};

struct h2_server {
	struct loop *loop;
	struct h2_server_handler handler;
	struct access *access; /* not ours; NULL: everybody is nobody */
	nghttp2_session_callbacks *callbacks;
	struct h2_memory memory; /* of the sessions */
	struct h2_listener listeners[H2_LISTENERS_MAX];
	uint32_t listener_count;
	struct h2_conn *conns;
	uint32_t conn_count, conns_max;
	size_t held_bytes; /* of connections that are not evicted */
	struct h2_conn *turn_first, *turn_last;
	struct loop_timer turn_timer;
	struct h2_counters counters;
	uint64_t drain_ns;		   /* when draining began */
	uint64_t responses[H2_STATUS_END]; /* by status */
	bool is_draining;
	void (*on_drained)(void *arg);
	void *on_drained_arg;
	struct loop_timer drained_timer;
	struct loop_timer accept_timer;
};

/* h2_server.c */
void h2_server_conn_closed(struct h2_server *server);

/* h2_conn.c */
void h2_conn_open(struct h2_server *server, int fd, bool is_tls);
void h2_conn_close(struct h2_conn *conn);
/* Closes soon, from the loop: for places where callers still hold the connection. */
void h2_conn_doom(struct h2_conn *conn);
/* Sends what the session has, unless nghttp2 is on the stack. */
void h2_conn_flush(struct h2_conn *conn);
void h2_conn_goaway(struct h2_conn *conn, uint32_t error);
/* Sends what is in the send buffer. */
void h2_conn_send(struct h2_conn *conn);

/* h2_input.c: bytes that came, at least one. May doom the connection, but does not close it. */
void h2_input(struct h2_conn *conn, const uint8_t *data, size_t len);

/* h2_session.c */
int h2_session_callbacks_create(nghttp2_session_callbacks **callbacks);
int h2_session_open(struct h2_conn *conn);

/* h2_queue.c */
void h2_queue_init(struct h2_server *server);
/* The request is complete: its turn comes in this turn of the loop or a later one. */
void h2_queue_add(struct h2_exchange *exchange);
void h2_queue_remove(struct h2_exchange *exchange);
/* The connection may have room for more responses again. */
void h2_queue_wake(struct h2_conn *conn);
void h2_queue_forget(struct h2_conn *conn);

/* h2_limits.c */
/* Memory that an exchange takes and gives back; may doom connections, also this one. */
void h2_limits_hold(struct h2_conn *conn, size_t bytes);
void h2_limits_release(struct h2_conn *conn, size_t bytes);
/* One more of the frames that cost without moving anything, or of the resets. */
void h2_limits_waste(struct h2_conn *conn);
void h2_limits_reset(struct h2_conn *conn);
/* Says GOAWAY and hears nothing more. */
void h2_limits_end(struct h2_conn *conn);
/* Should its input wait? Until what is queued for it has gone out. */
bool h2_limits_is_choked(const struct h2_conn *conn);
/* From the connection's timer, every H2_CHECK_NS: refills budgets, resets what is stuck. */
void h2_limits_check(struct h2_conn *conn, uint64_t now_ns);
/* Closes the connection that has been of no use for the longest. False when each is of some. */
bool h2_limits_make_room(struct h2_server *server);

/* h2_response.c */
void h2_response_drop(struct h2_exchange *exchange);

/* h2_exchange.c */
struct h2_exchange *h2_exchange_open(struct h2_conn *conn, int32_t stream_id);
void h2_exchange_close(struct h2_exchange *exchange);
/* Appends to the request body; sets refused_status when it is too much. */
void h2_exchange_body_add(struct h2_exchange *exchange, const uint8_t *data, size_t len);
void h2_exchange_body_drop(struct h2_exchange *exchange);
/* All of the request is there. */
void h2_exchange_complete(struct h2_exchange *exchange);
/* 0 or the status of a refusal. */
int h2_exchange_set_path(struct h2_exchange *exchange, const uint8_t *path, size_t len);
/* So many bytes of a body were given or taken by the client. */
void h2_exchange_moved(struct h2_exchange *exchange, size_t len);
/* The answer to a request that the handler never sees. */
void h2_exchange_refuse(struct h2_exchange *exchange);
