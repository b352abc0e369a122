#include "dataplane/agent/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "control/io/tls_identity.h"

static const char file_name[] = "identity.pem";

int certificate_digest(const X509 *x509, char sha256[CERTIFICATE_DIGEST_BYTES])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!X509_digest(x509, EVP_sha256(), digest, &len) ||
	    len != (CERTIFICATE_DIGEST_BYTES - 1) / 2)
		return -ENOMEM;
	for (unsigned int i = 0; i < len; i++)
		snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static bool name_set(X509 *x509, const char *gateway)
{
	X509_NAME *name = X509_get_subject_name(x509);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)gateway, -1,
					  -1, 0) &&
	       X509_set_issuer_name(x509, name);
}

static bool serial_set(X509 *x509)
{
	uint64_t serial = 0;

	/* Positive and not 0 (RFC 5280, 4.1.2.2). */
	return RAND_bytes((uint8_t *)&serial, sizeof(serial)) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1 | 1);
}

static bool extension_add(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool is_added = extension && X509_add_ext(x509, extension, -1);

	X509_EXTENSION_free(extension);
	return is_added;
}

/* Not before the day of issue, and 9999-12-31: no date of expiry (RFC 5280, 4.1.2.5). */
static bool dates_set(X509 *x509)
{
	return X509_gmtime_adj(X509_getm_notBefore(x509), -24 * 3600) &&
	       ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "99991231235959Z");
}

static int certificate_make(struct certificate *certificate, const char *gateway)
{
	X509 *x509 = certificate->x509 = X509_new();
	EVP_PKEY *key = certificate->key = EVP_EC_gen("P-256");

	if (!x509 || !key || !X509_set_version(x509, X509_VERSION_3) || !serial_set(x509) ||
	    !dates_set(x509) || !name_set(x509, gateway) || !X509_set_pubkey(x509, key) ||
	    !extension_add(x509, NID_basic_constraints, "critical,CA:FALSE") ||
	    !extension_add(x509, NID_key_usage, "critical,digitalSignature") ||
	    !X509_sign(x509, key, EVP_sha256()))
		return -ENOMEM;
	return 0;
}

static int certificate_store(const struct certificate *certificate, const struct state_file *state)
{
	/* Wiped when freed. */
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	long len;
	int ret = -ENOMEM;

	if (bio &&
	    PEM_write_bio_PKCS8PrivateKey(bio, certificate->key, NULL, NULL, 0, NULL, NULL) &&
	    PEM_write_bio_X509(bio, certificate->x509)) {
		len = BIO_get_mem_data(bio, &data);
		ret = state_file_write(state, file_name, data, (size_t)len);
	}
	BIO_free(bio);
	return ret;
}

/* OpenSSL would ask at the terminal. */
static int no_password(char *buffer, int size, int is_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

/* What is wrong with it, or NULL. */
static const char *certificate_read(struct certificate *certificate, const char *text, size_t len,
				    const char *gateway)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	char name[256] = "";

	if (bio) {
		certificate->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
		certificate->x509 = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	}
	BIO_free(bio);
	if (!certificate->key)
		return "holds no private key that can be read";
	if (!certificate->x509)
		return "holds no certificate that can be read";
	if (X509_check_private_key(certificate->x509, certificate->key) != 1)
		return "holds a key and a certificate that do not belong together";
	X509_NAME_get_text_by_NID(X509_get_subject_name(certificate->x509), NID_commonName, name,
				  sizeof(name));
	return strcmp(name, gateway) != 0 ? "is another gateway's" : NULL;
}

static int certificate_load(struct certificate *certificate, const struct state_file *state,
			    const char *gateway, char *error, size_t size)
{
	const char *wrong;
	char *text = NULL;
	size_t len = 0;
	int ret = state_file_read(state, file_name, &text, &len);

	if (ret)
		return ret;
	wrong = certificate_read(certificate, text, len, gateway);
	OPENSSL_cleanse(text, len);
	free(text);
	if (!wrong)
		return 0;
	snprintf(error, size,
		 "%s/%s %s: put a copy of the right one there; or remove it, and the gateway makes "
		 "a new one, which the far gateways accept when control has told them",
		 state->dir, file_name, wrong);
	return -EINVAL;
}

int certificate_open(struct certificate *certificate, const struct state_file *state,
		     const char *gateway, char *error, size_t size)
{
	int ret;

	*certificate = (struct certificate){.key = NULL};
	error[0] = 0;
	ret = certificate_load(certificate, state, gateway, error, size);
	if (ret == -ENOENT) {
		ret = certificate_make(certificate, gateway);
		if (!ret)
			ret = certificate_store(certificate, state);
	}
	if (!ret)
		ret = certificate_digest(certificate->x509, certificate->sha256);
	if (!ret)
		return 0;
	certificate_close(certificate);
	if (!error[0])
		snprintf(error, size, "%s/%s: %s: the gateway's certificate cannot be kept there",
			 state->dir, file_name, strerror(-ret));
	return ret;
}

/* -EINVAL: it is not this gateway's. */
static int issued_check(struct certificate *certificate, const char *gateway, char *error,
			size_t size)
{
	char text[IDENTITY_TEXT_BYTES];
	struct identity who;

	if (tls_identity_read(certificate->x509, certificate->domain, &who) &&
	    who.role == ROLE_GATEWAY && !strcmp(who.name, gateway))
		return certificate_digest(certificate->x509, certificate->sha256);
	identity_format(&who, text);
	snprintf(error, size,
		 "%s says %s, not gateway %s: issue one that does (causewayctl pki issue gateway "
		 "%s), or mend name",
		 certificate->files.cert, text, gateway, gateway);
	return -EINVAL;
}

int certificate_open_issued(struct certificate *certificate, const struct tls_files *files,
			    const char *gateway, char *error, size_t size)
{
	SSL_CTX *tls = tls_context_peer(files, error, size);
	int ret;

	*certificate = (struct certificate){.files = *files};
	if (!tls)
		return -EINVAL;
	certificate->x509 = SSL_CTX_get0_certificate(tls);
	X509_up_ref(certificate->x509);
	SSL_CTX_free(tls);
	ret = issued_check(certificate, gateway, error, size);
	if (ret)
		certificate_close(certificate);
	return ret;
}

bool certificate_is_issued(const struct certificate *certificate)
{
	return certificate->files.cert != NULL;
}

void certificate_close(struct certificate *certificate)
{
	EVP_PKEY_free(certificate->key);
	X509_free(certificate->x509);
	*certificate = (struct certificate){.key = NULL};
}
