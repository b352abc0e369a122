#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/validate.h"

/* More than a tick: there is another look at what is further away. */
#define CLOCK_NEAR_NS 1000000000ull

void api_path_gateways(const struct api *api, const struct object *object, const char *gateways[2])
{
	const struct path *path = &object->path;
	const struct object *link = store_get(api->store, KIND_LINK, path->assigned.link);

	for (int end = 0; end < 2; end++) {
		enum model_end at = path_link_end(path, (enum model_end)end);

		gateways[end] = link ? link->link.ends[at].gateway : "";
	}
}

uint64_t api_since_ns(const struct api *api)
{
	return validate_now_ns() - (loop_now_ns(api->loop) - api->started_ns);
}

/*
 * Commits what `change` makes of the path in head. Who waits hears of it when it is durable; until
 * then, or without memory, the next poll comes by again and finds it done or to do.
 */
static void change_path(struct api *api, const char *name,
			bool (*change)(struct api *api, struct draft *draft, struct object *object))
{
	struct draft draft = draft_begin(api->store);
	struct object *object =
		draft_get(&draft, KIND_PATH, name) ? draft_edit(&draft, KIND_PATH, name) : NULL;

	if (object && change(api, &draft, object))
		(void)draft_commit(&draft, NULL);
	draft_free(&draft);
}

static bool change_to_gone(struct api *api, struct draft *draft, struct object *object)
{
	(void)api;
	return !draft_delete(draft, KIND_PATH, object->name);
}

static bool change_to_expired(struct api *api, struct draft *draft, struct object *object)
{
	struct path_assignment *assigned = &object->path.assigned;
	uint64_t now_ns = validate_now_ns();
	enum path_expiry expiry = path_expiry_due(&object->path, now_ns, api_since_ns(api));

	(void)draft;
	if (expiry == EXPIRY_NONE)
		return false;
	assigned->life = LIFE_EXPIRED;
	assigned->expiry = (uint8_t)expiry;
	assigned->expired_ns = now_ns;
	return true;
}

/* Its gateways let go of it: nothing binds it to its link any more. */
static bool change_to_drained(struct api *api, struct draft *draft, struct object *object)
{
	(void)api;
	(void)draft;
	memset(object->path.assigned.link, 0, sizeof(object->path.assigned.link));
	return object->path.assigned.life == LIFE_EXPIRED;
}

static void follow_clock(struct api *api, const struct object *object)
{
	const struct path_assignment *assigned = &object->path.assigned;
	uint64_t now_ns = validate_now_ns();

	if (path_expiry_due(&object->path, now_ns, api_since_ns(api)) != EXPIRY_NONE)
		change_path(api, object->name, change_to_expired);
	else if (assigned->life == LIFE_EXPIRED && !assigned->link[0] &&
		 now_ns > assigned->expired_ns + PATH_EXPIRED_KEEP_NS)
		change_path(api, object->name, change_to_gone);
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
	live_path_revive(path, object);
	live_path_facts(&api->live, path, object, gateways, loop_now_ns(api->loop),
			validate_now_ns(), &facts);
	*is_state_new = path_machine_poll(&path->machine, &facts, &trace, &is_stage_new);
	if (*is_state_new) {
		live_path_trace(path, &trace, store_revision(api->store), gateways);
		api_events_note_path(api->events, object, path);
	}
	if (is_stage_new) {
		path->stage_revision = store_revision(api->store);
		api_changed(api);
	}
	return *is_state_new || is_stage_new;
}

void api_path_step(struct api *api, const struct object *object)
{
	struct live_path *path = live_path(&api->live, object);
	bool is_state_new;

	if (path && step(api, object, path, &is_state_new) && is_state_new)
		api_wait_check(api, object, false);
}

void api_path_settle(struct api *api, const struct object *object)
{
	struct live_path *path = live_path(&api->live, object);
	bool is_state_new, is_changed = false;

	if (!path)
		return;
	while (step(api, object, path, &is_state_new))
		is_changed |= is_state_new;
	if (is_changed)
		api_wait_check(api, object, false);
}

static void end_path(struct api *api, const struct object *object)
{
	const struct live_path *path = live_path(&api->live, object);

	if (!path || path->machine.stage != STAGE_GONE)
		return;
	if (object->path.assigned.is_deleting)
		change_path(api, object->name, change_to_gone);
	else if (object->path.assigned.link[0])
		change_path(api, object->name, change_to_drained);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Windows begin and end when they say, not at the next tick. */
static void wait_for_clock(struct api *api, uint64_t next_ns)
{
	uint64_t now_ns = validate_now_ns();
	uint64_t delay_ns = next_ns > now_ns ? next_ns - now_ns : 0;

	if (delay_ns > CLOCK_NEAR_NS)
		loop_timer_cancel(api->loop, &api->due);
	else
		loop_timer_set(api->loop, &api->due, loop_now_ns(api->loop) + delay_ns);
}

void api_paths_poll(struct api *api)
{
	uint64_t now_ns = validate_now_ns(), next_ns = UINT64_MAX;
	char name[MODEL_NAME_BYTES] = "";
	const struct object *object;

	/* By name: a commit may end the object's life. */
	while ((object = store_next(api->store, KIND_PATH, name))) {
		memcpy(name, object->name, sizeof(name));
		next_ns = earlier(next_ns, path_next_ns(&object->path, now_ns));
		api_path_settle(api, object);
		end_path(api, object);
		follow_clock(api, object);
	}
	wait_for_clock(api, next_ns);
}

void api_paths_begin(struct api *api)
{
	for (const struct object *at = store_next(api->store, KIND_PATH, ""); at;
	     at = store_next(api->store, KIND_PATH, at->name)) {
		struct live_path *path = live_path(&api->live, at);

		if (path)
			path->is_inherited = true;
		api_path_settle(api, at);
	}
}
