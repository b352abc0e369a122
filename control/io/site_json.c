#include <stdio.h>
#include <string.h>

#include "control/io/resource_json.h"

#define DSCP_MAX     63
#define PRIORITY_MAX 7

/* A word of free choice, such as a vendor's name. */
static bool free_word_read(const struct json_place *place, char word[MODEL_WORD_BYTES])
{
	const char *text = json_read_string(place);

	if (!text)
		return false;
	if (text[0] && strlen(text) < MODEL_WORD_BYTES) {
		memcpy(word, text, strlen(text));
		return true;
	}
	json_place_fail(place, "invalid-argument", "must have 1 to %d bytes", MODEL_WORD_BYTES - 1);
	return false;
}

static bool accelerator_read(const struct json_place *place, struct site_accelerator *out)
{
	static const char *const known[] = {"vendor", "model",	   "count",
					    "fabric", "transport", NULL};
	static const char *const transports[] = {"rocev2", "tcp", NULL};
	struct json_place vendor = json_place_member(place, "vendor");
	struct json_place model = json_place_member(place, "model");
	struct json_place count = json_place_member(place, "count");
	struct json_place fabric = json_place_member(place, "fabric");
	struct json_place transport = json_place_member(place, "transport");
	uint64_t number;
	int index = -1;

	if (!json_read_object(place, known) || !free_word_read(&vendor, out->vendor) ||
	    !free_word_read(&model, out->model) || !json_read_uint(&count, 1, UINT32_MAX, &number))
		return false;
	out->count = (uint32_t)number;
	if (fabric.value && !free_word_read(&fabric, out->fabric))
		return false;
	if (transport.value) {
		index = word_read(&transport, transports);
		out->transport = index ? PROTOCOL_TCP : PROTOCOL_ROCE;
	}
	return !transport.value || index >= 0;
}

static json_t *accelerator_json(const struct site_accelerator *at)
{
	json_t *json = json_pack("{s:s, s:s, s:I}", "vendor", at->vendor, "model", at->model,
				 "count", (json_int_t)at->count);

	if (json && at->fabric[0])
		json_object_set_new(json, "fabric", json_string(at->fabric));
	if (json && at->transport)
		json_object_set_new(json, "transport",
				    json_string(at->transport == PROTOCOL_TCP ? "tcp" : "rocev2"));
	return json;
}

static bool accelerators_read(const struct json_place *place, struct site *site)
{
	size_t count;

	if (!json_read_array(place, MODEL_ACCELERATORS_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(place, i);

		if (!accelerator_read(&item, &site->accelerators[i]))
			return false;
		site->accelerator_count++;
	}
	return true;
}

/* {"lossless": {"dscp": 26, "pfc_priority": 3}, ..} */
static bool qos_read(const struct json_place *place, struct site *site)
{
	static const char *const known[] = {"dscp", "pfc_priority", NULL};
	const char *key;
	json_t *value;

	if (!json_is_object(place->value)) {
		json_place_fail(place, "invalid-argument", "must be an object");
		return false;
	}
	json_object_foreach ((json_t *)place->value, key, value) {
		struct json_place item = json_place_member(place, key);
		struct json_place dscp = json_place_member(&item, "dscp");
		struct json_place priority = json_place_member(&item, "pfc_priority");
		const struct class_info *info = model_class_find(key);
		uint64_t numbers[2];

		if (!info) {
			json_place_fail(&item, "invalid-argument", "there is no such class");
			return false;
		}
		if (!json_read_object(&item, known) ||
		    !json_read_uint(&dscp, 0, DSCP_MAX, &numbers[0]) ||
		    !json_read_uint(&priority, 0, PRIORITY_MAX, &numbers[1]))
			return false;
		site->qos[info->id] =
			(struct site_class){true, (uint8_t)numbers[0], (uint8_t)numbers[1]};
	}
	return true;
}

static json_t *qos_json(const struct site *site)
{
	const struct class_info *info;
	json_t *json = json_object();

	for (uint32_t i = 0; (info = model_class_at(i)); i++) {
		const struct site_class *at = &site->qos[info->id];

		if (at->is_mapped)
			json_object_set_new(json, info->name,
					    json_pack("{s:i, s:i}", "dscp", at->dscp,
						      "pfc_priority", at->pfc_priority));
	}
	return json;
}

bool site_spec_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {"prefixes", "qos", "accelerators", NULL};
	struct json_place prefixes = json_place_member(spec, "prefixes");
	struct json_place qos = json_place_member(spec, "qos");
	struct json_place accelerators = json_place_member(spec, "accelerators");
	struct site *site = &object->site;

	return json_read_object(spec, known) &&
	       prefix_list_read(&prefixes, site->prefixes, &site->prefix_count) &&
	       (!qos.value || qos_read(&qos, site)) &&
	       (!accelerators.value || accelerators_read(&accelerators, site));
}

json_t *site_spec_json(const struct object *object)
{
	const struct site *site = &object->site;
	json_t *qos = qos_json(site), *accelerators = json_array();
	json_t *json = json_pack("{s:o}", "prefixes",
				 prefix_list_json(site->prefixes, site->prefix_count));

	for (uint8_t i = 0; i < site->accelerator_count; i++)
		json_array_append_new(accelerators, accelerator_json(&site->accelerators[i]));
	if (json_object_size(qos))
		json_object_set(json, "qos", qos);
	if (json_array_size(accelerators))
		json_object_set(json, "accelerators", accelerators);
	json_decref(qos);
	json_decref(accelerators);
	return json;
}
