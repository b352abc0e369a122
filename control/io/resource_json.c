#include "control/io/resource_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"

#define ADDRESS_TEXT_BYTES 64
#define RTT_DEFAULT_NS	   50000000ull

bool prefix_list_read(const struct json_place *place, struct ip_prefix *prefixes, uint8_t *count)
{
	size_t size;
	bool is_good = true;

	if (!json_read_array(place, INTENT_PREFIXES_MAX, &size))
		return false;
	for (size_t i = 0; i < size; i++) {
		struct json_place item = json_place_item(place, i);
		const char *text = json_read_string(&item);

		if (!text || ip_prefix_parse(text, &prefixes[i])) {
			if (text)
				json_place_fail(
					&item, "invalid-argument",
					"is no prefix such as \"10.1.0.0/16\" with its host "
					"bits zero");
			is_good = false;
		}
	}
	*count = (uint8_t)size;
	return is_good;
}

json_t *prefix_list_json(const struct ip_prefix *prefixes, uint8_t count)
{
	json_t *list = json_array();

	for (uint8_t i = 0; i < count; i++) {
		char text[ADDRESS_TEXT_BYTES] = "";

		ip_prefix_format(&prefixes[i], text, sizeof(text));
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static bool site_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {"prefixes", NULL};
	struct json_place prefixes = json_place_member(spec, "prefixes");

	return json_read_object(spec, known) &&
	       prefix_list_read(&prefixes, object->site.prefixes, &object->site.prefix_count);
}

static json_t *site_json(const struct object *object)
{
	return json_pack("{s:o}", "prefixes",
			 prefix_list_json(object->site.prefixes, object->site.prefix_count));
}

static bool port_read(const struct json_place *place, struct gateway_port *port)
{
	static const char *const known[] = {"name", "addresses", NULL};
	struct json_place name = json_place_member(place, "name");
	struct json_place addresses = json_place_member(place, "addresses");
	bool is_good = true;
	size_t count;

	if (!json_read_object(place, known) || !json_read_name(&name, port->name) ||
	    !json_read_array(&addresses, MODEL_ADDRESSES_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(&addresses, i);
		const char *text = json_read_string(&item);

		if (text && !ip_addr_parse(text, &port->addresses[i]))
			continue;
		if (text)
			json_place_fail(&item, "invalid-argument", "is no IP address");
		is_good = false;
	}
	port->address_count = (uint8_t)count;
	return is_good;
}

static bool gateway_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {"site", "ports", NULL};
	struct json_place site = json_place_member(spec, "site");
	struct json_place ports = json_place_member(spec, "ports");
	struct gateway *gateway = &object->gateway;
	size_t count;

	if (!json_read_object(spec, known) || !json_read_name(&site, gateway->site) ||
	    !json_read_array(&ports, MODEL_PORTS_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(&ports, i);

		if (!port_read(&item, &gateway->ports[i]))
			return false;
		if (gateway_port_find(gateway, gateway->ports[i].name)) {
			json_place_fail(&item, "invalid-argument", "the port's name is taken");
			return false;
		}
		gateway->port_count++;
	}
	return true;
}

static json_t *gateway_json(const struct object *object)
{
	const struct gateway *gateway = &object->gateway;
	json_t *ports = json_array();

	for (uint8_t i = 0; i < gateway->port_count; i++) {
		const struct gateway_port *port = &gateway->ports[i];
		json_t *addresses = json_array();

		for (uint8_t j = 0; j < port->address_count; j++) {
			char text[ADDRESS_TEXT_BYTES] = "";

			ip_addr_format(&port->addresses[j], text, sizeof(text));
			json_array_append_new(addresses, json_string(text));
		}
		json_array_append_new(
			ports, json_pack("{s:s, s:o}", "name", port->name, "addresses", addresses));
	}
	return json_pack("{s:s, s:o}", "site", gateway->site, "ports", ports);
}

/* "gateway:port" */
static bool link_end_read(const struct json_place *place, struct link_end *end)
{
	const char *text = json_read_string(place);
	const char *colon = text ? strchr(text, ':') : NULL;
	char gateway[MODEL_NAME_BYTES] = "";

	if (!text)
		return false;
	if (colon && colon - text < MODEL_NAME_BYTES) {
		memcpy(gateway, text, (size_t)(colon - text));
		if (model_name_is_valid(gateway) && model_name_is_valid(colon + 1))
			return model_name_set(end->gateway, gateway) &&
			       model_name_set(end->port, colon + 1);
	}
	json_place_fail(place, "invalid-argument", "must be \"gateway:port\"");
	return false;
}

/* Index in `words` (NULL ends them) of a string, or -1 and a complaint. */
static int word_read(const struct json_place *place, const char *const words[])
{
	const char *text = json_read_string(place);

	if (!text)
		return -1;
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], text))
			return i;
	}
	json_place_fail(place, "invalid-argument", "must be \"%s\" or \"%s\"", words[0], words[1]);
	return -1;
}

/* "20ms": 1 ns to 10 s. */
static bool rtt_read(const struct json_place *place, uint64_t *rtt_ns)
{
	const char *text = json_read_string(place);

	if (!text)
		return false;
	if (!units_parse_time(text, rtt_ns) && *rtt_ns && *rtt_ns <= INTENT_RTT_MAX_NS)
		return true;
	json_place_fail(place, "invalid-argument",
			"must be a time above 0 and up to 10s, such as \"20ms\"");
	return false;
}

/* Exact, so that what was read is the same when it is put again. */
static json_t *rtt_json(uint64_t rtt_ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
	char text[32];
	uint32_t i = 0;

	while (rtt_ns % units[i].ns)
		i++;
	snprintf(text, sizeof(text), "%llu%s", (unsigned long long)(rtt_ns / units[i].ns),
		 units[i].name);
	return json_string(text);
}

static bool link_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {"a",   "z", "capacity_bps", "family", "admin",
					    "rtt", NULL};
	static const char *const families[] = {"ipv4", "ipv6", NULL};
	static const char *const admins[] = {"up", "down", NULL};
	struct json_place a = json_place_member(spec, "a"), z = json_place_member(spec, "z");
	struct json_place capacity = json_place_member(spec, "capacity_bps");
	struct json_place family = json_place_member(spec, "family");
	struct json_place admin = json_place_member(spec, "admin");
	struct json_place rtt = json_place_member(spec, "rtt");
	struct link *link = &object->link;
	int index;

	if (!json_read_object(spec, known) || !link_end_read(&a, &link->ends[END_A]) ||
	    !link_end_read(&z, &link->ends[END_Z]) ||
	    !json_read_rate(&capacity, &link->capacity_bps))
		return false;
	link->rtt_ns = RTT_DEFAULT_NS;
	if (rtt.value && !rtt_read(&rtt, &link->rtt_ns))
		return false;
	if (family.value) {
		index = word_read(&family, families);
		if (index < 0)
			return false;
		link->family = index ? FAMILY_IPV6 : FAMILY_IPV4;
	}
	index = admin.value ? word_read(&admin, admins) : 0;
	link->is_down = index > 0;
	return index >= 0;
}

static json_t *link_json(const struct object *object)
{
	const struct link *link = &object->link;
	char ends[2][2 * MODEL_NAME_BYTES];
	json_t *json;

	for (int end = 0; end < 2; end++)
		snprintf(ends[end], sizeof(ends[end]), "%s:%s", link->ends[end].gateway,
			 link->ends[end].port);
	json = json_pack("{s:s, s:s, s:I, s:o, s:s}", "a", ends[0], "z", ends[1], "capacity_bps",
			 (json_int_t)link->capacity_bps, "rtt", rtt_json(link->rtt_ns), "admin",
			 link->is_down ? "down" : "up");
	if (json && link->family)
		json_object_set_new(json, "family",
				    json_string(link->family == FAMILY_IPV6 ? "ipv6" : "ipv4"));
	return json;
}

static const struct {
	bool (*read)(const struct json_place *spec, struct object *object);
	json_t *(*json)(const struct object *object);
} kinds[KIND_COUNT] = {
	[KIND_SITE] = {site_read, site_json},
	[KIND_GATEWAY] = {gateway_read, gateway_json},
	[KIND_LINK] = {link_read, link_json},
	[KIND_PATH] = {path_spec_read, path_spec_json},
};

static bool label_read(const struct json_place *place, const char *key, struct object *object)
{
	struct json_place item = json_place_member(place, key);
	const char *value = json_read_string(&item);
	struct label *label = &object->labels[object->label_count];

	if (!value)
		return false;
	if (!key[0] || !model_name_set(label->key, key) || !model_name_set(label->value, value)) {
		json_place_fail(&item, "invalid-argument",
				"a label's name and value have at most %d bytes",
				MODEL_NAME_BYTES - 1);
		return false;
	}
	object->label_count++;
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct label *left = a, *right = b;

	return strcmp(left->key, right->key);
}

static bool labels_read(const struct json_place *place, struct object *object)
{
	const char *key;
	json_t *value;

	if (!json_is_object(place->value) || json_object_size(place->value) > MODEL_LABELS_MAX) {
		json_place_fail(place, "invalid-argument",
				"must be an object of at most %d strings", MODEL_LABELS_MAX);
		return false;
	}
	json_object_foreach ((json_t *)place->value, key, value) {
		if (!label_read(place, key, object))
			return false;
	}
	/* The members of a JSON object have no order: the same ones make the same resource. */
	qsort(object->labels, object->label_count, sizeof(object->labels[0]), by_key);
	return true;
}

bool resource_read(const struct json_place *place, const char *const known[], struct object *object)
{
	struct json_place spec = json_place_member(place, "spec");
	struct json_place labels = json_place_member(place, "labels");

	if (!json_read_object(place, known))
		return false;
	if (labels.value && !labels_read(&labels, object))
		return false;
	return kinds[object->kind].read(&spec, object);
}

json_t *resource_json(const struct object *object)
{
	json_t *labels = json_object();

	for (uint8_t i = 0; i < object->label_count; i++)
		json_object_set_new(labels, object->labels[i].key,
				    json_string(object->labels[i].value));
	return json_pack("{s:s, s:s, s:I, s:o, s:o}", "kind", model_kind_name(object->kind), "name",
			 object->name, "revision", (json_int_t)object->revision, "labels", labels,
			 "spec", kinds[object->kind].json(object));
}
