/*
 * The client's insides, shared by its files: h2_client.c owns the connection, h2_client_tls.c its
 * TLS, h2_client_address.c where it leads, h2_request.c the requests and what nghttp2 calls. The
 * loop's thread.
 */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include "control/io/h2_client.h"
#include "control/io/tls_stream.h"
#include "control/io/url.h"

struct h2_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

#define H2_ADDRESSES_MAX 8

struct h2_request {
	struct h2_client *client;
	struct h2_request *next, *prev;
	uint32_t connection; /* which of the client's connections carries it */
	int32_t stream_id;
	bool headers_done;
	bool ended;   /* the whole response is here */
	bool closing; /* on_close runs */
	int status;
	char content_type[96];
	char etag[64];
	uint8_t *body;
	size_t body_len, body_sent;
	struct loop_timer timer;
	void (*on_headers)(struct h2_request *request, int status, void *arg);
	void (*on_data)(struct h2_request *request, const uint8_t *data, size_t len, void *arg);
	void (*on_close)(struct h2_request *request, int error, void *arg);
	void *arg;
};

struct h2_client {
	struct loop *loop;
	struct url url;
	struct h2_address addresses[H2_ADDRESSES_MAX];
	uint32_t address_count, address; /* address: the one in use */

	int fd; /* -1: none */
	bool connecting;
	bool ready;	     /* the server's SETTINGS came */
	uint32_t connection; /* counts them */
	nghttp2_session *session;
	char *tls_ca, *tls_cert, *tls_key, *tls_crl; /* paths; NULL: none */
	struct stat crl;			     /* as it was when the connection began */
	struct tls_stream *tls;			     /* NULL: plain, or no connection */
	char why[320];
	struct loop_op connect_op, recv_op, send_op;
	struct loop_timer connect_timer, keepalive_timer, wake_timer;
	uint64_t connect_timeout_ns, interval_ns, timeout_ns;
	uint64_t last_rx_ns;
	bool pinged;
	int wake_error; /* to lose the connection with, at the next wake */

	/*
	 * Callbacks may destroy the client: while depth > 0 only `destroyed` is set, and the
	 * outermost client_leave frees.
	 */
	uint32_t depth;
	bool destroyed;

	struct h2_request *requests;
	uint8_t *tx;
	size_t tx_len, tx_capacity;
	size_t tx_sent;
	uint8_t rx[65536];
};

void h2_client_enter(struct h2_client *client);
/* False: the client is gone. */
bool h2_client_leave(struct h2_client *client);
/* Something waits to be sent, or wake_error is set: the loop shall come to it. */
void h2_client_wake(struct h2_client *client);
/* Starts a connection where there is none. 0 or -ENOMEM. */
int h2_client_start(struct h2_client *client);

/* h2_client_address.c: the addresses of the url. 0 or -ENOENT. May block. */
int h2_client_resolve(struct h2_client *client);

/* h2_client_tls.c. Begin: 0, -ENOMEM or -EKEYREJECTED. End: with the connection; twice is fine. */
int h2_client_tls_begin(struct h2_client *client);
void h2_client_tls_end(struct h2_client *client);
void h2_client_tls_free(struct h2_client *client);
/* Turns what is in tx into what TLS has to send. 0 or -errno. */
int h2_client_tls_seal(struct h2_client *client);
/* Hands on what the server's bytes hold. Call between enter and leave. 0 or -errno. */
int h2_client_tls_input(struct h2_client *client, const uint8_t *data, size_t len);

/* NULL or the nghttp2 session of a new connection with its SETTINGS queued. */
nghttp2_session *h2_request_session(struct h2_client *client);
/* Unlinks it, tells its owner, frees it. Call between enter and leave. */
void h2_request_close(struct h2_request *request, int error);
/* Unlinks and frees in silence. */
void h2_request_free(struct h2_request *request);
