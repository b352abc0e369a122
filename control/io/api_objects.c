#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/resource_json.h"
#include "control/io/validate.h"

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

bool api_preconditions(struct api_call *call, const struct object *old)
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
	case KIND_CLUSTER:
		memcpy(&object->cluster, &fresh->cluster, sizeof(object->cluster));
		return;
	case KIND_TENANT:
		memcpy(&object->tenant, &fresh->tenant, sizeof(object->tenant));
		return;
	default:
		memcpy(&assigned, &object->path.assigned, sizeof(assigned));
		memcpy(&object->path, &fresh->path, sizeof(object->path));
		memcpy(&object->path.assigned, &assigned, sizeof(assigned));
	}
}

/* Its paths follow from the cluster: whoever changed one alone would break what was promised. */
static bool is_kept_by_cluster(const struct object *object, struct problem *problem)
{
	if (object->kind != KIND_PATH || !object->path.assigned.cluster[0])
		return false;
	problem_set(problem, 409, "kept-by-cluster",
		    "path %s belongs to cluster %s: change or delete that", object->name,
		    object->path.assigned.cluster);
	return true;
}

struct draft api_draft_begin(const struct api_call *call)
{
	struct draft draft = draft_begin(call->api->store);

	draft.tenant = h2_exchange_identity(call->exchange)->tenant;
	return draft;
}

bool api_draft_put(struct draft *draft, const json_t *json, const char *pointer,
		   enum model_kind kind, const char *name, struct problem *problem)
{
	static const char *const item_members[] = {"spec", "labels", "kind", "name", NULL};
	static const char *const members[] = {"spec", "labels", NULL};
	struct json_place place = json_place_root(json, problem);
	const struct object *old = store_head_get(draft->store, kind, name);
	struct object *object, *fresh;
	bool is_good;

	if (old && kind == KIND_PATH && old->path.assigned.is_deleting) {
		problem_set(problem, 409, "invalid-transition",
			    "path %s is draining; wait until it is released", name);
		problem->is_retryable = true;
		return false;
	}
	if (old && is_kept_by_cluster(old, problem))
		return false;
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

static void respond_object(struct api_call *call, int status)
{
	const struct object *object = store_get(call->api->store, call->kind, call->name);

	if (object && object->kind == KIND_PATH)
		api_path_step(call->api, object);
	if (object && object->kind == KIND_CLUSTER)
		api_cluster_settle(call->api, object);
	call->status = status;
	if (object && call->wait_states)
		api_wait_begin(call, object);
	else
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

static void answer_created(struct api_call *call, uint64_t revision, json_t *note)
{
	(void)revision;
	(void)note;
	respond_object(call, 201);
}

static void answer_replaced(struct api_call *call, uint64_t revision, json_t *note)
{
	(void)revision;
	(void)note;
	respond_object(call, 200);
}

void api_put(struct api_call *call)
{
	const struct object *old = store_head_get(call->api->store, call->kind, call->name);
	struct draft draft = api_draft_begin(call);

	if (api_preconditions(call, old) &&
	    api_draft_put(&draft, call->body, "", call->kind, call->name, &call->problem) &&
	    !is_conflicting_create(call, &draft) && validate_draft(&draft, &call->problem))
		api_commit(call, &draft, old ? answer_replaced : answer_created, NULL);
	draft_free(&draft);
}

static void answer_draining(struct api_call *call, uint64_t revision, json_t *note)
{
	const struct object *object = store_get(call->api->store, KIND_PATH, call->name);

	(void)revision;
	(void)note;
	/* The answer shows it draining, even where nobody has to be waited for. */
	api_path_step(call->api, object);
	api_wait_begin(call, object);
}

static void answer_deleted(struct api_call *call, uint64_t revision, json_t *note)
{
	(void)revision;
	(void)note;
	api_respond_empty(call, 204);
}

/* A path is not gone before its gateways let go of it: the deletion is a change of what is wanted.
 */
static void delete_path(struct api_call *call, struct draft *draft)
{
	struct object *object = draft_edit(draft, KIND_PATH, call->name);

	if (!object) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	object->path.assigned.is_deleting = true;
	api_commit(call, draft, answer_draining, NULL);
}

static void delete_object(struct api_call *call, struct draft *draft)
{
	if (draft_delete(draft, call->kind, call->name))
		problem_set(&call->problem, 503, "out-of-memory", "try again");
	else if (validate_draft(draft, &call->problem))
		api_commit(call, draft, answer_deleted, NULL);
}

void api_delete(struct api_call *call)
{
	const struct object *object = store_head_get(call->api->store, call->kind, call->name);
	struct draft draft = api_draft_begin(call);

	if (!object)
		problem_set(&call->problem, 404, "not-found", "there is no %s %s",
			    model_kind_name(call->kind), call->name);
	else if (call->wait_states && call->kind != KIND_PATH)
		problem_set(&call->problem, 400, "invalid-argument",
			    "wait: a %s is gone at once; wait for its paths",
			    model_kind_name(call->kind));
	else if (api_preconditions(call, object) && !is_kept_by_cluster(object, &call->problem))
		(call->kind == KIND_PATH ? delete_path : delete_object)(call, &draft);
	draft_free(&draft);
}
