#include "control/io/tls_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "control/io/tls_identity.h"
#include "control/io/tls_revocation.h"

struct tls_stream {
	SSL *ssl;
	BIO *in, *out; /* the ssl's */
	bool is_client;
	bool is_secured;
	char error[TLS_ERROR_BYTES];
};

static bool host_set(SSL *ssl, const char *host)
{
	struct in6_addr address;
	bool is_ip =
		inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;

	if (is_ip)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool stream_init(struct tls_stream *stream, SSL_CTX *tls, const char *host)
{
	stream->is_client = host != NULL;
	stream->ssl = SSL_new(tls);
	stream->in = BIO_new(BIO_s_mem());
	stream->out = BIO_new(BIO_s_mem());
	if (!stream->ssl || !stream->in || !stream->out) {
		BIO_free(stream->in);
		BIO_free(stream->out);
		return false;
	}
	SSL_set_bio(stream->ssl, stream->in, stream->out);
	if (host)
		SSL_set_connect_state(stream->ssl);
	else
		SSL_set_accept_state(stream->ssl);
	return !host || host_set(stream->ssl, host);
}

struct tls_stream *tls_stream_create(SSL_CTX *tls, const char *host)
{
	struct tls_stream *stream = calloc(1, sizeof(*stream));

	if (stream && stream_init(stream, tls, host))
		return stream;
	tls_stream_free(stream);
	ERR_clear_error();
	return NULL;
}

void tls_stream_free(struct tls_stream *stream)
{
	if (!stream)
		return;
	SSL_free(stream->ssl);
	free(stream);
}

int tls_stream_put(struct tls_stream *stream, const void *data, size_t len)
{
	size_t taken = 0;

	if (BIO_write_ex(stream->in, data, len, &taken) == 1 && taken == len)
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}

static void fail(struct tls_stream *stream, const char *why)
{
	if (!stream->error[0])
		snprintf(stream->error, sizeof(stream->error), "%s", why);
}

/* What OpenSSL's reason means to whoever must mend it. */
static const char *advice(unsigned long code)
{
	switch (ERR_GET_REASON(code)) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "it shows no certificate: clients need one";
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return "it wants a certificate of ours: give cert and key";
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
		return "it does not trust the CA of our certificate";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
		return "it says that our certificate has expired";
	case SSL_R_NO_APPLICATION_PROTOCOL:
	case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
		return "no common protocol: only HTTP/2 (ALPN h2) is spoken here";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "no common version: only TLS 1.3 is spoken here";
	case SSL_R_HTTP_REQUEST:
	case SSL_R_WRONG_VERSION_NUMBER:
		return "it speaks no TLS";
	default:
		return ERR_reason_error_string(code);
	}
}

static int tls_failed(struct tls_stream *stream)
{
	long verified = SSL_get_verify_result(stream->ssl);
	const char *why = advice(ERR_peek_error());
	char text[TLS_ERROR_BYTES];

	if (verified != X509_V_OK) {
		snprintf(text, sizeof(text), "its certificate is not accepted: %s",
			 X509_verify_cert_error_string(verified));
		why = text;
	}
	fail(stream, why ? why : "TLS is broken");
	ERR_clear_error();
	return -EPROTO;
}

bool tls_stream_identity(const struct tls_stream *stream, const char *domain,
			 struct identity *identity)
{
	char shown[IDENTITY_DOMAIN_BYTES];

	if (tls_identity_read(SSL_get0_peer_certificate(stream->ssl), shown, identity) &&
	    !strcmp(shown, domain))
		return true;
	*identity = (struct identity){.role = ROLE_NONE};
	return false;
}

bool tls_stream_is_revoked(const struct tls_stream *stream, const SSL_CTX *tls)
{
	return tls_revocation_hits(tls, stream->ssl);
}

/*
 * The same CA vouches for gateways and schedulers: none of them may pass for control, even if it
 * was given an address that is control's now.
 */
static bool server_is_control(const struct tls_stream *stream)
{
	const X509 *cert = SSL_get0_peer_certificate(stream->ssl);
	char *uri = cert ? tls_identity_uri(cert) : NULL;
	char domain[IDENTITY_DOMAIN_BYTES];
	struct identity identity;
	/* Another CA's certificate for a name alone is as good as its CA. */
	bool is_silent = !uri;

	free(uri);
	return is_silent ||
	       (tls_identity_read(cert, domain, &identity) && identity.role == ROLE_CONTROL);
}

static int secured(struct tls_stream *stream)
{
	const unsigned char *protocol;
	unsigned int len;

	SSL_get0_alpn_selected(stream->ssl, &protocol, &len);
	if (len != 2 || memcmp(protocol, "h2", 2) != 0) {
		fail(stream, "it did not agree on HTTP/2 (ALPN h2)");
		return -EPROTO;
	}
	if (stream->is_client && !server_is_control(stream)) {
		fail(stream, "its certificate is good, but is not control's");
		return -EPROTO;
	}
	stream->is_secured = true;
	return 0;
}

int tls_stream_read(struct tls_stream *stream, void *data, size_t size)
{
	size_t len = 0;
	int ret, error;

	if (stream->error[0])
		return -EPROTO;
	ERR_clear_error();
	ret = stream->is_secured ? 1 : SSL_do_handshake(stream->ssl);
	if (ret == 1 && !stream->is_secured && secured(stream))
		return -EPROTO;
	if (ret == 1)
		ret = SSL_read_ex(stream->ssl, data, size, &len);
	if (ret == 1)
		return (int)len;
	error = SSL_get_error(stream->ssl, ret);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return 0;
	if (error == SSL_ERROR_ZERO_RETURN)
		return -ECONNRESET;
	return tls_failed(stream);
}

bool tls_stream_is_secured(const struct tls_stream *stream)
{
	return stream->is_secured;
}

int tls_stream_write(struct tls_stream *stream, const void *data, size_t len)
{
	size_t written = 0;

	if (!len)
		return 0;
	ERR_clear_error();
	if (stream->is_secured && SSL_write_ex(stream->ssl, data, len, &written) == 1 &&
	    written == len)
		return 0;
	return tls_failed(stream);
}

size_t tls_stream_get(struct tls_stream *stream, void *data, size_t size)
{
	size_t len = 0;

	return BIO_read_ex(stream->out, data, size, &len) == 1 ? len : 0;
}

size_t tls_stream_unsent(const struct tls_stream *stream)
{
	return BIO_ctrl_pending(stream->out);
}

void tls_stream_shut(struct tls_stream *stream)
{
	if (stream->is_secured && !stream->error[0])
		SSL_shutdown(stream->ssl);
	ERR_clear_error();
}

const char *tls_stream_error(const struct tls_stream *stream)
{
	return stream->error;
}
