/* What validate*.c, ledger.c and api_verbs.c do with a path, on arrays instead of a store. */
#include <stdlib.h>
#include <string.h>

#include "control/core/path_id.h"
#include "tests/sim/control/world.h"

#define OPTIONS_MAX   8
#define CALENDARS_MAX (2 * OPTIONS_MAX + 2)

struct place {
	uint32_t count;
	uint32_t links[OPTIONS_MAX];
	struct admission_option options[OPTIONS_MAX];
	struct calendar calendars[CALENDARS_MAX];
	struct admission_request request;
	struct calendar_entry *entries;
	uint32_t entry_count, entry_room;
};

static uint32_t site_of(const struct path *spec, int end)
{
	return (uint32_t)strtoul(spec->ends[end].site + 1, NULL, 10);
}

static struct admission_medium medium_of(const struct link_box *link)
{
	return (struct admission_medium){.rtt_ns = link->spec.rtt_ns};
}

static void note_link(struct world *w, struct place *place, uint32_t link, uint32_t but, int end,
		      enum admission_resource resource, uint32_t calendar)
{
	const struct link_box *l = &w->links[link];

	for (uint32_t i = 0; i < l->path_count; i++) {
		const struct path_box *p = &w->paths[l->paths[i]];
		const struct path *spec = &p->spec;

		if (l->paths[i] == but || spec->assigned.life == LIFE_EXPIRED)
			continue;
		place->entries = array_grow(place->entries, place->entry_count, &place->entry_room,
					    sizeof(*place->entries));
		place->entries[place->entry_count++] = (struct calendar_entry){
			.calendar = calendar,
			.booking =
				{spec->start_ns, spec->end_ns ? spec->end_ns : CALENDAR_FOREVER,
				 p->claim.amounts[resource + (end ^ spec->assigned.is_reversed)]},
		};
	}
}

static void add_option(struct world *w, struct place *place, uint32_t link, uint32_t path,
		       bool is_reversed)
{
	const struct link *spec = &w->links[link].spec;
	struct admission_option *option = &place->options[place->count];

	option->route = (struct route){.link_count = 1,
				       .links = {link},
				       .is_reversed = {is_reversed},
				       .is_open = spec->admin == ADMIN_UP,
				       .rtt_ns = spec->rtt_ns,
				       .cost = spec->cost};
	option->medium = medium_of(&w->links[link]);
	for (int end = 0; end < 2; end++) {
		uint32_t calendar = 2 * place->count + (uint32_t)end;

		place->calendars[calendar].limit =
			admission_reservable_bps(spec->capacity_bps, spec->reservable_percent);
		note_link(w, place, link, path, end ^ is_reversed, ADMISSION_RATE_A, calendar);
		option->calendars[ADMISSION_RATE_A + end] = &place->calendars[calendar];
		option->calendars[ADMISSION_BUFFER_A + end] =
			&place->calendars[2 * OPTIONS_MAX + end];
	}
	place->links[place->count++] = link;
}

static void note_gateway(struct world *w, struct place *place, uint32_t gateway, uint32_t path,
			 int end)
{
	const struct gateway_box *g = &w->gateways[gateway];
	uint32_t calendar = 2 * OPTIONS_MAX + (uint32_t)end;

	place->calendars[calendar].limit = g->spec.buffer_bytes;
	for (uint32_t i = 0; i < g->link_count; i++) {
		int at = w->links[g->links[i]].gateways[END_Z] == gateway;

		note_link(w, place, g->links[i], path, at, ADMISSION_BUFFER_A, calendar);
	}
}

static void find_options(struct world *w, struct place *place, uint32_t path,
			 const struct path *spec)
{
	const struct gateway_box *g = &w->gateways[site_of(spec, END_A)];
	uint32_t far = site_of(spec, END_Z);

	place->request.current = ADMISSION_NO_OPTION;
	for (uint32_t i = 0; i < g->link_count && place->count < OPTIONS_MAX; i++) {
		const struct link_box *l = &w->links[g->links[i]];
		bool is_reversed = l->gateways[END_A] == far;

		if (l->gateways[!is_reversed] != far)
			continue;
		if (!strcmp(l->name, spec->assigned.link))
			place->request.current = place->count;
		add_option(w, place, g->links[i], path, is_reversed);
	}
}

static void fill_ask(struct world *w, struct place *place, const struct path *spec)
{
	struct admission_ask *ask = &place->request.ask;

	memcpy(ask->rate_bps, spec->rate_bps, sizeof(ask->rate_bps));
	memcpy(ask->max_bps, spec->max_bps, sizeof(ask->max_bps));
	ask->start_ns = spec->start_ns > w->now_ns ? spec->start_ns : w->now_ns;
	ask->end_ns = spec->end_ns ? spec->end_ns : CALENDAR_FOREVER;
	place->request.rules.rtt_max_ns = spec->rtt_max_ns;
}

/* The link, or NONE. */
static uint32_t place_path(struct world *w, uint32_t path, struct path *spec)
{
	struct place place = {0};
	struct admission_verdict verdict;
	struct calendar_event *scratch;
	struct booking *bookings;
	uint32_t link = NONE;

	find_options(w, &place, path, spec);
	for (int end = 0; end < 2; end++)
		note_gateway(w, &place, site_of(spec, end), path, end);
	fill_ask(w, &place, spec);
	bookings = calloc(place.entry_count + 1, sizeof(*bookings));
	calendar_group(place.entries, place.entry_count, bookings, place.calendars, CALENDARS_MAX);
	scratch = calloc(admission_scratch_count(place.options, place.count) + 1, sizeof(*scratch));
	if (admission_decide(&place.request, place.options, place.count, scratch, &verdict) ==
	    ADMISSION_OK) {
		link = place.links[verdict.option];
		spec->assigned.is_reversed = place.options[verdict.option].route.is_reversed[0];
		model_name_set(spec->assigned.link, w->links[link].name);
	}
	free(scratch);
	free(bookings);
	free(place.entries);
	return link;
}

static void unlist(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	struct link_box *l;

	if (p->link == NONE)
		return;
	l = &w->links[p->link];
	for (uint32_t i = 0; i < l->path_count; i++) {
		if (l->paths[i] == path)
			l->paths[i] = l->paths[--l->path_count];
	}
	p->link = NONE;
	memset(&p->claim, 0, sizeof(p->claim));
}

static void list(struct world *w, uint32_t path, uint32_t link)
{
	struct path_box *p = &w->paths[path];
	struct link_box *l = &w->links[link];
	struct admission_medium medium = medium_of(l);
	struct admission_ask ask = {0};

	memcpy(ask.rate_bps, p->spec.rate_bps, sizeof(ask.rate_bps));
	memcpy(ask.max_bps, p->spec.max_bps, sizeof(ask.max_bps));
	admission_claim_make(&ask, &medium, &p->claim);
	p->link = link;
	l->paths = array_grow(l->paths, l->path_count, &l->path_room, sizeof(*l->paths));
	l->paths[l->path_count++] = path;
}

static bool id_is_taken(const struct world *w, uint32_t path, uint32_t id)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		if (i != path && w->paths[i].exists && w->paths[i].spec.assigned.id == id)
			return true;
	}
	return false;
}

static void assign(struct world *w, uint32_t path, uint32_t link, struct path *spec,
		   const struct path *old)
{
	static const struct path_assignment nothing;
	const struct path_assignment *before = old ? &old->assigned : &nothing;
	struct path_assignment *assigned = &spec->assigned;
	struct path_context context = {
		.name = w->paths[path].name, .path = spec, .link = &w->links[link].spec};

	for (int end = 0; end < 2; end++) {
		context.sites[end] = &w->gateways[site_of(spec, end)].site;
		context.gateways[end] = &w->gateways[site_of(spec, end)].spec;
	}
	if (intent_plan_digest(&context, &assigned->digest))
		world_fail(w, "path %s: no addresses on %s", context.name, assigned->link);
	if (assigned->digest != before->digest || before->life == LIFE_EXPIRED)
		assigned->proof_generation = ++assigned->generation;
	else if (memcmp(spec->rate_bps, old->rate_bps, sizeof(spec->rate_bps)) != 0 ||
		 memcmp(spec->max_bps, old->max_bps, sizeof(spec->max_bps)) != 0 ||
		 spec->when_down != old->when_down)
		assigned->generation++;
	if (assigned->id)
		return;
	assigned->id = path_id_first(context.name);
	while (id_is_taken(w, path, assigned->id))
		assigned->id = path_id_next(assigned->id);
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

static void put(struct world *w, uint32_t path, uint32_t link, const struct path *spec)
{
	struct path_box *p = &w->paths[path];
	uint32_t before = p->link;

	if (before != NONE)
		control_touch(w, p);
	unlist(w, path);
	p->spec = *spec;
	list(w, path, link);
	p->exists = true;
	p->revision = ++w->revision;
	p->ready_ns = w->now_ns;
	w->counts.moved += before != NONE && before != link;
	control_touch(w, p);
	world_trace(w, path, "store: on %s, %s to %s, generation %u, life %d",
		    p->spec.assigned.link, p->spec.ends[0].site, p->spec.ends[1].site,
		    p->spec.assigned.generation, p->spec.assigned.life);
}

bool store_create(struct world *w, uint32_t path, const struct path *spec)
{
	struct path fresh = *spec;
	uint32_t link = place_path(w, path, &fresh);

	if (link == NONE) {
		w->counts.refused++;
		return false;
	}
	assign(w, path, link, &fresh, NULL);
	take_terms(w, &fresh, NULL);
	put(w, path, link, &fresh);
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
	uint32_t link;

	fresh.assigned = old.assigned;
	if (old.assigned.is_deleting || (old.assigned.life == LIFE_EXPIRED && old.assigned.link[0]))
		return false;
	if ((fresh.end_ns && fresh.end_ns <= w->now_ns) ||
	    (has_begun && fresh.start_ns > w->now_ns))
		return false;
	link = place_path(w, path, &fresh);
	if (link == NONE) {
		w->counts.refused++;
		return false;
	}
	assign(w, path, link, &fresh, &old);
	take_terms(w, &fresh, &old);
	put(w, path, link, &fresh);
	p->ending_ns = 0;
	if (old.assigned.life != LIFE_COMMITTED)
		p->wanted_revision = w->revision;
	w->counts.modified++;
	return true;
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
		p->revision = ++w->revision;
	} else if (expiry != EXPIRY_NONE) {
		expire(w, p, expiry);
	}
}
