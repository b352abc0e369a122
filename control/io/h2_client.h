/*
 * An HTTP/2 client for one server on the event loop: many requests at once over one connection.
 *
 * One thread, the loop's. It speaks h2c with prior knowledge over TCP (http://host:port,
 * http://[::1]:port) or a unix socket (unix:/path), and TLS 1.3 where the url says https://: the
 * server's certificate must name the url's host. It connects when the first request needs it and
 * again when a request comes after a loss; it never retries a request and never waits between
 * attempts: that is the caller's to decide. Names are resolved once, in create, which may block: a
 * daemon that must never block is given a numeric address.
 *
 * Promise: each request gets on_close exactly once, unless it was cancelled or the client destroyed
 * first; nothing is called for it after that. A callback may start or cancel any request and may
 * destroy the client. No callback runs inside h2_client_request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/io/loop.h"

struct h2_client;
struct h2_request;

struct h2_header {
	const char *name; /* lower case */
	const char *value;
};

/* All that a request needs; everything but arg is copied. Unset members are 0. */
struct h2_request_options {
	const char *method; /* "GET", ... */
	const char *path;   /* "/v1/paths?x=y" */
	const struct h2_header *headers;
	uint32_t header_count;
	const void *body;
	size_t body_len;
	uint64_t timeout_ns; /* from now to the response's end; 0: none */

	/* Each may be NULL. */
	void (*on_headers)(struct h2_request *request, int status, void *arg);
	void (*on_data)(struct h2_request *request, const uint8_t *data, size_t len, void *arg);
	/*
	 * The request is over and freed when this returns. error: 0 the response is complete;
	 * -ETIMEDOUT its time is up; -EPROTO the server reset it or spoke no HTTP/2;
	 * -ECONNRESET the connection was lost; -EKEYREJECTED no TLS came about, for the reason
	 * that h2_client_why has; another -errno: no connection (-ECONNREFUSED, ...).
	 */
	void (*on_close)(struct h2_request *request, int error, void *arg);
	void *arg;
};

/* NULL with errno: EINVAL url is malformed, ENOENT the name does not resolve, ENOMEM. */
struct h2_client *h2_client_create(struct loop *loop, const char *url);
/* Closes the connection; its requests vanish without a callback. NULL is fine. */
void h2_client_destroy(struct h2_client *client);
/*
 * While requests are open, a PING goes out after interval_ns of silence; without any byte from the
 * server for another timeout_ns the connection counts as lost. 0: off (as created).
 */
void h2_client_set_keepalive(struct h2_client *client, uint64_t interval_ns, uint64_t timeout_ns);
/* Of the TCP connection and the server's first SETTINGS together; 5 s as created. */
void h2_client_set_connect_timeout(struct h2_client *client, uint64_t timeout_ns);
/*
 * For https: who is trusted, and the own certificate. The paths are copied and the files read at
 * each connection. 0 or -ENOMEM.
 */
struct tls_files;
int h2_client_set_tls(struct h2_client *client, const struct tls_files *files);
/* To be called now and then: drops the connection once the server's certificate is revoked. */
void h2_client_check_crl(struct h2_client *client);
/* One line about the last -EKEYREJECTED; "" before, and after a new attempt began. */
const char *h2_client_why(const struct h2_client *client);
bool h2_client_is_connected(const struct h2_client *client);
/* Drops the connection: every open request gets -ECONNRESET, from the loop. */
void h2_client_reset(struct h2_client *client);

/* NULL with errno (ENOMEM, EINVAL). Later failures come by on_close. */
struct h2_request *h2_client_request(struct h2_client *client,
				     const struct h2_request_options *options);
/* Forgets the request: no callback of it runs any more. */
void h2_request_cancel(struct h2_request *request);
/* The response's status, 0 before on_headers. */
int h2_request_status(const struct h2_request *request);
/* "text/plain..." of content-type, etag: "" when absent; valid until the request closes. */
const char *h2_request_content_type(const struct h2_request *request);
const char *h2_request_etag(const struct h2_request *request);
