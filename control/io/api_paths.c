#include <string.h>

#include "control/io/api_internal.h"

void api_path_gateways(const struct api *api, const struct object *object, const char *gateways[2])
{
	const struct path *path = &object->path;
	const struct object *link = store_get(api->store, KIND_LINK, path->assigned.link);

	for (int end = 0; end < 2; end++) {
		enum model_end at = path_link_end(path, (enum model_end)end);

		gateways[end] = link ? link->link.ends[at].gateway : "";
	}
}

static void release(struct api *api, const struct object *object)
{
	struct draft draft = draft_begin(api->store);
	uint64_t revision;

	api_wait_check(api, object, true);
	/* Without memory the path stays "released" and the next poll tries again. */
	if (!draft_delete(&draft, KIND_PATH, object->name))
		(void)draft_commit(&draft, &revision);
	draft_free(&draft);
}

/* One step of a path's machine; false when the facts move it no further. */
static bool step(struct api *api, const struct object *object, struct live_path *path,
		 bool *is_state_new)
{
	const char *gateways[2];
	struct path_facts facts;
	struct path_trace trace;
	bool is_stage_new;

	api_path_gateways(api, object, gateways);
	live_path_facts(&api->live, path, object, gateways, loop_now_ns(api->loop), &facts);
	*is_state_new = path_machine_poll(&path->machine, &facts, &trace, &is_stage_new);
	if (*is_state_new)
		live_path_trace(path, &trace, store_revision(api->store), gateways);
	if (is_stage_new)
		api_changed(api);
	return *is_state_new || is_stage_new;
}

void api_path_step(struct api *api, const struct object *object)
{
	struct live_path *path = live_path(&api->live, object);
	bool is_state_new;

	if (path && step(api, object, path, &is_state_new) && is_state_new)
		api_wait_check(api, object, false);
}

static void poll_path(struct api *api, const struct object *object)
{
	struct live_path *path = live_path(&api->live, object);
	bool is_state_new, is_changed = false;

	if (!path)
		return;
	while (step(api, object, path, &is_state_new))
		is_changed |= is_state_new;
	if (path->machine.stage == STAGE_GONE)
		release(api, object);
	else if (is_changed)
		api_wait_check(api, object, false);
}

void api_paths_poll(struct api *api)
{
	char name[MODEL_NAME_BYTES] = "";
	const struct object *object;

	/* By name, since a release ends the object's life. */
	while ((object = store_next(api->store, KIND_PATH, name))) {
		memcpy(name, object->name, sizeof(name));
		poll_path(api, object);
	}
}
