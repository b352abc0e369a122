#include <string.h>

#include "control/core/rfc3339.h"
#include "control/io/resource_json.h"

static bool instant_read(const struct json_place *place, uint64_t *ns)
{
	const char *text = json_read_string(place);

	if (!text)
		return false;
	if (!rfc3339_parse(text, ns) && *ns)
		return true;
	json_place_fail(place, "invalid-argument",
			"must be a time such as \"2026-11-22T10:00:00Z\" (RFC 3339)");
	return false;
}

static json_t *instant_json(uint64_t ns)
{
	char text[RFC3339_TEXT_BYTES];

	rfc3339_format(ns, text);
	return json_string(text);
}

static bool window_read(const struct json_place *spec, struct path *path)
{
	struct json_place start = json_place_member(spec, "start");
	struct json_place end = json_place_member(spec, "end");

	if ((start.value && !instant_read(&start, &path->start_ns)) ||
	    (end.value && !instant_read(&end, &path->end_ns)))
		return false;
	if (!path->end_ns || path->end_ns > path->start_ns)
		return true;
	json_place_fail(&end, "invalid-argument", "must be later than start");
	return false;
}

static bool commit_read(const struct json_place *spec, struct path *path)
{
	static const char *const modes[] = {"auto", "manual", NULL};
	struct json_place commit = json_place_member(spec, "commit");
	struct json_place hold = json_place_member(spec, "hold");
	int mode = commit.value ? word_read(&commit, modes) : 0;

	if (mode < 0)
		return false;
	path->is_manual = mode == 1;
	if (path->is_manual)
		path->hold_ns = PATH_HOLD_DEFAULT_NS;
	if (!hold.value)
		return true;
	if (path->is_manual)
		return time_read(&hold, PATH_HOLD_MIN_NS, PATH_HOLD_MAX_NS, &path->hold_ns);
	json_place_fail(&hold, "invalid-argument", "goes with \"commit\": \"manual\" only");
	return false;
}

/* "1:1" is a second link at hand; over several at once comes later. */
static bool protection_read(const struct json_place *place, struct path *path)
{
	const char *name = json_read_string(place);

	if (!name)
		return false;
	path->protection = model_protection_find(name);
	if (path->protection < PROTECTION_COUNT)
		return true;
	if (!strcmp(name, "spray"))
		json_place_fail(
			place, "invalid-argument",
			"gateways do not send over several links at once yet; \"1:1\" keeps "
			"a second link ready");
	else
		json_place_fail(place, "invalid-argument", "must be \"none\" or \"1:1\"");
	return false;
}

static bool route_read(const struct json_place *spec, struct path *path)
{
	struct json_place rtt_max = json_place_member(spec, "rtt_max");
	struct json_place diverse_from = json_place_member(spec, "diverse_from");
	struct json_place protection = json_place_member(spec, "protection");
	struct json_place link = json_place_member(spec, "link");

	return (!rtt_max.value || time_read(&rtt_max, 1, INTENT_RTT_MAX_NS, &path->rtt_max_ns)) &&
	       (!diverse_from.value || json_read_name(&diverse_from, path->diverse_from)) &&
	       (!protection.value || protection_read(&protection, path)) &&
	       (!link.value || json_read_name(&link, path->pin));
}

bool path_terms_read(const struct json_place *spec, struct path *path)
{
	struct json_place tenant = json_place_member(spec, "tenant");
	struct json_place lease = json_place_member(spec, "lease");

	return (!tenant.value || json_read_name(&tenant, path->tenant)) && route_read(spec, path) &&
	       (!lease.value ||
		time_read(&lease, PATH_LEASE_MIN_NS, PATH_LEASE_MAX_NS, &path->lease_ns)) &&
	       window_read(spec, path) && commit_read(spec, path);
}

void path_terms_json(const struct path *path, json_t *json)
{
	if (path->tenant[0])
		json_object_set_new(json, "tenant", json_string(path->tenant));
	if (path->rtt_max_ns)
		json_object_set_new(json, "rtt_max", time_json(path->rtt_max_ns));
	if (path->diverse_from[0])
		json_object_set_new(json, "diverse_from", json_string(path->diverse_from));
	if (path->protection)
		json_object_set_new(json, "protection",
				    json_string(model_protection_name(path->protection)));
	if (path->pin[0])
		json_object_set_new(json, "link", json_string(path->pin));
	if (path->start_ns)
		json_object_set_new(json, "start", instant_json(path->start_ns));
	if (path->end_ns)
		json_object_set_new(json, "end", instant_json(path->end_ns));
	if (path->lease_ns)
		json_object_set_new(json, "lease", time_json(path->lease_ns));
	if (!path->is_manual)
		return;
	json_object_set_new(json, "commit", json_string("manual"));
	json_object_set_new(json, "hold", time_json(path->hold_ns));
}
