/*
 * The rules that hold between resources, checked on a draft before it is committed; and what
 * control assigns on the way: link numbers, path numbers, generations and links of paths. Control's
 * thread.
 */
#pragma once

#include "control/core/intent_plan.h"
#include "control/io/draft.h"
#include "control/io/problem.h"

/* False, and the problem says why, when the draft must not be committed. */
bool validate_draft(struct draft *draft, struct problem *problem);
/*
 * What a path stands on, as the draft has it; traits are left zero. False when something is missing
 * or its link does not join its sites (any more).
 */
bool path_context_find(const struct draft *draft, const struct object *path,
		       struct path_context *context);

/* The part for paths that the draft changes, and for those whose ground it changes. */
void validate_path(struct draft *draft, struct draft_item *item, struct problem *problem);
void validate_dependents(struct draft *draft, struct problem *problem);
/* Still room for all paths on this link? */
void validate_link_load(const struct draft *draft, const struct draft_item *item,
			struct problem *problem);
