/* GET /v1/links/{name}/drain: where the paths of a link would go if it were drained; and how far a
 * drain has come, in the link's status. */
#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/json_text.h"
#include "control/io/ledger.h"

json_t *api_drain_json(struct api *api, const struct object *link)
{
	size_t counts[LEDGER_ROLES], stay_count, left;

	if (!api_moves_stays(api->moves, link->name, &stay_count) ||
	    !validate_link_uses(api->store, link->name, counts))
		return NULL;
	left = counts[LEDGER_LINK] + counts[LEDGER_BACKUP] + counts[LEDGER_FROM];
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "state", left ? "draining" : "drained",
			 "paths", (json_int_t)counts[LEDGER_LINK], "leaving",
			 (json_int_t)counts[LEDGER_FROM], "backups",
			 (json_int_t)counts[LEDGER_BACKUP], "staying", (json_int_t)stay_count);
}

/* The link itself must not be taken for anything, whatever its admin state is yet. */
struct barred {
	struct api *api;
	const char *link;
};

static bool is_barred(const char *link, void *arg)
{
	const struct barred *barred = arg;

	return !strcmp(link, barred->link) || api_moves_is_suspect(link, barred->api->moves);
}

static json_t *rates_json(const struct path *path)
{
	return json_pack("{s:I, s:I}", "a_to_z", (json_int_t)path->rate_bps[END_A], "z_to_a",
			 (json_int_t)path->rate_bps[END_Z]);
}

static json_t *item_json(const struct draft *draft, const struct path_moved *moved)
{
	const struct object *object = draft_get(draft, KIND_PATH, moved->path);
	const struct path *path = &object->path;
	json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:s, s:b}", "path", moved->path, "a",
				 path->ends[END_A].site, "z", path->ends[END_Z].site, "rate_bps",
				 rates_json(path), "has", moved->is_backup_only ? "backup" : "link",
				 "goes", moved->is_moved);

	if (!moved->is_moved) {
		json_object_set_new(json, "code", json_string(moved->code));
		json_object_set_new(json, "detail", json_text(moved->detail));
		return json;
	}
	json_object_set_new(json, "to",
			    json_string(moved->is_backup_only ? moved->backup : moved->to));
	json_object_set_new(json, "interrupted", json_boolean(moved->is_interrupted));
	if (path->protection && !moved->is_backup_only)
		json_object_set_new(json, "backup", json_string(moved->backup));
	return json;
}

static json_t *items_json(const struct draft *draft, const struct link_drain *drain)
{
	json_t *list = json_array();

	for (size_t i = 0; i < drain->count; i++)
		json_array_append_new(list, item_json(draft, &drain->items[i]));
	return list;
}

void api_link_drain(struct api_call *call)
{
	const struct object *link;
	struct barred barred = {.api = call->api, .link = call->name};
	struct move_request request = {
		.kind = MOVE_AWAY, .cause = MOVE_DRAIN, .is_barred = is_barred, .arg = &barred};
	struct draft draft = draft_begin(call->api->store);
	struct link_drain drain;

	call->kind = KIND_LINK;
	link = api_object_find(call);
	if (!link)
		return;
	if (validate_drain(&draft, call->name, NULL, false, &request, &drain))
		api_respond_json(call->exchange, 200,
				 json_pack("{s:s, s:s, s:s, s:I, s:o}", "kind", "drain-plan",
					   "link", link->name, "admin",
					   model_admin_name(link->link.admin), "leaving",
					   (json_int_t)drain.moving, "paths",
					   items_json(&draft, &drain)),
				 0);
	else
		problem_set(&call->problem, 503, "out-of-memory", "try again");
	free(drain.items);
	draft_free(&draft);
}
