#include <stdio.h>
#include <string.h>

#include "control/io/validate_internal.h"

static bool is_new(const struct draft_item *item)
{
	return !item->old || item->old->path.assigned.life == LIFE_EXPIRED;
}

/* So that the gateways of what it was have let go of it. */
static bool check_life(const struct rules *rules, const struct draft_item *item)
{
	const struct path_assignment *before = item->old ? &item->old->path.assigned : NULL;

	if (!before || before->life != LIFE_EXPIRED || !before->link[0])
		return true;
	problem_set(rules->problem, 409, "invalid-transition",
		    "path %s expired and is draining; wait until it is expired", item->name);
	rules->problem->is_retryable = true;
	return false;
}

static bool check_window(const struct rules *rules, const struct draft_item *item)
{
	const struct path *path = &item->object.path;
	bool has_begun = !is_new(item) && item->old->path.start_ns <= rules->now_ns;

	if (path->end_ns && path->end_ns <= rules->now_ns) {
		rules_fail(rules, item, "invalid-argument", "/end", "is in the past");
		return false;
	}
	if (!has_begun || path->start_ns <= rules->now_ns)
		return true;
	rules_refuse(rules, item, "invalid-transition", "/start",
		     "path %s has begun: its start cannot move into the future; delete it and "
		     "make another one",
		     item->name);
	return false;
}

static bool check_references(const struct rules *rules, const struct draft_item *item)
{
	const struct path *path = &item->object.path;
	const char *before = item->old ? item->old->path.diverse_from : "";

	if (path->tenant[0] && !draft_get(rules->draft, KIND_TENANT, path->tenant)) {
		rules_fail(rules, item, "invalid-reference", "/tenant", "there is no tenant %s",
			   path->tenant);
		return false;
	}
	if (path->pin[0] && !draft_get(rules->draft, KIND_LINK, path->pin)) {
		rules_fail(rules, item, "invalid-reference", "/link", "there is no link %s",
			   path->pin);
		return false;
	}
	/* The other path may go: then there is nothing left to share. */
	if (!path->diverse_from[0] || !strcmp(path->diverse_from, before))
		return true;
	if (strcmp(path->diverse_from, item->name) != 0 &&
	    draft_get(rules->draft, KIND_PATH, path->diverse_from) &&
	    rules_may_name(rules, path->diverse_from))
		return true;
	rules_fail(rules, item, "invalid-reference", "/diverse_from", "there is no other path %s",
		   path->diverse_from);
	return false;
}

static bool check_quota(const struct rules *rules, const struct draft_item *item)
{
	char text[200], member[16];
	const char *about = "", *found;
	struct refused *refused = rules->refused;
	uint64_t last_ns;

	if (!rules_wants_more(item))
		return true;
	found = rules_find_quota(rules, &item->object, text, sizeof(text), &about, &last_ns);
	if (!found)
		return true;
	if (last_ns) {
		rules_note_refused(rules, &item->object, NULL);
		if (refused && refused->why == REFUSED_HORIZON && !refused->end_ns)
			refused->end_ns = last_ns;
	}
	snprintf(member, sizeof(member), "%s", about);
	rules_refuse(rules, item, "quota-exceeded", member, "path %s: %s", item->name, found);
	return false;
}

bool rules_check_terms(const struct rules *rules, const struct draft_item *item)
{
	return check_life(rules, item) && check_window(rules, item) &&
	       check_references(rules, item) && check_quota(rules, item);
}

void path_commit(struct path *path, uint64_t now_ns)
{
	struct path_assignment *assigned = &path->assigned;

	assigned->life = LIFE_COMMITTED;
	assigned->hold_until_ns = 0;
	assigned->lease_until_ns = path->lease_ns ? now_ns + path->lease_ns : 0;
}

void rules_take_terms(const struct rules *rules, struct draft_item *item)
{
	struct path *path = &item->object.path;
	struct path_assignment *assigned = &path->assigned;
	const struct path *old = item->old ? &item->old->path : NULL;
	bool is_held = is_new(item) || old->assigned.life == LIFE_HELD;

	if (old && !is_new(item) && !memcmp(path, old, sizeof(*path)))
		return;
	assigned->expiry = EXPIRY_NONE;
	assigned->expired_ns = 0;
	if (is_held && path->is_manual) {
		assigned->life = LIFE_HELD;
		assigned->hold_until_ns = rules->now_ns + path->hold_ns;
	} else if (is_held || path->lease_ns != old->lease_ns) {
		path_commit(path, rules->now_ns);
	}
}

bool rules_wants_more(const struct draft_item *item)
{
	const struct path *path = &item->object.path, *old;

	if (is_new(item))
		return true;
	old = &item->old->path;
	for (int end = 0; end < 2; end++) {
		if (path->rate_bps[end] > old->rate_bps[end] ||
		    path->max_bps[end] > old->max_bps[end])
			return true;
	}
	return strcmp(path->tenant, old->tenant) != 0 || path->protection > old->protection ||
	       path->start_ns < old->start_ns || path_end_ns(path) > path_end_ns(old) ||
	       path->lease_ns != old->lease_ns;
}
