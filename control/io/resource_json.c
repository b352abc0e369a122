#include "control/io/resource_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"

#define ADDRESS_TEXT_BYTES 64
#define HORIZON_MAX_NS	   (10 * 366 * 86400000000000ull)

int word_read(const struct json_place *place, const char *const words[])
{
	const char *text = json_read_string(place);
	char list[160] = "";
	size_t len = 0;

	if (!text)
		return -1;
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], text))
			return i;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s\"%s\"",
					!i	       ? ""
					: words[i + 1] ? ", "
						       : " or ",
					words[i]);
	}
	json_place_fail(place, "invalid-argument", "must be %s", list);
	return -1;
}

bool time_read(const struct json_place *place, uint64_t min_ns, uint64_t max_ns, uint64_t *ns)
{
	const char *text = json_read_string(place);
	char min[UNITS_TEXT_BYTES], max[UNITS_TEXT_BYTES];

	if (!text)
		return false;
	if (!units_parse_time(text, ns) && *ns >= min_ns && *ns <= max_ns)
		return true;
	units_format_time(min_ns, min, sizeof(min));
	units_format_time(max_ns, max, sizeof(max));
	json_place_fail(place, "invalid-argument",
			"must be a time from %s to %s, such as \"20ms\" or \"60s\"", min, max);
	return false;
}

json_t *time_json(uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
	char text[32];
	uint32_t i = 0;

	while (ns % units[i].ns)
		i++;
	snprintf(text, sizeof(text), "%llu%s", (unsigned long long)(ns / units[i].ns),
		 units[i].name);
	return json_string(text);
}

bool size_read(const struct json_place *place, uint64_t *bytes)
{
	if (!json_is_string(place->value))
		return json_read_uint(place, 1, INT64_MAX, bytes);
	if (!units_parse_size(json_string_value(place->value), bytes) && *bytes &&
	    *bytes <= INT64_MAX)
		return true;
	json_place_fail(place, "invalid-argument", "must be bytes, such as 4096 or \"256MiB\"");
	return false;
}

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
	static const char *const known[] = {"site", "ports", "buffer_bytes", NULL};
	struct json_place site = json_place_member(spec, "site");
	struct json_place buffer = json_place_member(spec, "buffer_bytes");
	struct json_place ports = json_place_member(spec, "ports");
	struct gateway *gateway = &object->gateway;
	size_t count;

	if (!json_read_object(spec, known) || !json_read_name(&site, gateway->site) ||
	    !json_read_array(&ports, MODEL_PORTS_MAX, &count) ||
	    (buffer.value && !size_read(&buffer, &gateway->buffer_bytes)))
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
	json_t *ports = json_array(), *json;

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
	json = json_pack("{s:s, s:o}", "site", gateway->site, "ports", ports);
	if (json && gateway->buffer_bytes)
		json_object_set_new(json, "buffer_bytes",
				    json_integer((json_int_t)gateway->buffer_bytes));
	return json;
}

static bool tenant_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {"quota", NULL};
	static const char *const limits[] = {"rate_bps", "paths", "horizon", "buffer_bytes", NULL};
	struct json_place quota = json_place_member(spec, "quota");
	struct json_place rate = json_place_member(&quota, "rate_bps");
	struct json_place paths = json_place_member(&quota, "paths");
	struct json_place horizon = json_place_member(&quota, "horizon");
	struct json_place buffer = json_place_member(&quota, "buffer_bytes");
	struct tenant *tenant = &object->tenant;

	if (!json_read_object(spec, known))
		return false;
	if (!quota.value)
		return true;
	return json_read_object(&quota, limits) &&
	       (!rate.value || json_read_rate(&rate, &tenant->rate_bps)) &&
	       (!paths.value || json_read_uint(&paths, 1, INT64_MAX, &tenant->paths)) &&
	       (!horizon.value || time_read(&horizon, 1, HORIZON_MAX_NS, &tenant->horizon_ns)) &&
	       (!buffer.value || size_read(&buffer, &tenant->buffer_bytes));
}

static json_t *tenant_json(const struct object *object)
{
	const struct tenant *tenant = &object->tenant;
	json_t *quota = json_object();

	if (tenant->rate_bps)
		json_object_set_new(quota, "rate_bps", json_integer((json_int_t)tenant->rate_bps));
	if (tenant->paths)
		json_object_set_new(quota, "paths", json_integer((json_int_t)tenant->paths));
	if (tenant->horizon_ns)
		json_object_set_new(quota, "horizon", time_json(tenant->horizon_ns));
	if (tenant->buffer_bytes)
		json_object_set_new(quota, "buffer_bytes",
				    json_integer((json_int_t)tenant->buffer_bytes));
	return json_pack("{s:o}", "quota", quota);
}

static const struct {
	bool (*read)(const struct json_place *spec, struct object *object);
	json_t *(*json)(const struct object *object);
} kinds[KIND_COUNT] = {
	[KIND_SITE] = {site_spec_read, site_spec_json},
	[KIND_GATEWAY] = {gateway_read, gateway_json},
	[KIND_LINK] = {link_spec_read, link_spec_json},
	[KIND_PATH] = {path_spec_read, path_spec_json},
	[KIND_TENANT] = {tenant_read, tenant_json},
	[KIND_CLUSTER] = {cluster_spec_read, cluster_spec_json},
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
