#include <string.h>

#include "control/core/rfc3339.h"
#include "control/io/json_place.h"
#include "control/io/json_text.h"
#include "control/io/live.h"
#include "control/io/live_transport.h"
#include "control/io/report_check.h"

static uint64_t number_of(const json_t *report, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(report, key));
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
	if (!report_check_digest(&digest))
		return false;
	memcpy(certificate, json_string_value(digest.value), INTENT_CERTIFICATE_BYTES);
	return true;
}

/* What stands in the first part only. */
static bool take_head(struct live_gateway *gateway, const struct json_place *root, uint64_t now_ns)
{
	struct gateway_traits traits;

	if (!report_check_head(root) ||
	    !read_certificate(root, &gateway->traits, traits.certificate))
		return false;
	traits.udp_port = (uint16_t)number_of(root->value, "udp_port");
	traits.lanes = (uint16_t)number_of(root->value, "lanes");
	traits.lan_mtu = (uint32_t)number_of(root->value, "lan_mtu");
	gateway->traits = traits;
	gateway->report_ns = now_ns;
	gateway->report_begun++;
	live_time_now(gateway->report_time);
	keep_report(gateway, root->value);
	return true;
}

/* Parts come in their order, each when the one before was taken. */
static bool part_is_next(struct live_gateway *gateway, uint64_t part, uint64_t parts,
			 struct problem *problem)
{
	if (!part || (part == gateway->part_next && parts == gateway->parts))
		return true;
	problem_set(problem, 409, "report-out-of-order",
		    "part %llu of %llu does not follow the part before; send the next report from "
		    "its part 0 on",
		    (unsigned long long)part, (unsigned long long)parts);
	problem->is_retryable = true;
	return false;
}

static bool read_part(const struct json_place *root, uint64_t *part, uint64_t *parts)
{
	struct json_place part_place = json_place_member(root, "part");
	struct json_place parts_place = json_place_member(root, "parts");

	*part = 0;
	*parts = 1;
	if (!part_place.value && !parts_place.value)
		return true;
	return json_read_uint(&parts_place, 1, LIVE_PARTS_MAX, parts) &&
	       json_read_uint(&part_place, 0, *parts - 1, part);
}

static bool read_applied(const struct json_place *root, struct live_applied *applied)
{
	struct json_place revision = json_place_member(root, "revision");
	struct json_place term = json_place_member(root, "term");

	return json_read_uint(&revision, 0, INT64_MAX, &applied->revision) &&
	       json_read_uint(&term, 0, INT64_MAX, &applied->term);
}

bool live_report(struct live_gateway *gateway, const json_t *report, uint64_t now_ns,
		 struct problem *problem)
{
	struct json_place root = json_place_root(report, problem);
	struct json_place paths = json_place_member(&root, "paths");
	struct live_applied applied;
	uint64_t part, parts;

	if (!json_is_object(report) || !json_is_array(paths.value)) {
		json_place_fail(json_is_object(report) ? &paths : &root, "invalid-argument",
				"must be an %s", json_is_object(report) ? "array" : "object");
		return false;
	}
	if (!read_applied(&root, &applied) || !read_part(&root, &part, &parts) ||
	    !report_check_paths(&paths) || !part_is_next(gateway, part, parts, problem) ||
	    (!part && !take_head(gateway, &root, now_ns)))
		return false;
	gateway->report_ns = now_ns;
	gateway->told = applied;
	gateway->parts = (uint32_t)parts;
	gateway->part_next = (uint32_t)part + 1;
	if (part + 1 < parts)
		return true;
	/* What it did not name, it does not have. */
	gateway->report_count = gateway->report_begun;
	gateway->applied_revision = applied.revision;
	gateway->applied_term = applied.term;
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
	static const char *const keys[] = {"rtt_ns",	     "error",	     "moving",
					   "keys",	     "counters",     "transport",
					   "retain_buffers", "hold_buffers", NULL};
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
	if (object->path.protection)
		json_object_set_new(json, "backup", json_string(assigned->backup));
	if (path_is_moving(&object->path))
		json_object_set_new(json, "moving", live_path_move_json(object));
	return json;
}
