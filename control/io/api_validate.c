/*
 * GET /v1/validate: what gateways are to do against what they report, gateway by gateway, without
 * changing anything. What is on its way is a difference, too, for as long as it takes.
 */
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/validate.h"

/* Of one gateway; more are only counted. */
#define DIFFERENCES_MAX 256
/* Of one page: some milliseconds. */
#define PATHS_MAX 5000

struct audit {
	struct api *api;
	const struct live_gateway *gateway; /* NULL: it never reported */
	json_t *differences;
	json_int_t count, wanted, carried;
};

/* ---- differences ---- */

/* wanted and found become the difference's; NULL: there is nothing to compare. */
static void differ(struct audit *audit, const char *code, const char *path, json_t *wanted,
		   json_t *found, const char *text)
{
	audit->count++;
	if (json_array_size(audit->differences) >= DIFFERENCES_MAX) {
		json_decref(wanted);
		json_decref(found);
		return;
	}
	json_array_append_new(audit->differences,
			      json_pack("{s:s, s:s*, s:o*, s:o*, s:s}", "code", code, "path", path,
					"wanted", wanted, "found", found, "text", text));
}

/* Is a number of the entry another one than was told? A gateway that does not say agrees. */
static bool number_differs(const json_t *entry, const char *key, uint64_t wanted)
{
	const json_t *found = json_object_get(entry, key);

	return json_is_integer(found) && json_integer_value(found) != (json_int_t)wanted;
}

static void differ_number(struct audit *audit, const char *code, const char *path,
			  const json_t *entry, const char *key, uint64_t wanted, const char *text)
{
	if (number_differs(entry, key, wanted))
		differ(audit, code, path, json_integer((json_int_t)wanted),
		       json_incref(json_object_get(entry, key)), text);
}

static void check_claim(struct audit *audit, const struct object *object, uint8_t phase,
			const struct path_end_facts *facts)
{
	if (phase == PHASE_CLAIM && !facts->is_claiming)
		differ(audit, "not-claiming", object->name, json_true(), json_false(),
		       "it is to claim the path's traffic and does not");
	if (phase != PHASE_CLAIM && facts->is_claiming && !path_is_moving(&object->path))
		differ(audit, "claims-unasked", object->name, json_false(), json_true(),
		       "it claims the path's traffic and is not to");
}

/* Both know the path, in the same generation. */
static void check_settings(struct audit *audit, const struct object *object, const json_t *entry)
{
	const struct object *link =
		store_get(audit->api->store, KIND_LINK, object->path.assigned.link);

	differ_number(audit, "class-differs", object->name, entry, "class", object->path.class,
		      "it runs the path in another class");
	/* One that moves is on its old link until the new one is proved. */
	if (!link || path_is_moving(&object->path))
		return;
	differ_number(audit, "link-differs", object->name, entry, "link", link->link.id,
		      "it runs the path over another link (numbers of links)");
	differ_number(audit, "rtt-differs", object->name, entry, "link_rtt_ns", link->link.rtt_ns,
		      "it sizes the path's windows for another round trip");
}

static void check_path(struct audit *audit, const struct object *object, struct live_path *live,
		       enum model_end end, const struct path_end_facts *facts)
{
	uint8_t phase = stage_phase(live->machine.stage);
	uint32_t generation = object->path.assigned.generation;
	const json_t *entry = live->ends[end].entry;

	audit->wanted += phase != 0;
	audit->carried += facts->is_reported;
	if (!phase && facts->is_reported)
		differ(audit, "path-lingers", object->name, NULL, NULL,
		       "it still has the path, and is to forget it");
	if (!phase)
		return;
	if (!facts->is_reported) {
		differ(audit, "path-missing", object->name, NULL, NULL,
		       "it does not have the path, and is to carry it");
		return;
	}
	if (facts->has_error)
		differ(audit, "path-error", object->name, NULL,
		       json_incref(json_object_get(entry, "error")),
		       "it cannot do what the path needs");
	if (facts->generation != generation) {
		differ(audit, "generation-behind", object->name, json_integer(generation),
		       json_integer(facts->generation),
		       "it has not applied the path's last change");
		return;
	}
	check_claim(audit, object, phase, facts);
	check_settings(audit, object, entry);
}

static void check_paths(struct audit *audit, const struct roster_gateway *roster)
{
	struct api *api = audit->api;

	for (size_t i = 0; roster && i < roster->paths.count; i++) {
		const struct roster_path *at = roster->paths.entries[i].value;
		const struct object *object = store_get(api->store, KIND_PATH, at->name);
		struct live_path *live = object ? live_path(&api->live, object) : NULL;
		enum model_end end = roster_end(at, roster);
		const char *gateways[2];
		struct path_facts facts;

		if (!live)
			continue;
		api_path_gateways(api, object, gateways);
		live_path_facts(&api->live, live, object, gateways, loop_now_ns(api->loop),
				validate_now_ns(), &facts);
		check_path(audit, object, live, end, &facts.ends[end]);
	}
}

static void check_unknown(struct audit *audit)
{
	json_t *name;
	size_t i;

	/* An older report than the last whole one says nothing any more. */
	if (audit->gateway->unknown_report < audit->gateway->report_count)
		return;
	json_array_foreach (audit->gateway->unknown, i, name)
		differ(audit, "path-unknown", json_string_value(name), NULL, NULL,
		       "it carries a path that it is not told of");
}

static void check_gateway(struct audit *audit, const struct roster_gateway *roster)
{
	const struct live_gateway *gateway = audit->gateway;
	uint64_t term = audit->api->live.term;

	if (!gateway || !gateway->is_connected)
		differ(audit, "not-connected", NULL, NULL, NULL,
		       "it does not listen to its intent: look at its log");
	if (!gateway || !live_gateway_is_fresh(gateway, loop_now_ns(audit->api->loop))) {
		audit->wanted = roster ? (json_int_t)roster->paths.count : 0;
		differ(audit, "silent", NULL, NULL, NULL,
		       "it sends no reports: what it does is not known");
		return;
	}
	if (gateway->applied_term != term) {
		audit->wanted = roster ? (json_int_t)roster->paths.count : 0;
		differ(audit, "term-behind", NULL, json_integer((json_int_t)term),
		       json_integer((json_int_t)gateway->applied_term),
		       "it does what an earlier control told it");
		return;
	}
	check_paths(audit, roster);
	check_unknown(audit);
}

/* ---- answer ---- */

static json_t *gateway_json(struct api *api, const struct object *object, json_int_t *differences,
			    size_t *paths)
{
	const struct roster_gateway *roster = name_index_get(&api->roster.gateways, object->name);
	struct audit audit = {
		.api = api,
		.gateway = name_index_get(&api->live.gateways, object->name),
		.differences = json_array(),
	};
	const struct live_gateway *gateway = audit.gateway;

	check_gateway(&audit, roster);
	*differences += audit.count;
	*paths += roster ? roster->paths.count : 0;
	return json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:o}", "name", object->name,
			 "site", object->gateway.site, "connected",
			 gateway && gateway->is_connected, "heard",
			 gateway && live_gateway_is_fresh(gateway, loop_now_ns(api->loop)), "term",
			 (json_int_t)(gateway ? gateway->applied_term : 0), "applied_revision",
			 (json_int_t)(gateway ? gateway->applied_revision : 0), "paths_wanted",
			 audit.wanted, "paths_carried", audit.carried, "difference_count",
			 audit.count, "differences", audit.differences);
}

void api_validate(struct api_call *call)
{
	const struct api_query *query = &call->query;
	struct api *api = call->api;
	char token[QUERY_TOKEN_BYTES] = "";
	json_t *gateways = json_array();
	const struct object *at = store_next(api->store, KIND_GATEWAY, query->after), *last = NULL;
	json_int_t differences = 0;
	size_t paths = 0;

	for (; at; at = store_next(api->store, KIND_GATEWAY, at->name)) {
		if (json_array_size(gateways) == query->limit || paths > PATHS_MAX)
			break;
		json_array_append_new(gateways, gateway_json(api, at, &differences, &paths));
		last = at;
	}
	if (at && last)
		api_query_token(call->kind, last->name, token);
	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:I, s:I, s:b, s:I, s:o, s:s*}", "kind", "validation",
				   "revision", (json_int_t)store_revision(api->store), "term",
				   (json_int_t)api->live.term, "clean", differences == 0,
				   "difference_count", differences, "gateways", gateways,
				   "continue", token[0] ? token : NULL),
			 0);
}
