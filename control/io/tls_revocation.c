#include "control/io/tls_revocation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* How many were taken into the store, or -1 when the file is damaged. */
static int lists_read(BIO *bio, X509_STORE *store)
{
	X509_CRL *crl;
	int count = 0;

	while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_crl(store, crl) == 1;
		X509_CRL_free(crl);
	}
	/* So PEM says that nothing more is there. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		count = -1;
	ERR_clear_error();
	return count;
}

static bool list_is_of(const X509_CRL *crl, const X509 *authority)
{
	return !X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(authority)) &&
	       X509_CRL_verify((X509_CRL *)crl, X509_get0_pubkey(authority)) == 1;
}

static bool list_is_current(const X509_CRL *crl)
{
	const ASN1_TIME *until = X509_CRL_get0_nextUpdate(crl);

	return !until || X509_cmp_current_time(until) > 0;
}

/* Without a list of its own all that an authority issued would be refused, one by one. */
static int authority_check(const STACK_OF(X509_OBJECT) * objects, const X509 *authority,
			   const char *path, char *error, size_t size)
{
	const char *wrong = "holds no list of this CA's";
	char name[128] = "";

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

		if (!crl || !list_is_of(crl, authority))
			continue;
		if (list_is_current(crl))
			return 0;
		wrong = "holds a list that has expired";
	}
	ERR_clear_error();
	X509_NAME_get_text_by_NID(X509_get_subject_name(authority), NID_commonName, name,
				  sizeof(name));
	snprintf(error, size,
		 "%s %s (%s): put a new one there (causewayctl pki revoke writes ca.crl), or leave "
		 "crl out",
		 path, wrong, name);
	return -1;
}

static int authorities_check(SSL_CTX *tls, const char *path, char *error, size_t size)
{
	const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(tls));

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (authority && authority_check(objects, authority, path, error, size))
			return -1;
	}
	return 0;
}

int tls_revocation_load(SSL_CTX *tls, const char *path, char *error, size_t size)
{
	X509_STORE *store = SSL_CTX_get_cert_store(tls);
	BIO *bio = BIO_new_file(path, "r");
	int count = bio ? lists_read(bio, store) : 0;

	BIO_free(bio);
	ERR_clear_error();
	if (count <= 0) {
		snprintf(error, size, "%s: %s", path,
			 bio ? "holds no certificate revocation list that can be read (PEM)"
			     : strerror(errno));
		return -1;
	}
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return authorities_check(tls, path, error, size);
}

static bool is_listed(const STACK_OF(X509_OBJECT) * objects, X509 *cert)
{
	for (int i = 0; cert && i < sk_X509_OBJECT_num(objects); i++) {
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
		X509_REVOKED *entry;

		/* 2: it was on hold, and is not any more. */
		if (crl && !X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(cert)) &&
		    X509_CRL_get0_by_cert(crl, &entry, cert) == 1)
			return true;
	}
	return false;
}

bool tls_revocation_hits(const SSL_CTX *tls, const SSL *ssl)
{
	const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(tls));
	const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);

	if (is_listed(objects, SSL_get0_peer_certificate(ssl)))
		return true;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		if (is_listed(objects, sk_X509_value(chain, i)))
			return true;
	}
	return false;
}

bool tls_revocation_is_new(const char *path, struct stat *seen)
{
	struct stat before = *seen;

	if (stat(path, seen))
		return false;
	return before.st_ino != seen->st_ino || before.st_size != seen->st_size ||
	       before.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
	       before.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
}
