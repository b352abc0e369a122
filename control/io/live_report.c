#include <string.h>

#include "control/core/rfc3339.h"
#include "control/io/json_place.h"
#include "control/io/json_text.h"
#include "control/io/live.h"
#include "control/io/live_transport.h"

/*
 * Reports are read for what is needed and kept for what is not known: a gateway may be newer than
 * its control. What is needed must have its type.
 */
static bool read_number(const struct json_place *place, const char *key, uint64_t max,
			uint64_t *value)
{
	struct json_place member = json_place_member(place, key);

	return json_read_uint(&member, 0, max, value);
}

static bool is_sha256(const char *text)
{
	return strlen(text) == INTENT_CERTIFICATE_BYTES - 1 &&
	       strspn(text, "0123456789abcdef") == INTENT_CERTIFICATE_BYTES - 1;
}

static bool digest_is_sound(const struct json_place *place)
{
	const char *text = json_read_string(place);

	if (!text)
		return false;
	if (is_sha256(text))
		return true;
	json_place_fail(place, "invalid-argument", "must be 64 lower-case hexadecimal digits");
	return false;
}

/* Of a path: what the gateway runs it with; may be absent. */
static bool peer_is_sound(const struct json_place *place)
{
	struct json_place digest = json_place_member(place, "certificate");
	uint64_t number;

	if (!place->value)
		return true;
	if (!json_is_object(place->value)) {
		json_place_fail(place, "invalid-argument", "must be an object");
		return false;
	}
	return digest_is_sound(&digest) && read_number(place, "udp_port", UINT16_MAX, &number) &&
	       read_number(place, "lanes", UINT16_MAX, &number) &&
	       read_number(place, "lan_mtu", 65535, &number);
}

static bool path_entry_is_sound(const struct json_place *place)
{
	static const char *const flags[] = {"receiving", "proved", "claiming"};
	struct json_place name = json_place_member(place, "name");
	struct json_place error = json_place_member(place, "error");
	struct json_place peer = json_place_member(place, "peer");
	uint64_t number;

	if (!json_is_object(place->value)) {
		json_place_fail(place, "invalid-argument", "must be an object");
		return false;
	}
	if (!json_read_string(&name) || !read_number(place, "id", UINT32_MAX, &number) ||
	    !read_number(place, "generation", UINT32_MAX, &number))
		return false;
	for (unsigned int i = 0; i < 3; i++) {
		struct json_place flag = json_place_member(place, flags[i]);

		if (json_is_boolean(flag.value))
			continue;
		json_place_fail(&flag, "invalid-argument", "must be true or false");
		return false;
	}
	return peer_is_sound(&peer) && live_transport_is_sound(place) &&
	       (!error.value || json_is_null(error.value) || json_read_string(&error));
}

static bool paths_are_sound(const struct json_place *place)
{
	for (size_t i = 0; i < json_array_size(place->value); i++) {
		struct json_place item = json_place_item(place, i);

		if (!path_entry_is_sound(&item))
			return false;
	}
	return true;
}

static void keep_report(struct live_gateway *gateway, const json_t *report)
{
	json_t *copy = json_copy((json_t *)report);

	json_object_del(copy, "paths");
	json_decref(gateway->report);
	gateway->report = copy;
	live_sample(&gateway->samples, copy, gateway->report_ns);
}

/* {"sha256": "..."}; a gateway that does not say keeps the one that it said before. */
static bool read_certificate(const struct json_place *root, const struct gateway_traits *before,
			     char *certificate)
{
	struct json_place place = json_place_member(root, "certificate");
	struct json_place digest = json_place_member(&place, "sha256");

	memcpy(certificate, before->certificate, TRAITS_CERTIFICATE_BYTES);
	if (!place.value)
		return true;
	if (!json_is_object(place.value)) {
		json_place_fail(&place, "invalid-argument", "must be an object");
		return false;
	}
	if (!digest_is_sound(&digest))
		return false;
	memcpy(certificate, json_string_value(digest.value), INTENT_CERTIFICATE_BYTES);
	return true;
}

bool live_report(struct live_gateway *gateway, const json_t *report, uint64_t now_ns,
		 struct problem *problem)
{
	struct json_place root = json_place_root(report, problem);
	struct json_place paths = json_place_member(&root, "paths");
	uint64_t revision, term, lan_mtu, udp_port, lanes;
	struct gateway_traits traits;

	if (!json_is_object(report) || !json_is_array(paths.value)) {
		json_place_fail(json_is_object(report) ? &paths : &root, "invalid-argument",
				"must be an %s", json_is_object(report) ? "array" : "object");
		return false;
	}
	if (!read_number(&root, "revision", INT64_MAX, &revision) ||
	    !read_number(&root, "term", INT64_MAX, &term) ||
	    !read_number(&root, "lan_mtu", 65535, &lan_mtu) ||
	    !read_number(&root, "udp_port", UINT16_MAX, &udp_port) ||
	    !read_number(&root, "lanes", UINT16_MAX, &lanes) || !paths_are_sound(&paths) ||
	    !live_links_are_sound(&root) ||
	    !read_certificate(&root, &gateway->traits, traits.certificate))
		return false;
	gateway->applied_revision = revision;
	gateway->applied_term = term;
	traits.udp_port = (uint16_t)udp_port;
	traits.lanes = (uint16_t)lanes;
	traits.lan_mtu = (uint32_t)lan_mtu;
	gateway->traits = traits;
	gateway->report_count++;
	gateway->report_ns = now_ns;
	live_time_now(gateway->report_time);
	keep_report(gateway, report);
	return true;
}

static void copy_members(json_t *to, const json_t *from, const char *const *keys)
{
	for (; *keys; keys++) {
		json_t *value = json_object_get(from, *keys);

		if (value)
			json_object_set(to, *keys, value);
	}
}

json_t *live_gateway_json(const struct live_gateway *gateway)
{
	static const char *const keys[] = {
		"version", "boot",  "certificate",  "lan_mtu", "wan_mtu", "udp_port", "lanes",
		"workers", "peers", "buffer_bytes", "ports",   "links",	  NULL};
	json_t *status = json_pack("{s:b}", "connected", gateway->is_connected);

	if (!status || !gateway->report_count)
		return status;
	copy_members(status, gateway->report, keys);
	json_object_set_new(status, "applied_revision",
			    json_integer((json_int_t)gateway->applied_revision));
	json_object_set_new(status, "last_report", json_string(gateway->report_time));
	return status;
}

static json_t *history_json(const struct live_path *path)
{
	json_t *list = json_array();
	uint32_t first =
		path->change_count > LIVE_HISTORY_MAX ? path->change_count - LIVE_HISTORY_MAX : 0;

	for (uint32_t i = first; i < path->change_count; i++) {
		const struct live_change *change = &path->history[i % LIVE_HISTORY_MAX];

		json_array_append_new(list,
				      json_pack("{s:I, s:s, s:s, s:s, s:o}", "rev",
						(json_int_t)change->revision, "time", change->time,
						"from", path_state_name(change->trace.from), "to",
						path_state_name(change->trace.to), "cause",
						json_text(change->text)));
	}
	return list;
}

static json_t *notice_json(const struct live_path *path, const struct object *object, int end,
			   const char *gateway)
{
	const uint64_t *max = object->path.max_bps;
	const uint64_t max_bps[2] = {max[end], max[!end]};
	char text[400];

	return live_path_notice(&path->ends[end], gateway, max_bps, text, sizeof(text))
		       ? json_text(text)
		       : json_null();
}

static json_t *end_json(const struct live_path *path, const struct object *object, int end,
			const char *gateway, bool is_fresh)
{
	static const char *const keys[] = {"rtt_ns",	   "error",	"keys",
					   "counters",	   "transport", "retain_buffers",
					   "hold_buffers", NULL};
	const struct live_path_end *at = &path->ends[end];
	json_t *json = json_pack("{s:s, s:s, s:b, s:b, s:b, s:n, s:o}", "name", gateway, "site",
				 object->path.ends[end].site, "receiving", at->facts.is_receiving,
				 "proved", at->facts.is_proved, "claiming", at->facts.is_claiming,
				 "error", "notice", notice_json(path, object, end, gateway));

	copy_members(json, at->entry, keys);
	if (is_fresh)
		json_object_set_new(json, "rates", live_rates_json(at));
	return json;
}

static json_t *ends_json(const struct live_path *path, const struct object *object,
			 const char *const gateways[2], const bool is_fresh[2])
{
	json_t *list = json_array();

	/* Of one that expired and drained nothing is left there. */
	for (int end = 0; end < 2 && object->path.assigned.link[0]; end++)
		json_array_append_new(list,
				      end_json(path, object, end, gateways[end], is_fresh[end]));
	return list;
}

/* Until when it is what it is. */
static void add_deadlines(const struct path_assignment *assigned, json_t *json)
{
	const struct {
		const char *name;
		uint64_t ns;
	} rows[] = {
		{"hold_until", assigned->life == LIFE_HELD ? assigned->hold_until_ns : 0},
		{"lease_until", assigned->life == LIFE_COMMITTED ? assigned->lease_until_ns : 0},
		{"expired", assigned->expired_ns},
	};
	char text[RFC3339_TEXT_BYTES];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].ns)
			continue;
		/* Whole milliseconds, as all times of the status. */
		rfc3339_format(rows[i].ns / 1000000 * 1000000, text);
		json_object_set_new(json, rows[i].name, json_string(text));
	}
}

json_t *live_path_json(const struct live *live, const struct live_path *path,
		       const struct object *object, const char *const gateways[2], uint64_t now_ns)
{
	const struct path_assignment *assigned = &object->path.assigned;
	bool is_fresh[2] = {false, false};
	char reason[256];
	json_t *json;

	for (int end = 0; end < 2; end++) {
		const struct live_gateway *gateway = name_index_get(&live->gateways, gateways[end]);

		is_fresh[end] = gateway && live_gateway_is_fresh(gateway, now_ns);
	}
	live_path_reason(path, gateways, reason, sizeof(reason));
	json = json_pack("{s:s, s:o, s:I, s:I, s:s, s:o, s:o}", "state",
			 path_state_name(path->machine.state), "reason", json_text(reason),
			 "path_id", (json_int_t)assigned->id, "generation",
			 (json_int_t)assigned->generation, "link", assigned->link, "history",
			 history_json(path), "gateways",
			 ends_json(path, object, gateways, is_fresh));
	json_object_set_new(json, "transport", live_path_transport_json(path, is_fresh));
	add_deadlines(assigned, json);
	return json;
}
