#include "control/io/tls_context.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "control/io/tls_revocation.h"

static const unsigned char alpn_h2[] = {2, 'h', '2'};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *offered, unsigned int offered_len, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, alpn_h2, sizeof(alpn_h2), offered,
				  offered_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Without the extension OpenSSL does not ask choose_protocol, and would go on. */
static int want_protocols(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *data;
	size_t len;

	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
				      &data, &len) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	ERR_raise(ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL);
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
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

static int file_wrong(const char *path, const char *what, char *error, size_t size)
{
	ERR_clear_error();
	if (access(path, R_OK))
		snprintf(error, size, "%s: %s: %s expected there", path, strerror(errno), what);
	else
		snprintf(error, size, "%s holds no %s that can be used (PEM, no password)", path,
			 what);
	return -1;
}

static int ca_load(SSL_CTX *tls, const char *path, char *error, size_t size)
{
	if (SSL_CTX_load_verify_locations(tls, path, NULL) == 1)
		return 0;
	return file_wrong(path, "CA certificate", error, size);
}

static int dates_check(SSL_CTX *tls, const char *path, char *error, size_t size)
{
	const X509 *cert = SSL_CTX_get0_certificate(tls);

	if (X509_cmp_current_time(X509_get0_notAfter(cert)) > 0 &&
	    X509_cmp_current_time(X509_get0_notBefore(cert)) < 0)
		return 0;
	snprintf(error, size,
		 "%s has expired or is not valid yet: issue a new one (causewayctl pki issue), or "
		 "set this machine's clock",
		 path);
	return -1;
}

static int identity_load(SSL_CTX *tls, const struct tls_files *files, char *error, size_t size)
{
	if (SSL_CTX_use_certificate_chain_file(tls, files->cert) != 1)
		return file_wrong(files->cert, "certificate", error, size);
	if (SSL_CTX_use_PrivateKey_file(tls, files->key, SSL_FILETYPE_PEM) != 1) {
		bool is_other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;

		if (!is_other)
			return file_wrong(files->key, "private key", error, size);
		ERR_clear_error();
		snprintf(error, size,
			 "%s is not the key of the certificate in %s: give the two that were "
			 "issued together",
			 files->key, files->cert);
		return -1;
	}
	return dates_check(tls, files->cert, error, size);
}

static SSL_CTX *context_create(const SSL_METHOD *method, char *error, size_t size)
{
	SSL_CTX *tls = SSL_CTX_new(method);

	if (tls && SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) &&
	    SSL_CTX_set_num_tickets(tls, 0)) {
		SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_default_passwd_cb(tls, no_password);
		return tls;
	}
	SSL_CTX_free(tls);
	snprintf(error, size, "OpenSSL gives no TLS 1.3 context: out of memory?");
	return NULL;
}

static bool is_given(const char *path)
{
	return path && path[0];
}

static int trust_load(SSL_CTX *tls, const struct tls_files *files, char *error, size_t size)
{
	if (ca_load(tls, files->ca, error, size))
		return -1;
	return is_given(files->crl) ? tls_revocation_load(tls, files->crl, error, size) : 0;
}

static SSL_CTX *mutual(const SSL_METHOD *method, const struct tls_files *files, char *error,
		       size_t size)
{
	SSL_CTX *tls;

	if (!is_given(files->ca) || !is_given(files->cert) || !is_given(files->key)) {
		snprintf(error, size, "tls needs ca, cert and key: see causewayctl pki --help");
		return NULL;
	}
	tls = context_create(method, error, size);
	if (!tls)
		return NULL;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (!trust_load(tls, files, error, size) && !identity_load(tls, files, error, size))
		return tls;
	SSL_CTX_free(tls);
	return NULL;
}

SSL_CTX *tls_context_server(const struct tls_files *files, char *error, size_t size)
{
	SSL_CTX *tls = mutual(TLS_server_method(), files, error, size);

	if (tls) {
		SSL_CTX_set_client_hello_cb(tls, want_protocols, NULL);
		SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
	}
	return tls;
}

SSL_CTX *tls_context_peer(const struct tls_files *files, char *error, size_t size)
{
	return mutual(TLS_method(), files, error, size);
}

static int client_load(SSL_CTX *tls, const struct tls_files *files, char *error, size_t size)
{
	if (is_given(files->ca) && trust_load(tls, files, error, size))
		return -1;
	if (!is_given(files->ca))
		SSL_CTX_set_default_verify_paths(tls);
	if (is_given(files->cert) != is_given(files->key)) {
		snprintf(error, size, "a certificate needs its key, and a key its certificate");
		return -1;
	}
	return is_given(files->cert) ? identity_load(tls, files, error, size) : 0;
}

SSL_CTX *tls_context_client(const struct tls_files *files, char *error, size_t size)
{
	SSL_CTX *tls = context_create(TLS_client_method(), error, size);

	if (!tls)
		return NULL;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	/* 0 is success here, unlike everywhere else. */
	if (!SSL_CTX_set_alpn_protos(tls, alpn_h2, sizeof(alpn_h2)) &&
	    !client_load(tls, files, error, size))
		return tls;
	SSL_CTX_free(tls);
	return NULL;
}
