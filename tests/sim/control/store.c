/* What validate_path.c, ledger.c and api_verbs.c do with a path, on arrays instead of a store. */
#include <stdlib.h>
#include <string.h>

#include "control/core/path_id.h"
#include "tests/sim/control/world.h"

static void unlist(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	struct link_box *l;

	for (int role = 0; role < ROLES; role++) {
		if (p->links[role] == NONE)
			continue;
		l = &w->links[p->links[role]];
		for (uint32_t i = 0; i < l->booked_count; i++) {
			if (l->booked[i].path == path && l->booked[i].role == (enum role)role)
				l->booked[i] = l->booked[--l->booked_count];
		}
		p->links[role] = NONE;
		memset(&p->claims[role], 0, sizeof(p->claims[role]));
	}
	if (p->link == NONE)
		return;
	l = &w->links[p->link];
	for (uint32_t i = 0; i < l->path_count; i++) {
		if (l->paths[i] == path)
			l->paths[i] = l->paths[--l->path_count];
	}
	p->link = NONE;
}

/* All links of a path here end at the same two gateways, which keep the largest buffers ready. */
static void book(struct world *w, uint32_t path, enum role role, uint32_t link)
{
	static const bool is_shared[2] = {true, true};
	struct path_box *p = &w->paths[path];
	struct link_box *l = &w->links[link];
	struct admission_medium medium = medium_of(l);
	struct admission_claim whole;
	struct admission_ask ask = {0};

	memcpy(ask.rate_bps, role == ROLE_FROM ? path_rates_now(&p->spec) : p->spec.rate_bps,
	       sizeof(ask.rate_bps));
	memcpy(ask.max_bps, role == ROLE_FROM ? path_max_now(&p->spec) : p->spec.max_bps,
	       sizeof(ask.max_bps));
	admission_claim_make(&ask, &medium, &whole);
	/* What is more than all before it is what is more than their sum of such. */
	for (int before = 0; before < (int)role; before++)
		admission_claim_beside(&p->claims[before], is_shared, &whole);
	p->claims[role] = whole;
	p->links[role] = link;
	l->booked = array_grow(l->booked, l->booked_count, &l->booked_room, sizeof(*l->booked));
	l->booked[l->booked_count++] = (struct booked){path, role};
}

static uint32_t link_named(const struct world *w, const char *name)
{
	return name[0] ? (uint32_t)strtoul(name + 1, NULL, 10) : w->size.links;
}

static void list(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	const struct path_assignment *assigned = &p->spec.assigned;
	uint32_t link = link_named(w, assigned->link);
	uint32_t backup = link_named(w, assigned->backup), from = link_named(w, assigned->from);
	struct link_box *l = &w->links[link];

	p->link = link;
	l->paths = array_grow(l->paths, l->path_count, &l->path_room, sizeof(*l->paths));
	l->paths[l->path_count++] = path;
	book(w, path, ROLE_LINK, link);
	if (backup < w->size.links)
		book(w, path, ROLE_BACKUP, backup);
	if (from < w->size.links && from != link && from != backup)
		book(w, path, ROLE_FROM, from);
}

static bool id_is_taken(const struct world *w, uint32_t path, uint32_t id)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		if (i != path && w->paths[i].exists && w->paths[i].spec.assigned.id == id)
			return true;
	}
	return false;
}

static uint64_t digest_of(struct world *w, uint32_t path, const struct path *spec, bool is_flow)
{
	uint32_t link = link_named(w, spec->assigned.link);
	struct path_context context = {
		.name = w->paths[path].name, .path = spec, .link = &w->links[link].spec};
	uint64_t digest = 0;

	for (int end = 0; end < 2; end++) {
		context.sites[end] = &w->gateways[site_of(spec, end)].site;
		context.gateways[end] = &w->gateways[site_of(spec, end)].spec;
	}
	if (is_flow ? intent_plan_flow_digest(&context, &digest)
		    : intent_plan_digest(&context, &digest))
		world_fail(w, "path %s: no addresses on %s", context.name, spec->assigned.link);
	return digest;
}

static bool same_settings(const struct path *a, const struct path *b)
{
	return !memcmp(a->rate_bps, b->rate_bps, sizeof(a->rate_bps)) &&
	       !memcmp(a->max_bps, b->max_bps, sizeof(a->max_bps)) && a->when_down == b->when_down;
}

static void move_begin(struct path *spec, const struct path *old, enum path_move move)
{
	memset(spec->assigned.from, 0, sizeof(spec->assigned.from));
	if (strcmp(spec->assigned.link, old->assigned.link) != 0)
		memcpy(spec->assigned.from, old->assigned.link, sizeof(spec->assigned.from));
	path_move_begin(spec, old, move);
}

/* rules_assign of validate_path.c; false: it is moving already. */
static bool assign(struct world *w, uint32_t path, struct path *spec, const struct path *old,
		   enum path_move move)
{
	static const struct path_assignment nothing;
	const struct path_assignment *before = old ? &old->assigned : &nothing;
	struct path_assignment *assigned = &spec->assigned;
	bool is_known = old && before->life == LIFE_COMMITTED && old->start_ns <= w->now_ns;

	assigned->digest = digest_of(w, path, spec, false);
	if (assigned->digest == before->digest && before->life != LIFE_EXPIRED) {
		assigned->generation += !same_settings(spec, old);
		if (path_is_moving(old) && !same_settings(spec, old))
			path_move_begin(spec, old, (enum path_move)before->move);
	} else if (is_known && digest_of(w, path, spec, true) == digest_of(w, path, old, true)) {
		if (path_is_moving(old) && strcmp(assigned->link, before->from) != 0)
			return false;
		assigned->proof_generation = ++assigned->generation;
		move_begin(spec, old, move);
	} else {
		assigned->proof_generation = ++assigned->generation;
		path_move_stop(spec);
		w->paths[path].restart_generation = assigned->generation;
	}
	if (assigned->id)
		return true;
	assigned->id = path_id_first(w->paths[path].name);
	while (id_is_taken(w, path, assigned->id))
		assigned->id = path_id_next(assigned->id);
	return true;
}

static void path_commit(struct path *spec, uint64_t now_ns)
{
	spec->assigned.life = LIFE_COMMITTED;
	spec->assigned.hold_until_ns = 0;
	spec->assigned.lease_until_ns = spec->lease_ns ? now_ns + spec->lease_ns : 0;
}

static void take_terms(struct world *w, struct path *spec, const struct path *old)
{
	bool is_new = !old || old->assigned.life == LIFE_EXPIRED;
	bool is_held = is_new || old->assigned.life == LIFE_HELD;

	spec->assigned.expiry = EXPIRY_NONE;
	spec->assigned.expired_ns = 0;
	if (is_held && spec->is_manual) {
		spec->assigned.life = LIFE_HELD;
		spec->assigned.hold_until_ns = w->now_ns + spec->hold_ns;
	} else if (is_held || spec->lease_ns != old->lease_ns) {
		path_commit(spec, w->now_ns);
	}
}

static void put(struct world *w, uint32_t path, const struct path *spec)
{
	struct path_box *p = &w->paths[path];
	uint32_t before = p->link;

	if (before != NONE)
		control_touch(w, p);
	unlist(w, path);
	p->spec = *spec;
	list(w, path);
	p->exists = true;
	p->revision = ++w->revision;
	p->ready_ns = w->now_ns;
	w->counts.moved += before != NONE && before != p->link;
	control_touch(w, p);
	world_trace(w, path, "store: on %s, backup %s, from %s, %s to %s, generation %u, life %d",
		    p->spec.assigned.link, p->spec.assigned.backup, p->spec.assigned.from,
		    p->spec.ends[0].site, p->spec.ends[1].site, p->spec.assigned.generation,
		    p->spec.assigned.life);
}

static void take(struct world *w, struct path *spec, const uint32_t links[2])
{
	const struct link_box *l = &w->links[links[0]];

	model_name_set(spec->assigned.link, l->name);
	model_name_set(spec->assigned.backup, links[1] == NONE ? "" : w->links[links[1]].name);
	spec->assigned.is_reversed = l->gateways[END_A] != site_of(spec, END_A);
}

bool store_create(struct world *w, uint32_t path, const struct path *spec)
{
	struct path fresh = *spec;
	uint32_t links[2];

	if (!place_path(w, path, &fresh, STORE_ASKED, false, links)) {
		w->counts.refused++;
		return false;
	}
	take(w, &fresh, links);
	assign(w, path, &fresh, NULL, MOVE_NONE);
	take_terms(w, &fresh, NULL);
	put(w, path, &fresh);
	w->paths[path].ending_ns = 0;
	w->paths[path].wanted_revision = w->revision;
	w->counts.created++;
	return true;
}

bool store_modify(struct world *w, uint32_t path, const struct path *spec)
{
	struct path_box *p = &w->paths[path];
	const struct path old = p->spec;
	struct path fresh = *spec;
	bool has_begun = old.start_ns <= w->now_ns && old.assigned.life != LIFE_EXPIRED;
	bool may_lack = old.protection && !old.assigned.backup[0] && old.assigned.link[0] &&
			old.assigned.life != LIFE_EXPIRED;
	uint32_t links[2];

	fresh.assigned = old.assigned;
	if (old.assigned.is_deleting || (old.assigned.life == LIFE_EXPIRED && old.assigned.link[0]))
		return false;
	if ((fresh.end_ns && fresh.end_ns <= w->now_ns) ||
	    (has_begun && fresh.start_ns > w->now_ns))
		return false;
	if (!place_path(w, path, &fresh, STORE_ASKED, may_lack, links)) {
		w->counts.refused++;
		return false;
	}
	take(w, &fresh, links);
	if (!assign(w, path, &fresh, &old, MOVE_ASKED))
		return false;
	take_terms(w, &fresh, &old);
	put(w, path, &fresh);
	p->ending_ns = 0;
	if (old.assigned.life != LIFE_COMMITTED)
		p->wanted_revision = w->revision;
	w->counts.modified++;
	return true;
}

bool store_move(struct world *w, uint32_t path, enum store_move kind, enum path_move cause)
{
	struct path_box *p = &w->paths[path];
	const struct path old = p->spec;
	struct path fresh = p->spec;
	uint32_t links[2];

	if (path_is_ending(p) || p->link == NONE ||
	    (path_is_moving(&old) && kind != STORE_RETURN) ||
	    !place_path(w, path, &fresh, kind, true, links))
		return false;
	take(w, &fresh, links);
	if (strcmp(fresh.assigned.link, old.assigned.link) != 0 &&
	    !assign(w, path, &fresh, &old, cause))
		return false;
	put(w, path, &fresh);
	w->counts.returned += kind == STORE_RETURN;
	w->counts.unprotected += fresh.protection && !fresh.assigned.backup[0];
	return true;
}

void store_moved(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	struct path fresh = p->spec;

	path_move_end(&fresh);
	put(w, path, &fresh);
}

bool store_verb(struct world *w, uint32_t path, enum path_verb verb)
{
	struct path_box *p = &w->paths[path];

	if (path_expiry_due(&p->spec, w->now_ns, w->up_ns) != EXPIRY_NONE ||
	    path_verb_check(&p->spec, verb) != VERB_TAKEN)
		return false;
	if (verb == VERB_ABORT) {
		store_delete(w, path);
		return true;
	}
	p->ready_ns = verb == VERB_COMMIT ? w->now_ns : p->ready_ns;
	path_commit(&p->spec, w->now_ns);
	p->revision = ++w->revision;
	if (verb == VERB_COMMIT)
		p->wanted_revision = w->revision;
	return true;
}

void store_delete(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];

	if (p->spec.assigned.is_deleting)
		return;
	p->spec.assigned.is_deleting = true;
	world_trace(w, path, "store: to be deleted");
	p->revision = ++w->revision;
	if (!p->ending_ns)
		p->ending_ns = w->now_ns;
}

static void expire(struct world *w, struct path_box *p, enum path_expiry expiry)
{
	p->spec.assigned.life = LIFE_EXPIRED;
	p->spec.assigned.expiry = (uint8_t)expiry;
	p->spec.assigned.expired_ns = w->now_ns;
	p->revision = ++w->revision;
	p->ending_ns = w->now_ns;
	w->counts.expired++;
	world_trace(w, (uint32_t)(p - w->paths), "store: expired");
}

/* end_path and follow_clock of api_paths.c. */
void store_follow(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	struct path_assignment *assigned = &p->spec.assigned;
	enum path_expiry expiry = path_expiry_due(&p->spec, w->now_ns, w->up_ns);
	bool is_over = assigned->life == LIFE_EXPIRED && !assigned->link[0] &&
		       w->now_ns > assigned->expired_ns + PATH_EXPIRED_KEEP_NS;

	if (is_over || (p->machine.stage == STAGE_GONE && assigned->is_deleting)) {
		if (p->link != NONE)
			control_touch(w, p);
		unlist(w, path);
		p->exists = p->has_machine = false;
		w->revision++;
		w->counts.released++;
	} else if (p->machine.stage == STAGE_GONE && assigned->link[0]) {
		control_touch(w, p);
		unlist(w, path);
		memset(assigned->link, 0, sizeof(assigned->link));
		memset(assigned->backup, 0, sizeof(assigned->backup));
		path_move_stop(&p->spec);
		p->revision = ++w->revision;
	} else if (expiry != EXPIRY_NONE) {
		expire(w, p, expiry);
	}
}
