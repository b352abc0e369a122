#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/live_transport.h"
#include "control/io/resource_json.h"
#include "control/io/validate.h"

static json_t *status_json(struct api *api, const struct object *object)
{
	uint64_t now_ns = loop_now_ns(api->loop);
	const char *gateways[2];

	if (object->kind == KIND_PATH) {
		struct live_path *path = live_path(&api->live, object);

		api_path_gateways(api, object, gateways);
		return path ? live_path_json(&api->live, path, object, gateways, now_ns) : NULL;
	}
	if (object->kind == KIND_GATEWAY) {
		struct live_gateway *gateway = live_gateway(&api->live, object->name);

		return gateway ? live_gateway_json(gateway) : NULL;
	}
	if (object->kind == KIND_LINK)
		return live_link_json(&api->live, object, now_ns);
	return json_object();
}

json_t *api_object_json(struct api *api, const struct object *object)
{
	json_t *json = object ? resource_json(object) : NULL;

	if (json)
		json_object_set_new(json, "status", status_json(api, object));
	return json;
}

void api_list(struct api_call *call)
{
	struct store *store = call->api->store;
	json_t *items = json_array();

	for (const struct object *at = store_next(store, call->kind, ""); at;
	     at = store_next(store, call->kind, at->name))
		json_array_append_new(items, api_object_json(call->api, at));
	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:I, s:o}", "kind", model_kind_plural(call->kind),
				   "revision", (json_int_t)store_revision(store), "items", items),
			 0);
}

/* NULL, and 404, when it is not there. */
static const struct object *find_object(struct api_call *call)
{
	const struct object *object = store_get(call->api->store, call->kind, call->name);

	if (!object)
		problem_set(&call->problem, 404, "not-found", "there is no %s %s",
			    model_kind_name(call->kind), call->name);
	return object;
}

void api_get(struct api_call *call)
{
	const struct object *object = find_object(call);

	if (!object)
		return;
	if (call->wait_states)
		api_wait_begin(call, object);
	else
		api_respond_json(call->exchange, 200, api_object_json(call->api, object),
				 object->revision);
}

/*
 * RFC 9110, 13.1.1: a list of entity tags, or "*" for any; weak ones never match. Ours have no
 * commas or quotes inside.
 */
static bool etag_matches(const char *list, const struct object *object)
{
	const char *found;
	char etag[32];

	if (!object)
		return false;
	if (!strcmp(list, "*"))
		return true;
	snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)object->revision);
	found = strstr(list, etag);
	return found && (found == list || found[-1] != '/');
}

static bool check_preconditions(struct api_call *call, const struct object *old)
{
	const char *if_match = h2_exchange_if_match(call->exchange);
	const char *if_none_match = h2_exchange_if_none_match(call->exchange);

	if (if_match[0] && !etag_matches(if_match, old)) {
		problem_set(&call->problem, 412, "precondition-failed",
			    "%s %s is at revision %llu; read it and try again",
			    model_kind_name(call->kind), call->name,
			    old ? (unsigned long long)old->revision : 0ull);
		return false;
	}
	if (if_none_match[0] && strcmp(if_none_match, "*") != 0) {
		problem_set(&call->problem, 400, "invalid-argument",
			    "if-none-match: only * is known");
		return false;
	}
	return true;
}

/* What the client says replaces what it said; what control assigned stays. */
static void merge(struct object *object, const struct object *fresh)
{
	struct path_assignment assigned;
	uint8_t link_id;

	object->label_count = fresh->label_count;
	memcpy(object->labels, fresh->labels, sizeof(object->labels));
	switch (object->kind) {
	case KIND_SITE:
		memcpy(&object->site, &fresh->site, sizeof(object->site));
		return;
	case KIND_GATEWAY:
		memcpy(&object->gateway, &fresh->gateway, sizeof(object->gateway));
		return;
	case KIND_LINK:
		link_id = object->link.id;
		memcpy(&object->link, &fresh->link, sizeof(object->link));
		object->link.id = link_id;
		return;
	default:
		memcpy(&assigned, &object->path.assigned, sizeof(assigned));
		memcpy(&object->path, &fresh->path, sizeof(object->path));
		memcpy(&object->path.assigned, &assigned, sizeof(assigned));
	}
}

bool api_draft_put(struct draft *draft, const json_t *json, const char *pointer,
		   enum model_kind kind, const char *name, struct problem *problem)
{
	static const char *const item_members[] = {"spec", "labels", "kind", "name", NULL};
	static const char *const members[] = {"spec", "labels", NULL};
	struct json_place place = json_place_root(json, problem);
	const struct object *old = store_get(draft->store, kind, name);
	struct object *object, *fresh;
	bool is_good;

	if (old && kind == KIND_PATH && old->path.assigned.is_deleting) {
		problem_set(problem, 409, "invalid-transition",
			    "path %s is draining; wait until it is released", name);
		problem->is_retryable = true;
		return false;
	}
	fresh = calloc(1, sizeof(*fresh));
	object = draft_edit(draft, kind, name);
	if (!fresh || !object) {
		problem_set(problem, 503, "out-of-memory", "try again");
		free(fresh);
		return false;
	}
	fresh->kind = kind;
	snprintf(place.pointer, sizeof(place.pointer), "%s", pointer);
	snprintf(draft_find(draft, kind, name)->pointer, sizeof(((struct draft_item *)0)->pointer),
		 "%s", pointer);
	is_good = resource_read(&place, pointer[0] ? item_members : members, fresh);
	if (is_good)
		merge(object, fresh);
	free(fresh);
	return is_good;
}

bool api_draft_commit(struct api *api, struct draft *draft, uint64_t *revision,
		      struct problem *problem)
{
	int ret = draft_commit(draft, revision);

	if (ret == -EAGAIN)
		problem_set(problem, 412, "precondition-failed", "changed meanwhile, try again");
	else if (ret)
		problem_set(problem, 503, "out-of-memory", "try again");
	else
		api_paths_poll(api);
	return !ret;
}

static void respond_object(struct api_call *call, int status)
{
	const struct object *object = store_get(call->api->store, call->kind, call->name);

	api_respond_json(call->exchange, status, api_object_json(call->api, object),
			 object ? object->revision : 0);
}

/* If-None-Match: * says "create"; the same request again is no conflict. */
static bool is_conflicting_create(struct api_call *call, const struct draft *draft)
{
	const struct draft_item *item = draft_find(draft, call->kind, call->name);

	if (!h2_exchange_if_none_match(call->exchange)[0] || !item->old ||
	    !draft_item_is_changed(item))
		return false;
	problem_set(&call->problem, 409, "exists-different",
		    "%s %s exists with another spec or labels, at revision %llu",
		    model_kind_name(call->kind), call->name,
		    (unsigned long long)item->old->revision);
	return true;
}

void api_put(struct api_call *call)
{
	const struct object *old = store_get(call->api->store, call->kind, call->name);
	struct draft draft = draft_begin(call->api->store);
	int status = old ? 200 : 201;
	uint64_t revision;

	if (check_preconditions(call, old) &&
	    api_draft_put(&draft, call->body, "", call->kind, call->name, &call->problem) &&
	    !is_conflicting_create(call, &draft) && validate_draft(&draft, &call->problem) &&
	    api_draft_commit(call->api, &draft, &revision, &call->problem))
		respond_object(call, status);
	draft_free(&draft);
}

/* A path is not gone before its gateways let go of it: the deletion is a change of what is wanted.
 */
static bool delete_path(struct api_call *call, struct draft *draft)
{
	struct object *object = draft_edit(draft, KIND_PATH, call->name);
	uint64_t revision;

	if (!object) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return false;
	}
	object->path.assigned.is_deleting = true;
	if (draft_commit(draft, &revision)) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return false;
	}
	/* The answer shows it draining, even where nobody has to be waited for. */
	api_path_step(call->api, store_get(call->api->store, KIND_PATH, call->name));
	return true;
}

void api_delete(struct api_call *call)
{
	const struct object *object = find_object(call);
	struct draft draft = draft_begin(call->api->store);
	uint64_t revision;

	if (!object || !check_preconditions(call, object))
		return;
	if (call->kind == KIND_PATH) {
		if (delete_path(call, &draft))
			api_wait_begin(call, store_get(call->api->store, KIND_PATH, call->name));
	} else if (draft_delete(&draft, call->kind, call->name)) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
	} else if (validate_draft(&draft, &call->problem) &&
		   api_draft_commit(call->api, &draft, &revision, &call->problem)) {
		api_respond_empty(call, 204);
	}
	draft_free(&draft);
}
