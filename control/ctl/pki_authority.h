/*
 * The authority of a folder, and what it says of what it issued: the list of revoked certificates
 * (CRL, RFC 5280 5) in DIR/ca.crl. Private to pki*.c.
 */
#pragma once

#include <openssl/x509.h>

#include "control/ctl/pki.h"

#define PKI_SPIFFE_SCHEME "spiffe://"

struct pki_authority {
	EVP_PKEY *key;
	X509 *cert;
	char domain[IDENTITY_DOMAIN_BYTES];
};

/* Says what is wrong. -1. */
int pki_wrong(char error[PKI_ERROR_BYTES], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* 0, or -1 and one line in error; then pki_authority_free in any case. */
int pki_authority_load(struct pki_authority *authority, const char *dir,
		       char error[PKI_ERROR_BYTES]);
void pki_authority_free(struct pki_authority *authority);
/* Adds the certificate to DIR/ca.crl, which is made where there is none. NULL: begins an empty one.
 */
int pki_crl_write(const struct pki_authority *authority, const char *dir, const X509 *cert,
		  char error[PKI_ERROR_BYTES]);
