/*
 * GET /v1/paths/{name}/explain and /v1/clusters/{name}/explain: why something is as it is. Each of
 * the machines by itself, the route and those that were not taken, what comes next and what whoever
 * asks can do. Codes are for programs and stay; texts are for people.
 */
#include <stdio.h>

#include "control/core/path_code.h"
#include "control/io/explain.h"
#include "control/io/json_text.h"
#include "control/io/validate.h"

static bool subject_make(struct api *api, const struct object *object,
			 struct explain_subject *subject)
{
	*subject = (struct explain_subject){
		.api = api,
		.object = object,
		.path = &object->path,
		.live = live_path(&api->live, object),
		.now_ns = validate_now_ns(),
	};
	if (!subject->live)
		return false;
	api_path_gateways(api, object, subject->gateways);
	live_path_facts(&api->live, subject->live, object, subject->gateways,
			loop_now_ns(api->loop), subject->now_ns, &subject->facts);
	return true;
}

/* ---- what comes next ---- */

static void add_next(json_t *list, const char *code, uint64_t at_ns, const char *text)
{
	json_t *json = json_pack("{s:s, s:s}", "code", code, "text", text);

	explain_set_time(json, "at", at_ns);
	json_array_append_new(list, json);
}

static void add_deadlines(const struct explain_subject *subject, json_t *list)
{
	const struct path *path = subject->path;
	const struct path_assignment *assigned = &path->assigned;

	if (assigned->is_deleting || assigned->life == LIFE_EXPIRED)
		return;
	if (assigned->life == LIFE_HELD)
		add_next(list, "hold-ends", assigned->hold_until_ns,
			 "it expires, unless it is committed before");
	if (path->start_ns > subject->now_ns)
		add_next(list, "starts", path->start_ns, "its gateways are told of it");
	if (assigned->lease_until_ns)
		add_next(list, "lease-ends", assigned->lease_until_ns,
			 "it expires, unless it is renewed before");
	if (path->end_ns)
		add_next(list, "ends", path->end_ns, "its window is over: it expires");
}

static json_t *next_json(const struct explain_subject *subject)
{
	const struct path_assignment *assigned = &subject->path->assigned;
	json_t *list = json_array();

	switch (subject->live->machine.state) {
	case PATH_PENDING:
	case PATH_RESERVED:
	case PATH_ACTIVATING:
		add_next(list, "becomes-active", 0,
			 "it is active as soon as both gateways have applied it, a probe has "
			 "crossed each way and both claim");
		break;
	case PATH_DEGRADED:
	case PATH_FAILED:
		add_next(list, "recovers", 0,
			 "it is active again by itself as soon as what is missing is there");
		break;
	case PATH_DRAINING:
		add_next(list, assigned->is_deleting ? "released" : "expired", 0,
			 "it is gone as soon as both gateways have let go of it");
		break;
	case PATH_EXPIRED:
		add_next(list, "forgotten", assigned->expired_ns + PATH_EXPIRED_KEEP_NS,
			 "nothing is left of it but the log");
		break;
	default:
		break;
	}
	if (path_is_moving(subject->path))
		add_next(list, "moves", 0,
			 "it is on its new link as soon as a probe has crossed there each way");
	add_deadlines(subject, list);
	return list;
}

static json_t *when_down_json(const struct explain_subject *subject)
{
	const struct path_end_facts *ends = subject->facts.ends;
	bool is_block = subject->path->when_down == WHEN_DOWN_BLOCK;
	bool is_claimed = ends[0].is_claiming && ends[1].is_claiming;

	return json_pack("{s:s, s:b, s:s}", "value", model_when_down_name(subject->path->when_down),
			 "applies", !is_claimed && stage_phase(subject->live->machine.stage),
			 "text",
			 is_block ? "its traffic is dropped where no gateway carries it"
				  : "the kernel routes its traffic where no gateway carries it");
}

/* ---- what can be done ---- */

static void add_action(json_t *list, const char *code, const char *text, const char *format,
		       const char *name)
{
	char command[160];

	snprintf(command, sizeof(command), format, name);
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:s}", "code", code, "text", text, "command", command));
}

/* What helps the end that is worst off. */
static void add_mending(const struct explain_subject *subject, json_t *list)
{
	const struct path_machine *machine = &subject->live->machine;
	const char *gateway = subject->gateways[machine->cause_end];

	switch (machine->cause) {
	case CAUSE_NOT_CONNECTED:
	case CAUSE_NO_CERTIFICATE:
	case CAUSE_NOT_RECEIVING:
		add_action(list, "look-at-gateway", "see whether it runs and reaches control",
			   "causewayctl get gateway %s", gateway);
		break;
	case CAUSE_ERROR:
		add_action(list, "look-at-gateway",
			   "the gateway says what is wrong; so does its log",
			   "causewayctl path show %s", subject->object->name);
		break;
	case CAUSE_NOT_PROVED:
		add_action(
			list, "look-at-link",
			"see whether the line carries UDP and TCP of the tunnel's port both ways",
			"causewayctl get link %s", subject->path->assigned.link);
		break;
	default:
		break;
	}
}

static json_t *actions_json(const struct explain_subject *subject)
{
	const struct path *path = subject->path;
	const char *name = subject->object->name;
	json_t *list = json_array();

	if (path->assigned.cluster[0]) {
		add_mending(subject, list);
		add_action(list, "change-cluster", "it belongs to a cluster: change or delete that",
			   "causewayctl explain cluster %s", path->assigned.cluster);
		return list;
	}
	if (path_verb_check(path, VERB_COMMIT) == VERB_TAKEN)
		add_action(list, "commit", "make it real", "causewayctl path commit %s", name);
	if (path_verb_check(path, VERB_ABORT) == VERB_TAKEN)
		add_action(list, "abort", "give it back", "causewayctl path abort %s", name);
	if (path_verb_check(path, VERB_RENEW) == VERB_TAKEN)
		add_action(list, "renew", "begin its lease anew", "causewayctl path renew %s",
			   name);
	if (subject->live->machine.state != PATH_EXPIRED && !path->assigned.is_deleting)
		add_mending(subject, list);
	if (!path->assigned.is_deleting)
		add_action(list, "release", "let it go", "causewayctl path rm %s", name);
	return list;
}

/* ---- all of it ---- */

static json_t *path_explain_json(struct api *api, const struct object *object)
{
	struct explain_subject subject;
	json_t *json, *place;

	if (!subject_make(api, object, &subject))
		return NULL;
	place = validate_explain(api->store, object->name);
	json = json_pack(
		"{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:{s:s?, s:O*}, s:O*, s:O*, s:o, s:o, "
		"s:o}",
		"kind", "explanation", "path", object->name, "revision",
		(json_int_t)object->revision, "life_cycle", explain_life_cycle_json(&subject),
		"reservation", explain_reservation_json(&subject), "provisioning",
		explain_provisioning_json(&subject), "data_plane",
		explain_data_plane_json(&subject), "route", "link",
		object->path.assigned.link[0] ? object->path.assigned.link : NULL, "candidates",
		json_object_get(place, "candidates"), "booked", json_object_get(place, "booked"),
		"binding", json_object_get(place, "binding"), "next", next_json(&subject),
		"when_down", when_down_json(&subject), "actions", actions_json(&subject));
	json_decref(place);
	return json;
}

void api_path_explain(struct api_call *call)
{
	const struct object *object;

	call->kind = KIND_PATH;
	object = api_object_find(call);
	if (object)
		api_respond_json(call->exchange, 200, path_explain_json(call->api, object),
				 object->revision);
}

static json_t *member_json(struct api *api, const struct object *object)
{
	struct explain_subject subject;
	char reason[256];

	if (!subject_make(api, object, &subject))
		return NULL;
	live_path_reason(subject.live, subject.gateways, reason, sizeof(reason));
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", object->name, "link",
			 object->path.assigned.link, "state",
			 path_state_name(subject.live->machine.state), "code",
			 path_cause_code(subject.live->machine.cause), "text", json_text(reason));
}

void api_cluster_explain(struct api_call *call)
{
	const struct object *object, *least;
	json_t *paths = json_array(), *whole;
	enum path_state state;

	call->kind = KIND_CLUSTER;
	object = api_object_find(call);
	for (uint8_t a = 0; object && a < object->cluster.member_count; a++) {
		for (uint8_t z = (uint8_t)(a + 1); z < object->cluster.member_count; z++) {
			const struct object *path = api_cluster_path(call->api, object, a, z);

			if (path)
				json_array_append_new(paths, member_json(call->api, path));
		}
	}
	if (object) {
		least = api_cluster_least(call->api, object, &state);
		whole = least ? path_explain_json(call->api, least) : json_null();
		api_respond_json(call->exchange, 200,
				 json_pack("{s:s, s:s, s:I, s:s, s:O, s:o}", "kind", "explanation",
					   "cluster", object->name, "revision",
					   (json_int_t)object->revision, "state",
					   path_state_name(state), "paths", paths, "least", whole),
				 object->revision);
	}
	json_decref(paths);
}
