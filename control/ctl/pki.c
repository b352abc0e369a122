#include "control/ctl/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "control/ctl/pki_authority.h"
#include "control/ctl/pki_file.h"

#define DAY_S	  86400l
#define SAN_BYTES 4096

static bool serial_set(X509 *cert)
{
	uint64_t serial[2];
	BIGNUM *number;
	bool is_set;

	/* Positive, at most 20 bytes, hard to guess (RFC 5280, 4.1.2.2). */
	if (RAND_bytes((uint8_t *)serial, sizeof(serial)) != 1)
		return false;
	((uint8_t *)serial)[0] = (((uint8_t *)serial)[0] & 0x7f) | 1;
	number = BN_bin2bn((uint8_t *)serial, sizeof(serial), NULL);
	is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return is_set;
}

static bool extension_add(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool is_added;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	is_added = extension && X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	return is_added;
}

/* Without extensions and not signed. NULL without memory. */
static X509 *cert_begin(EVP_PKEY *key, const char *name, uint32_t days)
{
	X509 *cert = X509_new();

	/* A day back, for clocks that are behind. */
	if (cert && X509_set_version(cert, X509_VERSION_3) && serial_set(cert) &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), (long)days * DAY_S) &&
	    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
				       (const uint8_t *)name, -1, -1, 0) &&
	    X509_set_pubkey(cert, key))
		return cert;
	X509_free(cert);
	return NULL;
}

static bool authority_sign(struct pki_authority *authority, const char *uri)
{
	X509 *cert = authority->cert;
	char san[SAN_BYTES];

	snprintf(san, sizeof(san), "URI:%s", uri);
	return X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
	       extension_add(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       extension_add(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       extension_add(cert, cert, NID_subject_key_identifier, "hash") &&
	       extension_add(cert, cert, NID_subject_alt_name, san) &&
	       X509_sign(cert, authority->key, EVP_sha256());
}

static int folder_make(const char *dir, char error[PKI_ERROR_BYTES])
{
	struct stat info;

	if (!mkdir(dir, 0755))
		return 0;
	if (errno != EEXIST)
		return pki_wrong(error, "%s: %s: the folder cannot be made", dir, strerror(errno));
	if (stat(dir, &info) || !S_ISDIR(info.st_mode))
		return pki_wrong(error, "%s is no folder", dir);
	return 0;
}

int pki_create(const char *dir, const char *domain, uint32_t days, char error[PKI_ERROR_BYTES])
{
	struct pki_authority authority = {.key = EVP_EC_gen("P-256")};
	char path[PKI_PATH_BYTES], text[IDENTITY_DOMAIN_BYTES + 32];
	int ret = -1;

	snprintf(text, sizeof(text), "Causeway CA of %s", domain);
	if (authority.key)
		authority.cert = cert_begin(authority.key, text, days);
	snprintf(text, sizeof(text), PKI_SPIFFE_SCHEME "%s", domain);
	if (!identity_domain_is_valid(domain))
		pki_wrong(error, "'%.64s' is no trust domain: up to 63 of a-z, 0-9, '.', '_', '-'",
			  domain);
	else if (!authority.cert || !authority_sign(&authority, text))
		pki_wrong(error, "OpenSSL makes no certificate: out of memory?");
	else if ((size_t)snprintf(path, sizeof(path), "%s/ca", dir) >= sizeof(path) - 8)
		pki_wrong(error, "the folder's name is too long");
	else if (!folder_make(dir, error))
		ret = pki_file_write(path, authority.key, authority.cert, true, error);
	if (!ret)
		ret = pki_crl_write(&authority, dir, NULL, error);
	pki_authority_free(&authority);
	return ret;
}

static size_t append(char *text, size_t len, const char *what, const char *value)
{
	int more = snprintf(text + len, SAN_BYTES - len, "%s%s", what, value);

	return len + (size_t)more < SAN_BYTES ? len + (size_t)more : SAN_BYTES - 1;
}

static bool host_append(char *san, size_t *len, const char *host)
{
	struct in6_addr address;
	bool is_ip =
		inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;

	if (!host[0] || strlen(host) > 253 ||
	    (!is_ip && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(host)))
		return false;
	*len = append(san, *len, is_ip ? ",IP:" : ",DNS:", host);
	return *len < SAN_BYTES - 1;
}

static int names_write(const struct pki_request *request, const char *domain, char san[SAN_BYTES],
		       char error[PKI_ERROR_BYTES])
{
	const struct identity *who = &request->identity;
	size_t len = append(san, 0, "URI:" PKI_SPIFFE_SCHEME, domain);

	if (who->tenant[0])
		len = append(san, len, "/tenant/", who->tenant);
	len = append(san, len, "/role/", identity_role_name(who->role));
	len = append(san, len, "/name/", who->name);
	if (who->site[0])
		len = append(san, len, "/site/", who->site);
	for (uint32_t i = 0; i < request->host_count; i++) {
		if (!host_append(san, &len, request->hosts[i]))
			return pki_wrong(error,
					 "--host: '%.64s' is no address and no lower-case name",
					 request->hosts[i]);
	}
	return 0;
}

/* Gateways are both ends of their sessions among themselves. */
static const char *purposes(enum identity_role role)
{
	if (role == ROLE_CONTROL)
		return "serverAuth";
	return role == ROLE_GATEWAY ? "clientAuth,serverAuth" : "clientAuth";
}

static bool cert_sign(X509 *cert, const struct pki_authority *authority, const char *san,
		      enum identity_role role)
{
	X509 *issuer = authority->cert;

	return X509_set_issuer_name(cert, X509_get_subject_name(issuer)) &&
	       extension_add(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       extension_add(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
	       extension_add(cert, issuer, NID_ext_key_usage, purposes(role)) &&
	       extension_add(cert, issuer, NID_subject_key_identifier, "hash") &&
	       extension_add(cert, issuer, NID_authority_key_identifier, "keyid") &&
	       extension_add(cert, issuer, NID_subject_alt_name, san) &&
	       X509_sign(cert, authority->key, EVP_sha256());
}

static int issue(const struct pki_authority *authority, const struct pki_request *request,
		 const char *path, char error[PKI_ERROR_BYTES])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? cert_begin(key, request->identity.name, request->days) : NULL;
	char san[SAN_BYTES];
	int ret = cert ? names_write(request, authority->domain, san, error)
		       : pki_wrong(error, "OpenSSL makes no key: out of memory?");

	if (!ret && !cert_sign(cert, authority, san, request->identity.role))
		ret = pki_wrong(error, "OpenSSL makes no certificate: out of memory?");
	if (!ret)
		ret = pki_file_write(path, key, cert, false, error);
	EVP_PKEY_free(key);
	X509_free(cert);
	return ret;
}

static int request_check(const struct pki_request *request, char error[PKI_ERROR_BYTES])
{
	const struct identity *who = &request->identity;

	if (!identity_is_valid(who))
		return pki_wrong(
			error,
			"name, tenant and site have up to 63 of A-Z, a-z, 0-9, '.', '_', '-'; "
			"only viewers and schedulers have a tenant, only gateways a site");
	if (who->role == ROLE_CONTROL && !request->host_count)
		return pki_wrong(error,
				 "control needs --host for each name and address that clients "
				 "dial, such as --host 10.254.0.1");
	if (who->role != ROLE_CONTROL && request->host_count)
		return pki_wrong(error, "only control has --host: nobody dials a %s by name",
				 identity_role_name(who->role));
	return 0;
}

int pki_path(const char *dir, const struct identity *who, char path[PKI_PATH_BYTES],
	     char error[PKI_ERROR_BYTES])
{
	if ((size_t)snprintf(path, PKI_PATH_BYTES, "%s/%s-%s%s%s", dir,
			     identity_role_name(who->role), who->name, who->tenant[0] ? "@" : "",
			     who->tenant) >= PKI_PATH_BYTES - 8)
		return pki_wrong(error, "the folder's name is too long");
	return 0;
}

int pki_issue(const char *dir, const struct pki_request *request, char path[PKI_PATH_BYTES],
	      char error[PKI_ERROR_BYTES])
{
	struct pki_authority authority = {.key = NULL};
	int ret = request_check(request, error);

	if (!ret)
		ret = pki_authority_load(&authority, dir, error);
	if (!ret)
		ret = pki_path(dir, &request->identity, path, error);
	if (!ret)
		ret = issue(&authority, request, path, error);
	pki_authority_free(&authority);
	return ret;
}
