#include "control/core/path_code.h"
#include "control/core/rfc3339.h"
#include "control/io/explain.h"
#include "control/io/json_text.h"

void explain_set_time(json_t *json, const char *key, uint64_t ns)
{
	char text[RFC3339_TEXT_BYTES];

	if (!ns)
		return;
	rfc3339_format(ns / 1000000 * 1000000, text);
	json_object_set_new(json, key, json_string(text));
}

json_t *explain_reservation_json(const struct explain_subject *subject)
{
	static const struct {
		const char *state, *text;
	} lives[LIFE_COUNT] = {
		[LIFE_COMMITTED] = {"committed", "its rates are booked for its time"},
		[LIFE_HELD] = {"held", "its rates are booked until the hold is over or committed"},
		[LIFE_EXPIRED] = {"expired", "it books nothing any more"},
	};
	const struct path_assignment *assigned = &subject->path->assigned;
	json_t *json = json_pack(
		"{s:s, s:s}", "state",
		assigned->is_deleting ? "releasing" : lives[assigned->life].state, "text",
		assigned->is_deleting ? "it is deleted; its rates are booked until it is gone"
				      : lives[assigned->life].text);

	explain_set_time(json, "hold_until",
			 assigned->life == LIFE_HELD ? assigned->hold_until_ns : 0);
	explain_set_time(json, "lease_until",
			 assigned->life == LIFE_COMMITTED ? assigned->lease_until_ns : 0);
	explain_set_time(json, "start", subject->path->start_ns);
	explain_set_time(json, "end", subject->path->end_ns);
	explain_set_time(json, "expired", assigned->expired_ns);
	return json;
}

static const char *stage_text(enum path_stage stage)
{
	static const char *const texts[STAGE_COUNT] = {
		[STAGE_WAIT] = "its gateways have not been told of it",
		[STAGE_RECEIVE] = "both gateways are told to receive and to probe",
		[STAGE_CLAIM] = "both gateways are told to claim its traffic",
		[STAGE_DRAIN] = "both gateways are told to stop claiming",
		[STAGE_REMOVE] = "both gateways are told to forget it",
		[STAGE_GONE] = "no gateway has it",
	};

	return texts[stage];
}

static json_t *provisioned_json(const struct explain_subject *subject, int end)
{
	const struct path_end_facts *facts = &subject->facts.ends[end];
	bool is_behind = !facts->is_current || !facts->is_reported ||
			 facts->generation < subject->path->assigned.generation;
	const char *state = "applied", *text = "has applied the last change";

	if (!facts->is_fresh) {
		state = "unheard";
		text = "sends no reports: look at its log and its connection to control";
	} else if (!facts->has_certificate) {
		state = "no-certificate";
		text = "has not reported its certificate";
	} else if (!stage_phase(subject->live->machine.stage)) {
		state = facts->is_reported ? "holds" : "none";
		text = facts->is_reported ? "has not let go of it yet" : "does not have it";
	} else if (is_behind) {
		state = "behind";
		text = "has not applied the last change yet";
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I}", "name", subject->gateways[end], "site",
			 subject->path->ends[end].site, "state", state, "text", text, "generation",
			 facts->is_reported ? json_integer(facts->generation) : json_null(),
			 "wanted", (json_int_t)subject->path->assigned.generation);
}

static json_t *proof_json(const struct explain_subject *subject, int end)
{
	static const char *const texts[END_STEP_COUNT] = {
		[END_UNHEARD] = "is not heard: what it does is not known",
		[END_NO_CERTIFICATE] = "has no certificate to agree on keys with",
		[END_BEHIND] = "has not applied the last change yet",
		[END_ERROR] = "reports an error",
		[END_NOT_RECEIVING] = "has not set the path up yet",
		[END_NOT_PROVED] =
			"gets no probe back: look at the tunnel's keys, firewall and MTU",
		[END_NOT_CLAIMING] = "has proof, and claims no traffic",
		[END_CLAIMS] = "claims traffic, and its probes come back",
	};
	const struct path_end_facts *facts = &subject->facts.ends[end];
	enum path_end_step step =
		path_end_step_find(facts, subject->path->assigned.proof_generation);
	const json_t *error = json_object_get(subject->live->ends[end].entry, "error");

	return json_pack(
		"{s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "name", subject->gateways[end], "state",
		path_end_step_name(step), "text", texts[step], "receiving", facts->is_receiving,
		"proved", facts->is_proved, "claiming", facts->is_claiming, "error",
		facts->has_error && json_is_string(error) ? json_text(json_string_value(error))
							  : json_null());
}

static json_t *ends_json(const struct explain_subject *subject,
			 json_t *(*make)(const struct explain_subject *subject, int end))
{
	json_t *list = json_array();

	for (int end = 0; end < 2 && subject->gateways[end][0]; end++)
		json_array_append_new(list, make(subject, end));
	return list;
}

json_t *explain_provisioning_json(const struct explain_subject *subject)
{
	const struct path_assignment *assigned = &subject->path->assigned;
	enum path_stage stage = subject->live->machine.stage;

	return json_pack("{s:s, s:s, s:I, s:I, s:o}", "state", path_stage_name(stage), "text",
			 stage_text(stage), "generation", (json_int_t)assigned->generation,
			 "proof_generation", (json_int_t)assigned->proof_generation, "gateways",
			 ends_json(subject, provisioned_json));
}

json_t *explain_data_plane_json(const struct explain_subject *subject)
{
	const struct path_end_facts *ends = subject->facts.ends;
	bool is_proved = ends[0].is_proved && ends[1].is_proved;
	bool is_heard = ends[0].is_fresh && ends[1].is_fresh;

	return json_pack("{s:s, s:s, s:o}", "state",
			 !is_heard   ? "unknown"
			 : is_proved ? "proved"
				     : "unproved",
			 "text",
			 !is_heard   ? "not both of its gateways are heard"
			 : is_proved ? "a probe has crossed each way"
				     : "no probe has crossed each way yet, or none does any more",
			 "gateways", ends_json(subject, proof_json));
}

json_t *explain_life_cycle_json(const struct explain_subject *subject)
{
	char reason[256];
	const struct live_path *live = subject->live;
	const struct live_change *last =
		&live->history[(live->change_count + LIVE_HISTORY_MAX - 1) % LIVE_HISTORY_MAX];

	live_path_reason(live, subject->gateways, reason, sizeof(reason));
	return json_pack("{s:s, s:s, s:o, s:s?}", "state", path_state_name(live->machine.state),
			 "code", path_cause_code(live->machine.cause), "text", json_text(reason),
			 "since", live->change_count ? last->time : NULL);
}
