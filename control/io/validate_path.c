#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/core/admission.h"
#include "control/core/path_id.h"
#include "control/core/selector.h"
#include "control/io/validate.h"

#define CANDIDATES_MAX 64

static void fail_at(struct problem *problem, const struct draft_item *item, const char *code,
		    const char *member, const char *detail)
{
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "%s/spec%s", item->pointer, member);
	problem_add(problem, pointer, code, "%s", detail);
}

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

/* Of all paths on the link but one. */
static struct link_load load_of(const struct draft *draft, const char *link, const char *but)
{
	struct link_load load = {0};

	for (const struct object *at = draft_next(draft, KIND_PATH, ""); at;
	     at = draft_next(draft, KIND_PATH, at->name)) {
		if (!strcmp(at->path.assigned.link, link) && strcmp(at->name, but) != 0)
			link_load_add(&load, &at->path);
	}
	return load;
}

void validate_link_load(const struct draft *draft, const struct draft_item *item,
			struct problem *problem)
{
	struct link_load load = load_of(draft, item->name, "");

	if (!link_load_fits(&load, &item->object.link))
		problem_set(problem, 409, "insufficient-bandwidth",
			    "link %s: its paths are guaranteed more than that capacity",
			    item->name);
}

static bool keeps_link(const struct draft *draft, const struct object *object)
{
	const struct path *path = &object->path;
	struct path_context context;
	struct link_candidate candidate;

	if (!path->assigned.link[0] || !path_context_find(draft, object, &context))
		return false;
	candidate = (struct link_candidate){
		.link = context.link,
		.is_reversed = path->assigned.is_reversed,
		.load = load_of(draft, path->assigned.link, object->name),
	};
	return link_candidate_fits(&candidate, path->rate_bps);
}

static uint32_t find_candidates(const struct draft *draft, const struct object *object,
				struct link_candidate *candidates)
{
	uint32_t count = 0;

	for (const struct object *link = draft_next(draft, KIND_LINK, "");
	     link && count < CANDIDATES_MAX; link = draft_next(draft, KIND_LINK, link->name)) {
		struct link_candidate *candidate = &candidates[count];

		if (!link_joins(draft, &link->link, &object->path, &candidate->is_reversed))
			continue;
		candidate->link = &link->link;
		candidate->name = link->name;
		candidate->load = load_of(draft, link->name, object->name);
		count++;
	}
	return count;
}

static bool choose_link(struct draft *draft, struct object *object, struct problem *problem)
{
	struct link_candidate candidates[CANDIDATES_MAX];
	struct path *path = &object->path;
	uint64_t most_bps;
	int chosen;

	if (keeps_link(draft, object))
		return true;
	chosen = link_candidate_choose(candidates, find_candidates(draft, object, candidates),
				       path->rate_bps, &most_bps);
	if (chosen >= 0) {
		model_name_set(path->assigned.link, candidates[chosen].name);
		path->assigned.is_reversed = candidates[chosen].is_reversed;
		return true;
	}
	if (chosen == -ENOENT) {
		problem_set(problem, 409, "no-route", "path %s: no link that is up joins %s and %s",
			    object->name, path->ends[END_A].site, path->ends[END_Z].site);
		return false;
	}
	problem_set(problem, 409, "insufficient-bandwidth",
		    "path %s: no link from %s to %s has that much left to guarantee", object->name,
		    path->ends[END_A].site, path->ends[END_Z].site);
	problem_offer(problem, most_bps ? json_pack("[{s:I}]", "rate_bps", (json_int_t)most_bps)
					: json_array());
	return false;
}

static bool id_is_taken(const struct draft *draft, uint32_t id)
{
	for (const struct object *at = draft_next(draft, KIND_PATH, ""); at;
	     at = draft_next(draft, KIND_PATH, at->name)) {
		if (at->path.assigned.id == id)
			return true;
	}
	return false;
}

/* What gateways take over without a new proof. */
static bool settings_equal(const struct path *a, const struct path *b)
{
	return a->when_down == b->when_down &&
	       !memcmp(a->rate_bps, b->rate_bps, sizeof(a->rate_bps)) &&
	       !memcmp(a->max_bps, b->max_bps, sizeof(a->max_bps));
}

/*
 * A change of what was proved starts a new proof; a change of rates or when_down alone is only
 * another generation, which the gateways take over while they claim.
 */
static bool assign(const struct draft *draft, struct object *object, const struct object *old)
{
	static const struct path_assignment nothing;
	const struct path_assignment *before = old ? &old->path.assigned : &nothing;
	struct path_assignment *assigned = &object->path.assigned;
	struct path_context context;
	uint32_t id;

	if (!path_context_find(draft, object, &context) ||
	    intent_plan_digest(&context, &assigned->digest))
		return false;
	assigned->generation = before->generation;
	assigned->proof_generation = before->proof_generation;
	if (assigned->digest != before->digest)
		assigned->proof_generation = ++assigned->generation;
	else if (!settings_equal(&object->path, &old->path))
		assigned->generation++;
	if (assigned->id)
		return true;
	id = path_id_first(object->name);
	while (id_is_taken(draft, id))
		id = path_id_next(id);
	assigned->id = id;
	return true;
}

static struct selector selector_of(const struct draft *draft, const struct path *path)
{
	struct selector selector = {.match_count = path->match_count, .match = path->match};

	for (int end = 0; end < 2; end++) {
		const struct object *site = draft_get(draft, KIND_SITE, path->ends[end].site);

		if (site)
			selector.prefixes[end] = path_end_prefixes(&path->ends[end], &site->site,
								   &selector.prefix_count[end]);
	}
	return selector;
}

static void check_conflicts(const struct draft *draft, const struct draft_item *item,
			    struct problem *problem)
{
	struct selector own = selector_of(draft, &item->object.path);

	for (const struct object *at = draft_next(draft, KIND_PATH, ""); at;
	     at = draft_next(draft, KIND_PATH, at->name)) {
		struct selector other = selector_of(draft, &at->path);

		if (!strcmp(at->name, item->name) || at->path.assigned.is_deleting)
			continue;
		if (!selector_conflicts(&own, &other))
			continue;
		problem_set(problem, 409, "selector-conflict",
			    "path %s already claims the same traffic as path %s would", at->name,
			    item->name);
		return;
	}
}

static void check_prefixes(const struct draft_item *item, int end, const struct site *site,
			   struct problem *problem)
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
		fail_at(problem, item, "invalid-argument", member,
			"lies outside of the site's prefixes");
	}
}

static bool check_ends(const struct draft *draft, const struct draft_item *item,
		       struct problem *problem)
{
	const struct path *path = &item->object.path;
	bool is_good = true;

	for (int end = 0; end < 2; end++) {
		const struct object *site = draft_get(draft, KIND_SITE, path->ends[end].site);
		char detail[128];

		if (site) {
			check_prefixes(item, end, &site->site, problem);
			continue;
		}
		snprintf(detail, sizeof(detail), "there is no site %s", path->ends[end].site);
		fail_at(problem, item, "invalid-reference", end == END_A ? "/a/site" : "/z/site",
			detail);
		is_good = false;
	}
	if (is_good && !strcmp(path->ends[END_A].site, path->ends[END_Z].site)) {
		fail_at(problem, item, "invalid-argument", "/z/site",
			"is the same site as the path's other end");
		is_good = false;
	}
	return is_good;
}

void validate_path(struct draft *draft, struct draft_item *item, struct problem *problem)
{
	if (!check_ends(draft, item, problem) || problem_is_set(problem))
		return;
	check_conflicts(draft, item, problem);
	if (problem_is_set(problem) || !choose_link(draft, &item->object, problem))
		return;
	if (!assign(draft, &item->object, item->old))
		problem_set(problem, 409, "no-route", "path %s: its link has no usable addresses",
			    item->name);
}

/* A path that the request does not name, on ground that it changes. */
static void validate_dependent(struct draft *draft, const char *name, struct problem *problem)
{
	struct object *object = draft_edit(draft, KIND_PATH, name);
	struct problem inner = {0};

	if (!object) {
		problem_set(problem, 503, "out-of-memory", "try again");
		return;
	}
	validate_path(draft, draft_find(draft, KIND_PATH, name), &inner);
	if (problem_is_set(&inner))
		problem_set(problem, 409, "in-use", "path %s could not stay: %s", name,
			    inner.detail);
	problem_clear(&inner);
}

/* It is on its way out, and so are its packets: its gateways must hear of it until the end. */
static void validate_draining(const struct draft *draft, const struct object *object,
			      struct problem *problem)
{
	struct path_context context;

	if (path_context_find(draft, object, &context))
		return;
	problem_set(problem, 409, "in-use",
		    "path %s is draining on link %s; wait until it is released", object->name,
		    object->path.assigned.link);
	problem->is_retryable = true;
}

void validate_dependents(struct draft *draft, struct problem *problem)
{
	bool is_ground_changed = false;

	for (size_t i = 0; i < draft->count; i++)
		is_ground_changed |= draft->items[i]->kind != KIND_PATH && draft->items[i]->old &&
				     draft_item_is_changed(draft->items[i]);
	if (!is_ground_changed)
		return;
	for (const struct object *at = store_next(draft->store, KIND_PATH, "");
	     at && !problem_is_set(problem); at = store_next(draft->store, KIND_PATH, at->name)) {
		if (at->path.assigned.is_deleting)
			validate_draining(draft, at, problem);
		else if (!draft_find(draft, KIND_PATH, at->name))
			validate_dependent(draft, at->name, problem);
	}
}
