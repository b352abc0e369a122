/*
 * One TLS connection without a socket: bytes of the wire go in and come out, and so do the bytes
 * inside. Owned by one connection, on its thread.
 *
 * Promises: nothing can be read or written inside before the other end's certificate is verified
 * and both agreed on HTTP/2; with a host, before the certificate names it and, where it says a role
 * at all, says control.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/core/identity.h"
#include "control/io/tls_context.h"

#define TLS_ERROR_BYTES 160
/* What a TLS record may add to 16 KiB inside. */
#define TLS_RECORD_OVERHEAD 256

struct tls_stream;

/* host: the server to reach (a name or an address), for a client; NULL: the server's end. */
struct tls_stream *tls_stream_create(SSL_CTX *tls, const char *host);
/* NULL is fine. */
void tls_stream_free(struct tls_stream *stream);

/* Bytes that came from the wire. 0 or -ENOMEM. */
int tls_stream_put(struct tls_stream *stream, const void *data, size_t len);
/*
 * Works on what came. The bytes read; 0: nothing more for now; -ECONNRESET: the other end said
 * goodbye; -EPROTO: it failed, for tls_stream_error. Even then there may be bytes to send.
 */
int tls_stream_read(struct tls_stream *stream, void *data, size_t size);
/* Are writes taken? */
bool tls_stream_is_secured(const struct tls_stream *stream);
/* All of it, or -EPROTO. */
int tls_stream_write(struct tls_stream *stream, const void *data, size_t len);
/* Bytes for the wire, at most size; 0: none. */
size_t tls_stream_get(struct tls_stream *stream, void *data, size_t size);
/* Bytes for the wire that wait. */
size_t tls_stream_unsent(const struct tls_stream *stream);
/* Says goodbye: one more thing to get. */
void tls_stream_shut(struct tls_stream *stream);

/* One line about the first failure; "" while there is none. */
const char *tls_stream_error(const struct tls_stream *stream);
/* Has this context, perhaps a newer one, a list with what the other end showed? */
bool tls_stream_is_revoked(const struct tls_stream *stream, const SSL_CTX *tls);
/* Who the other end's certificate says it is; false, and ROLE_NONE, when it does not say. */
bool tls_stream_identity(const struct tls_stream *stream, const char *domain,
			 struct identity *identity);
