#include "dataplane/agent/netlink_message.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define MAC_BYTES 6

/* Attributes by type; those above max are newer than we know and left out. */
struct attributes {
	const struct nlattr **table;
	uint16_t max;
};

static int attribute_store(const struct nlattr *attr, void *arg)
{
	const struct attributes *attributes = arg;
	uint16_t type = mnl_attr_get_type(attr);

	if (type <= attributes->max)
		attributes->table[type] = attr;
	return MNL_CB_OK;
}

static int attributes_read(const struct nlmsghdr *nlh, size_t header, const struct nlattr **table,
			   uint16_t max)
{
	struct attributes attributes = {table, max};

	if (mnl_nlmsg_get_payload_len(nlh) < header)
		return -EINVAL;
	return mnl_attr_parse(nlh, (unsigned int)header, attribute_store, &attributes) < 0 ? -EINVAL
											   : 0;
}

int netlink_family(const struct ip_addr *ip)
{
	return ip_addr_is_v4(ip) ? AF_INET : AF_INET6;
}

void netlink_put_ip(struct nlmsghdr *nlh, uint16_t type, const struct ip_addr *ip)
{
	if (ip_addr_is_v4(ip))
		mnl_attr_put(nlh, type, 4, ip->bytes + 12);
	else
		mnl_attr_put(nlh, type, 16, ip->bytes);
}

static int bytes_to_ip(int family, const void *bytes, size_t length, struct ip_addr *ip)
{
	if (family == AF_INET && length == 4) {
		*ip = ip_addr_from_v4(bytes);
		return 0;
	}
	if (family == AF_INET6 && length == 16) {
		memcpy(ip->bytes, bytes, 16);
		return 0;
	}
	return -EINVAL;
}

static int attribute_to_ip(int family, const struct nlattr *attr, struct ip_addr *ip)
{
	if (!attr)
		return -EINVAL;
	return bytes_to_ip(family, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr), ip);
}

static bool attribute_to_u32(const struct nlattr *attr, uint32_t *value)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(*value))
		return false;
	*value = mnl_attr_get_u32(attr);
	return true;
}

static bool attribute_to_mac(const struct nlattr *attr, uint8_t mac[MAC_BYTES])
{
	if (!attr || mnl_attr_get_payload_len(attr) != MAC_BYTES)
		return false;
	memcpy(mac, mnl_attr_get_payload(attr), MAC_BYTES);
	return true;
}

int netlink_parse_link(const struct nlmsghdr *nlh, struct netlink_link *link)
{
	const struct nlattr *attrs[IFLA_MAX + 1] = {0};
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);

	/* A bridge reports its ports under its own family: those are not interfaces that went. */
	if (attributes_read(nlh, sizeof(*info), attrs, IFLA_MAX) || info->ifi_family != AF_UNSPEC ||
	    !attrs[IFLA_IFNAME] || mnl_attr_validate(attrs[IFLA_IFNAME], MNL_TYPE_NUL_STRING) < 0)
		return -EINVAL;
	memset(link, 0, sizeof(*link));
	link->ifindex = (uint32_t)info->ifi_index;
	link->removed = nlh->nlmsg_type == RTM_DELLINK;
	link->up = !link->removed && (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	link->has_mac = attribute_to_mac(attrs[IFLA_ADDRESS], link->mac);
	attribute_to_u32(attrs[IFLA_MTU], &link->mtu);
	strncpy(link->name, mnl_attr_get_str(attrs[IFLA_IFNAME]), sizeof(link->name) - 1);
	return 0;
}

int netlink_parse_address(const struct nlmsghdr *nlh, uint32_t *ifindex, struct ip_addr *ip)
{
	const struct nlattr *attrs[IFA_MAX + 1] = {0};
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);

	if (attributes_read(nlh, sizeof(*info), attrs, IFA_MAX))
		return -EINVAL;
	*ifindex = info->ifa_index;
	/* On point-to-point links IFA_ADDRESS is the far end; IFA_LOCAL is always ours. */
	return attribute_to_ip(info->ifa_family,
			       attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS], ip);
}

int netlink_parse_neighbour(const struct nlmsghdr *nlh, struct netlink_neighbour *neighbour,
			    bool *managed)
{
	const struct nlattr *attrs[NDA_MAX + 1] = {0};
	const struct ndmsg *info = mnl_nlmsg_get_payload(nlh);
	uint32_t flags = 0;

	memset(neighbour, 0, sizeof(*neighbour));
	if (attributes_read(nlh, sizeof(*info), attrs, NDA_MAX) || (info->ndm_flags & NTF_PROXY) ||
	    attribute_to_ip(info->ndm_family, attrs[NDA_DST], &neighbour->ip))
		return -EINVAL;
	neighbour->ifindex = (uint32_t)info->ndm_ifindex;
	neighbour->removed = nlh->nlmsg_type == RTM_DELNEIGH;
	neighbour->state = neighbour->removed ? 0 : info->ndm_state;
	neighbour->has_mac = attribute_to_mac(attrs[NDA_LLADDR], neighbour->mac);
	attribute_to_u32(attrs[NDA_FLAGS_EXT], &flags);
	*managed = flags & NTF_EXT_MANAGED;
	return 0;
}

int netlink_parse_route_prefix(const struct nlmsghdr *nlh, struct ip_prefix *prefix)
{
	const struct nlattr *attrs[RTA_MAX + 1] = {0};
	const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);
	static const uint8_t any_v4[4];

	if (attributes_read(nlh, sizeof(*info), attrs, RTA_MAX) ||
	    (info->rtm_flags & RTM_F_CLONED) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return -EINVAL;
	memset(prefix, 0, sizeof(*prefix));
	prefix->len = info->rtm_dst_len;
	if (info->rtm_family == AF_INET) {
		prefix->len = (uint8_t)(prefix->len + 96);
		prefix->addr = ip_addr_from_v4(any_v4);
	}
	if (!attrs[RTA_DST])
		return 0; /* a default route */
	return attribute_to_ip(info->rtm_family, attrs[RTA_DST], &prefix->addr);
}

/* What a route's type means for a packet that is to be sent on. */
static int route_type_check(unsigned int type)
{
	switch (type) {
	case RTN_UNICAST:
		return 0;
	case RTN_LOCAL:
		return -EADDRINUSE;
	case RTN_BROADCAST:
	case RTN_ANYCAST:
	case RTN_MULTICAST:
		return -EADDRNOTAVAIL;
	default:
		return -ENETUNREACH;
	}
}

static int route_next_hop(int family, const struct nlattr **attrs, const struct ip_addr *dst,
			  struct netlink_route *route)
{
	if (attrs[RTA_GATEWAY])
		return attribute_to_ip(family, attrs[RTA_GATEWAY], &route->next_hop);
	if (attrs[RTA_VIA]) { /* a next hop of the other family (RFC 5549) */
		const struct rtvia *via = mnl_attr_get_payload(attrs[RTA_VIA]);
		size_t length = mnl_attr_get_payload_len(attrs[RTA_VIA]);

		if (length < sizeof(*via))
			return -EINVAL;
		return bytes_to_ip(via->rtvia_family, via->rtvia_addr, length - sizeof(*via),
				   &route->next_hop);
	}
	route->next_hop = *dst;
	return 0;
}

int netlink_parse_route_reply(const struct nlmsghdr *nlh, const struct ip_addr *dst,
			      struct netlink_route *route)
{
	const struct nlattr *attrs[RTA_MAX + 1] = {0};
	const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);
	int err;

	if (attributes_read(nlh, sizeof(*info), attrs, RTA_MAX))
		return -EINVAL;
	memset(route, 0, sizeof(*route));
	err = route_type_check(info->rtm_type);
	if (err)
		return err;
	if (!attribute_to_u32(attrs[RTA_OIF], &route->ifindex))
		return -ENETUNREACH;
	route->has_source = !attribute_to_ip(info->rtm_family, attrs[RTA_PREFSRC], &route->source);
	return route_next_hop(info->rtm_family, attrs, dst, route);
}
