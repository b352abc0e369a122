/*
 * What one gateway is told about one path: the resources around the path folded into the plain
 * intent that the gateway applies. Pure; the caller found the resources.
 */
#pragma once

#include "control/core/model.h"
#include "control/core/path_state.h"

/* INTENT_CERTIFICATE_BYTES, and so many more that the struct has no padding: it is compared. */
#define TRAITS_CERTIFICATE_BYTES 68

/* What a gateway said about itself; zero where it has not reported yet. */
struct gateway_traits {
	uint16_t udp_port;
	uint16_t lanes;
	uint32_t lan_mtu;
	char certificate[TRAITS_CERTIFICATE_BYTES]; /* SHA-256 in hex; empty: not reported */
};

#define TRAITS_UDP_PORT_DEFAULT 47700
#define TRAITS_LANES_DEFAULT	1
#define TRAITS_LAN_MTU_DEFAULT	1500

/* A path and all that it stands on; index: the path's end. */
struct path_context {
	const char *name;
	const struct path *path;
	const struct link *link;
	const struct site *sites[2];
	const struct gateway *gateways[2];
	struct gateway_traits traits[2];
};

/* The prefixes of an end: its own, or those of its site. */
const struct ip_prefix *path_end_prefixes(const struct path_end *end, const struct site *site,
					  uint8_t *count);
const struct class_info *path_class(const struct path *path);
/* 0 for a stage in which the path is in no intent. */
uint8_t stage_phase(enum path_stage stage);

/*
 * 0, or -ENOENT when a port or an address that the link needs is not there (the API does not let
 * that happen: a gateway in use keeps its ports).
 */
int intent_plan_path(const struct path_context *context, enum model_end end, enum path_stage stage,
		     struct intent_path *out);
/*
 * A digest of everything that needs a new proof when it changes: selectors, class, link and
 * addresses, not rates, when_down, the sites' QoS maps nor what gateways report. Same errors.
 */
int intent_plan_digest(const struct path_context *context, uint64_t *digest);
/*
 * Of the same but the tunnel: link, ports and addresses. Two contexts with equal ones differ in
 * what gateways change in place, while the path goes on (dataplane/TRANSPORT.md). Same errors.
 */
int intent_plan_flow_digest(const struct path_context *context, uint64_t *digest);
