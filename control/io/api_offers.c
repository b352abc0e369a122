/*
 * POST /v1/offers: would this be admitted now, and if not, what would? Nothing is kept: the request
 * is checked as a PUT would be, and dropped.
 */
#include <stdio.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/json_place.h"
#include "control/io/resource_json.h"
#include "control/io/validate.h"

/* A name that nothing has: the answer must not depend on who else asks. */
static void name_choose(const struct store *store, enum model_kind kind, char *name)
{
	snprintf(name, MODEL_NAME_BYTES, "offer");
	for (uint32_t i = 1; store_head_get(store, kind, name); i++)
		snprintf(name, MODEL_NAME_BYTES, "offer%u", i);
}

static bool kind_read(const struct json_place *place, enum model_kind *kind)
{
	static const char *const words[] = {"path", "cluster", NULL};
	int index = 0;

	if (place->value)
		index = word_read(place, words);
	*kind = index == 1 ? KIND_CLUSTER : KIND_PATH;
	return index >= 0;
}

/* The links that the paths of the draft would take. */
static json_t *paths_json(const struct draft *draft)
{
	json_t *list = json_array();

	for (size_t i = 0; i < draft->count; i++) {
		const struct draft_item *item = draft->items[i];
		const struct path *path = &item->object.path;

		if (item->kind != KIND_PATH || item->is_delete || path->assigned.is_deleting)
			continue;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s*, s:{s:I, s:I}}", "a",
					path->ends[END_A].site, "z", path->ends[END_Z].site, "link",
					path->assigned.link, "backup",
					path->assigned.backup[0] ? path->assigned.backup : NULL,
					"rate_bps", "a_to_z", (json_int_t)path->rate_bps[END_A],
					"z_to_a", (json_int_t)path->rate_bps[END_Z]));
	}
	return list;
}

/* A refusal is the answer here, not an error; a request that cannot be understood stays one. */
static void answer(struct api_call *call, const struct draft *draft, struct problem *problem)
{
	json_t *json;

	if (!problem_is_set(problem)) {
		api_respond_json(call->exchange, 200,
				 json_pack("{s:s, s:b, s:o}", "kind", "offer", "possible", 1,
					   "paths", paths_json(draft)),
				 0);
		return;
	}
	if (problem->status != 409) {
		call->problem = *problem;
		*problem = (struct problem){0};
		return;
	}
	json = json_pack("{s:s, s:b, s:s, s:s, s:O?}", "kind", "offer", "possible", 0, "code",
			 problem->code, "detail", problem->detail, "offers", problem->offers);
	if (json && !problem->offers)
		json_object_set_new(json, "offers", json_array());
	api_respond_json(call->exchange, 200, json, 0);
}

void api_offers(struct api_call *call)
{
	static const char *const known[] = {"kind", "spec", NULL};
	struct json_place place = json_place_root(call->body, &call->problem);
	struct json_place kind_place = json_place_member(&place, "kind");
	struct draft draft = api_draft_begin(call);
	char name[MODEL_NAME_BYTES];
	struct problem problem = {0};
	enum model_kind kind;
	json_t *body;

	if (json_read_object(&place, known) && kind_read(&kind_place, &kind)) {
		name_choose(call->api->store, kind, name);
		body = json_pack("{s:O?}", "spec", json_object_get(call->body, "spec"));
		if (api_draft_put(&draft, body, "", kind, name, &problem))
			validate_draft(&draft, &problem);
		json_decref(body);
		answer(call, &draft, &problem);
		problem_clear(&problem);
	}
	draft_free(&draft);
}
