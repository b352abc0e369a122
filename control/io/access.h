/*
 * Who may speak to control, by how they come: by TLS the certificate says it, by a unix socket the
 * kernel (SO_PEERCRED), by plain TCP nobody, so that one identity stands for all of them.
 *
 * Owned by the daemon, used by the server; one thread. Promise: a reload that fails changes
 * nothing; connections that there are keep the identity that they began with, until the server is
 * told to end those whose certificate was taken back (h2_server_end_revoked).
 */
#pragma once

#include <stdint.h>

#include "control/io/tls_context.h"
#include "control/io/tls_stream.h"

#define ACCESS_UIDS_MAX	      16
#define ACCESS_DOMAIN_DEFAULT "causeway"

/* Over a unix socket. */
struct access_uid {
	uint32_t uid;
	struct identity identity;
};

/* Strings are copied. */
struct access_options {
	const struct tls_files *tls; /* NULL: no TLS here */
	const char *domain;	     /* trust domain of clients; NULL: ACCESS_DOMAIN_DEFAULT */
	enum identity_role plain_role;
	const struct access_uid *uids; /* beside root and the daemon's own user, who are admins */
	uint32_t uid_count;
};

struct access;

/* NULL, and one line in error that says what to do. */
struct access *access_create(const struct access_options *options, char *error, size_t size);
/* NULL is fine. */
void access_destroy(struct access *access);
/* Reads the certificates again. -1: what was read before stays, and error says why. */
int access_reload(struct access *access, char *error, size_t size);
bool access_has_tls(const struct access *access);

/* NULL where there is no TLS, or no memory. */
struct tls_stream *access_tls(const struct access *access);
/* Are certificates looked up in a list of those that were taken back; is this one on it? */
bool access_has_crl(const struct access *access);
bool access_revokes(const struct access *access, const struct tls_stream *stream);
/* Whoever is at the other end of a socket without TLS. */
void access_of_socket(const struct access *access, int fd, struct identity *identity);
/* False, and ROLE_NONE, when the certificate says nothing that is known here. */
bool access_of_tls(const struct access *access, const struct tls_stream *stream,
		   struct identity *identity);
/* Tells the log, not too often, that a TLS connection came to nothing. */
void access_refused(struct access *access, int fd, uint64_t now_ns, const char *why);
