/*
 * Who this gateway is to others: a P-256 key and a self-signed certificate (RFC 5280) with the
 * gateway's name, made at the first start and kept in the state directory (identity.pem: the key as
 * PKCS #8, then the certificate). Nobody vouches for it: control tells the far gateways its
 * SHA-256, and they accept that one alone, so it bears no date that could end it. Or an authority
 * issued both, as files (causewayctl pki): then its word is what the far gateways go by.
 *
 * Agent thread, at start; read-only afterwards. Promise: a file that is there is never replaced,
 * however damaged, for the far gateways know its fingerprint.
 */
#pragma once

#include <stddef.h>

#include <openssl/x509.h>

#include "control/core/identity.h"
#include "control/io/tls_context.h"
#include "dataplane/agent/state_file.h"

#define CERTIFICATE_DIGEST_BYTES INTENT_CERTIFICATE_BYTES

struct certificate {
	EVP_PKEY *key; /* NULL where an authority issued it */
	X509 *x509;
	struct tls_files files; /* of the authority, else unset; the strings are not ours */
	char domain[IDENTITY_DOMAIN_BYTES];    /* likewise */
	char sha256[CERTIFICATE_DIGEST_BYTES]; /* of the DER form, lower-case hex */
};

/*
 * Loads it, or makes and stores it where there is none. 0 or -errno with one line in error that
 * says what to do; -EINVAL: what is there is damaged or another gateway's. Then certificate_close.
 */
int certificate_open(struct certificate *certificate, const struct state_file *state,
		     const char *gateway, char *error, size_t size);
/* The same from an authority's files, whose names outlive it. */
int certificate_open_issued(struct certificate *certificate, const struct tls_files *files,
			    const char *gateway, char *error, size_t size);
bool certificate_is_issued(const struct certificate *certificate);
/* Harmless on a zeroed struct. */
void certificate_close(struct certificate *certificate);

/* SHA-256 of a certificate's DER form as it is written above. 0 or -ENOMEM. */
int certificate_digest(const X509 *x509, char sha256[CERTIFICATE_DIGEST_BYTES]);
