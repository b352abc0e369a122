/*
 * TLS 1.3 as both ends of the control API use it: certificates on both sides, from PEM files, and
 * HTTP/2 by ALPN (RFC 8446, RFC 9113 3.2). No session is resumed, so that each connection shows its
 * certificate anew.
 *
 * Any thread. A context is what a new connection takes over; those that there are keep the one that
 * they began with.
 */
#pragma once

#include <stddef.h>

#include <openssl/ssl.h>

/* NULL or "": none. */
struct tls_files {
	const char *ca; /* who is trusted to vouch for the other end; client, none: the system's */
	const char *cert; /* the own chain, leaf first */
	const char *key;
	const char *crl; /* what the authorities in ca have taken back; none: nothing */
};

/*
 * NULL, and one line in error that says which file is wrong and what to do. A server needs all
 * three files; a client with a certificate needs its key. Then SSL_CTX_free.
 */
SSL_CTX *tls_context_server(const struct tls_files *files, char *error, size_t size);
SSL_CTX *tls_context_client(const struct tls_files *files, char *error, size_t size);
/* For either end of a session between two that both need all three files, without ALPN. */
SSL_CTX *tls_context_peer(const struct tls_files *files, char *error, size_t size);
