#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "control/ctl/pki_authority.h"
#include "control/ctl/pki_file.h"

#define DAY_S	   86400l
#define PATH_BYTES (PKI_PATH_BYTES + 16)

/* NULL: there is none, or it is not this authority's, and error says so. */
static X509_CRL *list_read(const struct pki_authority *authority, const char *path,
			   char error[PKI_ERROR_BYTES])
{
	BIO *bio = BIO_new_file(path, "r");
	X509_CRL *crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (crl && X509_CRL_verify(crl, authority->key) == 1)
		return crl;
	X509_CRL_free(crl);
	pki_wrong(error,
		  "%.400s is no list of this authority's: put its right one there, or remove it "
		  "and revoke again whatever was on it",
		  path);
	return NULL;
}

static X509_CRL *list_begin(const struct pki_authority *authority)
{
	X509_CRL *crl = X509_CRL_new();
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool is_made = false;

	X509V3_set_ctx(&context, authority->cert, NULL, NULL, crl, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid");
	if (crl && extension)
		is_made = X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
			  X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->cert)) &&
			  X509_CRL_add_ext(crl, extension, -1);
	X509_EXTENSION_free(extension);
	if (is_made)
		return crl;
	X509_CRL_free(crl);
	return NULL;
}

/* Each list has a greater number than the one before (RFC 5280, 5.2.3). */
static bool number_raise(X509_CRL *crl)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	uint64_t value = 0;
	bool is_raised = !number || ASN1_INTEGER_get_uint64(&value, number) == 1;

	if (!number)
		number = ASN1_INTEGER_new();
	is_raised = is_raised && number && ASN1_INTEGER_set_uint64(number, value + 1) &&
		    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, X509V3_ADD_REPLACE);
	ASN1_INTEGER_free(number);
	return is_raised;
}

static bool entry_add(X509_CRL *crl, const X509 *cert, const ASN1_TIME *now)
{
	X509_REVOKED *entry;

	if (X509_CRL_get0_by_cert(crl, &entry, (X509 *)cert) == 1)
		return true;
	entry = X509_REVOKED_new();
	if (entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber((X509 *)cert)) &&
	    X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)now) &&
	    X509_CRL_add0_revoked(crl, entry))
		return true;
	X509_REVOKED_free(entry);
	return false;
}

/*
 * Good as long as the authority: nobody has to write it anew for everybody to be let in. A day
 * back, for clocks that are behind.
 */
static bool list_sign(X509_CRL *crl, const struct pki_authority *authority, const X509 *cert)
{
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0), *since = X509_gmtime_adj(NULL, -DAY_S);
	bool is_signed = now && since && number_raise(crl) &&
			 (!cert || entry_add(crl, cert, now)) &&
			 X509_CRL_set1_lastUpdate(crl, since) &&
			 X509_CRL_set1_nextUpdate(crl, X509_get0_notAfter(authority->cert)) &&
			 X509_CRL_sort(crl) && X509_CRL_sign(crl, authority->key, EVP_sha256());

	ASN1_TIME_free(now);
	ASN1_TIME_free(since);
	return is_signed;
}

int pki_crl_write(const struct pki_authority *authority, const char *dir, const X509 *cert,
		  char error[PKI_ERROR_BYTES])
{
	char path[PATH_BYTES];
	BIO *bio = BIO_new(BIO_s_mem());
	X509_CRL *crl;
	int ret = -1;

	snprintf(path, sizeof(path), "%s/ca.crl", dir);
	/* What a new authority finds there is another one's. */
	if (cert && (!access(path, F_OK) || errno != ENOENT)) {
		crl = list_read(authority, path, error);
	} else {
		crl = list_begin(authority);
		if (!crl)
			pki_wrong(error, "OpenSSL makes no list: out of memory?");
	}
	if (crl && bio && list_sign(crl, authority, cert) && PEM_write_bio_X509_CRL(bio, crl))
		ret = pki_file_put(path, bio, 0644, false, error);
	else if (crl)
		pki_wrong(error, "OpenSSL makes no list: out of memory?");
	X509_CRL_free(crl);
	BIO_free(bio);
	return ret;
}

static X509 *cert_read(const struct pki_authority *authority, const char *path,
		       char error[PKI_ERROR_BYTES])
{
	BIO *bio = BIO_new_file(path, "r");
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	if (!bio)
		pki_wrong(error,
			  "%.400s: %s: name a certificate, or ROLE NAME of one in the folder", path,
			  strerror(errno));
	else if (!cert)
		pki_wrong(error, "%.400s holds no certificate", path);
	else if (X509_verify(cert, authority->key) != 1 || !X509_cmp(cert, authority->cert))
		pki_wrong(error, "%.400s is none that this authority issued", path);
	BIO_free(bio);
	if (!error[0])
		return cert;
	X509_free(cert);
	return NULL;
}

int pki_revoke(const char *dir, const char *path, char error[PKI_ERROR_BYTES])
{
	struct pki_authority authority = {.key = NULL};
	int ret = pki_authority_load(&authority, dir, error);
	X509 *cert;

	error[0] = ret ? error[0] : 0;
	cert = ret ? NULL : cert_read(&authority, path, error);
	ret = cert ? pki_crl_write(&authority, dir, cert, error) : -1;
	X509_free(cert);
	pki_authority_free(&authority);
	return ret;
}
