#include "dataplane/core/plan.h"

#include <stddef.h>

/*
 * Tried and dropped: REMOVE + ADD for a path whose far gateway changed. Both name the same id, so
 * one order breaks the wire's id and the other removes what was just added; an UPDATE that carries
 * everything, behind an UNCLAIM, has neither problem.
 */

enum stage {
	STAGE_LET_GO,  /* over old */
	STAGE_RECEIVE, /* over new */
	STAGE_CLAIM,   /* over new */
	STAGE_UNCLAIM, /* over old */
	STAGE_REMOVE,  /* over old */
	STAGE_DONE
};

static bool path_claims(const struct intent_path *path)
{
	return path->phase == PHASE_CLAIM;
}

/* What `path` of the other intent has become here. */
static const struct intent_path *path_in(const struct intent *intent,
					 const struct intent_path *path)
{
	return intent_find_id(intent, path->id, path->name);
}

/* What is proved and claimed stays so, or stays until the new link is proved. */
static bool path_goes_on(const struct intent_path *before, const struct intent_path *after)
{
	return intent_path_same_identity(before, after) || intent_path_moves(before, after);
}

void plan_settle(const struct intent *old, struct intent *new)
{
	for (uint32_t i = 0; i < new->path_count; i++) {
		struct intent_path *path = &new->paths[i];
		const struct intent_path *before = path_in(old, path);

		if (path->phase == PHASE_RECEIVE && before && path_claims(before) &&
		    path_goes_on(before, path))
			path->phase = PHASE_CLAIM;
	}
}

void plan_init(struct plan *plan, const struct intent *old, const struct intent *new)
{
	*plan = (struct plan){.old = old, .new = new, .stage = STAGE_LET_GO};
}

static bool let_go_step(const struct plan *plan, struct plan_action *action)
{
	const struct intent_path *before = &plan->old->paths[plan->next];
	const struct intent_path *after = path_in(plan->new, before);

	if (!path_claims(before) || !after || path_goes_on(before, after))
		return false;
	*action = (struct plan_action){.type = ACTION_PATH_UNCLAIM, .path = before};
	return true;
}

static bool receive_step(const struct plan *plan, struct plan_action *action)
{
	const struct intent_path *after = &plan->new->paths[plan->next];
	const struct intent_path *before = path_in(plan->old, after);

	*action = (struct plan_action){.type = ACTION_PATH_ADD, .path = after};
	if (!before)
		return true;
	if (intent_path_same_settings(before, after))
		return false;
	action->type = ACTION_PATH_UPDATE;
	action->restart = !path_goes_on(before, after);
	action->move = intent_path_moves(before, after);
	return true;
}

/* The rules also hold the far LAN's MTU and when_down, so new ones are claimed anew. */
static bool claim_step(const struct plan *plan, struct plan_action *action)
{
	const struct intent_path *after = &plan->new->paths[plan->next];
	const struct intent_path *before = path_in(plan->old, after);

	if (!path_claims(after))
		return false;
	if (before && path_claims(before) && path_goes_on(before, after) &&
	    before->far_lan_mtu == after->far_lan_mtu && before->when_down == after->when_down)
		return false;
	*action = (struct plan_action){.type = ACTION_PATH_CLAIM, .path = after};
	return true;
}

static bool unclaim_step(const struct plan *plan, struct plan_action *action)
{
	const struct intent_path *before = &plan->old->paths[plan->next];
	const struct intent_path *after = path_in(plan->new, before);

	if (!path_claims(before) || (after && path_claims(after)))
		return false;
	if (after && !path_goes_on(before, after))
		return false; /* it has let go already */
	*action = (struct plan_action){.type = ACTION_PATH_UNCLAIM, .path = before};
	return true;
}

static bool remove_step(const struct plan *plan, struct plan_action *action)
{
	const struct intent_path *before = &plan->old->paths[plan->next];

	if (path_in(plan->new, before))
		return false;
	*action = (struct plan_action){.type = ACTION_PATH_REMOVE, .path = before};
	return true;
}

uint32_t plan_next(struct plan *plan, struct plan_action out[], uint32_t max)
{
	static const struct {
		bool (*step)(const struct plan *plan, struct plan_action *action);
		bool over_old;
	} stages[STAGE_DONE] = {
		[STAGE_LET_GO] = {let_go_step, true}, [STAGE_RECEIVE] = {receive_step, false},
		[STAGE_CLAIM] = {claim_step, false},  [STAGE_UNCLAIM] = {unclaim_step, true},
		[STAGE_REMOVE] = {remove_step, true},
	};
	uint32_t count = 0;

	while (count < max && plan->stage < STAGE_DONE) {
		bool over_old = stages[plan->stage].over_old;

		if (plan->next == (over_old ? plan->old : plan->new)->path_count) {
			plan->stage++;
			plan->next = 0;
			continue;
		}
		if (stages[plan->stage].step(plan, &out[count]))
			count++;
		plan->next++;
	}
	return count;
}

const char *plan_action_name(enum plan_action_type type)
{
	switch (type) {
	case ACTION_PATH_ADD:
		return "add";
	case ACTION_PATH_UPDATE:
		return "update";
	case ACTION_PATH_CLAIM:
		return "claim";
	case ACTION_PATH_UNCLAIM:
		return "unclaim";
	case ACTION_PATH_REMOVE:
		return "remove";
	}
	return "unknown";
}
