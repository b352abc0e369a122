/* Which certificate is taken for a peer's: the one that control pins, or one of our authority's. */
#include "dataplane/agent/peer_internal.h"

#include <stdio.h>
#include <string.h>

#include "control/io/tls_identity.h"
#include "control/io/tls_revocation.h"

/* Control tells which certificate it is: the pin is all that counts. */
static bool is_pinned(struct session *session, const X509 *shown)
{
	char sha256[CERTIFICATE_DIGEST_BYTES] = "";

	if (shown && !certificate_digest(shown, sha256)) {
		if (!session->is_client)
			session->peer = peer_of_certificate(session->peers, sha256);
		if (session->peer && !strcmp(session->peer->certificate, sha256))
			return true;
	}
	snprintf(session->refusal, sizeof(session->refusal), "shows the certificate %s, which %s",
		 sha256,
		 session->is_client ? "is not the one that control pins"
				    : "control pins for no peer that dials this gateway");
	return false;
}

/* The authority vouches for the name: then control has no say, and cannot come in between. */
static bool is_vouched_for(struct session *session, X509_STORE_CTX *store)
{
	const struct certificate *own = session->peers->options.certificate;
	char domain[IDENTITY_DOMAIN_BYTES], who_text[IDENTITY_TEXT_BYTES];
	struct identity who;

	if (X509_verify_cert(store) != 1) {
		snprintf(session->refusal, sizeof(session->refusal),
			 "shows a certificate that is not accepted: %s",
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
		return false;
	}
	if (tls_identity_read(X509_STORE_CTX_get0_cert(store), domain, &who) &&
	    who.role == ROLE_GATEWAY && !strcmp(domain, own->domain)) {
		if (!session->is_client)
			session->peer = peer_that_dials(session->peers, who.name);
		if (session->peer && !strcmp(session->peer->name, who.name))
			return true;
	}
	identity_format(&who, who_text);
	snprintf(session->refusal, sizeof(session->refusal), "shows the certificate of %.100s, %s",
		 who_text,
		 session->is_client ? "not of the gateway that was dialled"
				    : "which is no gateway that dials this one");
	return false;
}

/* Called with the leaf that the far end showed. */
static int certificate_verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct session *session = SSL_get_app_data(ssl);
	bool is_good = certificate_is_issued(session->peers->options.certificate)
			       ? is_vouched_for(session, store)
			       : is_pinned(session, X509_STORE_CTX_get0_cert(store));

	(void)arg;
	/* Not what OpenSSL thinks of the chain: the far end hears the same whatever was wrong. */
	X509_STORE_CTX_set_error(store, is_good ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
	return is_good;
}

static SSL_CTX *context_self_signed(const struct certificate *certificate)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_method());

	if (!tls)
		return NULL;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	/* A resumed session would skip the certificates. */
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) && SSL_CTX_set_num_tickets(tls, 0) &&
	    SSL_CTX_use_certificate(tls, certificate->x509) == 1 &&
	    SSL_CTX_use_PrivateKey(tls, certificate->key) == 1)
		return tls;
	SSL_CTX_free(tls);
	return NULL;
}

static SSL_CTX *context_create(const struct certificate *certificate, char *error, size_t size)
{
	SSL_CTX *tls = certificate_is_issued(certificate)
			       ? tls_context_peer(&certificate->files, error, size)
			       : context_self_signed(certificate);

	if (tls)
		SSL_CTX_set_cert_verify_callback(tls, certificate_verify, NULL);
	return tls;
}

SSL_CTX *session_context(const struct certificate *certificate)
{
	char error[256];

	return context_create(certificate, error, sizeof(error));
}

static int tls_renew(struct peers *peers, char *error, size_t size)
{
	SSL_CTX *tls = context_create(peers->options.certificate, error, size);

	if (!tls)
		return -1;
	SSL_CTX_free(peers->tls);
	peers->tls = tls;
	return 0;
}

void peers_tls_renew(struct peers *peers)
{
	char error[256];

	if (certificate_is_issued(peers->options.certificate))
		(void)tls_renew(peers, error, sizeof(error));
}

void peers_revoke(struct peers *peers)
{
	const struct certificate *own = peers->options.certificate;
	struct session *next;
	char error[256];

	if (!certificate_is_issued(own) || !own->files.crl || !own->files.crl[0] ||
	    !tls_revocation_is_new(own->files.crl, &peers->crl))
		return;
	if (tls_renew(peers, error, sizeof(error))) {
		peer_log("%s; the list read before stays in use", error);
		return;
	}
	for (struct session *session = peers->sessions; session; session = next) {
		next = session->next;
		if (tls_revocation_hits(peers->tls, session->ssl))
			session_end(session, "its certificate is revoked");
		/* It goes by the list before. */
		else if (!SSL_is_init_finished(session->ssl))
			session_end(session, "certificates were revoked meanwhile");
	}
}
