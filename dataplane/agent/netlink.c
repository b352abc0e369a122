#include "dataplane/agent/netlink.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/agent/netlink_internal.h"
#include "dataplane/agent/netlink_message.h"

#define REQUEST_BYTES 512

/* Answers that an earlier, broken-off request left behind. */
static void requests_drain(struct netlink *netlink)
{
	int fd = mnl_socket_get_fd(netlink->requests);

	while (recv(fd, netlink->receive, sizeof(netlink->receive), MSG_DONTWAIT) > 0)
		;
}

/* Sends and reads to the end of the answer. 0 or -errno: the kernel's, or the callback's by errno.
 */
static int request_run(struct netlink *netlink, struct nlmsghdr *nlh, mnl_cb_t on_message,
		       void *arg)
{
	unsigned int port = mnl_socket_get_portid(netlink->requests);
	ssize_t length;
	int more;

	requests_drain(netlink);
	nlh->nlmsg_seq = ++netlink->seq;
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	if (mnl_socket_sendto(netlink->requests, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		length = mnl_socket_recvfrom(netlink->requests, netlink->receive,
					     sizeof(netlink->receive));
		if (length < 0 && errno == EINTR) {
			more = MNL_CB_OK;
			continue;
		}
		if (length < 0)
			return -errno;
		more = mnl_cb_run(netlink->receive, (size_t)length, netlink->seq, port, on_message,
				  arg);
	} while (more > MNL_CB_STOP);
	return more < 0 ? -errno : 0;
}

static int link_store(const struct nlmsghdr *nlh, void *arg)
{
	if (netlink_parse_link(nlh, arg)) {
		errno = EPROTO;
		return MNL_CB_ERROR;
	}
	return MNL_CB_STOP;
}

static int link_request(struct netlink *netlink, uint32_t ifindex, const char *name,
			struct netlink_link *link)
{
	char buffer[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	nlh->nlmsg_type = RTM_GETLINK;
	info->ifi_index = (int)ifindex;
	if (name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return request_run(netlink, nlh, link_store, link);
}

int netlink_link_by_name(struct netlink *netlink, const char *name, struct netlink_link *link)
{
	if (!*name || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	return link_request(netlink, 0, name, link);
}

int netlink_link_by_index(struct netlink *netlink, uint32_t ifindex, struct netlink_link *link)
{
	return ifindex ? link_request(netlink, ifindex, NULL, link) : -ENODEV;
}

struct address_list {
	uint32_t ifindex;
	struct ip_addr *out;
	uint32_t count, max;
};

static int address_store(const struct nlmsghdr *nlh, void *arg)
{
	struct address_list *list = arg;
	struct ip_addr ip;
	uint32_t ifindex;

	if (netlink_parse_address(nlh, &ifindex, &ip) || ifindex != list->ifindex)
		return MNL_CB_OK;
	if (list->count < list->max)
		list->out[list->count++] = ip;
	return MNL_CB_OK;
}

int netlink_addresses(struct netlink *netlink, uint32_t ifindex, struct ip_addr *out, uint32_t max)
{
	struct address_list list = {ifindex, out, 0, max};
	char buffer[REQUEST_BYTES] __attribute__((aligned(8)));
	int err = -EINTR;

	/* EINTR: addresses changed under the dump, so it may hold one twice or not at all. */
	for (int i = 0; i < 5 && err == -EINTR; i++) {
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
		struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

		nlh->nlmsg_type = RTM_GETADDR;
		nlh->nlmsg_flags = NLM_F_DUMP;
		info->ifa_family = AF_UNSPEC;
		list.count = 0;
		err = request_run(netlink, nlh, address_store, &list);
	}
	return err ? err : (int)list.count;
}

struct route_query {
	const struct ip_addr *dst;
	struct netlink_route *route;
};

static int route_store(const struct nlmsghdr *nlh, void *arg)
{
	struct route_query *query = arg;
	int err = netlink_parse_route_reply(nlh, query->dst, query->route);

	if (!err)
		return MNL_CB_STOP;
	errno = -err;
	return MNL_CB_ERROR;
}

int netlink_route_get(struct netlink *netlink, const struct ip_addr *dst,
		      struct netlink_route *route)
{
	struct route_query query = {dst, route};
	char buffer[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	int err;

	nlh->nlmsg_type = RTM_GETROUTE;
	info->rtm_family = (unsigned char)netlink_family(dst);
	info->rtm_dst_len = info->rtm_family == AF_INET ? 32 : 128;
	netlink_put_ip(nlh, RTA_DST, dst);
	err = request_run(netlink, nlh, route_store, &query);
	/* How IPv4 answers for routes of type unreachable, prohibit and blackhole (fib_props). */
	if (err == -EHOSTUNREACH || err == -EACCES || err == -EINVAL)
		err = -ENETUNREACH;
	return err;
}

struct neighbour_query {
	struct netlink_neighbour *neighbour;
	bool managed;
};

static int neighbour_store(const struct nlmsghdr *nlh, void *arg)
{
	struct neighbour_query *query = arg;

	if (netlink_parse_neighbour(nlh, query->neighbour, &query->managed)) {
		errno = EPROTO;
		return MNL_CB_ERROR;
	}
	return MNL_CB_STOP;
}

static struct nlmsghdr *neighbour_message(char *buffer, uint16_t type, uint32_t ifindex,
					  const struct ip_addr *ip, uint8_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	nlh->nlmsg_type = type;
	info->ndm_family = (uint8_t)netlink_family(ip);
	info->ndm_ifindex = (int)ifindex;
	info->ndm_flags = flags;
	netlink_put_ip(nlh, NDA_DST, ip);
	return nlh;
}

static int neighbour_query_run(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip,
			       struct neighbour_query *query)
{
	char buffer[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = neighbour_message(buffer, RTM_GETNEIGH, ifindex, ip, 0);

	return request_run(netlink, nlh, neighbour_store, query);
}

int netlink_neighbour_get(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip,
			  struct netlink_neighbour *neighbour)
{
	struct neighbour_query query = {neighbour, false};

	return neighbour_query_run(netlink, ifindex, ip, &query);
}

bool netlink_neighbour_is_usable(const struct netlink_neighbour *neighbour)
{
	const uint16_t usable =
		NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

	return neighbour->has_mac && (neighbour->state & usable);
}

static int neighbour_use(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip,
			 uint16_t create)
{
	char buffer[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = neighbour_message(buffer, RTM_NEWNEIGH, ifindex, ip, NTF_USE);

	nlh->nlmsg_flags = (uint16_t)(NLM_F_ACK | NLM_F_REPLACE | create);
	return request_run(netlink, nlh, NULL, NULL);
}

static int neighbour_manage(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip)
{
	char buffer[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = neighbour_message(buffer, RTM_NEWNEIGH, ifindex, ip, 0);

	nlh->nlmsg_flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
	mnl_attr_put_u32(nlh, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	return request_run(netlink, nlh, NULL, NULL);
}

/* A kernel without the flag takes the message and ignores the attribute: look whether it stuck. */
static void manage_probe(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip)
{
	struct netlink_neighbour neighbour;
	struct neighbour_query query = {&neighbour, false};

	if (!neighbour_query_run(netlink, ifindex, ip, &query))
		netlink->manage = query.managed ? MANAGE_YES : MANAGE_NO;
}

int netlink_neighbour_hold(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip)
{
	int err;

	if (netlink->manage == MANAGE_NO)
		return neighbour_use(netlink, ifindex, ip, NLM_F_CREATE);
	err = neighbour_manage(netlink, ifindex, ip);
	if (netlink->manage == MANAGE_YES)
		return err;
	if (!err)
		manage_probe(netlink, ifindex, ip);
	else if (err == -EINVAL || err == -EOPNOTSUPP)
		netlink->manage = MANAGE_NO;
	if (netlink->manage == MANAGE_NO)
		return neighbour_use(netlink, ifindex, ip, NLM_F_CREATE);
	return err;
}

int netlink_neighbour_release(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip)
{
	/* NTF_USE without the managed flag takes the flag away and keeps the entry's state. */
	return netlink->manage == MANAGE_NO ? 0 : neighbour_use(netlink, ifindex, ip, 0);
}

bool netlink_can_manage(const struct netlink *netlink)
{
	return netlink->manage != MANAGE_NO;
}

static struct mnl_socket *requests_open(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int saved = errno;

		mnl_socket_close(socket);
		errno = saved;
		return NULL;
	}
	return socket;
}

struct netlink *netlink_create(struct loop *loop)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int err;

	if (!netlink)
		return NULL;
	netlink->loop = loop;
	netlink->requests = requests_open();
	err = netlink->requests ? netlink_events_start(netlink) : -errno;
	if (!err)
		return netlink;
	netlink_destroy(netlink);
	errno = -err;
	return NULL;
}

void netlink_destroy(struct netlink *netlink)
{
	if (!netlink)
		return;
	netlink_events_stop(netlink);
	if (netlink->requests)
		mnl_socket_close(netlink->requests);
	free(netlink);
}
