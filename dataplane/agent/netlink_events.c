#include "dataplane/agent/netlink_internal.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "dataplane/agent/netlink_message.h"

#define EVENT_BUFFER_BYTES (4 << 20)

static const int groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,	 RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE,  RTNLGRP_NEIGH,	 RTNLGRP_NEXTHOP,
};

void netlink_add_listener(struct netlink *netlink, struct netlink_listener *listener)
{
	listener->next = netlink->listeners;
	netlink->listeners = listener;
}

void netlink_remove_listener(struct netlink *netlink, struct netlink_listener *listener)
{
	struct netlink_listener **at = &netlink->listeners;

	while (*at && *at != listener)
		at = &(*at)->next;
	if (*at)
		*at = listener->next;
}

static void link_event(struct netlink *netlink, const struct nlmsghdr *nlh)
{
	struct netlink_link link;

	if (netlink_parse_link(nlh, &link))
		return;
	for (struct netlink_listener *l = netlink->listeners; l; l = l->next) {
		if (l->on_link)
			l->on_link(l->arg, &link);
	}
}

static void address_event(struct netlink *netlink, const struct nlmsghdr *nlh)
{
	bool removed = nlh->nlmsg_type == RTM_DELADDR;
	struct ip_addr ip;
	uint32_t ifindex;

	if (netlink_parse_address(nlh, &ifindex, &ip))
		return;
	for (struct netlink_listener *l = netlink->listeners; l; l = l->next) {
		if (l->on_address)
			l->on_address(l->arg, ifindex, &ip, removed);
	}
}

/* NULL: to anywhere. */
static void routes_changed(struct netlink *netlink, const struct ip_prefix *prefix)
{
	for (struct netlink_listener *l = netlink->listeners; l; l = l->next) {
		if (l->on_route)
			l->on_route(l->arg, prefix);
	}
}

static void route_event(struct netlink *netlink, const struct nlmsghdr *nlh)
{
	struct ip_prefix prefix;

	if (!netlink_parse_route_prefix(nlh, &prefix))
		routes_changed(netlink, &prefix);
}

static void neighbour_event(struct netlink *netlink, const struct nlmsghdr *nlh)
{
	struct netlink_neighbour neighbour;
	bool managed;

	if (netlink_parse_neighbour(nlh, &neighbour, &managed))
		return;
	for (struct netlink_listener *l = netlink->listeners; l; l = l->next) {
		if (l->on_neighbour)
			l->on_neighbour(l->arg, &neighbour);
	}
}

static int event_dispatch(const struct nlmsghdr *nlh, void *arg)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_event(arg, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		address_event(arg, nlh);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		route_event(arg, nlh);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_event(arg, nlh);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		routes_changed(arg, NULL);
		break;
	}
	return MNL_CB_OK;
}

/* Reads until nothing is left: the watch reports arrivals, not what was there before. */
static void events_read(struct netlink *netlink)
{
	/* Not netlink->receive: listeners make requests while this one is being walked. */
	char buffer[RECEIVE_BYTES] __attribute__((aligned(8)));
	bool overrun = false;

	for (;;) {
		ssize_t length = mnl_socket_recvfrom(netlink->events, buffer, sizeof(buffer));

		if (length < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			overrun = true;
			continue;
		}
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			break;
		mnl_cb_run(buffer, (size_t)length, 0, 0, event_dispatch, netlink);
	}
	for (struct netlink_listener *l = netlink->listeners; overrun && l; l = l->next) {
		if (l->on_resync)
			l->on_resync(l->arg);
	}
}

static void events_on_readable(struct loop_op *op, int result, void *arg)
{
	struct netlink *netlink = arg;

	events_read(netlink);
	if (result < 0 && !loop_op_is_pending(op))
		loop_watch_readable(netlink->loop, op, mnl_socket_get_fd(netlink->events));
}

static struct mnl_socket *events_open(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int saved, size = EVENT_BUFFER_BYTES;

	if (!socket)
		return NULL;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		goto failed;
	/* Best effort: with a smaller buffer there are only more resyncs. */
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
		    0)
			goto failed;
	}
	return socket;
failed:
	saved = errno;
	mnl_socket_close(socket);
	errno = saved;
	return NULL;
}

int netlink_events_start(struct netlink *netlink)
{
	netlink->events = events_open();
	if (!netlink->events)
		return -errno;
	netlink->watch.on_done = events_on_readable;
	netlink->watch.arg = netlink;
	return loop_watch_readable(netlink->loop, &netlink->watch,
				   mnl_socket_get_fd(netlink->events));
}

void netlink_events_stop(struct netlink *netlink)
{
	if (loop_op_is_pending(&netlink->watch))
		loop_cancel(netlink->loop, &netlink->watch);
	if (netlink->events)
		mnl_socket_close(netlink->events);
}
