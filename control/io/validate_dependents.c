#include <string.h>

#include "control/io/validate_internal.h"

/* Has the link, as the draft has it, other ends, or less room or another round trip? */
static bool link_is_other(const struct draft *draft, const char *name)
{
	const struct draft_item *item = draft_find(draft, KIND_LINK, name);
	const struct link *is, *was;

	if (!item || !item->old)
		return false;
	is = &item->object.link;
	was = &item->old->link;
	return item->is_delete || memcmp(is->ends, was->ends, sizeof(is->ends)) != 0 ||
	       is->capacity_bps != was->capacity_bps || is->rtt_ns != was->rtt_ns ||
	       is->reservable_percent != was->reservable_percent || is->family != was->family;
}

/* A path that moves away from the link is carried by it until its gateways are elsewhere. */
static bool check_leaving(const struct rules *rules, const struct object *object)
{
	const char *from = object->path.assigned.from;

	if (!from[0] || !link_is_other(rules->draft, from))
		return true;
	problem_set(rules->problem, 409, "in-use",
		    "path %s is moving away from link %s; wait until it has moved", object->name,
		    from);
	rules->problem->is_retryable = true;
	return false;
}

/* A path that the request does not name, on ground that it changes. */
static void check_dependent(const struct rules *rules, const char *name)
{
	struct problem inner = {0};
	struct rules inner_rules = *rules;

	if (!draft_edit(rules->draft, KIND_PATH, name)) {
		rules_no_memory(rules);
		return;
	}
	inner_rules.problem = &inner;
	inner_rules.refused = NULL;
	rules_check_path(&inner_rules, draft_find(rules->draft, KIND_PATH, name), false);
	if (problem_is_set(&inner))
		problem_set(rules->problem, 409, "in-use", "path %s could not stay: %s", name,
			    inner.detail);
	problem_clear(&inner);
}

/* It is on its way out, and so are its packets: its gateways must hear of it until the end. */
static void check_draining(const struct rules *rules, const struct object *object)
{
	struct path_context context;

	if (!object->path.assigned.link[0] || path_context_find(rules->draft, object, &context))
		return;
	problem_set(rules->problem, 409, "in-use",
		    "path %s is draining on link %s; wait until it is released", object->name,
		    object->path.assigned.link);
	rules->problem->is_retryable = true;
}

static bool is_touched(const struct draft *draft, enum model_kind kind, const char *name)
{
	const struct draft_item *item = draft_find(draft, kind, name);

	return item && item->old && draft_item_is_changed(item);
}

static bool link_is_touched(const struct rules *rules, const char *name)
{
	const struct ledger_link *link = ledger_link(rules->ledger, name);

	return !link || is_touched(rules->draft, KIND_LINK, link->name) ||
	       is_touched(rules->draft, KIND_GATEWAY, link->gateways[END_A]) ||
	       is_touched(rules->draft, KIND_GATEWAY, link->gateways[END_Z]);
}

bool rules_ground_is_touched(const struct rules *rules, const struct path *path)
{
	const struct path_assignment *assigned = &path->assigned;

	return link_is_touched(rules, assigned->link) ||
	       (assigned->backup[0] && link_is_touched(rules, assigned->backup)) ||
	       (assigned->from[0] && link_is_touched(rules, assigned->from)) ||
	       is_touched(rules->draft, KIND_SITE, path->ends[END_A].site) ||
	       is_touched(rules->draft, KIND_SITE, path->ends[END_Z].site);
}

static bool some_ground_is_touched(const struct draft *draft)
{
	for (size_t i = 0; i < draft->count; i++) {
		if (draft->items[i]->kind < KIND_PATH && draft->items[i]->old &&
		    draft_item_is_changed(draft->items[i]))
			return true;
	}
	return false;
}

static void check_standing(const struct rules *rules)
{
	const struct draft *draft = rules->draft;

	for (const struct object *at = draft_next(draft, KIND_PATH, "");
	     at && !problem_is_set(rules->problem); at = draft_next(draft, KIND_PATH, at->name)) {
		const struct path *path = &at->path;

		if (path->assigned.is_deleting || path->assigned.life == LIFE_EXPIRED)
			check_draining(rules, at);
		else if (!draft_find(draft, KIND_PATH, at->name) &&
			 rules_ground_is_touched(rules, path) && check_leaving(rules, at))
			check_dependent(rules, at->name);
	}
}

void rules_check_dependents(const struct rules *rules)
{
	if (some_ground_is_touched(rules->draft))
		check_standing(rules);
}
