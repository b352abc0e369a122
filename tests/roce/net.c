#include "tests/roce/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/core/bytes.h"

#ifndef UDP_NO_CHECK6_TX
#define UDP_NO_CHECK6_TX 101
#endif
#define FRAME_MAX      (ROCE_IPV4_BYTES + ROCE_UDP_BYTES + ROCE_PACKET_MAX + 64)
#define CONTROL_BYTES  128
#define RECEIVE_BUFFER (8 << 20)

struct net_buffers {
	uint8_t bytes[NET_BURST][FRAME_MAX];
	uint8_t control[NET_BURST][CONTROL_BYTES] __attribute__((aligned(8)));
	struct sockaddr_storage from[NET_BURST];
};

static socklen_t to_sockaddr(const struct net_address *a, uint16_t port,
			     struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (a->is_ipv6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, a->bytes, 16);
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	memcpy(&v4->sin_addr, a->bytes, 4);
	return sizeof(*v4);
}

static void from_sockaddr(const struct sockaddr_storage *s, struct net_address *out)
{
	memset(out, 0, sizeof(*out));
	out->is_ipv6 = s->ss_family == AF_INET6;
	if (out->is_ipv6)
		memcpy(out->bytes, &((const struct sockaddr_in6 *)s)->sin6_addr, 16);
	else
		memcpy(out->bytes, &((const struct sockaddr_in *)s)->sin_addr, 4);
}

int net_address_parse(const char *text, struct net_address *out)
{
	memset(out, 0, sizeof(*out));
	out->is_ipv6 = strchr(text, ':') != NULL;
	return inet_pton(out->is_ipv6 ? AF_INET6 : AF_INET, text, out->bytes) == 1 ? 0 : -EINVAL;
}

bool net_address_equal(const struct net_address *a, const struct net_address *b)
{
	return a->is_ipv6 == b->is_ipv6 && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int net_address_towards(const struct net_address *peer, struct net_address *out)
{
	struct sockaddr_storage address;
	socklen_t len = to_sockaddr(peer, ROCE_UDP_PORT, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, len) < 0 ||
	    (len = sizeof(address), getsockname(fd, (struct sockaddr *)&address, &len) < 0))
		error = -errno;
	else
		from_sockaddr(&address, out);
	close(fd);
	return error;
}

static int socket_bound(const struct net_address *local, int type, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t len = to_sockaddr(local, port, &address);
	int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC,
			type == SOCK_RAW ? IPPROTO_UDP : 0);
	int error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, len) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int filter_attach(int fd, struct sock_filter *code, uint16_t len)
{
	struct sock_fprog program = {.len = len, .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int receiver_open(struct net *net)
{
	uint32_t port_at = (net->local.is_ipv6 ? ROCE_IPV6_BYTES : ROCE_IPV4_BYTES) + 2;
	struct sock_filter ours[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_NET_OFF + port_at),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ROCE_UDP_PORT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	int error;

	net->receive_fd = socket_bound(&net->local, SOCK_RAW, 0);
	if (net->receive_fd < 0)
		return net->receive_fd;
	error = filter_attach(net->receive_fd, ours, sizeof(ours) / sizeof(ours[0]));
	if (!error && net->local.is_ipv6)
		error = set_int(net->receive_fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (!error)
		error = set_int(net->receive_fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	/* Beyond the system's limit where that is allowed, else up to it. */
	if (set_int(net->receive_fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
		set_int(net->receive_fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	return error;
}

static int sink_open(struct net *net)
{
	struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};

	net->sink_fd = socket_bound(&net->local, SOCK_DGRAM, ROCE_UDP_PORT);
	return net->sink_fd < 0 ? net->sink_fd : filter_attach(net->sink_fd, nothing, 1);
}

static int sender_open(struct net *net, uint32_t i, uint16_t port)
{
	int fd = socket_bound(&net->local, SOCK_DGRAM, port), error;

	net->send_fds[i] = fd;
	net->source_ports[i] = port;
	if (fd < 0)
		return fd;
	if (net->local.is_ipv6) {
		error = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
		return error ? error : set_int(fd, IPPROTO_UDP, UDP_NO_CHECK6_TX, 1);
	}
	error = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	return error ? error : set_int(fd, SOL_SOCKET, SO_NO_CHECK, 1);
}

static int all_open(struct net *net, uint16_t first_port, const char **what)
{
	int error;

	*what = "a raw socket, which needs root or CAP_NET_RAW";
	error = receiver_open(net);
	if (error)
		return error;
	*what = "UDP port 4791 at the local address";
	error = sink_open(net);
	*what = error ? *what : "a source port";
	for (uint32_t i = 0; i < net->senders && !error; i++)
		error = sender_open(net, i, (uint16_t)(first_port + i));
	return error;
}

int net_open(struct net *net, const struct net_address *local, uint32_t senders,
	     uint16_t first_port, const char **what)
{
	int error;

	memset(net, 0, sizeof(*net));
	net->local = *local;
	net->senders = senders;
	net->receive_fd = net->sink_fd = -1;
	for (uint32_t i = 0; i < NET_SENDERS; i++)
		net->send_fds[i] = -1;
	*what = "memory";
	net->buffers = malloc(sizeof(*net->buffers));
	error = net->buffers ? all_open(net, first_port, what) : -ENOMEM;
	if (error)
		net_close(net);
	return error;
}

void net_close(struct net *net)
{
	for (uint32_t i = 0; i < NET_SENDERS; i++)
		if (net->send_fds[i] >= 0)
			close(net->send_fds[i]);
	if (net->sink_fd >= 0)
		close(net->sink_fd);
	if (net->receive_fd >= 0)
		close(net->receive_fd);
	free(net->buffers);
}

static void control_read(struct net *net, struct msghdr *message, struct net_in *in)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		uint32_t value;

		memcpy(&value, CMSG_DATA(c), sizeof(value));
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
			in->tos = (uint8_t)value;
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			net->socket_drops = value; /* since the socket was opened */
	}
}

/* A raw IPv6 socket begins with the UDP header; the IP header is what its fields say. */
static bool ipv6_read(const struct net *net, const uint8_t *udp, uint32_t len, struct net_in *in)
{
	struct roce_ip_ends ends = {.is_ipv6 = true};

	if (len < ROCE_UDP_BYTES || bytes_load16(udp + 4) != len)
		return false;
	memcpy(ends.src, in->from.bytes, 16);
	memcpy(ends.dst, net->local.bytes, 16);
	ends.src_port = bytes_load16(udp);
	in->bth = udp + ROCE_UDP_BYTES;
	in->len = len - ROCE_UDP_BYTES;
	roce_ip_build(&in->ip, &ends, in->len);
	return true;
}

static bool datagram_read(struct net *net, uint32_t i, struct mmsghdr *message, struct net_in *in)
{
	const uint8_t *bytes = net->buffers->bytes[i];

	memset(in, 0, sizeof(*in));
	from_sockaddr(&net->buffers->from[i], &in->from);
	control_read(net, &message->msg_hdr, in);
	if (message->msg_hdr.msg_flags & MSG_TRUNC)
		return false;
	if (net->local.is_ipv6)
		return ipv6_read(net, bytes, message->msg_len, in);
	in->tos = bytes[1];
	return roce_ipv4_parse(bytes, message->msg_len, &in->ip, &in->bth, &in->len);
}

uint32_t net_receive(struct net *net, struct net_in *in)
{
	struct mmsghdr messages[NET_BURST];
	struct iovec vectors[NET_BURST];
	uint32_t n = 0;
	int got;

	memset(messages, 0, sizeof(messages));
	for (uint32_t i = 0; i < NET_BURST; i++) {
		vectors[i] = (struct iovec){net->buffers->bytes[i], FRAME_MAX};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &net->buffers->from[i],
						      .msg_namelen = sizeof(net->buffers->from[i]),
						      .msg_iov = &vectors[i],
						      .msg_iovlen = 1,
						      .msg_control = net->buffers->control[i],
						      .msg_controllen = CONTROL_BYTES};
	}
	got = recvmmsg(net->receive_fd, messages, NET_BURST, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		n += datagram_read(net, (uint32_t)i, &messages[i], &in[n]);
	net->malformed += got > 0 ? (uint32_t)got - n : 0;
	return n;
}

static void tos_write(struct msghdr *message, uint8_t *control, bool is_ipv6, uint8_t tos)
{
	struct cmsghdr *c;
	int value = tos;

	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(sizeof(value));
	c = CMSG_FIRSTHDR(message);
	c->cmsg_level = is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = is_ipv6 ? IPV6_TCLASS : IP_TOS;
	c->cmsg_len = CMSG_LEN(sizeof(value));
	memcpy(CMSG_DATA(c), &value, sizeof(value));
}

int net_send(struct net *net, uint32_t sender, const struct net_out *out, uint32_t count)
{
	uint8_t control[NET_BURST][CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct sockaddr_storage to[NET_BURST];
	struct mmsghdr messages[NET_BURST];
	struct iovec vectors[NET_BURST];
	int sent;

	memset(messages, 0, sizeof(messages));
	for (uint32_t i = 0; i < count; i++) {
		struct msghdr *m = &messages[i].msg_hdr;

		vectors[i] = (struct iovec){(void *)(uintptr_t)out[i].bytes, out[i].len};
		m->msg_name = &to[i];
		m->msg_namelen = to_sockaddr(&out[i].to, ROCE_UDP_PORT, &to[i]);
		m->msg_iov = &vectors[i];
		m->msg_iovlen = 1;
		tos_write(m, control[i], out[i].to.is_ipv6, out[i].tos);
	}
	sent = sendmmsg(net->send_fds[sender], messages, count, MSG_DONTWAIT);
	if (sent >= 0)
		return sent;
	if (errno == EMSGSIZE)
		return -EMSGSIZE;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return 0;
	/* The interface or the route went away under it: lost, like anything on a dead line. */
	net->send_failures++;
	return 1;
}
