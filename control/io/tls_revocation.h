/*
 * Certificates that their authority has taken back: its lists (CRL, RFC 5280 5) in a PEM file, one
 * of each authority that is trusted. Any thread that owns the context.
 *
 * Promise: once a list is loaded, no handshake succeeds with a certificate that is on it, or that
 * no valid list speaks for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <openssl/ssl.h>

/* After the context's CA. 0, or -1 and one line in error that says what to do. */
int tls_revocation_load(SSL_CTX *tls, const char *path, char *error, size_t size);
/* Is what the far end showed, or one above it, on a list of this context? It may be newer than the
 * session's own one. */
bool tls_revocation_hits(const SSL_CTX *tls, const SSL *ssl);
/* Was the file written since it looked like `seen`, which becomes how it looks now? All zero: it
 * was not seen yet. */
bool tls_revocation_is_new(const char *path, struct stat *seen);
