#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/validate.h"

/* What could not be committed is tried again. */
#define AGAIN_NS 1000000000ull
/* More than a tick: there is another look at what is further away. */
#define CLOCK_NEAR_NS 1000000000ull
#define GRACE_STEP_NS 1000000ull

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
 * Commits what `change` makes of the path in head. It is looked at again when that is durable;
 * where it could not be committed, the alarm that is set here stands.
 */
static void change_path(struct api *api, const char *name,
			bool (*change)(struct api *api, struct draft *draft, struct object *object))
{
	struct draft draft = draft_begin(api->store);
	struct object *object =
		draft_get(&draft, KIND_PATH, name) ? draft_edit(&draft, KIND_PATH, name) : NULL;

	roster_set_alarm(&api->roster, name, validate_now_ns() + AGAIN_NS);
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
	memset(object->path.assigned.backup, 0, sizeof(object->path.assigned.backup));
	path_move_stop(&object->path);
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

void api_path_facts(struct api *api, const struct object *object, const struct live_path *path,
		    struct path_facts *facts)
{
	const char *gateways[2];

	api_path_gateways(api, object, gateways);
	live_path_facts(&api->live, path, object, gateways, loop_now_ns(api->loop),
			validate_now_ns(), facts);
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
	if (live_path_note_move(path, object, store_revision(api->store), loop_now_ns(api->loop)))
		api_events_note_path(api->events, object, path);
	api_path_facts(api, object, path, &facts);
	*is_state_new = path_machine_poll(&path->machine, &facts, &trace, &is_stage_new);
	if (*is_state_new) {
		live_path_trace(path, &trace, store_revision(api->store), gateways);
		api_events_note_path(api->events, object, path);
	}
	if (is_stage_new) {
		path->stage_revision = store_revision(api->store);
		roster_tell(&api->roster, object->name);
		api_refresh_soon(api);
	}
	return *is_state_new || is_stage_new;
}

void api_path_step(struct api *api, const struct object *object)
{
	struct live_path *path = live_path(&api->live, object);
	bool is_state_new;

	if (!path || !step(api, object, path, &is_state_new))
		return;
	/* There may be more to come. */
	roster_note(&api->roster, object->name);
	api_refresh_soon(api);
	if (is_state_new)
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

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
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

/* When the clock alone calls for another look. now_ns: from before this one. */
static uint64_t wake_ns(const struct api *api, const struct path *path, uint64_t now_ns)
{
	const struct path_assignment *assigned = &path->assigned;
	uint64_t next_ns = path_next_ns(path, now_ns);

	if (assigned->life == LIFE_EXPIRED && !assigned->link[0])
		return assigned->expired_ns + PATH_EXPIRED_KEEP_NS + 1;
	if (assigned->life != LIFE_COMMITTED || assigned->is_deleting ||
	    !assigned->lease_until_ns || assigned->lease_until_ns > now_ns)
		return next_ns;
	/* Its lease ran out while no control was there to renew it. */
	return earlier(next_ns, later(api_since_ns(api) + path->lease_ns, now_ns + GRACE_STEP_NS));
}

static void look_at(struct api *api, const struct object *object)
{
	uint64_t next_ns = wake_ns(api, &object->path, validate_now_ns());

	roster_set_alarm(&api->roster, object->name, next_ns);
	api_path_settle(api, object);
	roster_set_alarm(&api->roster, object->name,
			 earlier(next_ns, api_moves_look(api->moves, object)));
	end_path(api, object);
	follow_clock(api, object);
}

void api_paths_poll(struct api *api)
{
	char name[MODEL_NAME_BYTES];
	size_t left;

	roster_wake(&api->roster, validate_now_ns());
	/* Those that are noted meanwhile have their turn next time. */
	for (left = api->roster.due_count; left && roster_take(&api->roster, name); left--) {
		/* By name: a commit may end the object's life. */
		const struct object *object = store_get(api->store, KIND_PATH, name);

		if (object)
			look_at(api, object);
	}
	if (api->roster.due_count)
		api_refresh_soon(api);
	wait_for_clock(api, roster_next_ns(&api->roster));
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
	api_note_all(api);
	api_refresh_soon(api);
}
