/*
 * rtnetlink messages into the structs of netlink.h. Private to netlink.c; no state, any thread.
 * Every parser answers 0, or -EINVAL for a message that is malformed or of no interest here.
 */
#pragma once

#include <libmnl/libmnl.h>

#include "dataplane/agent/netlink.h"

int netlink_parse_link(const struct nlmsghdr *nlh, struct netlink_link *link);
int netlink_parse_address(const struct nlmsghdr *nlh, uint32_t *ifindex, struct ip_addr *ip);
/* *managed: the kernel reports NTF_EXT_MANAGED for it. */
int netlink_parse_neighbour(const struct nlmsghdr *nlh, struct netlink_neighbour *neighbour,
			    bool *managed);
/* The destination of a route that was added or removed. */
int netlink_parse_route_prefix(const struct nlmsghdr *nlh, struct ip_prefix *prefix);
/* The answer to a lookup of dst. Also -ENETUNREACH and -EADDRNOTAVAIL as netlink_route_get. */
int netlink_parse_route_reply(const struct nlmsghdr *nlh, const struct ip_addr *dst,
			      struct netlink_route *route);

/* Puts ip as an attribute in its family's size; family: AF_INET or AF_INET6. */
int netlink_family(const struct ip_addr *ip);
void netlink_put_ip(struct nlmsghdr *nlh, uint16_t type, const struct ip_addr *ip);
