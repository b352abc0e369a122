#include "control/core/intent_plan.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "control/core/path_id.h"

const struct ip_prefix *path_end_prefixes(const struct path_end *end, const struct site *site,
					  uint8_t *count)
{
	*count = end->prefix_count ? end->prefix_count : site->prefix_count;
	return end->prefix_count ? end->prefixes : site->prefixes;
}

const struct class_info *path_class(const struct path *path)
{
	const struct class_info *info;

	for (uint32_t i = 0; (info = model_class_at(i)); i++) {
		if (info->id == path->class)
			return info;
	}
	return model_class_at(0);
}

uint8_t stage_phase(enum path_stage stage)
{
	static const uint8_t phases[STAGE_COUNT] = {
		[STAGE_RECEIVE] = PHASE_RECEIVE,
		[STAGE_CLAIM] = PHASE_CLAIM,
		[STAGE_DRAIN] = PHASE_DRAIN,
	};

	return phases[stage];
}

static int fill_addresses(const struct path_context *context, enum model_end end,
			  struct intent_path *out)
{
	enum model_end here = path_link_end(context->path, end);
	const struct link_end *near = &context->link->ends[here];
	const struct link_end *far = &context->link->ends[!here];
	const struct gateway_port *near_port =
		gateway_port_find(context->gateways[end], near->port);
	const struct gateway_port *far_port = gateway_port_find(context->gateways[!end], far->port);
	uint8_t family;

	if (!near_port || !far_port)
		return -ENOENT;
	family = link_family_choose(context->link, near_port, far_port);
	if (family == FAMILY_ANY)
		return -ENOENT;
	out->local_addr = *gateway_port_address(near_port, family);
	out->peer_addr = *gateway_port_address(far_port, family);
	memcpy(out->port, near->port, sizeof(out->port));
	memcpy(out->peer, far->gateway, sizeof(out->peer));
	return 0;
}

static void fill_peer(const struct gateway_traits *peer, struct intent_path *out)
{
	out->peer_udp_port = peer->udp_port ? peer->udp_port : TRAITS_UDP_PORT_DEFAULT;
	out->peer_lanes = peer->lanes ? peer->lanes : TRAITS_LANES_DEFAULT;
	out->far_lan_mtu = peer->lan_mtu ? peer->lan_mtu : TRAITS_LAN_MTU_DEFAULT;
	memcpy(out->peer_certificate, peer->certificate, sizeof(out->peer_certificate));
}

static void fill_selectors(const struct path_context *context, enum model_end end,
			   struct intent_path *out)
{
	const struct path *path = context->path;
	const struct ip_prefix *near, *far;

	near = path_end_prefixes(&path->ends[end], context->sites[end], &out->near_count);
	far = path_end_prefixes(&path->ends[!end], context->sites[!end], &out->far_count);
	memcpy(out->near, near, out->near_count * sizeof(*near));
	memcpy(out->far, far, out->far_count * sizeof(*far));
	out->match_count = path->match_count;
	memcpy(out->match, path->match, path->match_count * sizeof(path->match[0]));
}

/* What the gateway at this end delivers looks as its site wants it. */
static void fill_deliver(const struct site_class *qos, struct intent_deliver *out)
{
	if (!qos->is_mapped)
		return;
	out->has_dscp = out->has_priority = true;
	out->dscp = qos->dscp;
	out->priority = qos->pfc_priority;
}

int intent_plan_path(const struct path_context *context, enum model_end end, enum path_stage stage,
		     struct intent_path *out)
{
	const struct path *path = context->path;

	memset(out, 0, sizeof(*out));
	model_name_set(out->name, context->name);
	out->id = path->assigned.id;
	out->generation = path->assigned.generation;
	out->phase = stage_phase(stage);
	out->class = path->class;
	out->dscp = path_class(path)->dscp;
	out->when_down = path->when_down;
	out->link_id = context->link->id;
	out->link_rtt_ns = context->link->rtt_ns;
	out->link_bps = context->link->capacity_bps;
	out->rate_bps = path_rates_now(path)[end];
	out->max_bps = path_max_now(path)[end];
	out->peer_max_bps = path_max_now(path)[!end];
	fill_peer(&context->traits[!end], out);
	fill_deliver(&context->sites[end]->qos[path->class], &out->deliver);
	fill_selectors(context, end, out);
	return fill_addresses(context, end, out);
}

static void tunnel_clear(struct intent_path *intent)
{
	intent->link_id = 0;
	memset(intent->port, 0, sizeof(intent->port));
	memset(&intent->local_addr, 0, sizeof(intent->local_addr));
	memset(&intent->peer_addr, 0, sizeof(intent->peer_addr));
}

static int digest_make(const struct path_context *context, bool has_tunnel, uint64_t *digest)
{
	uint64_t hash = FNV1A_64_INIT;

	for (int end = 0; end < 2; end++) {
		struct path_context bare = *context;
		struct intent_path intent;
		int ret;

		memset(bare.traits, 0, sizeof(bare.traits));
		ret = intent_plan_path(&bare, (enum model_end)end, STAGE_RECEIVE, &intent);
		if (ret)
			return ret;
		intent.id = 0;
		intent.generation = 0;
		intent.rate_bps = 0;
		intent.max_bps = 0;
		intent.peer_max_bps = 0;
		intent.when_down = 0;
		intent.link_rtt_ns = 0;
		intent.link_bps = 0;
		memset(&intent.deliver, 0, sizeof(intent.deliver));
		if (!has_tunnel)
			tunnel_clear(&intent);
		/* The struct was zeroed before it was filled: padding cannot differ. */
		hash = fnv1a_64(hash, &intent, sizeof(intent));
	}
	*digest = hash;
	return 0;
}

int intent_plan_digest(const struct path_context *context, uint64_t *digest)
{
	return digest_make(context, true, digest);
}

int intent_plan_flow_digest(const struct path_context *context, uint64_t *digest)
{
	return digest_make(context, false, digest);
}
