/* TCP for the key agreement: dialling from, and listening on, the WAN addresses that paths use. */
#include "dataplane/agent/peer_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 16
/* Sessions that have not said who they are yet; more are turned away. */
#define STRANGERS_MAX 32

struct socket_address {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

static struct socket_address socket_address(const struct ip_addr *ip, uint16_t port)
{
	struct socket_address address = {.len = sizeof(address.v6)};

	if (ip_addr_is_v4(ip)) {
		address.len = sizeof(address.v4);
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(port);
		memcpy(&address.v4.sin_addr, ip->bytes + 12, 4);
		return address;
	}
	address.v6.sin6_family = AF_INET6;
	address.v6.sin6_port = htons(port);
	memcpy(&address.v6.sin6_addr, ip->bytes, 16);
	return address;
}

/* A TCP socket bound to an own address, blocking as the loop wants it; or -errno. */
static int socket_bound(const struct ip_addr *ip, uint16_t port)
{
	struct socket_address address = socket_address(ip, port);
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1, ret;

	if (fd < 0)
		return -errno;
	if (port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!bind(fd, &address.any, address.len))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* 0, or -errno and there is no session. */
static int dial(struct peer *peer, const struct endpoint *endpoint)
{
	struct socket_address to = socket_address(&endpoint->remote, endpoint->port);
	int fd = socket_bound(&endpoint->local, 0);
	int ret;

	if (fd < 0)
		return fd;
	peer->session = session_open(peer->peers, peer, fd);
	if (!peer->session)
		return -ENOMEM;
	ret = session_connect(peer->session, &to.any, to.len);
	/* Its end plans the next attempt. */
	if (ret)
		session_end(peer->session, strerror(-ret));
	return 0;
}

void peer_dial(struct peer *peer)
{
	const struct endpoint *endpoint = &peer->endpoints[peer->attempt % peer->endpoint_count];
	char local[64] = "", why[PEER_ERROR_BYTES];
	int ret;

	if (peer->session)
		return;
	ret = dial(peer, endpoint);
	if (!ret)
		return;
	ip_addr_format(&endpoint->local, local, sizeof(local));
	snprintf(why, sizeof(why), "cannot dial from %s: %s", local, strerror(-ret));
	peer_state_set(peer, false, why);
	peer_retry(peer, false);
}

static uint32_t strangers_count(const struct peers *peers)
{
	uint32_t count = 0;

	for (const struct session *session = peers->sessions; session; session = session->next)
		count += !session->is_client && !session->is_greeted;
	return count;
}

static void on_accepted(struct loop_op *op, int result, void *arg)
{
	struct listener *listener = arg;
	struct session *session;

	(void)op;
	if (result < 0) {
		/* The next beat listens again. */
		close(listener->fd);
		listener->fd = -1;
		return;
	}
	if (strangers_count(listener->peers) >= STRANGERS_MAX) {
		close(result);
		return;
	}
	session = session_open(listener->peers, NULL, result);
	if (session)
		session_begin(session);
}

static int listener_open(struct listener *listener)
{
	struct peers *peers = listener->peers;
	int fd = socket_bound(&listener->address, peers->options.port);
	int ret;

	if (fd < 0)
		return fd;
	listener->accept_op.on_done = on_accepted;
	listener->accept_op.arg = listener;
	ret = listen(fd, BACKLOG) ? -errno
				  : loop_accept(peers->options.loop, &listener->accept_op, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	listener->fd = fd;
	return 0;
}

static void listener_try(struct listener *listener)
{
	char address[64] = "";
	int ret = listener_open(listener);

	ip_addr_format(&listener->address, address, sizeof(address));
	if (ret && !listener->has_failed)
		peer_log("cannot listen for keys on %s, TCP port %u: %s; trying again", address,
			 listener->peers->options.port, strerror(-ret));
	listener->has_failed = ret != 0;
}

static void listener_want(struct peers *peers, const struct ip_addr *address)
{
	struct listener *listener = peers->listeners;

	while (listener && !ip_addr_equal(&listener->address, address))
		listener = listener->next;
	if (!listener) {
		listener = calloc(1, sizeof(*listener));
		/* The next beat asks again. */
		if (!listener)
			return;
		listener->peers = peers;
		listener->address = *address;
		listener->fd = -1;
		listener->next = peers->listeners;
		peers->listeners = listener;
	}
	listener->is_wanted = true;
}

static void listener_free(struct listener *listener)
{
	loop_cancel(listener->peers->options.loop, &listener->accept_op);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

void listeners_update(struct peers *peers)
{
	struct listener **at = &peers->listeners;

	for (struct listener *listener = *at; listener; listener = listener->next)
		listener->is_wanted = false;
	for (uint32_t i = 0; i < peers->count; i++) {
		const struct peer *peer = peers->list[i];

		for (uint32_t j = 0; j < peer->endpoint_count && !peer->is_dialled; j++)
			listener_want(peers, &peer->endpoints[j].local);
	}
	while (*at) {
		struct listener *listener = *at;

		if (!listener->is_wanted) {
			*at = listener->next;
			listener_free(listener);
			continue;
		}
		if (listener->fd < 0)
			listener_try(listener);
		at = &listener->next;
	}
}

void listeners_free(struct peers *peers)
{
	struct listener *next;

	for (struct listener *listener = peers->listeners; listener; listener = next) {
		next = listener->next;
		listener_free(listener);
	}
	peers->listeners = NULL;
}
