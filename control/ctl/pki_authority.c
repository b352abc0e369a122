#include "control/ctl/pki_authority.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "control/ctl/pki_file.h"

int pki_wrong(char error[PKI_ERROR_BYTES], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, PKI_ERROR_BYTES, format, args);
	va_end(args);
	ERR_clear_error();
	return -1;
}

void pki_authority_free(struct pki_authority *authority)
{
	EVP_PKEY_free(authority->key);
	X509_free(authority->cert);
}

/* The trust domain is the URI of the authority's own certificate. */
static bool domain_read(struct pki_authority *authority)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(authority->cert, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *name = names ? sk_GENERAL_NAME_value(names, 0) : NULL;
	const char *uri = "";

	if (name && name->type == GEN_URI)
		uri = (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
	if (!strncmp(uri, PKI_SPIFFE_SCHEME, strlen(PKI_SPIFFE_SCHEME)))
		snprintf(authority->domain, sizeof(authority->domain), "%s",
			 uri + strlen(PKI_SPIFFE_SCHEME));
	GENERAL_NAMES_free(names);
	return identity_domain_is_valid(authority->domain);
}

int pki_authority_load(struct pki_authority *authority, const char *dir,
		       char error[PKI_ERROR_BYTES])
{
	char path[PKI_PATH_BYTES];

	if ((size_t)snprintf(path, sizeof(path), "%s/ca", dir) >= sizeof(path) - 8)
		return pki_wrong(error, "the folder's name is too long");
	if (pki_file_read(path, &authority->key, &authority->cert, error))
		return -1;
	if (X509_check_private_key(authority->cert, authority->key) != 1)
		return pki_wrong(error, "%s.key is not the key of %s.crt", path, path);
	if (!domain_read(authority))
		return pki_wrong(error, "%s.crt names no trust domain: make one with pki init",
				 path);
	return 0;
}
