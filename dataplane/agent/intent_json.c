#include "dataplane/agent/intent_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/verdict.h"
#include "dataplane/agent/intent_json_get.h"

static int get_phase(struct place *at, json_t *object, uint8_t *out)
{
	static const char *const names[] = {
		[PHASE_RECEIVE] = "receive",
		[PHASE_CLAIM] = "claim",
		[PHASE_DRAIN] = "drain",
	};
	const char *text;

	if (place_get_text(at, object, "phase", &text))
		return -EINVAL;
	for (uint8_t phase = PHASE_RECEIVE; phase <= PHASE_DRAIN; phase++) {
		if (strcmp(text, names[phase]) == 0) {
			*out = phase;
			return 0;
		}
	}
	return place_fail(at, "phase \"%.20s\" is unknown to this gateway", text);
}

/* Absent from an older control: the safe one. */
static int get_when_down(struct place *at, json_t *object, uint8_t *out)
{
	static const char *const names[WHEN_DOWN_COUNT] = {
		[WHEN_DOWN_BLOCK] = "block",
		[WHEN_DOWN_BEST_EFFORT] = "best_effort",
	};
	const char *text;

	if (!json_object_get(object, "when_down"))
		return 0;
	if (place_get_text(at, object, "when_down", &text))
		return -EINVAL;
	for (uint8_t i = 0; i < WHEN_DOWN_COUNT; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return place_fail(at, "when_down \"%.20s\" is unknown to this gateway", text);
}

static int get_protocol(struct place *at, json_t *object, uint8_t *out)
{
	static const char *const names[PROTOCOL_COUNT] = {
		[PROTOCOL_ANY] = "any", [PROTOCOL_ROCE] = "rocev2",	    [PROTOCOL_TCP] = "tcp",
		[PROTOCOL_UDP] = "udp", [PROTOCOL_ICMP_ECHO] = "icmp-echo",
	};
	const char *text;

	if (place_get_text(at, object, "protocol", &text))
		return -EINVAL;
	for (uint8_t protocol = 0; protocol < PROTOCOL_COUNT; protocol++) {
		if (strcmp(text, names[protocol]) == 0) {
			*out = protocol;
			return 0;
		}
	}
	return place_fail(at, "protocol \"%.20s\" is unknown to this gateway", text);
}

/* "5000" or "5000-5999": digits only, no sign, no space. */
static bool ports_parse(const char *text, uint16_t *first, uint16_t *last)
{
	unsigned long value[2] = {0, 0};
	unsigned int part = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text; text++) {
		if (*text == '-' && part == 0 && text[1] >= '0' && text[1] <= '9') {
			part = 1;
			continue;
		}
		if (*text < '0' || *text > '9')
			return false;
		value[part] = value[part] * 10 + (unsigned long)(*text - '0');
		if (value[part] > UINT16_MAX)
			return false;
	}
	*first = (uint16_t)value[0];
	*last = (uint16_t)value[part];
	return true;
}

static int get_ranges(struct place *at, json_t *object, struct intent_match *match)
{
	json_t *list, *value;
	size_t i;

	if (place_get_array(at, object, "ports", INTENT_RANGES_MAX, true, &list))
		return -EINVAL;
	json_array_foreach (list, i, value) {
		if (!json_is_string(value) ||
		    !ports_parse(json_string_value(value), &match->ranges[i].first,
				 &match->ranges[i].last))
			return place_fail(at, "ports[%zu] is not a range such as \"5000-5999\"", i);
	}
	match->range_count = (uint8_t)json_array_size(list);
	return 0;
}

static int get_dscp(struct place *at, json_t *object, struct intent_match *match)
{
	json_t *list, *value;
	size_t i;

	if (place_get_array(at, object, "dscp", 64, true, &list))
		return -EINVAL;
	json_array_foreach (list, i, value) {
		json_int_t dscp = json_is_integer(value) ? json_integer_value(value) : -1;

		if (dscp < 0 || dscp > 63)
			return place_fail(at, "dscp[%zu] is not a number from 0 to 63", i);
		match->dscp_mask |= 1ull << dscp;
	}
	return 0;
}

static int get_matches(struct place *at, json_t *object, struct intent_path *path)
{
	json_t *list, *value;
	size_t i;

	if (place_get_array(at, object, "match", INTENT_MATCHES_MAX, false, &list))
		return -EINVAL;
	json_array_foreach (list, i, value) {
		struct intent_match *match = &path->match[i];

		if (!json_is_object(value))
			return place_fail(at, "match[%zu] is not an object", i);
		if (get_protocol(at, value, &match->protocol) || get_ranges(at, value, match) ||
		    get_dscp(at, value, match))
			return -EINVAL;
	}
	path->match_count = (uint8_t)json_array_size(list);
	return 0;
}

/* Of the peer; what the digits must be, intent_check knows. */
static int get_certificate(struct place *at, json_t *object, char *out)
{
	const char *text;

	if (place_get_text(at, object, "certificate", &text))
		return -EINVAL;
	if (strlen(text) != INTENT_CERTIFICATE_BYTES - 1)
		return place_fail(at, "certificate is not %d digits long",
				  INTENT_CERTIFICATE_BYTES - 1);
	memcpy(out, text, INTENT_CERTIFICATE_BYTES);
	return 0;
}

static int get_peer(struct place *at, json_t *object, struct intent_path *path)
{
	json_t *peer = json_object_get(object, "peer");
	uint64_t udp_port, lanes;

	if (!json_is_object(peer))
		return place_fail(at, "peer is %s", peer ? "not an object" : "missing");
	if (place_get_name(at, peer, "gateway", path->peer) ||
	    place_get_addr(at, peer, "address", &path->peer_addr) ||
	    place_get_number(at, peer, "udp_port", UINT16_MAX, &udp_port) ||
	    place_get_number(at, peer, "max_bps", INT64_MAX, &path->peer_max_bps) ||
	    place_get_number(at, peer, "lanes", UINT16_MAX, &lanes) ||
	    get_certificate(at, peer, path->peer_certificate))
		return -EINVAL;
	path->peer_udp_port = (uint16_t)udp_port;
	path->peer_lanes = (uint16_t)lanes;
	return 0;
}

static int get_numbers(struct place *at, json_t *object, struct intent_path *path)
{
	uint64_t id, generation, class, dscp, link, far_lan_mtu;

	if (place_get_number(at, object, "id", UINT32_MAX, &id) ||
	    place_get_number(at, object, "generation", UINT32_MAX, &generation) ||
	    place_get_number(at, object, "class", CLASS_COUNT - 1, &class) ||
	    place_get_number(at, object, "dscp", 63, &dscp) ||
	    place_get_number(at, object, "link", UINT8_MAX, &link) ||
	    place_get_number(at, object, "far_lan_mtu", UINT32_MAX, &far_lan_mtu) ||
	    place_get_number(at, object, "rate_bps", INT64_MAX, &path->rate_bps) ||
	    place_get_number(at, object, "max_bps", INT64_MAX, &path->max_bps) ||
	    place_get_number(at, object, "link_rtt_ns", INT64_MAX, &path->link_rtt_ns) ||
	    place_get_number(at, object, "link_bps", INT64_MAX, &path->link_bps))
		return -EINVAL;
	path->id = (uint32_t)id;
	path->generation = (uint32_t)generation;
	path->class = (uint8_t) class;
	path->dscp = (uint8_t)dscp;
	path->link_id = (uint8_t)link;
	path->far_lan_mtu = (uint32_t)far_lan_mtu;
	return 0;
}

static int get_small(struct place *at, json_t *object, const char *key, uint64_t max, bool *has,
		     uint8_t *out)
{
	uint64_t number = 0;

	*has = json_object_get(object, key) != NULL;
	if (*has && place_get_number(at, object, key, max, &number))
		return -EINVAL;
	*out = (uint8_t)number;
	return 0;
}

/* Absent, whole or in part: nothing is changed. */
static int get_deliver(struct place *at, json_t *object, struct intent_deliver *deliver)
{
	json_t *value = json_object_get(object, "deliver");

	if (!value)
		return 0;
	if (!json_is_object(value))
		return place_fail(at, "deliver is not an object");
	if (get_small(at, value, "dscp", 63, &deliver->has_dscp, &deliver->dscp))
		return -EINVAL;
	return get_small(at, value, "pfc_priority", 7, &deliver->has_priority, &deliver->priority);
}

static int get_path(struct place *at, json_t *object, size_t index, struct intent_path *path)
{
	int err;

	snprintf(at->where, sizeof(at->where), "paths[%zu]: ", index);
	if (!json_is_object(object))
		return place_fail(at, "not an object");
	if (place_get_name(at, object, "name", path->name))
		return -EINVAL;
	snprintf(at->where, sizeof(at->where), "path %s: ", path->name);
	err = get_numbers(at, object, path);
	if (!err)
		err = get_phase(at, object, &path->phase);
	if (!err)
		err = get_when_down(at, object, &path->when_down);
	if (!err)
		err = get_deliver(at, object, &path->deliver);
	if (!err)
		err = place_get_name(at, object, "port", path->port);
	if (!err)
		err = place_get_addr(at, object, "local", &path->local_addr);
	if (!err)
		err = get_peer(at, object, path);
	if (!err)
		err = place_get_prefixes(at, object, "near", path->near, &path->near_count);
	if (!err)
		err = place_get_prefixes(at, object, "far", path->far, &path->far_count);
	if (!err)
		err = get_matches(at, object, path);
	at->where[0] = '\0';
	return err;
}

static int by_name(const void *a, const void *b)
{
	const struct intent_path *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int get_paths(struct place *at, json_t *list, struct intent *intent)
{
	enum intent_fault fault;
	uint32_t index;
	json_t *value;
	size_t i;

	json_array_foreach (list, i, value) {
		if (get_path(at, value, i, &intent->paths[i]))
			return -EINVAL;
	}
	intent->path_count = (uint32_t)json_array_size(list);
	qsort(intent->paths, intent->path_count, sizeof(intent->paths[0]), by_name);
	fault = intent_check(intent, &index);
	if (fault)
		return place_fail(at, "path %s: %s", intent->paths[index].name,
				  intent_fault_text(fault));
	return 0;
}

static struct intent *intent_alloc(size_t paths)
{
	struct intent *intent = calloc(1, sizeof(*intent));

	if (!intent)
		return NULL;
	/* One more than needed, so that an empty intent has an array too. */
	intent->paths = calloc(paths + 1, sizeof(intent->paths[0]));
	if (!intent->paths) {
		free(intent);
		return NULL;
	}
	return intent;
}

struct intent *intent_new(void)
{
	return intent_alloc(0);
}

void intent_free(struct intent *intent)
{
	if (!intent)
		return;
	free(intent->paths);
	free(intent);
}

static int parse_intent(struct place *at, json_t *root, struct intent_line *line)
{
	json_t *list;
	int err;

	if (place_get_number(at, root, "revision", INT64_MAX, &line->revision) ||
	    place_get_name(at, root, "gateway", line->gateway) ||
	    place_get_array(at, root, "paths", INTENT_PATHS_MAX, false, &list))
		return -EINVAL;
	line->intent = intent_alloc(json_array_size(list));
	if (!line->intent) {
		place_fail(at, "out of memory");
		return -ENOMEM;
	}
	line->intent->revision = line->revision;
	err = place_get_number(at, root, "term", INT64_MAX, &line->intent->term);
	if (!err)
		err = get_paths(at, list, line->intent);
	if (err) {
		intent_free(line->intent);
		line->intent = NULL;
	}
	return err;
}

static int parse_root(struct place *at, json_t *root, struct intent_line *line)
{
	if (!json_is_object(root))
		return place_fail(at, "not a JSON object");
	if (json_object_get(root, "heartbeat")) {
		line->type = INTENT_LINE_HEARTBEAT;
		return place_get_number(at, root, "heartbeat", INT64_MAX, &line->revision);
	}
	line->type = INTENT_LINE_INTENT;
	return parse_intent(at, root, line);
}

int intent_json_parse(const char *text, size_t len, struct intent_line *line, char *error)
{
	struct place at = {.error = error};
	json_error_t where;
	json_t *root;
	int err;

	*line = (struct intent_line){0};
	error[0] = '\0';
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (!root) {
		err = json_error_code(&where) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
		place_fail(&at, "not JSON: %.120s (byte %d)", where.text, where.position);
		return err;
	}
	err = parse_root(&at, root, line);
	json_decref(root);
	return err;
}
