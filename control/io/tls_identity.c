#include "control/io/tls_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#define SPIFFE_SCHEME "spiffe://"

/* SPIFFE X.509-SVID, 2: exactly one. */
static const char *uri_of(const GENERAL_NAMES *names)
{
	const char *uri = NULL;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *value = name->d.uniformResourceIdentifier;
		const char *text;

		if (name->type != GEN_URI)
			continue;
		text = (const char *)ASN1_STRING_get0_data(value);
		/* A second one, or a 0 byte inside: it could be read in two ways. */
		if (uri || strlen(text) != (size_t)ASN1_STRING_length(value))
			return NULL;
		uri = text;
	}
	return uri;
}

char *tls_identity_uri(const X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const char *uri = uri_of(names);
	char *copy = uri ? strdup(uri) : NULL;

	GENERAL_NAMES_free(names);
	return copy;
}

bool tls_identity_read(const X509 *cert, char domain[IDENTITY_DOMAIN_BYTES],
		       struct identity *identity)
{
	char *uri = cert ? tls_identity_uri(cert) : NULL;
	bool is_known = uri && !strncmp(uri, SPIFFE_SCHEME, strlen(SPIFFE_SCHEME));
	const char *begin = is_known ? uri + strlen(SPIFFE_SCHEME) : "";

	domain[0] = 0;
	*identity = (struct identity){.role = ROLE_NONE};
	if (is_known && strcspn(begin, "/") < IDENTITY_DOMAIN_BYTES)
		snprintf(domain, IDENTITY_DOMAIN_BYTES, "%.*s", (int)strcspn(begin, "/"), begin);
	is_known = is_known && identity_domain_is_valid(domain) &&
		   identity_parse(uri, domain, identity);
	if (!is_known)
		domain[0] = 0;
	free(uri);
	return is_known;
}
