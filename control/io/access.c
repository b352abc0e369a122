#include "control/io/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_NS 10000000000ull

struct access {
	SSL_CTX *tls;
	char *ca, *cert, *key, *crl;
	char domain[IDENTITY_DOMAIN_BYTES];
	struct identity plain;
	struct access_uid uids[ACCESS_UIDS_MAX];
	uint32_t uid_count;
	uint64_t logged_ns;
	uint32_t unlogged;
};

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

static int files_take(struct access *access, const struct tls_files *files)
{
	access->ca = copy(files->ca);
	access->cert = copy(files->cert);
	access->key = copy(files->key);
	access->crl = copy(files->crl);
	return access->ca && access->cert && access->key && access->crl ? 0 : -1;
}

int access_reload(struct access *access, char *error, size_t size)
{
	const struct tls_files files = {access->ca, access->cert, access->key, access->crl};
	SSL_CTX *tls = tls_context_server(&files, error, size);

	if (!tls)
		return -1;
	/* Whoever uses the old one keeps it alive. */
	SSL_CTX_free(access->tls);
	access->tls = tls;
	return 0;
}

static int options_take(struct access *access, const struct access_options *options, char *error,
			size_t size)
{
	const char *domain = options->domain ? options->domain : ACCESS_DOMAIN_DEFAULT;

	if (!identity_domain_is_valid(domain)) {
		snprintf(error, size,
			 "trust_domain: '%.64s' is no domain: up to 63 lower-case letters, digits, "
			 "'.', '_' and '-'",
			 domain);
		return -1;
	}
	strcpy(access->domain, domain);
	access->plain.role = options->plain_role;
	if (options->plain_role != ROLE_NONE)
		strcpy(access->plain.name, "plain");
	access->uid_count =
		options->uid_count < ACCESS_UIDS_MAX ? options->uid_count : ACCESS_UIDS_MAX;
	for (uint32_t i = 0; i < access->uid_count; i++)
		access->uids[i] = options->uids[i];
	if (!options->tls)
		return 0;
	if (!files_take(access, options->tls))
		return access_reload(access, error, size);
	snprintf(error, size, "out of memory");
	return -1;
}

struct access *access_create(const struct access_options *options, char *error, size_t size)
{
	struct access *access = calloc(1, sizeof(*access));

	if (!access) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	if (!options_take(access, options, error, size))
		return access;
	access_destroy(access);
	return NULL;
}

void access_destroy(struct access *access)
{
	if (!access)
		return;
	SSL_CTX_free(access->tls);
	free(access->ca);
	free(access->cert);
	free(access->key);
	free(access->crl);
	free(access);
}

bool access_has_tls(const struct access *access)
{
	return access && access->tls;
}

struct tls_stream *access_tls(const struct access *access)
{
	return access_has_tls(access) ? tls_stream_create(access->tls, NULL) : NULL;
}

bool access_has_crl(const struct access *access)
{
	return access_has_tls(access) && access->crl[0];
}

bool access_revokes(const struct access *access, const struct tls_stream *stream)
{
	return access_has_crl(access) && tls_stream_is_revoked(stream, access->tls);
}

static void of_uid(const struct access *access, uint32_t uid, struct identity *identity)
{
	for (uint32_t i = 0; i < access->uid_count; i++) {
		if (access->uids[i].uid == uid) {
			*identity = access->uids[i].identity;
			return;
		}
	}
	*identity = (struct identity){
		.role = uid == 0 || uid == geteuid() ? ROLE_ADMIN : ROLE_VIEWER,
	};
	snprintf(identity->name, sizeof(identity->name), "uid-%u", uid);
}

void access_of_socket(const struct access *access, int fd, struct identity *identity)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int family = AF_UNSPEC;
	socklen_t family_len = sizeof(family);

	*identity = (struct identity){.role = ROLE_NONE};
	if (!access || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_len))
		return;
	if (family != AF_UNIX)
		*identity = access->plain;
	else if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		of_uid(access, peer.uid, identity);
}

bool access_of_tls(const struct access *access, const struct tls_stream *stream,
		   struct identity *identity)
{
	return tls_stream_identity(stream, access->domain, identity);
}

static void remote_format(int fd, char text[INET6_ADDRSTRLEN])
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	const void *ip = &((const struct sockaddr_in *)&address)->sin_addr;

	strcpy(text, "somebody");
	if (getpeername(fd, (struct sockaddr *)&address, &len))
		return;
	if (address.ss_family == AF_INET6)
		ip = &((const struct sockaddr_in6 *)&address)->sin6_addr;
	inet_ntop(address.ss_family, ip, text, INET6_ADDRSTRLEN);
}

void access_refused(struct access *access, int fd, uint64_t now_ns, const char *why)
{
	char remote[INET6_ADDRSTRLEN];

	access->unlogged++;
	if (access->logged_ns && now_ns - access->logged_ns < LOG_NS)
		return;
	remote_format(fd, remote);
	fprintf(stderr, "causeway-control: refused %s: %s (%u since the last such line)\n", remote,
		why, access->unlogged);
	access->logged_ns = now_ns;
	access->unlogged = 0;
}
