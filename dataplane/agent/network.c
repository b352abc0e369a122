/* What the kernel's network says: next hops for the workers, addresses of the ports. */
#include "dataplane/agent/agent_private.h"

#include <errno.h>

#define HOPS_MAX 3072

void network_hop_asked(void *arg, const struct ip_addr *addr)
{
	struct agent *a = arg;

	/* What the workers ask while they end finds no resolver any more. */
	if (!a->resolver)
		return;
	if (resolver_request(a->resolver, addr))
		fastpath_hop_set(a->fastpath, addr, FASTPATH_HOP_UNREACHABLE, 0, NULL,
				 DROP_NEIGHBOUR_QUEUE);
}

static void on_resolved(void *arg, const struct resolver_result *result)
{
	struct agent *a = arg;

	switch (result->state) {
	case RESOLVER_READY:
		fastpath_hop_set(a->fastpath, &result->ip, FASTPATH_HOP_READY, result->port,
				 result->mac, 0);
		break;
	case RESOLVER_UNREACHABLE:
		fastpath_hop_set(a->fastpath, &result->ip, FASTPATH_HOP_UNREACHABLE, 0, NULL,
				 result->reason);
		break;
	case RESOLVER_LOCAL:
		fastpath_hop_set(a->fastpath, &result->ip,
				 a->tun_fd >= 0 ? FASTPATH_HOP_LOCAL : FASTPATH_HOP_UNREACHABLE, 0,
				 NULL, DROP_NO_ROUTE);
		break;
	case RESOLVER_PENDING:
		break;
	}
}

int network_open(struct agent *a)
{
	struct resolver_port ports[CONFIG_PORTS_MAX];
	struct resolver_options options = {.ports = ports,
					   .port_count = a->config->port_count,
					   .capacity = HOPS_MAX,
					   .on_result = on_resolved,
					   .arg = a};

	for (uint32_t i = 0; i < a->config->port_count; i++) {
		struct fastpath_port_info info;

		fastpath_port_info(a->fastpath, i, &info);
		ports[i] = (struct resolver_port){.ifindex = info.ifindex, .port = i};
	}
	a->resolver = resolver_create(a->loop, a->netlink, &options);
	return a->resolver ? 0 : -errno;
}

static int classify_publish(struct agent *a, uint32_t index)
{
	int ret;

	start_classify(a, index);
	ret = start_configure(a, index);
	return ret ? ret : fastpath_classify_set(a->fastpath, index, &a->classify[index]);
}

static void on_address(void *arg, uint32_t ifindex, const struct ip_addr *ip, bool removed)
{
	struct agent *a = arg;

	(void)ip;
	(void)removed;
	for (uint32_t i = 0; i < a->config->port_count; i++) {
		struct fastpath_port_info info;

		fastpath_port_info(a->fastpath, i, &info);
		if (info.ifindex == ifindex)
			classify_publish(a, i);
	}
}

static void on_resync(void *arg)
{
	struct agent *a = arg;

	for (uint32_t i = 0; i < a->config->port_count; i++)
		classify_publish(a, i);
}

void network_watch(struct agent *a)
{
	a->listener.on_address = on_address;
	a->listener.on_resync = on_resync;
	a->listener.arg = a;
	netlink_add_listener(a->netlink, &a->listener);
}
