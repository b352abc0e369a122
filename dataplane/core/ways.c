#include "dataplane/core/ways.h"

#include "dataplane/core/wire.h"

/* Entropy for ECMP and NIC steering: one source port per path and lane. */
static uint32_t ports_make(const struct intent_path *intent)
{
	uint32_t src = 49152 + ((intent->id * 0x9e3779b1u) >> 19);

	return src << 16 | intent->peer_udp_port;
}

static int template_make(struct way *way, uint8_t dscp)
{
	struct outer_flow flow = {.src = way->local, .dst = way->peer, .dscp = dscp};

	return outer_template_init(&way->outer, &flow);
}

static int way_make(struct way *way, const struct intent_path *intent, uint8_t wan_port,
		    uint32_t wan_mtu)
{
	uint32_t headers;
	int ret;

	*way = (struct way){.local = intent->local_addr,
			    .peer = intent->peer_addr,
			    .ports = ports_make(intent),
			    .wan_port = wan_port,
			    .link_id = intent->link_id};
	ret = template_make(way, intent->dscp);
	headers = way->outer.header_bytes - ETHER_HEADER_BYTES + WIRE_OVERHEAD_BYTES;
	way->frames_max = wan_mtu - headers;
	way->payload_max = way->frames_max - WIRE_DATA_BYTES;
	return ret;
}

static void way_want(struct ways *w, uint8_t index)
{
	w->to = index;
	w->wanted[index] = ++w->count;
}

int ways_init(struct ways *w, const struct intent_path *intent, uint8_t wan_port, uint32_t wan_mtu)
{
	*w = (struct ways){.at = 0};
	way_want(w, 0);
	return way_make(&w->way[0], intent, wan_port, wan_mtu);
}

/* The one that a move has left for longest; never the one that is sent by. */
static uint8_t place_for(const struct ways *w)
{
	uint8_t oldest = w->at ? 0 : 1;

	for (uint8_t i = 0; i < WAYS_MAX; i++)
		if (i != w->at && w->wanted[i] < w->wanted[oldest])
			oldest = i;
	return oldest;
}

static bool way_is(const struct way *way, const struct intent_path *intent, uint8_t wan_port)
{
	return way->link_id == intent->link_id && way->wan_port == wan_port &&
	       way->ports == ports_make(intent) &&
	       ip_addr_equal(&way->local, &intent->local_addr) &&
	       ip_addr_equal(&way->peer, &intent->peer_addr);
}

static uint8_t place_of(const struct ways *w, const struct intent_path *intent, uint8_t wan_port)
{
	for (uint8_t i = 0; i < WAYS_MAX; i++)
		if (w->wanted[i] && way_is(&w->way[i], intent, wan_port))
			return i;
	return place_for(w);
}

enum ways_change ways_update(struct ways *w, const struct intent_path *before,
			     const struct intent_path *intent, uint8_t wan_port, uint32_t wan_mtu)
{
	bool is_same = intent_path_same_identity(before, intent);

	if (!is_same && !intent_path_moves(before, intent)) {
		ways_init(w, intent, wan_port, wan_mtu);
		return WAYS_RESTART;
	}
	for (uint32_t i = 0; i < WAYS_MAX && before->dscp != intent->dscp; i++)
		if (w->wanted[i])
			template_make(&w->way[i], intent->dscp);
	if (!is_same)
		way_want(w, place_of(w, intent, wan_port));
	way_make(&w->way[w->to], intent, wan_port, wan_mtu);
	return is_same ? WAYS_SAME : WAYS_MOVE;
}

void ways_switch(struct ways *w)
{
	w->at = w->to;
}

int ways_search(const struct ways *w, const struct ip_addr *local, const struct ip_addr *peer,
		uint8_t link_id)
{
	int found = -1;

	for (int i = 0; i < WAYS_MAX; i++) {
		const struct way *way = &w->way[i];

		if (!w->wanted[i])
			continue;
		if (way_has(way, local, peer, link_id))
			return i;
		/* The addresses count where the link's number is none of ours. */
		if (way_has(way, local, peer, way->link_id))
			found = i;
	}
	return found;
}
