#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/resource_json.h"

#define RTT_DEFAULT_NS 50000000ull

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

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Sorted: the order says nothing, and the same groups make the same link. */
static bool srlgs_read(const struct json_place *place, struct link *link)
{
	size_t count;

	if (!json_read_array(place, MODEL_SRLGS_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(place, i);

		if (!json_read_name(&item, link->srlgs[i]))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(link->srlgs[j], link->srlgs[i]) != 0)
				continue;
			json_place_fail(&item, "invalid-argument", "appears twice");
			return false;
		}
	}
	link->srlg_count = (uint8_t)count;
	qsort(link->srlgs, count, sizeof(link->srlgs[0]), by_name);
	return true;
}

/* What has a default. */
static bool options_read(const struct json_place *spec, struct link *link)
{
	static const char *const families[] = {"ipv4", "ipv6", NULL};
	static const char *const admins[] = {"up", "drain", "down", NULL};
	struct json_place family = json_place_member(spec, "family");
	struct json_place admin = json_place_member(spec, "admin");
	struct json_place rtt = json_place_member(spec, "rtt");
	struct json_place srlgs = json_place_member(spec, "srlgs");
	struct json_place cost = json_place_member(spec, "cost");
	struct json_place percent = json_place_member(spec, "reservable_percent");
	uint64_t numbers[2] = {LINK_COST_DEFAULT, LINK_RESERVABLE_DEFAULT};
	int index = 0;

	link->rtt_ns = RTT_DEFAULT_NS;
	if ((rtt.value && !time_read(&rtt, 1, INTENT_RTT_MAX_NS, &link->rtt_ns)) ||
	    (srlgs.value && !srlgs_read(&srlgs, link)) ||
	    (cost.value && !json_read_uint(&cost, 0, 1000000, &numbers[0])) ||
	    (percent.value && !json_read_uint(&percent, 1, 100, &numbers[1])))
		return false;
	link->cost = (uint32_t)numbers[0];
	link->reservable_percent = (uint32_t)numbers[1];
	if (family.value) {
		index = word_read(&family, families);
		link->family = index ? FAMILY_IPV6 : FAMILY_IPV4;
	}
	if (index >= 0 && admin.value) {
		index = word_read(&admin, admins);
		link->admin = (uint8_t)(index < 0 ? ADMIN_UP : index);
	}
	return index >= 0;
}

bool link_spec_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {
		"a",	 "z",	 "capacity_bps",       "family", "admin", "rtt",
		"srlgs", "cost", "reservable_percent", NULL};
	struct json_place a = json_place_member(spec, "a"), z = json_place_member(spec, "z");
	struct json_place capacity = json_place_member(spec, "capacity_bps");
	struct link *link = &object->link;

	return json_read_object(spec, known) && link_end_read(&a, &link->ends[END_A]) &&
	       link_end_read(&z, &link->ends[END_Z]) &&
	       json_read_rate(&capacity, &link->capacity_bps) && options_read(spec, link);
}

json_t *link_spec_json(const struct object *object)
{
	const struct link *link = &object->link;
	char ends[2][2 * MODEL_NAME_BYTES];
	json_t *json, *srlgs = json_array();

	for (int end = 0; end < 2; end++)
		snprintf(ends[end], sizeof(ends[end]), "%s:%s", link->ends[end].gateway,
			 link->ends[end].port);
	json = json_pack("{s:s, s:s, s:I, s:o, s:s, s:i, s:i}", "a", ends[0], "z", ends[1],
			 "capacity_bps", (json_int_t)link->capacity_bps, "rtt",
			 time_json(link->rtt_ns), "admin", model_admin_name(link->admin), "cost",
			 (int)link->cost, "reservable_percent", (int)link->reservable_percent);
	if (json && link->family)
		json_object_set_new(json, "family",
				    json_string(link->family == FAMILY_IPV6 ? "ipv6" : "ipv4"));
	for (uint8_t i = 0; i < link->srlg_count; i++)
		json_array_append_new(srlgs, json_string(link->srlgs[i]));
	if (json && link->srlg_count)
		json_object_set(json, "srlgs", srlgs);
	json_decref(srlgs);
	return json;
}
