/*
 * A scripted HTTP/2 server for tests of the client: a test answers each request as it likes, also
 * badly. On the test's own loop and thread. Test code: it aborts where something is out of order.
 */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/io/loop.h"

#define PEER_CONNS_MAX 16

struct h2_peer;

struct peer_conn {
	struct h2_peer *peer;
	int fd;
	nghttp2_session *session;
	struct loop_op watch;
	struct peer_stream *streams;
};

struct peer_stream {
	struct peer_stream *next;
	struct peer_conn *conn;
	int32_t id;
	char method[16], path[256], content_type[64];
	char *body;
	size_t body_len;
	char *out;
	size_t out_len, out_sent;
	bool out_ends;
};

struct h2_peer {
	struct loop *loop;
	int listen_fd;
	char url[64];
	struct loop_op accept;
	struct peer_conn conns[PEER_CONNS_MAX];
	uint32_t accepted;
	const char *greeting; /* sent instead of HTTP/2, then silence */
	bool deaf;	      /* reads nothing */
	/* A request is complete. */
	void (*on_request)(struct peer_stream *stream, void *arg);
	void *arg;
};

/* On 127.0.0.1, a free port, or the one of an earlier peer when not 0. */
void peer_start(struct h2_peer *peer, struct loop *loop, uint16_t port);
uint16_t peer_port(const struct h2_peer *peer);
/* Closes all connections and the listening socket. */
void peer_stop(struct h2_peer *peer);
/* Closes all connections. */
void peer_cut(struct h2_peer *peer);

/* The answer's head; push adds to its body; an answer that ends needs no push. */
void peer_respond(struct peer_stream *stream, int status, bool ends);
void peer_push(struct peer_stream *stream, const void *data, size_t len, bool ends);
void peer_reset(struct peer_stream *stream, uint32_t code);
void peer_goaway(struct peer_conn *conn, int32_t last_stream);
