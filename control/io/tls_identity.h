/* Who a certificate says it is: the URI in it (SPIFFE X.509-SVID), read as identity.h says. */
#pragma once

#include <openssl/x509.h>

#include "control/core/identity.h"

/* The one URI of a certificate, to be freed; NULL when there is none, or more than one. */
char *tls_identity_uri(const X509 *cert);
/* False, "" and ROLE_NONE, when it says nothing that is known. cert may be NULL. */
bool tls_identity_read(const X509 *cert, char domain[IDENTITY_DOMAIN_BYTES],
		       struct identity *identity);
