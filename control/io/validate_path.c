#include <stdio.h>
#include <string.h>

#include "control/core/path_id.h"
#include "control/core/selector.h"
#include "control/io/validate_internal.h"

/* Does the link join the path's two sites? Says which way round. */
static bool link_joins(const struct draft *draft, const struct link *link, const struct path *path,
		       bool *is_reversed)
{
	const struct object *a = draft_get(draft, KIND_GATEWAY, link->ends[END_A].gateway);
	const struct object *z = draft_get(draft, KIND_GATEWAY, link->ends[END_Z].gateway);

	if (!a || !z)
		return false;
	*is_reversed = strcmp(a->gateway.site, path->ends[END_A].site) != 0;
	return !strcmp(a->gateway.site, path->ends[*is_reversed].site) &&
	       !strcmp(z->gateway.site, path->ends[!*is_reversed].site);
}

bool path_context_find(const struct draft *draft, const struct object *object,
		       struct path_context *context)
{
	const struct path *path = &object->path;
	const struct object *link = draft_get(draft, KIND_LINK, path->assigned.link);
	bool is_reversed;

	memset(context, 0, sizeof(*context));
	if (!link || !link_joins(draft, &link->link, path, &is_reversed) ||
	    is_reversed != path->assigned.is_reversed)
		return false;
	context->name = object->name;
	context->path = path;
	context->link = &link->link;
	for (int end = 0; end < 2; end++) {
		enum model_end at = path_link_end(path, (enum model_end)end);
		const struct object *site = draft_get(draft, KIND_SITE, path->ends[end].site);
		const struct object *gateway =
			draft_get(draft, KIND_GATEWAY, link->link.ends[at].gateway);

		if (!site || !gateway)
			return false;
		context->sites[end] = &site->site;
		context->gateways[end] = &gateway->gateway;
	}
	return true;
}

static bool id_is_taken(const struct ledger *ledger, uint32_t id)
{
	return key_index_first(&ledger->id_paths, id) != NULL;
}

/* What gateways take over without a new proof. */
static bool settings_equal(const struct path *a, const struct path *b)
{
	return a->when_down == b->when_down &&
	       !memcmp(a->rate_bps, b->rate_bps, sizeof(a->rate_bps)) &&
	       !memcmp(a->max_bps, b->max_bps, sizeof(a->max_bps));
}

/*
 * Do its gateways only change the tunnel, and go on meanwhile? Of a path that they were told of,
 * as far as the store knows, when nothing else of what they proved changes.
 */
static bool moves_in_place(const struct rules *rules, const struct object *old,
			   const struct path_context *context)
{
	struct draft head = draft_begin(rules->draft->store);
	uint64_t digests[2];
	struct path_context before;

	return old && old->path.assigned.life == LIFE_COMMITTED &&
	       old->path.start_ns <= rules->now_ns && path_context_find(&head, old, &before) &&
	       !intent_plan_flow_digest(&before, &digests[0]) &&
	       !intent_plan_flow_digest(context, &digests[1]) && digests[0] == digests[1];
}

static void move_begin(struct object *object, const struct object *old, enum path_move move)
{
	struct path_assignment *assigned = &object->path.assigned;
	const struct path_assignment *before = &old->path.assigned;

	/* Onward, past a link that never carried it: its gateways send where they did. */
	if (!path_is_moving(&old->path) || move != MOVE_FAILED)
		memset(assigned->from, 0, sizeof(assigned->from));
	if (!assigned->from[0] && strcmp(assigned->link, before->link) != 0)
		memcpy(assigned->from, before->link, sizeof(assigned->from));
	path_move_begin(&object->path, &old->path, move);
}

static void generation_next(struct object *object, const struct object *old)
{
	struct path *path = &object->path;

	if (settings_equal(path, &old->path))
		return;
	path->assigned.generation++;
	if (path_is_moving(path))
		path_move_begin(path, &old->path, (enum path_move)path->assigned.move);
}

static void id_choose(const struct rules *rules, struct object *object)
{
	uint32_t id = path_id_first(object->name);

	while (id_is_taken(rules->ledger, id))
		id = path_id_next(id);
	object->path.assigned.id = id;
}

/*
 * Two tunnels are enough: a third one has to wait, but for a path that neither carries. Where it
 * came from it may go back to.
 */
static bool is_busy(const struct object *object, const struct object *old, enum path_move move)
{
	return path_is_moving(&old->path) && move != MOVE_FAILED &&
	       strcmp(object->path.assigned.link, old->path.assigned.from) != 0;
}

/*
 * A change of what was proved starts a new proof; a change of rates or when_down alone is only
 * another generation, which the gateways take over while they claim.
 */
bool rules_assign(const struct rules *rules, struct draft_item *item, enum path_move move)
{
	static const struct path_assignment nothing;
	struct object *object = &item->object;
	const struct object *old = item->old;
	const struct path_assignment *before = old ? &old->path.assigned : &nothing;
	struct path_assignment *assigned = &object->path.assigned;
	struct path_context context;

	if (strcmp(assigned->link, before->link) != 0)
		assigned->last_move = (uint8_t)(old ? move : MOVE_NONE);
	if (!path_context_find(rules->draft, object, &context) ||
	    intent_plan_digest(&context, &assigned->digest)) {
		rules_refuse(rules, item, "no-route", "",
			     "path %s: its link has no usable addresses", item->name);
		return false;
	}
	assigned->generation = before->generation;
	assigned->proof_generation = before->proof_generation;
	if (assigned->digest == before->digest && before->life != LIFE_EXPIRED) {
		generation_next(object, old);
	} else if (moves_in_place(rules, old, &context)) {
		if (is_busy(object, old, move)) {
			problem_set(rules->problem, 409, "invalid-transition",
				    "path %s is moving to link %s; wait until it is there",
				    item->name, before->link);
			rules->problem->is_retryable = true;
			return false;
		}
		assigned->proof_generation = ++assigned->generation;
		move_begin(object, old, move);
	} else {
		assigned->proof_generation = ++assigned->generation;
		path_move_stop(&object->path);
	}
	if (!assigned->id)
		id_choose(rules, object);
	return true;
}

static bool windows_meet(const struct path *a, const struct path *b)
{
	return a->start_ns < path_end_ns(b) && b->start_ns < path_end_ns(a);
}

/* Without a look at the path itself: can the two meet at all? */
static bool may_conflict(const struct ledger_path *row, const struct path *path)
{
	if (row->start_ns >= path_end_ns(path) || path->start_ns >= row->end_ns)
		return false;
	if (row->match_count != 1)
		return true;
	for (uint8_t i = 0; i < path->match_count; i++) {
		if (match_overlaps(&row->first_match, &path->match[i]))
			return true;
	}
	return false;
}

const char *rules_find_conflict(const struct rules *rules, const struct object *object)
{
	struct selector own = selector_of(rules->draft, &object->path);
	const struct key_node *node =
		key_index_first(&rules->ledger->selector_paths, selector_key(&own));

	for (; node; node = key_index_next(node)) {
		const struct ledger_path *row = node->owner;
		const struct object *at;
		struct selector other;

		if (!may_conflict(row, &object->path))
			continue;
		at = draft_get(rules->draft, KIND_PATH, row->name);
		if (!at || !strcmp(at->name, object->name) || at->path.assigned.is_deleting ||
		    at->path.assigned.life == LIFE_EXPIRED ||
		    !windows_meet(&at->path, &object->path))
			continue;
		other = selector_of(rules->draft, &at->path);
		if (selector_conflicts(&own, &other))
			return row->name;
	}
	return NULL;
}

static void check_prefixes(const struct rules *rules, const struct draft_item *item, int end,
			   const struct site *site)
{
	const struct path_end *at = &item->object.path.ends[end];

	for (uint8_t i = 0; i < at->prefix_count; i++) {
		bool is_covered = false;
		char member[32];

		for (uint8_t j = 0; j < site->prefix_count; j++)
			is_covered |= ip_prefix_covers(&site->prefixes[j], &at->prefixes[i]);
		if (is_covered)
			continue;
		snprintf(member, sizeof(member), "/%s/prefixes/%u", end == END_A ? "a" : "z", i);
		rules_fail(rules, item, "invalid-argument", member,
			   "lies outside of the site's prefixes");
	}
}

static bool check_ends(const struct rules *rules, const struct draft_item *item)
{
	const struct path *path = &item->object.path;
	bool is_good = true;

	for (int end = 0; end < 2; end++) {
		const struct object *site =
			draft_get(rules->draft, KIND_SITE, path->ends[end].site);

		if (site) {
			check_prefixes(rules, item, end, &site->site);
			continue;
		}
		rules_fail(rules, item, "invalid-reference", end == END_A ? "/a/site" : "/z/site",
			   "there is no site %s", path->ends[end].site);
		is_good = false;
	}
	if (is_good && !strcmp(path->ends[END_A].site, path->ends[END_Z].site)) {
		rules_fail(rules, item, "invalid-argument", "/z/site",
			   "is the same site as the path's other end");
		is_good = false;
	}
	return is_good;
}

/* Asking for what there is changes nothing, even where it would not be admitted again. */
static bool is_as_before(const struct rules *rules, const struct draft_item *item)
{
	const struct path *path = &item->object.path;

	if (path->pin[0] && strcmp(path->pin, path->assigned.link) != 0)
		return false; /* it is to go there, or back there */
	return item->old && !memcmp(path, &item->old->path, sizeof(*path)) &&
	       path->assigned.life != LIFE_EXPIRED && !rules_ground_is_touched(rules, path);
}

static bool check_conflict(const struct rules *rules, const struct draft_item *item)
{
	const char *other = rules_find_conflict(rules, &item->object);

	if (!other)
		return true;
	if (rules_may_name(rules, other))
		rules_refuse(rules, item, "selector-conflict", "/match",
			     "path %s already claims the same traffic as path %s would", other,
			     item->name);
	else
		rules_refuse(rules, item, "selector-conflict", "/match",
			     "somebody else already claims some of the traffic that path %s "
			     "would: ask for other ports or prefixes, or another time",
			     item->name);
	return false;
}

void rules_check_path(const struct rules *rules, struct draft_item *item, bool is_asked)
{
	struct object *object = &item->object;

	if (is_as_before(rules, item))
		return;
	if (!check_ends(rules, item) || problem_is_set(rules->problem) ||
	    (is_asked && !rules_check_terms(rules, item)))
		return;
	if (!check_conflict(rules, item))
		return;
	if (!rules_place_path(rules, item, is_asked) ||
	    !rules_assign(rules, item, is_asked ? MOVE_ASKED : MOVE_GROUND))
		return;
	if (is_asked)
		rules_take_terms(rules, item);
	if (ledger_put(rules->ledger, rules->draft, object))
		rules_no_memory(rules);
}
