#include "control/io/intent_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/resource_json.h"

/* NULL: the site has no map for the path's class. */
static json_t *deliver_json(const struct intent_deliver *deliver)
{
	json_t *json = deliver->has_dscp || deliver->has_priority ? json_object() : NULL;

	if (deliver->has_dscp)
		json_object_set_new(json, "dscp", json_integer(deliver->dscp));
	if (deliver->has_priority)
		json_object_set_new(json, "pfc_priority", json_integer(deliver->priority));
	return json;
}

static const char *phase_name(uint8_t phase)
{
	static const char *const phases[] = {
		[PHASE_RECEIVE] = "receive",
		[PHASE_CLAIM] = "claim",
		[PHASE_DRAIN] = "drain",
	};

	return phases[phase];
}

static json_t *path_json(const struct intent_path *path)
{
	char local[64] = "", address[64] = "";
	json_t *peer;

	ip_addr_format(&path->local_addr, local, sizeof(local));
	ip_addr_format(&path->peer_addr, address, sizeof(address));
	peer = json_pack("{s:s, s:s, s:i, s:i, s:I, s:s}", "gateway", path->peer, "address",
			 address, "udp_port", path->peer_udp_port, "lanes", path->peer_lanes,
			 "max_bps", (json_int_t)path->peer_max_bps, "certificate",
			 path->peer_certificate);
	return json_pack(
		"{s:s, s:I, s:I, s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, "
		"s:o, s:o, s:o, s:o*}",
		"name", path->name, "id", (json_int_t)path->id, "generation",
		(json_int_t)path->generation, "phase", phase_name(path->phase), "class",
		path->class, "dscp", path->dscp, "link", path->link_id, "when_down",
		model_when_down_name(path->when_down), "port", path->port, "local", local, "peer",
		peer, "far_lan_mtu", (json_int_t)path->far_lan_mtu, "rate_bps",
		(json_int_t)path->rate_bps, "max_bps", (json_int_t)path->max_bps, "link_rtt_ns",
		(json_int_t)path->link_rtt_ns, "link_bps", (json_int_t)path->link_bps, "near",
		prefix_list_json(path->near, path->near_count), "far",
		prefix_list_json(path->far, path->far_count), "match",
		match_list_json(path->match, path->match_count), "deliver",
		deliver_json(&path->deliver));
}

struct shared_text *intent_text_make(const struct intent_path *path)
{
	json_t *json = path_json(path);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct shared_text *shared = text ? shared_text_make(text, strlen(text)) : NULL;

	json_decref(json);
	free(text);
	return shared;
}
