/*
 * What the gateway knows of and asks from the kernel's network state: links, addresses, routes and
 * neighbours, by rtnetlink (rtnetlink(7)) in the namespace in which netlink_create ran.
 *
 * Owned by the agent thread. Queries are synchronous, on a socket of their own: the kernel answers
 * inside the send call, so they block for microseconds. Changes arrive on the loop and go to every
 * listener. When the kernel had to drop notifications, listeners get one on_resync and must look at
 * everything again: an event may be lost, its effect never.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/io/loop.h"
#include "dataplane/core/prefix.h"

struct netlink;

struct netlink_link {
	uint32_t ifindex;
	uint32_t mtu;
	bool up;      /* administratively up and running: carrier and lower devices */
	bool removed; /* in events: the interface is gone */
	bool has_mac;
	uint8_t mac[6];
	char name[IFNAMSIZ];
};

struct netlink_route {
	uint32_t ifindex;
	struct ip_addr next_hop; /* the destination itself when it is on the link */
	bool has_source;
	struct ip_addr source; /* preferred source address */
};

struct netlink_neighbour {
	uint32_t ifindex;
	struct ip_addr ip;
	uint16_t state; /* NUD_* of linux/neighbour.h; 0 with removed */
	bool removed;	/* in events: the entry is gone */
	bool has_mac;
	uint8_t mac[6];
};

/* Zero the struct, set what is wanted, add it; it must outlive its membership. NULL: not wanted. */
struct netlink_listener {
	void (*on_link)(void *arg, const struct netlink_link *link);
	void (*on_address)(void *arg, uint32_t ifindex, const struct ip_addr *ip, bool removed);
	/* Where packets to prefix go may have changed; NULL: packets to anywhere. */
	void (*on_route)(void *arg, const struct ip_prefix *prefix);
	void (*on_neighbour)(void *arg, const struct netlink_neighbour *neighbour);
	void (*on_resync)(void *arg);
	void *arg;
	struct netlink_listener *next; /* netlink's */
};

/* NULL with errno set. */
struct netlink *netlink_create(struct loop *loop);
void netlink_destroy(struct netlink *netlink);

/* Callbacks may query, but not add or remove listeners. */
void netlink_add_listener(struct netlink *netlink, struct netlink_listener *listener);
void netlink_remove_listener(struct netlink *netlink, struct netlink_listener *listener);

/* 0, -ENODEV or another -errno. */
int netlink_link_by_name(struct netlink *netlink, const char *name, struct netlink_link *link);
int netlink_link_by_index(struct netlink *netlink, uint32_t ifindex, struct netlink_link *link);

/* Both families' addresses of an interface, tentative ones too. Returns their number, at most max,
 * or -errno. */
int netlink_addresses(struct netlink *netlink, uint32_t ifindex, struct ip_addr *out, uint32_t max);

/*
 * The way of a packet to dst, as the kernel would send it. 0; -ENETUNREACH: no route, or one of
 * type unreachable, blackhole or prohibit; -EADDRINUSE: an own address; -EADDRNOTAVAIL: a broadcast
 * or multicast address; another -errno.
 */
int netlink_route_get(struct netlink *netlink, const struct ip_addr *dst,
		      struct netlink_route *route);

/* 0, -ENOENT when the kernel has no entry, or another -errno. */
int netlink_neighbour_get(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip,
			  struct netlink_neighbour *neighbour);
/* Has a MAC address that may be used now: REACHABLE, STALE, DELAY, PROBE, PERMANENT or NOARP. */
bool netlink_neighbour_is_usable(const struct netlink_neighbour *neighbour);

/*
 * Asks the kernel to resolve ip and keep it resolved (NTF_EXT_MANAGED). Where the kernel does not
 * know that flag, it resolves once (NTF_USE) and the caller asks again from time to time: see
 * netlink_can_manage. Takes the NUD_PERMANENT mark off a static entry, so ask for it before.
 */
int netlink_neighbour_hold(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip);
/* Ends the kernel's care for ip; the entry stays and ages as others do. */
int netlink_neighbour_release(struct netlink *netlink, uint32_t ifindex, const struct ip_addr *ip);
/* Does the kernel keep held neighbours resolved by itself? Known after the first hold; true before.
 */
bool netlink_can_manage(const struct netlink *netlink);
