#include "dataplane/agent/resolver.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

/* Lookups in one go, so that a full table never holds up the loop for long. */
#define BATCH 64
/* Changes come in bursts (a routing daemon's table): collect for a moment, look once. */
#define COLLECT_NS 1000000ull
/* How often we ask again for neighbours that the kernel does not keep resolved by itself. */
#define REFRESH_NS 5000000000ull

struct destination {
	bool used;
	bool dirty;	/* its route is to be looked up again */
	bool reported;	/* `last` was called back */
	bool has_route; /* ifindex and next_hop are set: the kernel was asked to hold it */
	bool managed;	/* ours to release: not a static entry of an administrator */
	uint32_t ifindex;
	struct ip_addr next_hop;
	struct resolver_result last;
};

struct resolver {
	struct loop *loop;
	struct netlink *netlink;
	struct netlink_listener listener;
	struct loop_timer collect;
	struct loop_timer refresh;
	resolver_on_result on_result;
	void *arg;
	struct resolver_port *ports;
	uint32_t port_count;
	uint32_t capacity;
	uint32_t count;
	uint32_t evicted; /* the place of the one given up last */
	struct destination destinations[];
};

static struct destination *destination_find(struct resolver *resolver, const struct ip_addr *ip)
{
	for (uint32_t i = 0; i < resolver->capacity; i++) {
		struct destination *d = &resolver->destinations[i];

		if (d->used && ip_addr_equal(&d->last.ip, ip))
			return d;
	}
	return NULL;
}

static bool result_equal(const struct resolver_result *a, const struct resolver_result *b)
{
	return a->state == b->state && a->reason == b->reason && a->port == b->port &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac));
}

/* Last in every path: the callback may forget d. */
static void destination_report(struct resolver *resolver, struct destination *d,
			       const struct resolver_result *result)
{
	struct resolver_result copy = *result;

	copy.ip = d->last.ip;
	if (d->reported && result_equal(&d->last, &copy))
		return;
	d->reported = true;
	d->last = copy;
	resolver->on_result(resolver->arg, &copy);
}

static void report_unreachable(struct resolver *resolver, struct destination *d, enum drop reason)
{
	const struct resolver_result result = {.state = RESOLVER_UNREACHABLE, .reason = reason};

	destination_report(resolver, d, &result);
}

static const struct resolver_port *port_of(const struct resolver *resolver, uint32_t ifindex)
{
	for (uint32_t i = 0; i < resolver->port_count; i++) {
		if (ifindex && resolver->ports[i].ifindex == ifindex)
			return &resolver->ports[i];
	}
	return NULL;
}

/* A static entry needs no care, and both hold and release would undo it. */
static bool next_hop_is_static(struct resolver *resolver, const struct destination *d)
{
	struct netlink_neighbour neighbour;

	return !netlink_neighbour_get(resolver->netlink, d->ifindex, &d->next_hop, &neighbour) &&
	       neighbour.has_mac && (neighbour.state & (NUD_PERMANENT | NUD_NOARP));
}

/* Several destinations may share a next hop: the last one lets it go. */
static void next_hop_release(struct resolver *resolver, struct destination *d)
{
	bool was_managed = d->has_route && d->managed;

	d->has_route = false;
	d->managed = false;
	if (!was_managed)
		return;
	for (uint32_t i = 0; i < resolver->capacity; i++) {
		const struct destination *other = &resolver->destinations[i];

		if (other->used && other->has_route && other->ifindex == d->ifindex &&
		    ip_addr_equal(&other->next_hop, &d->next_hop))
			return;
	}
	if (!next_hop_is_static(resolver, d))
		netlink_neighbour_release(resolver->netlink, d->ifindex, &d->next_hop);
}

static void destination_remove(struct resolver *resolver, struct destination *d)
{
	next_hop_release(resolver, d);
	d->used = false;
	resolver->count--;
}

/* Addresses that nobody answers for, as a scan leaves them, make room for others, in turn. */
static void unreachable_evict(struct resolver *resolver)
{
	for (uint32_t i = 0; i < resolver->capacity; i++) {
		uint32_t at = (resolver->evicted + 1 + i) % resolver->capacity;
		struct destination *d = &resolver->destinations[at];

		if (!d->used || !d->reported || d->last.state != RESOLVER_UNREACHABLE)
			continue;
		destination_remove(resolver, d);
		resolver->evicted = at;
		return;
	}
}

static struct destination *destination_add(struct resolver *resolver, const struct ip_addr *ip)
{
	if (resolver->count == resolver->capacity)
		unreachable_evict(resolver);
	for (uint32_t i = 0; i < resolver->capacity; i++) {
		struct destination *d = &resolver->destinations[i];

		if (d->used)
			continue;
		memset(d, 0, sizeof(*d));
		d->used = true;
		d->last.ip = *ip;
		resolver->count++;
		return d;
	}
	return NULL;
}

/* 0, or -errno when the kernel cannot take it under care: its table is full, or the link is down.
 */
static int next_hop_hold(struct resolver *resolver, struct destination *d)
{
	int err;

	if (next_hop_is_static(resolver, d))
		return 0;
	err = netlink_neighbour_hold(resolver->netlink, d->ifindex, &d->next_hop);
	d->managed = !err;
	return err;
}

/* What a neighbour's state means for a destination behind it. */
static void destination_on_neighbour(struct resolver *resolver, struct destination *d,
				     const struct netlink_neighbour *neighbour)
{
	const struct resolver_port *port = port_of(resolver, d->ifindex);
	struct resolver_result result = {.state = RESOLVER_PENDING};

	if (!port) {
		report_unreachable(resolver, d, DROP_NO_ROUTE);
		return;
	}
	result.port = port->port;
	if (netlink_neighbour_is_usable(neighbour)) {
		result.state = RESOLVER_READY;
		memcpy(result.mac, neighbour->mac, sizeof(result.mac));
	} else if ((neighbour->state & NUD_FAILED) ||
		   (d->reported && d->last.state == RESOLVER_UNREACHABLE &&
		    d->last.reason == DROP_NO_NEIGHBOUR)) {
		report_unreachable(resolver, d, DROP_NO_NEIGHBOUR);
		return;
	}
	destination_report(resolver, d, &result);
}

/* Reads the neighbour entry now; one that does not exist yet counts as being asked for. */
static void destination_read_neighbour(struct resolver *resolver, struct destination *d)
{
	struct netlink_neighbour neighbour = {0};

	if (netlink_neighbour_get(resolver->netlink, d->ifindex, &d->next_hop, &neighbour))
		memset(&neighbour, 0, sizeof(neighbour));
	destination_on_neighbour(resolver, d, &neighbour);
}

static void destination_evaluate(struct resolver *resolver, struct destination *d)
{
	struct netlink_route route;
	int err = netlink_route_get(resolver->netlink, &d->last.ip, &route);
	bool moved;

	d->dirty = false;
	if (err == -EADDRINUSE) {
		next_hop_release(resolver, d);
		destination_report(resolver, d, &(struct resolver_result){.state = RESOLVER_LOCAL});
		return;
	}
	if (err || !port_of(resolver, route.ifindex)) {
		next_hop_release(resolver, d);
		report_unreachable(resolver, d, DROP_NO_ROUTE);
		return;
	}
	moved = !d->has_route || d->ifindex != route.ifindex ||
		!ip_addr_equal(&d->next_hop, &route.next_hop);
	if (moved) {
		next_hop_release(resolver, d);
		d->has_route = true;
		d->ifindex = route.ifindex;
		d->next_hop = route.next_hop;
	}
	/* Also when it did not move: the link may have been down and lost its entries. */
	if (next_hop_hold(resolver, d))
		report_unreachable(resolver, d, DROP_NO_NEIGHBOUR);
	else
		destination_read_neighbour(resolver, d);
}

static void collect_start(struct resolver *resolver)
{
	if (!resolver->collect.heap_index)
		loop_timer_set(resolver->loop, &resolver->collect,
			       loop_now_ns(resolver->loop) + COLLECT_NS);
}

static void collect_on_expire(struct loop_timer *timer, void *arg)
{
	struct resolver *resolver = arg;
	uint32_t done = 0;

	(void)timer;
	for (uint32_t i = 0; i < resolver->capacity; i++) {
		struct destination *d = &resolver->destinations[i];

		if (!d->used || !d->dirty)
			continue;
		if (done++ == BATCH) {
			collect_start(resolver);
			return;
		}
		destination_evaluate(resolver, d);
	}
}

static void mark_covered(struct resolver *resolver, const struct ip_prefix *prefix)
{
	bool any = false;

	for (uint32_t i = 0; i < resolver->capacity; i++) {
		struct destination *d = &resolver->destinations[i];

		if (!d->used || (prefix && !ip_prefix_contains(prefix, &d->last.ip)))
			continue;
		d->dirty = true;
		any = true;
	}
	if (any)
		collect_start(resolver);
}

static void on_route(void *arg, const struct ip_prefix *prefix)
{
	mark_covered(arg, prefix);
}

/* The kernel takes IPv4 routes away with a link or an address and does not tell which. */
static void on_link(void *arg, const struct netlink_link *link)
{
	(void)link;
	mark_covered(arg, NULL);
}

static void on_address(void *arg, uint32_t ifindex, const struct ip_addr *ip, bool removed)
{
	(void)ifindex;
	(void)ip;
	(void)removed;
	mark_covered(arg, NULL);
}

static void on_resync(void *arg)
{
	mark_covered(arg, NULL);
}

static void on_neighbour(void *arg, const struct netlink_neighbour *neighbour)
{
	struct resolver *resolver = arg;

	for (uint32_t i = 0; i < resolver->capacity; i++) {
		struct destination *d = &resolver->destinations[i];

		if (!d->used || !d->has_route || d->ifindex != neighbour->ifindex ||
		    !ip_addr_equal(&d->next_hop, &neighbour->ip))
			continue;
		if (neighbour->removed) {
			/* Flushed: ask again, in a moment; the event may announce a replacement. */
			d->dirty = true;
			collect_start(resolver);
			continue;
		}
		/* Events tell of the past: one lookup gives the state that counts now. */
		destination_read_neighbour(resolver, d);
	}
}

static void refresh_on_expire(struct loop_timer *timer, void *arg)
{
	struct resolver *resolver = arg;
	bool can_manage = netlink_can_manage(resolver->netlink);

	for (uint32_t i = 0; i < resolver->capacity; i++) {
		struct destination *d = &resolver->destinations[i];

		if (!d->used || !d->has_route || (can_manage && d->managed))
			continue;
		d->dirty = true;
		collect_start(resolver);
	}
	loop_timer_set(resolver->loop, timer, loop_now_ns(resolver->loop) + REFRESH_NS);
}

struct resolver *resolver_create(struct loop *loop, struct netlink *netlink,
				 const struct resolver_options *options)
{
	struct resolver *resolver =
		calloc(1, sizeof(*resolver) + options->capacity * sizeof(struct destination));

	if (!resolver)
		return NULL;
	resolver->ports = calloc(options->port_count + 1, sizeof(*resolver->ports));
	if (!resolver->ports) {
		free(resolver);
		errno = ENOMEM;
		return NULL;
	}
	if (options->port_count)
		memcpy(resolver->ports, options->ports,
		       options->port_count * sizeof(*resolver->ports));
	resolver->port_count = options->port_count;
	resolver->loop = loop;
	resolver->netlink = netlink;
	resolver->capacity = options->capacity;
	resolver->on_result = options->on_result;
	resolver->arg = options->arg;
	resolver->listener = (struct netlink_listener){.on_link = on_link,
						       .on_address = on_address,
						       .on_route = on_route,
						       .on_neighbour = on_neighbour,
						       .on_resync = on_resync,
						       .arg = resolver};
	netlink_add_listener(netlink, &resolver->listener);
	resolver->collect = (struct loop_timer){.on_expire = collect_on_expire, .arg = resolver};
	resolver->refresh = (struct loop_timer){.on_expire = refresh_on_expire, .arg = resolver};
	loop_timer_set(loop, &resolver->refresh, loop_now_ns(loop) + REFRESH_NS);
	return resolver;
}

void resolver_destroy(struct resolver *resolver)
{
	if (!resolver)
		return;
	loop_timer_cancel(resolver->loop, &resolver->collect);
	loop_timer_cancel(resolver->loop, &resolver->refresh);
	netlink_remove_listener(resolver->netlink, &resolver->listener);
	for (uint32_t i = 0; i < resolver->capacity; i++) {
		if (resolver->destinations[i].used)
			destination_remove(resolver, &resolver->destinations[i]);
	}
	free(resolver->ports);
	free(resolver);
}

int resolver_request(struct resolver *resolver, const struct ip_addr *ip)
{
	struct destination *d = destination_find(resolver, ip);

	if (d && d->reported) {
		struct resolver_result last = d->last;

		resolver->on_result(resolver->arg, &last);
		return 0;
	}
	if (!d)
		d = destination_add(resolver, ip);
	if (!d)
		return -ENOSPC;
	destination_evaluate(resolver, d);
	return 0;
}

void resolver_forget(struct resolver *resolver, const struct ip_addr *ip)
{
	struct destination *d = destination_find(resolver, ip);

	if (d)
		destination_remove(resolver, d);
}

uint32_t resolver_count(const struct resolver *resolver)
{
	return resolver->count;
}

int resolver_set_port(struct resolver *resolver, uint32_t port, uint32_t ifindex)
{
	int err = -ENOENT;

	for (uint32_t i = 0; i < resolver->port_count; i++) {
		if (resolver->ports[i].port != port)
			continue;
		resolver->ports[i].ifindex = ifindex;
		err = 0;
	}
	if (!err)
		mark_covered(resolver, NULL);
	return err;
}
