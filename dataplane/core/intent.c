#include "dataplane/core/intent.h"

#include <string.h>

#include "dataplane/abi/verdict.h"

#define DSCP_COUNT     64
#define PRIORITY_COUNT 8

static bool prefixes_contain(const struct ip_prefix *prefixes, uint32_t count,
			     const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < count; i++) {
		if (ip_prefix_contains(&prefixes[i], addr))
			return true;
	}
	return false;
}

bool intent_path_permits(const struct intent_path *path, const struct ip_addr *near,
			 const struct ip_addr *far)
{
	return prefixes_contain(path->near, path->near_count, near) &&
	       prefixes_contain(path->far, path->far_count, far);
}

static bool name_is_valid(const char *name)
{
	return name[0] != '\0' && memchr(name, '\0', INTENT_NAME_BYTES) != NULL;
}

static bool certificate_is_valid(const char *digits)
{
	for (uint32_t i = 0; i < INTENT_CERTIFICATE_BYTES - 1; i++) {
		bool is_digit = digits[i] >= '0' && digits[i] <= '9';

		if (!is_digit && (digits[i] < 'a' || digits[i] > 'f'))
			return false;
	}
	return digits[INTENT_CERTIFICATE_BYTES - 1] == '\0';
}

static bool prefix_is_valid(const struct ip_prefix *prefix)
{
	if (prefix->len > 128)
		return false;
	for (uint32_t bit = prefix->len; bit < 128; bit++) {
		if (prefix->addr.bytes[bit / 8] & (0x80u >> (bit % 8)))
			return false;
	}
	return true;
}

static bool prefixes_are_valid(const struct ip_prefix *prefixes, uint32_t count)
{
	if (count == 0 || count > INTENT_PREFIXES_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!prefix_is_valid(&prefixes[i]))
			return false;
	}
	return true;
}

static enum intent_fault match_check(const struct intent_match *match)
{
	bool has_ports = match->protocol == PROTOCOL_TCP || match->protocol == PROTOCOL_UDP;

	if (match->protocol >= PROTOCOL_COUNT || match->range_count > INTENT_RANGES_MAX)
		return INTENT_MATCH;
	if (match->range_count > 0 && !has_ports)
		return INTENT_MATCH;
	for (uint32_t i = 0; i < match->range_count; i++) {
		if (match->ranges[i].first > match->ranges[i].last)
			return INTENT_RANGE;
	}
	return INTENT_OK;
}

static enum intent_fault selectors_check(const struct intent_path *path)
{
	if (!prefixes_are_valid(path->near, path->near_count) ||
	    !prefixes_are_valid(path->far, path->far_count))
		return INTENT_PREFIXES;
	if (path->match_count == 0 || path->match_count > INTENT_MATCHES_MAX)
		return INTENT_MATCH;
	for (uint32_t i = 0; i < path->match_count; i++) {
		enum intent_fault fault = match_check(&path->match[i]);

		if (fault)
			return fault;
	}
	return INTENT_OK;
}

static bool deliver_is_valid(const struct intent_deliver *deliver)
{
	return (!deliver->has_dscp || deliver->dscp < DSCP_COUNT) &&
	       (!deliver->has_priority || deliver->priority < PRIORITY_COUNT);
}

static bool deliver_equal(const struct intent_deliver *a, const struct intent_deliver *b)
{
	return a->has_dscp == b->has_dscp && a->has_priority == b->has_priority &&
	       (!a->has_dscp || a->dscp == b->dscp) &&
	       (!a->has_priority || a->priority == b->priority);
}

static enum intent_fault path_check(const struct intent_path *path)
{
	if (!name_is_valid(path->name) || !name_is_valid(path->peer) || !name_is_valid(path->port))
		return INTENT_NAME;
	if (path->id == 0)
		return INTENT_ID;
	if (path->generation == 0)
		return INTENT_GENERATION;
	if (path->phase < PHASE_RECEIVE || path->phase > PHASE_DRAIN)
		return INTENT_PHASE;
	if (path->class >= CLASS_COUNT || path->dscp >= DSCP_COUNT)
		return INTENT_CLASS;
	if (path->when_down >= WHEN_DOWN_COUNT)
		return INTENT_WHEN_DOWN;
	if (!deliver_is_valid(&path->deliver))
		return INTENT_DELIVER;
	if (path->peer_udp_port == 0 || path->peer_lanes == 0 ||
	    path->peer_udp_port > UINT16_MAX - (path->peer_lanes - 1))
		return INTENT_PEER;
	if (ip_addr_is_v4(&path->local_addr) != ip_addr_is_v4(&path->peer_addr))
		return INTENT_FAMILY;
	if (path->max_bps == 0 || path->max_bps < path->rate_bps || path->peer_max_bps == 0)
		return INTENT_RATE;
	if (path->link_rtt_ns == 0 || path->link_rtt_ns > INTENT_RTT_MAX_NS || path->link_bps == 0)
		return INTENT_LINK;
	if (!certificate_is_valid(path->peer_certificate))
		return INTENT_CERTIFICATE;
	return selectors_check(path);
}

static bool id_is_taken(const struct intent *intent, uint32_t before, uint32_t id)
{
	for (uint32_t i = 0; i < before; i++) {
		if (intent->paths[i].id == id)
			return true;
	}
	return false;
}

/* All paths of a class here are the same site's, and a LAN has one priority for it. */
static bool deliver_agrees(const struct intent_path *path, const struct intent_path **first)
{
	if (!first[path->class])
		first[path->class] = path;
	return deliver_equal(&path->deliver, &first[path->class]->deliver);
}

enum intent_fault intent_check(const struct intent *intent, uint32_t *index)
{
	const struct intent_path *first[CLASS_COUNT] = {NULL};

	for (uint32_t i = 0; i < intent->path_count; i++) {
		const struct intent_path *path = &intent->paths[i];
		enum intent_fault fault = path_check(path);

		*index = i;
		if (fault)
			return fault;
		if (i > 0 && strcmp(intent->paths[i - 1].name, path->name) >= 0)
			return INTENT_ORDER;
		if (id_is_taken(intent, i, path->id))
			return INTENT_ID;
		if (!deliver_agrees(path, first))
			return INTENT_DELIVER;
	}
	*index = 0;
	return INTENT_OK;
}

const char *intent_fault_text(enum intent_fault fault)
{
	static const char *const text[INTENT_FAULT_COUNT] = {
		[INTENT_OK] = "no fault",
		[INTENT_NAME] = "a name is empty or too long",
		[INTENT_ORDER] = "the path's name is not unique or not in order",
		[INTENT_ID] = "the path id is 0 or another path's",
		[INTENT_GENERATION] = "the generation is 0",
		[INTENT_PHASE] = "the phase is unknown",
		[INTENT_CLASS] = "the class or its DSCP is out of range",
		[INTENT_PEER] = "the peer's UDP ports are out of range",
		[INTENT_FAMILY] = "local and peer address are of different families",
		[INTENT_RATE] = "the maximal rate is 0 or below the guaranteed one",
		[INTENT_LINK] = "the link's round trip or capacity is out of range",
		[INTENT_CERTIFICATE] = "the peer's certificate is no SHA-256 in lower-case hex",
		[INTENT_PREFIXES] = "prefixes are missing, too many, or have host bits",
		[INTENT_MATCH] = "matches are missing, too many, or have ports that do not apply",
		[INTENT_RANGE] = "a port range is reversed",
		[INTENT_WHEN_DOWN] = "when_down is unknown",
		[INTENT_DELIVER] =
			"deliver is out of range, or not that of its class's other paths",
	};

	return fault < INTENT_FAULT_COUNT ? text[fault] : "unknown fault";
}

void intent_priorities(const struct intent *intent, uint8_t *priorities)
{
	for (uint32_t i = 0; i < intent->path_count; i++) {
		const struct intent_path *path = &intent->paths[i];

		priorities[path->class] =
			path->deliver.has_priority ? path->deliver.priority : INTENT_NO_PRIORITY;
	}
}

const struct intent_path *intent_find(const struct intent *intent, const char *name)
{
	uint32_t low = 0, high = intent->path_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(name, intent->paths[middle].name);

		if (order == 0)
			return &intent->paths[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct intent_path *intent_find_id(const struct intent *intent, uint32_t id, const char *name)
{
	const struct intent_path *path = intent_find(intent, name);

	if (path && path->id == id)
		return path;
	for (uint32_t i = 0; i < intent->path_count; i++) {
		if (intent->paths[i].id == id)
			return &intent->paths[i];
	}
	return NULL;
}

static bool prefixes_equal(const struct ip_prefix *a, uint32_t a_count, const struct ip_prefix *b,
			   uint32_t b_count)
{
	if (a_count != b_count)
		return false;
	for (uint32_t i = 0; i < a_count; i++) {
		if (!ip_prefix_equal(&a[i], &b[i]))
			return false;
	}
	return true;
}

static bool match_equal(const struct intent_match *a, const struct intent_match *b)
{
	if (a->protocol != b->protocol || a->dscp_mask != b->dscp_mask ||
	    a->range_count != b->range_count)
		return false;
	for (uint32_t i = 0; i < a->range_count; i++) {
		if (a->ranges[i].first != b->ranges[i].first ||
		    a->ranges[i].last != b->ranges[i].last)
			return false;
	}
	return true;
}

static bool matches_equal(const struct intent_path *a, const struct intent_path *b)
{
	if (a->match_count != b->match_count)
		return false;
	for (uint32_t i = 0; i < a->match_count; i++) {
		if (!match_equal(&a->match[i], &b->match[i]))
			return false;
	}
	return true;
}

static bool tunnel_equal(const struct intent_path *a, const struct intent_path *b)
{
	return a->link_id == b->link_id && a->peer_udp_port == b->peer_udp_port &&
	       strcmp(a->port, b->port) == 0 && ip_addr_equal(&a->local_addr, &b->local_addr) &&
	       ip_addr_equal(&a->peer_addr, &b->peer_addr);
}

/* Whatever link it goes over. */
static bool service_equal(const struct intent_path *a, const struct intent_path *b)
{
	return strcmp(a->name, b->name) == 0 && a->id == b->id && strcmp(a->peer, b->peer) == 0 &&
	       a->peer_lanes == b->peer_lanes && a->class == b->class &&
	       prefixes_equal(a->near, a->near_count, b->near, b->near_count) &&
	       prefixes_equal(a->far, a->far_count, b->far, b->far_count) && matches_equal(a, b);
}

bool intent_path_same_identity(const struct intent_path *a, const struct intent_path *b)
{
	return service_equal(a, b) && tunnel_equal(a, b);
}

bool intent_path_moves(const struct intent_path *a, const struct intent_path *b)
{
	return a->generation != b->generation && !tunnel_equal(a, b) && service_equal(a, b);
}

bool intent_path_same_settings(const struct intent_path *a, const struct intent_path *b)
{
	return intent_path_same_identity(a, b) && a->generation == b->generation &&
	       a->dscp == b->dscp && deliver_equal(&a->deliver, &b->deliver) &&
	       a->when_down == b->when_down && a->far_lan_mtu == b->far_lan_mtu &&
	       a->rate_bps == b->rate_bps && a->max_bps == b->max_bps &&
	       a->link_rtt_ns == b->link_rtt_ns && a->link_bps == b->link_bps &&
	       a->peer_max_bps == b->peer_max_bps &&
	       strcmp(a->peer_certificate, b->peer_certificate) == 0;
}
