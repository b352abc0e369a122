/* One valid path, for the tests of what takes intents. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/intent.h"

#define INTENT_SAMPLE_CERTIFICATE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static inline struct ip_prefix sample_prefix(const char *text)
{
	struct ip_prefix prefix;

	if (ip_prefix_parse(text, &prefix))
		abort();
	return prefix;
}

static inline struct intent_path intent_sample(const char *name, uint32_t id)
{
	struct intent_path path = {
		.id = id,
		.generation = 1,
		.phase = PHASE_RECEIVE,
		.dscp = 34,
		.link_id = 1,
		.peer_udp_port = 47700,
		.peer_lanes = 1,
		.far_lan_mtu = 1500,
		.rate_bps = 1000000000,
		.max_bps = 1000000000,
		.link_rtt_ns = 20000000,
		.link_bps = 10000000000,
		.peer_max_bps = 1000000000,
		.peer_certificate = INTENT_SAMPLE_CERTIFICATE,
		.peer = "gw-b",
		.port = "wan0",
		.near_count = 2,
		.far_count = 2,
		.match_count = 2,
		.match = {{.protocol = PROTOCOL_TCP, .range_count = 1, .ranges = {{5000, 5999}}},
			  {.protocol = PROTOCOL_ROCE}},
	};

	strncpy(path.name, name, sizeof(path.name) - 1);
	if (ip_addr_parse("10.200.0.1", &path.local_addr) ||
	    ip_addr_parse("10.200.0.2", &path.peer_addr))
		abort();
	path.near[0] = sample_prefix("10.101.0.0/16");
	path.near[1] = sample_prefix("fd01::/64");
	path.far[0] = sample_prefix("10.102.0.0/16");
	path.far[1] = sample_prefix("fd02::/64");
	return path;
}
