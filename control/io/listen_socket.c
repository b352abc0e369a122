#include "control/io/listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG	      128
#define BIND_TRIES    10
#define BIND_PAUSE_NS 50000000
#define UNIX_PREFIX   "unix:"
#define HTTP_PREFIX   "http://"
#define HTTPS_PREFIX  "https://"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

static socklen_t parse_unix(const char *path, union address *out)
{
	if (path[0] != '/' || strlen(path) >= sizeof(out->local.sun_path))
		return 0;
	out->local.sun_family = AF_UNIX;
	strcpy(out->local.sun_path, path);
	return sizeof(out->local);
}

static bool parse_port(const char *text, in_port_t *port)
{
	unsigned long number;
	char *end;

	if (text[0] < '0' || text[0] > '9' || strlen(text) > 5)
		return false;
	number = strtoul(text, &end, 10);
	*port = htons((uint16_t)number);
	return !*end && number <= UINT16_MAX;
}

static socklen_t parse_host(const char *host, in_port_t port, union address *out)
{
	size_t len = strlen(host);
	char inner[INET6_ADDRSTRLEN + 2];

	if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = port;
		return sizeof(out->v4);
	}
	if (len < 4 || len >= sizeof(inner) || host[0] != '[' || host[len - 1] != ']')
		return 0;
	memcpy(inner, host + 1, len - 2);
	inner[len - 2] = 0;
	if (inet_pton(AF_INET6, inner, &out->v6.sin6_addr) != 1)
		return 0;
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = port;
	return sizeof(out->v6);
}

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

enum listen_scheme listen_address_scheme(const char *address)
{
	if (begins(address, HTTPS_PREFIX))
		return LISTEN_HTTPS;
	if (begins(address, HTTP_PREFIX) || begins(address, UNIX_PREFIX))
		return LISTEN_HTTP;
	return LISTEN_ANY;
}

/* The length of the address, 0 when the text is none. */
static socklen_t parse(const char *text, union address *out)
{
	const char *colon;
	char host[64];
	in_port_t port;

	memset(out, 0, sizeof(*out));
	if (begins(text, UNIX_PREFIX))
		return parse_unix(text + strlen(UNIX_PREFIX), out);
	if (begins(text, HTTPS_PREFIX))
		text += strlen(HTTPS_PREFIX);
	else if (begins(text, HTTP_PREFIX))
		text += strlen(HTTP_PREFIX);
	colon = strrchr(text, ':');
	if (!colon || (size_t)(colon - text) >= sizeof(host) || !parse_port(colon + 1, &port))
		return 0;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = 0;
	return parse_host(host, port, out);
}

bool listen_address_is_valid(const char *address)
{
	union address parsed;

	return parse(address, &parsed) != 0;
}

bool listen_address_is_local(const char *address)
{
	union address parsed;

	if (!parse(address, &parsed) || parsed.any.sa_family == AF_UNIX)
		return true;
	if (parsed.any.sa_family == AF_INET)
		return ntohl(parsed.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&parsed.v6.sin6_addr);
}

static const char *advice(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "is in use; stop what listens there, or choose another with --listen";
	case EADDRNOTAVAIL:
		return "belongs to no interface here; add it, or choose another with --listen";
	case EACCES:
		return "needs more privileges; choose a port above 1023 or a writable folder";
	default:
		return strerror(error);
	}
}

static void tell_bound(int fd, const char *address, char *bound, size_t size)
{
	union address own;
	socklen_t len = sizeof(own);
	const char *colon = strrchr(address, ':');

	snprintf(bound, size, "%s", address);
	if (getsockname(fd, &own.any, &len) || own.any.sa_family == AF_UNIX)
		return;
	snprintf(bound, size, "%.*s:%u", (int)(colon - address), address,
		 ntohs(own.any.sa_family == AF_INET ? own.v4.sin_port : own.v6.sin6_port));
}

/* A unix socket's file outlives its process: left over when nobody listens behind it. */
static bool is_left_over(const union address *address, socklen_t len)
{
	struct stat info;
	bool is_refused;
	int fd;

	if (address->any.sa_family != AF_UNIX || errno != EADDRINUSE ||
	    lstat(address->local.sun_path, &info) || !S_ISSOCK(info.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	is_refused = connect(fd, &address->any, len) && errno == ECONNREFUSED;
	close(fd);
	return is_refused;
}

static int bind_once(int fd, const union address *address, socklen_t len)
{
	int error;

	if (!bind(fd, &address->any, len))
		return 0;
	error = errno;
	if (!is_left_over(address, len)) {
		errno = error;
		return -1;
	}
	unlink(address->local.sun_path);
	return bind(fd, &address->any, len);
}

/* The kernel closes the sockets of a killed io_uring process a little after the process is gone. */
static int bind_address(int fd, const union address *address, socklen_t len)
{
	static const struct timespec pause = {.tv_nsec = BIND_PAUSE_NS};
	int ret = bind_once(fd, address, len);

	for (int tries = 1; ret && errno == EADDRINUSE && tries < BIND_TRIES; tries++) {
		nanosleep(&pause, NULL);
		ret = bind_once(fd, address, len);
	}
	return ret;
}

int listen_socket_open(const char *address, char *bound, size_t bound_size, char *error,
		       size_t error_size)
{
	union address parsed;
	socklen_t len = parse(address, &parsed);
	int fd, one = 1;

	if (!len) {
		snprintf(error, error_size,
			 "%s is no address; write 127.0.0.1:7700, [::1]:7700 or unix:/path",
			 address);
		return -1;
	}
	fd = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && parsed.any.sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind_address(fd, &parsed, len) || listen(fd, BACKLOG)) {
		snprintf(error, error_size, "%s %s", address, advice(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	/* Who may do what is known by the caller's user (access.h); the folder can keep others out.
	 */
	if (parsed.any.sa_family == AF_UNIX)
		(void)chmod(parsed.local.sun_path, 0666);
	tell_bound(fd, address, bound, bound_size);
	return fd;
}
