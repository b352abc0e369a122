/*
 * The diff between what this gateway does and what control wants of it, as ordered actions.
 *
 * Pure: no allocation, bounded output; the caller (agent thread) keeps both intents unchanged until
 * plan_next has returned 0. Paths are matched by id, which both ends and the wire share, so an
 * action never names an id twice over: the same id is updated in place, whatever else changed, and
 * another id is another path, even under the same name.
 *
 * `old` is the applied state: its phase says what is done now, so PHASE_CLAIM there means that the
 * path claims. `new` is wanted; call plan_settle first and keep the settled `new` as the next
 * `old`.
 *
 * Order: paths that must let go before they change (UNCLAIM), then ADD and UPDATE, then CLAIM, then
 * UNCLAIM, then REMOVE. So whatever will claim receives first, traffic moves to a new claim before
 * an old one is withdrawn, and nothing that claims is ever removed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/intent.h"

enum plan_action_type {
	ACTION_PATH_ADD = 1, /* set up and receive; claims nothing yet */
	ACTION_PATH_UPDATE,  /* take every field of `path`, in place */
	ACTION_PATH_CLAIM, /* claim with the selectors of `path`, instead of its earlier ones if any
			    */
	ACTION_PATH_UNCLAIM, /* claim nothing; still receive */
	ACTION_PATH_REMOVE,  /* forget; it claims nothing by then */
};

struct plan_action {
	enum plan_action_type type;
	/*
	 * UPDATE only: the far gateway or the selectors changed, so what was proved is void: start
	 * again as if added. The path does not claim at that moment.
	 */
	bool restart;
	/*
	 * UPDATE only: another link between the same gateways (intent_path_moves). The path goes on
	 * as it is, claim included, until the new one is proved.
	 */
	bool move;
	/* ADD, UPDATE, CLAIM: of `new`. UNCLAIM, REMOVE: of `old`. */
	const struct intent_path *path;
};

/* A cursor; the fields are plan.c's. */
struct plan {
	const struct intent *old, *new;
	uint32_t stage;
	uint32_t next;
};

/*
 * Turns the wish into the state that follows it: a path that claims now, and that control has in
 * phase receive under the same id, far gateway and selectors, goes on claiming (its link, rate, MTU
 * or generation may differ). A control that restarted and proves its paths again so interrupts
 * nothing, nor does one that moves a path.
 */
void plan_settle(const struct intent *old, struct intent *new);

void plan_init(struct plan *plan, const struct intent *old, const struct intent *new);
/* Writes the next actions, at most max. Returns how many; 0: the plan is complete (given max > 0).
 */
uint32_t plan_next(struct plan *plan, struct plan_action out[], uint32_t max);

/* "add", "update", ...: for logs. */
const char *plan_action_name(enum plan_action_type type);
