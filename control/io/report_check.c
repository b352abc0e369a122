#include "control/io/report_check.h"

#include <string.h>

#include "control/core/intent_plan.h"

/* Of bytes at 400 Gb/s after 2.9 years, of nanoseconds after 146. */
#define COUNT_MAX (1ull << 62)
#define HOUR_US	  3600000000ull
#define HOUR_NS	  (1000 * HOUR_US)
#define MTU_MAX	  65536
#define WORD_MAX  63
#define TEXT_MAX  4096
#define LINK_MAX  255

enum shape {
	NUMBER,
	TEXT,
	TEXT_OR_NULL,
	FLAG,
	OBJECT,
	ARRAY,
};

struct member {
	const char *name;
	enum shape shape;
	uint64_t max; /* of a number; of a text its length */
	bool is_needed;
};

#define COUNT(name)                     \
	{                               \
		name, NUMBER, COUNT_MAX \
	}

static const struct member head_members[] = {
	{"boot", NUMBER, INT64_MAX},
	{"version", TEXT, WORD_MAX},
	{"lan_mtu", NUMBER, MTU_MAX, true},
	{"wan_mtu", NUMBER, MTU_MAX},
	{"udp_port", NUMBER, UINT16_MAX, true},
	{"lanes", NUMBER, UINT16_MAX, true},
	{"workers", NUMBER, UINT16_MAX},
	COUNT("buffer_bytes"),
	{"certificate", OBJECT},
	{"ports", ARRAY},
	{"links", ARRAY},
	{"peers", ARRAY},
	{NULL},
};

static const struct member port_members[] = {
	{"name", TEXT, WORD_MAX, true},
	{"role", TEXT, WORD_MAX},
	{"mode", TEXT, WORD_MAX},
	{"mtu", NUMBER, MTU_MAX},
	{"up", FLAG},
	COUNT("rx_packets"),
	COUNT("rx_bytes"),
	COUNT("tx_packets"),
	COUNT("tx_bytes"),
	{"drops", OBJECT},
	{NULL},
};

static const struct member peer_members[] = {
	{"gateway", TEXT, WORD_MAX, true},
	{"up", FLAG},
	{"error", TEXT_OR_NULL, TEXT_MAX},
	{NULL},
};

static const struct member link_members[] = {
	{"id", NUMBER, LINK_MAX, true},
	COUNT("tx_packets"),
	COUNT("tx_bytes"),
	COUNT("rx_packets"),
	COUNT("rx_bytes"),
	COUNT("nominal_bps"),
	COUNT("rate_bps"),
	{"lowered", NUMBER, 1},
	COUNT("lowered_count"),
	{"rtt_ns", NUMBER, HOUR_NS},
	{"rtt_min_ns", NUMBER, HOUR_NS},
	{"queue_us", NUMBER, HOUR_US},
	COUNT("lost"),
	COUNT("resent"),
	{NULL},
};

static const struct member path_members[] = {
	{"name", TEXT, WORD_MAX, true},
	{"id", NUMBER, UINT32_MAX, true},
	{"generation", NUMBER, UINT32_MAX, true},
	{"receiving", FLAG, 0, true},
	{"proved", FLAG, 0, true},
	{"claiming", FLAG, 0, true},
	{"epoch", NUMBER, INT64_MAX},
	{"class", NUMBER, UINT8_MAX},
	{"link", NUMBER, LINK_MAX},
	{"link_rtt_ns", NUMBER, HOUR_NS},
	{"keys", FLAG},
	{"rtt_ns", NUMBER, HOUR_NS},
	{"error", TEXT_OR_NULL, TEXT_MAX},
	{"moving", TEXT_OR_NULL, TEXT_MAX},
	{"peer", OBJECT},
	{"counters", OBJECT},
	{"transport", OBJECT},
	{"retain_buffers", OBJECT},
	{"hold_buffers", OBJECT},
	{NULL},
};

static const struct member run_members[] = {
	{"udp_port", NUMBER, UINT16_MAX, true},
	{"lanes", NUMBER, UINT16_MAX, true},
	{"lan_mtu", NUMBER, MTU_MAX, true},
	{NULL},
};

static const struct member counters_members[] = {{"out", OBJECT}, {"in", OBJECT}, {NULL}};

static const struct member flow_members[] = {
	COUNT("rx_packets"),
	COUNT("rx_bytes"),
	COUNT("tx_packets"),
	COUNT("tx_bytes"),
	COUNT("held_packets"),
	COUNT("outer_packets"),
	COUNT("outer_bytes"),
	COUNT("fragments"),
	COUNT("ce_marked"),
	{"drops", OBJECT},
	{NULL},
};

static const struct member transport_gauges[] = {
	{"rtt_ns", NUMBER, HOUR_NS},
	{"rtt_min_ns", NUMBER, HOUR_NS},
	{"reorder_window_ns", NUMBER, HOUR_NS},
	{"queue_us", NUMBER, HOUR_US},
	{NULL},
};

/* ---- one value ---- */

static bool fail(const struct json_place *place, const char *text)
{
	json_place_fail(place, "invalid-argument", "%s", text);
	return false;
}

static bool is_number(const json_t *value, uint64_t max)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
	       (uint64_t)json_integer_value(value) <= max;
}

static bool is_sound(const json_t *value, const struct member *member)
{
	switch (member->shape) {
	case NUMBER:
		return is_number(value, member->max);
	case TEXT_OR_NULL:
		if (json_is_null(value))
			return true;
		/* fall through */
	case TEXT:
		return json_is_string(value) && json_string_length(value) <= member->max;
	case FLAG:
		return json_is_boolean(value);
	case OBJECT:
		return json_is_object(value);
	default:
		return json_is_array(value);
	}
}

static bool member_fail(const struct json_place *place, const struct member *member)
{
	struct json_place at = json_place_member(place, member->name);

	if (!at.value)
		json_place_fail(&at, "missing-field", "is required");
	else if (member->shape == NUMBER)
		json_place_fail(&at, "invalid-argument", "must be an integer from 0 to %llu",
				(unsigned long long)member->max);
	else if (member->shape == TEXT || member->shape == TEXT_OR_NULL)
		json_place_fail(&at, "invalid-argument", "must be a string of at most %llu bytes%s",
				(unsigned long long)member->max,
				member->shape == TEXT ? "" : ", or null");
	else if (member->shape == FLAG)
		fail(&at, "must be true or false");
	else
		fail(&at, member->shape == OBJECT ? "must be an object" : "must be an array");
	return false;
}

/* The place is written down only where something is wrong: there are very many of these. */
static bool members_are_sound(const struct json_place *place, const struct member *members)
{
	if (!json_is_object(place->value))
		return fail(place, "must be an object");
	for (; members->name; members++) {
		const json_t *value = json_object_get(place->value, members->name);

		if (value ? !is_sound(value, members) : members->is_needed)
			return member_fail(place, members);
	}
	return true;
}

/* Of whatever name: none of them may be a negative or an impossible number, or no number. */
static bool counts_are_sound(const struct json_place *place, bool is_known)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)place->value, name, value) {
		const struct member member = {name, NUMBER, COUNT_MAX, true};

		if (!is_number(value, COUNT_MAX) && (is_known || json_is_number(value)))
			return member_fail(place, &member);
	}
	return true;
}

/* ---- the report's head ---- */

bool report_check_digest(const struct json_place *place)
{
	const char *text = json_read_string(place);
	size_t len = INTENT_CERTIFICATE_BYTES - 1;

	if (!text)
		return false;
	if (strlen(text) == len && strspn(text, "0123456789abcdef") == len)
		return true;
	return fail(place, "must be 64 lower-case hexadecimal digits");
}

static bool items_are_sound(const struct json_place *report, const char *name, size_t max,
			    bool (*check)(const struct json_place *item))
{
	struct json_place list = json_place_member(report, name);
	size_t count = json_array_size(list.value);

	if (count > max) {
		json_place_fail(&list, "invalid-argument", "must have at most %zu items", max);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(&list, i);

		if (!check(&item))
			return false;
	}
	return true;
}

static bool check_port(const struct json_place *item)
{
	struct json_place drops = json_place_member(item, "drops");

	return members_are_sound(item, port_members) && counts_are_sound(&drops, true);
}

static bool check_peer(const struct json_place *item)
{
	return members_are_sound(item, peer_members);
}

static bool check_link(const struct json_place *item)
{
	const struct member id = {"id", NUMBER, LINK_MAX, true};

	if (!members_are_sound(item, link_members))
		return false;
	return json_integer_value(json_object_get(item->value, "id"))
		       ? counts_are_sound(item, false)
		       : member_fail(item, &id);
}

bool report_check_head(const struct json_place *report)
{
	return members_are_sound(report, head_members) &&
	       items_are_sound(report, "ports", 64, check_port) &&
	       items_are_sound(report, "peers", 4096, check_peer) &&
	       items_are_sound(report, "links", LINK_MAX, check_link);
}

/* ---- its paths ---- */

static bool check_counters(const struct json_place *entry)
{
	static const char *const flows[] = {"out", "in"};
	struct json_place counters = json_place_member(entry, "counters");

	if (!counters.value)
		return true;
	if (!members_are_sound(&counters, counters_members))
		return false;
	for (int i = 0; i < 2; i++) {
		struct json_place flow = json_place_member(&counters, flows[i]);
		struct json_place drops = json_place_member(&flow, "drops");

		if (flow.value &&
		    (!members_are_sound(&flow, flow_members) || !counts_are_sound(&drops, true)))
			return false;
	}
	return true;
}

static bool check_transport(const struct json_place *entry)
{
	static const char *const buffers[] = {"retain_buffers", "hold_buffers"};
	struct json_place transport = json_place_member(entry, "transport");

	if (transport.value && (!members_are_sound(&transport, transport_gauges) ||
				!counts_are_sound(&transport, true)))
		return false;
	for (int i = 0; i < 2; i++) {
		struct json_place at = json_place_member(entry, buffers[i]);

		if (at.value && !counts_are_sound(&at, true))
			return false;
	}
	return true;
}

/* What the gateway runs the path with. */
static bool check_run(const struct json_place *entry)
{
	struct json_place run = json_place_member(entry, "peer");
	struct json_place digest = json_place_member(&run, "certificate");

	return !run.value || (report_check_digest(&digest) && members_are_sound(&run, run_members));
}

bool report_check_paths(const struct json_place *paths)
{
	for (size_t i = 0; i < json_array_size(paths->value); i++) {
		struct json_place entry = json_place_item(paths, i);

		if (!members_are_sound(&entry, path_members) || !check_run(&entry) ||
		    !check_counters(&entry) || !check_transport(&entry))
			return false;
	}
	return true;
}
