#include <stdio.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/json_place.h"
#include "control/io/validate.h"

#define ITEMS_MAX 4096

static void fail_kind(const struct json_place *place)
{
	char kinds[128] = "";
	size_t len = 0;

	for (int kind = 0; kind < KIND_COUNT && len < sizeof(kinds); kind++)
		len += (size_t)snprintf(kinds + len, sizeof(kinds) - len, "%s\"%s\"",
					kind == 0		? ""
					: kind < KIND_COUNT - 1 ? ", "
								: " or ",
					model_kind_name((enum model_kind)kind));
	json_place_fail(place, "invalid-argument", "must be %s", kinds);
}

static bool read_item(struct draft *draft, const struct json_place *place, struct problem *problem)
{
	struct json_place kind_place = json_place_member(place, "kind");
	struct json_place name_place = json_place_member(place, "name");
	char name[MODEL_NAME_BYTES];
	enum model_kind kind;
	const char *text;

	if (!json_is_object(place->value)) {
		json_place_fail(place, "invalid-argument", "must be an object");
		return false;
	}
	text = json_read_string(&kind_place);
	if (!text || !json_read_name(&name_place, name))
		return false;
	kind = model_kind_find(text);
	if (kind == KIND_COUNT) {
		fail_kind(&kind_place);
		return false;
	}
	if (draft_find(draft, kind, name)) {
		json_place_fail(&name_place, "invalid-argument", "%s %s appears twice", text, name);
		return false;
	}
	return api_draft_put(draft, place->value, place->pointer, kind, name, problem);
}

static bool read_items(struct draft *draft, const json_t *body, struct problem *problem)
{
	static const char *const known[] = {"items", NULL};
	struct json_place root = json_place_root(body, problem);
	struct json_place items = json_place_member(&root, "items");
	bool is_good = true;
	size_t count;

	if (!json_read_object(&root, known) || !json_read_array(&items, ITEMS_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(&items, i);

		is_good &= read_item(draft, &item, problem);
	}
	return is_good;
}

static json_t *results_json(const struct draft *draft, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct draft_item *item = draft->items[i];
		const char *result = "unchanged";

		if (!item->old)
			result = "created";
		else if (draft_item_is_changed(item))
			result = "updated";
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "kind",
						      model_kind_name(item->kind), "name",
						      item->name, "result", result));
	}
	return list;
}

static void answer(struct api_call *call, uint64_t revision, json_t *results)
{
	api_respond_first(
		call->api, call->exchange, 200,
		json_pack("{s:I, s:O}", "revision", (json_int_t)revision, "items", results), 0);
}

void api_apply(struct api_call *call)
{
	struct draft draft = api_draft_begin(call);
	size_t count;

	if (read_items(&draft, call->body, &call->problem) && !problem_is_set(&call->problem)) {
		/* What follows may add dependents. */
		count = draft.count;
		if (validate_draft(&draft, &call->problem))
			api_commit(call, &draft, answer, results_json(&draft, count));
	}
	draft_free(&draft);
}
