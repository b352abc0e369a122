/*
 * Datagrams to and from UDP port 4791 with every header byte known, which the ICRC asks for. One
 * thread owns a struct net.
 *
 * Sending: a UDP socket per queue pair, bound to that one's source port and never connected: Linux
 * then gives an IPv4 datagram with "do not fragment" the id 0, whereas a connected socket counts.
 * No UDP checksum (as NICs do: the ICRC protects more), so that what is damaged on the way is seen
 * here and not dropped by the kernel in silence.
 * Receiving: a raw socket for UDP, which shows IPv4 headers as they came; IPv6 has no field that
 * must be seen. Needs CAP_NET_RAW. A bound socket beside it keeps the kernel from answering that
 * nobody listens.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tests/roce/icrc.h"
#include "tests/roce/wire.h"

#define NET_BURST   32
#define NET_SENDERS 16

struct net_address {
	bool is_ipv6;
	uint8_t bytes[16];
};

struct net_in {
	const uint8_t *bth; /* valid until the next net_receive() */
	uint32_t len;
	struct roce_ip ip;
	struct net_address from;
	uint8_t tos;
};

struct net_out {
	struct net_address to;
	const uint8_t *bytes;
	uint32_t len;
	uint8_t tos;
};

struct net_buffers;

struct net {
	struct net_address local;
	int receive_fd, sink_fd;
	int send_fds[NET_SENDERS];
	uint16_t source_ports[NET_SENDERS];
	uint32_t senders;
	uint64_t socket_drops;	/* by a full receive buffer: this machine's fault */
	uint64_t malformed;	/* IP or UDP headers that are not whole */
	uint64_t send_failures; /* the kernel had no way for it; to the machines above a lost packet
				 */
	struct net_buffers *buffers;
};

/* Sockets at `local`, sender i with source port first_port + i. 0 or -errno, *what says which step.
 */
int net_open(struct net *net, const struct net_address *local, uint32_t senders,
	     uint16_t first_port, const char **what);
void net_close(struct net *net);
/* At most NET_BURST datagrams that are there, or 0. */
uint32_t net_receive(struct net *net, struct net_in *in);
/* At most NET_BURST. How many went out, fewer: the socket is full; or -EMSGSIZE: larger than the
 * interface's MTU. */
int net_send(struct net *net, uint32_t sender, const struct net_out *out, uint32_t count);

/* A numeric address. 0 or -EINVAL. */
int net_address_parse(const char *text, struct net_address *out);
/* The address from which this machine would talk to `peer`. 0 or -errno. */
int net_address_towards(const struct net_address *peer, struct net_address *out);
bool net_address_equal(const struct net_address *a, const struct net_address *b);
