/*
 * Next hops for the workers: which port and which destination MAC address an IP address has now,
 * as the kernel's routes and neighbour entries say, followed as they change.
 *
 * Owned by the agent thread, on its loop. Holds at most `capacity` destinations; where more are
 * asked for, UNREACHABLE ones are forgotten, the others by the caller (resolver_forget). A
 * destination's result is called back at least once after its request and again on every change,
 * never twice the same in a row. A destination stays UNREACHABLE, not PENDING, while the kernel
 * retries a neighbour that has failed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/io/loop.h"
#include "dataplane/abi/drop.h"
#include "dataplane/agent/netlink.h"
#include "dataplane/core/prefix.h"

struct resolver;

enum resolver_state {
	RESOLVER_PENDING = 1, /* the kernel is asking for the neighbour */
	RESOLVER_READY,
	RESOLVER_UNREACHABLE,
	RESOLVER_LOCAL, /* an address of this machine */
};

struct resolver_result {
	struct ip_addr ip; /* as requested */
	enum resolver_state state;
	enum drop reason; /* UNREACHABLE: DROP_NO_ROUTE or DROP_NO_NEIGHBOUR */
	uint32_t port;	  /* READY and PENDING: the caller's number of the way out */
	uint8_t mac[6];	  /* READY: of the next hop */
};

/* May call any function of the resolver but resolver_destroy. */
typedef void (*resolver_on_result)(void *arg, const struct resolver_result *result);

/* An interface that is one of our ports. */
struct resolver_port {
	uint32_t ifindex;
	uint32_t port;
};

struct resolver_options {
	const struct resolver_port *ports; /* copied */
	uint32_t port_count;
	uint32_t capacity; /* destinations */
	resolver_on_result on_result;
	void *arg;
};

/* NULL with errno set. loop and netlink must outlive it. */
struct resolver *resolver_create(struct loop *loop, struct netlink *netlink,
				 const struct resolver_options *options);
/* Lets the kernel's neighbours go and calls nothing back. */
void resolver_destroy(struct resolver *resolver);

/*
 * Follows ip from now on; calls back before it returns when the answer is known at once, PENDING
 * included. Of a destination that is followed already it calls the present result back again.
 * 0, or -ENOSPC when capacity destinations are followed and none of them is UNREACHABLE.
 */
int resolver_request(struct resolver *resolver, const struct ip_addr *ip);
/* No result of ip is called back any more. */
void resolver_forget(struct resolver *resolver, const struct ip_addr *ip);
uint32_t resolver_count(const struct resolver *resolver);

/* A port's interface was made anew with another index (0: gone). 0 or -ENOENT: no such port. */
int resolver_set_port(struct resolver *resolver, uint32_t port, uint32_t ifindex);
