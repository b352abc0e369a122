#include <stdio.h>
#include <string.h>

#include "control/core/intent_plan.h"
#include "control/io/resource_json.h"

static const char *const protocol_names[PROTOCOL_COUNT] = {
	[PROTOCOL_ANY] = "any", [PROTOCOL_ROCE] = "rocev2",	    [PROTOCOL_TCP] = "tcp",
	[PROTOCOL_UDP] = "udp", [PROTOCOL_ICMP_ECHO] = "icmp-echo",
};

static bool protocol_read(const struct json_place *place, struct intent_match *match)
{
	const char *text = json_read_string(place);

	if (!text)
		return false;
	for (uint8_t i = 0; i < PROTOCOL_COUNT; i++) {
		if (strcmp(protocol_names[i], text) != 0)
			continue;
		match->protocol = i;
		return true;
	}
	json_place_fail(place, "invalid-argument",
			"must be \"any\", \"tcp\", \"udp\", \"rocev2\" or \"icmp-echo\"");
	return false;
}

/* 1 to 65535 in plain decimal; NULL when it is not, else behind it. */
static const char *port_number_read(const char *text, uint16_t *port)
{
	uint32_t number = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && number <= UINT16_MAX; at++)
		number = number * 10 + (uint32_t)(*at - '0');
	if (at == text || !number || number > UINT16_MAX)
		return NULL;
	*port = (uint16_t)number;
	return at;
}

/* "5000-5999" or "443" */
static bool range_read(const char *text, uint16_t *first, uint16_t *last)
{
	const char *at = port_number_read(text, first);

	*last = *first;
	if (at && *at == '-')
		at = port_number_read(at + 1, last);
	return at && !*at && *first <= *last;
}

static bool ranges_read(const struct json_place *place, struct intent_match *match)
{
	size_t count;

	if (match->protocol != PROTOCOL_TCP && match->protocol != PROTOCOL_UDP) {
		json_place_fail(place, "invalid-argument", "only tcp and udp have ports");
		return false;
	}
	if (!json_read_array(place, INTENT_RANGES_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(place, i);
		const char *text = json_read_string(&item);

		if (!text)
			return false;
		if (!range_read(text, &match->ranges[i].first, &match->ranges[i].last)) {
			json_place_fail(&item, "invalid-argument",
					"must be \"port\" or \"first-last\"");
			return false;
		}
		match->range_count++;
	}
	return true;
}

static bool dscps_read(const struct json_place *place, struct intent_match *match)
{
	size_t count;

	if (!json_read_array(place, 64, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(place, i);
		uint64_t dscp;

		if (!json_read_uint(&item, 0, 63, &dscp))
			return false;
		match->dscp_mask |= 1ull << dscp;
	}
	return true;
}

static bool match_read(const struct json_place *place, struct intent_match *match)
{
	static const char *const known[] = {"protocol", "ports", "dscp", NULL};
	struct json_place protocol = json_place_member(place, "protocol");
	struct json_place ports = json_place_member(place, "ports");
	struct json_place dscp = json_place_member(place, "dscp");

	return json_read_object(place, known) && protocol_read(&protocol, match) &&
	       (!ports.value || ranges_read(&ports, match)) &&
	       (!dscp.value || dscps_read(&dscp, match));
}

static bool matches_read(const struct json_place *place, struct path *path)
{
	size_t count;

	if (!place->value) {
		path->match_count = 1;
		path->match[0].protocol = PROTOCOL_ANY;
		return true;
	}
	if (!json_read_array(place, INTENT_MATCHES_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(place, i);

		if (!match_read(&item, &path->match[i]))
			return false;
	}
	path->match_count = (uint8_t)count;
	return true;
}

static bool end_read(const struct json_place *place, struct path_end *end)
{
	static const char *const known[] = {"site", "prefixes", NULL};
	struct json_place site = json_place_member(place, "site");
	struct json_place prefixes = json_place_member(place, "prefixes");

	return json_read_object(place, known) && json_read_name(&site, end->site) &&
	       (!prefixes.value || prefix_list_read(&prefixes, end->prefixes, &end->prefix_count));
}

/* One rate for both directions, or one for each. */
static bool rates_read(const struct json_place *place, uint64_t rate_bps[2])
{
	static const char *const known[] = {"a_to_z", "z_to_a", NULL};
	struct json_place a_to_z, z_to_a;

	if (!json_is_object(place->value)) {
		if (!json_read_rate(place, &rate_bps[END_A]))
			return false;
		rate_bps[END_Z] = rate_bps[END_A];
		return true;
	}
	a_to_z = json_place_member(place, "a_to_z");
	z_to_a = json_place_member(place, "z_to_a");
	return json_read_object(place, known) && json_read_rate(&a_to_z, &rate_bps[END_A]) &&
	       json_read_rate(&z_to_a, &rate_bps[END_Z]);
}

static bool max_rates_read(const struct json_place *place, struct path *path)
{
	if (!place->value) {
		memcpy(path->max_bps, path->rate_bps, sizeof(path->max_bps));
		return true;
	}
	if (!rates_read(place, path->max_bps))
		return false;
	if (path->max_bps[0] >= path->rate_bps[0] && path->max_bps[1] >= path->rate_bps[1])
		return true;
	json_place_fail(place, "invalid-argument", "must not be below rate_bps");
	return false;
}

static bool class_read(const struct json_place *place, struct path *path)
{
	const char *name = place->value ? json_read_string(place) : "lossless";
	const struct class_info *info = name ? model_class_find(name) : NULL;

	if (info)
		path->class = info->id;
	else if (name)
		json_place_fail(place, "invalid-argument",
				"must be \"lossless\", \"bulk\" or \"control\"");
	return info != NULL;
}

static bool when_down_read(const struct json_place *place, struct path *path)
{
	const char *name =
		place->value ? json_read_string(place) : model_when_down_name(WHEN_DOWN_BLOCK);

	if (!name)
		return false;
	path->when_down = model_when_down_find(name);
	if (path->when_down < WHEN_DOWN_COUNT)
		return true;
	json_place_fail(place, "invalid-argument", "must be \"block\" or \"best_effort\"");
	return false;
}

bool path_spec_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {"a",       "z",	"match",     "rate_bps",
					    "max_bps", "class", "when_down", PATH_TERMS_KNOWN,
					    NULL};
	struct json_place a = json_place_member(spec, "a"), z = json_place_member(spec, "z");
	struct json_place match = json_place_member(spec, "match");
	struct json_place rate = json_place_member(spec, "rate_bps");
	struct json_place max = json_place_member(spec, "max_bps");
	struct json_place class = json_place_member(spec, "class");
	struct json_place when_down = json_place_member(spec, "when_down");
	struct path *path = &object->path;

	return json_read_object(spec, known) && end_read(&a, &path->ends[END_A]) &&
	       end_read(&z, &path->ends[END_Z]) && matches_read(&match, path) &&
	       rates_read(&rate, path->rate_bps) && max_rates_read(&max, path) &&
	       class_read(&class, path) && when_down_read(&when_down, path) &&
	       path_terms_read(spec, path);
}

static json_t *rates_json(const uint64_t rate_bps[2])
{
	if (rate_bps[END_A] == rate_bps[END_Z])
		return json_integer((json_int_t)rate_bps[END_A]);
	return json_pack("{s:I, s:I}", "a_to_z", (json_int_t)rate_bps[END_A], "z_to_a",
			 (json_int_t)rate_bps[END_Z]);
}

static json_t *end_json(const struct path_end *end)
{
	json_t *json = json_pack("{s:s}", "site", end->site);

	if (json && end->prefix_count)
		json_object_set_new(json, "prefixes",
				    prefix_list_json(end->prefixes, end->prefix_count));
	return json;
}

static json_t *match_json(const struct intent_match *match)
{
	json_t *json = json_pack("{s:s}", "protocol", protocol_names[match->protocol]);
	json_t *ports = json_array(), *dscps = json_array();

	for (uint8_t i = 0; i < match->range_count; i++) {
		char text[16];

		if (match->ranges[i].first == match->ranges[i].last)
			snprintf(text, sizeof(text), "%u", match->ranges[i].first);
		else
			snprintf(text, sizeof(text), "%u-%u", match->ranges[i].first,
				 match->ranges[i].last);
		json_array_append_new(ports, json_string(text));
	}
	for (int dscp = 0; dscp < 64; dscp++) {
		if (match->dscp_mask >> dscp & 1)
			json_array_append_new(dscps, json_integer(dscp));
	}
	if (json_array_size(ports))
		json_object_set(json, "ports", ports);
	if (json_array_size(dscps))
		json_object_set(json, "dscp", dscps);
	json_decref(ports);
	json_decref(dscps);
	return json;
}

json_t *match_list_json(const struct intent_match *match, uint8_t count)
{
	json_t *list = json_array();

	for (uint8_t i = 0; i < count; i++)
		json_array_append_new(list, match_json(&match[i]));
	return list;
}

json_t *path_spec_json(const struct object *object)
{
	const struct path *path = &object->path;
	json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:s}", "a",
				 end_json(&path->ends[END_A]), "z", end_json(&path->ends[END_Z]),
				 "match", match_list_json(path->match, path->match_count),
				 "rate_bps", rates_json(path->rate_bps), "max_bps",
				 rates_json(path->max_bps), "class", path_class(path)->name,
				 "when_down", model_when_down_name(path->when_down));

	path_terms_json(path, json);
	return json;
}
