/*
 * A small certificate authority in a folder: ca.crt and ca.key, what it issues beside them, and
 * ca.crl, the list of what it took back.
 * P-256 keys, X.509 v3 (RFC 5280), identities as URIs (identity.h). Blocking file I/O, one thread.
 *
 * Promises: a private key is readable by its owner alone from its first byte on, a renewed one also
 * by the group that the old one was; an authority that is there is never replaced; what is issued
 * anew takes the place of the old as whole files.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "control/core/identity.h"

#define PKI_PATH_BYTES	4096
#define PKI_ERROR_BYTES 512
#define PKI_HOSTS_MAX	16
#define PKI_DAYS_MAX	36500

struct pki_request {
	struct identity identity;
	const char *hosts[PKI_HOSTS_MAX]; /* of control: names and addresses that clients dial */
	uint32_t host_count;
	uint32_t days;
};

/* Makes the folder and an empty ca.crl, too. 0, or -1 and one line in error that says what to do.
 */
int pki_create(const char *dir, const char *domain, uint32_t days, char error[PKI_ERROR_BYTES]);
/*
 * Writes DIR/ROLE-NAME[@TENANT].crt and .key; path: without the suffix. The same again renews. 0,
 * or -1 and one line in error.
 */
int pki_issue(const char *dir, const struct pki_request *request, char path[PKI_PATH_BYTES],
	      char error[PKI_ERROR_BYTES]);
/* Where the certificate of this identity is, without the suffix. */
int pki_path(const char *dir, const struct identity *who, char path[PKI_PATH_BYTES],
	     char error[PKI_ERROR_BYTES]);
/* Takes a certificate of this authority's back: puts it on the list in DIR/ca.crl. path: its file.
 * The same again changes nothing. 0, or -1 and one line in error. */
int pki_revoke(const char *dir, const char *path, char error[PKI_ERROR_BYTES]);
