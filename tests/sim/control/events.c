/* Trouble, and what clients ask meanwhile. Chances are per step, in parts of a million. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/control/world.h"

#define GIGABIT 1000000000ull

#define DEATH_PPM   800
#define CUT_PPM	    600 /* of a gateway from control */
#define LOSSY_PPM   600
#define SLOW_PPM    600
#define LINK_PPM    800
#define DRAIN_PPM   400
#define RESTART_PPM 2000
#define RENEW_PPM   100000
#define DELETE_PPM  100000 /* of a path that expired and is draining */

static uint64_t seconds(struct world *w, uint64_t low, uint64_t high)
{
	return random_range(&w->events, low * S, high * S);
}

static bool happens(struct world *w, uint32_t ppm)
{
	return !w->is_quiet && random_ppm(&w->events, ppm);
}

static void gateway_trouble(struct world *w, struct gateway_box *g)
{
	if (g->is_alive && happens(w, DEATH_PPM)) {
		gateway_die(w, g);
		g->back_ns = w->now_ns + random_range(&w->events, 300 * MS, 15 * S);
		w->counts.deaths++;
	} else if (!g->is_alive && w->now_ns >= g->back_ns) {
		gateway_live(w, g);
	}
	if (g->is_alive && !g->is_cut && happens(w, CUT_PPM)) {
		g->is_cut = true;
		world_trace(w, w->traced, "%s: cut off", g->name);
		g->back_ns = w->now_ns + seconds(w, 1, 25);
		/* Else nobody notices at first: no packet comes back, that is all. */
		if (random_below(&w->events, 2))
			gateway_drop_stream(w, g);
		w->counts.unreachable++;
	} else if (g->is_cut && w->now_ns >= g->back_ns) {
		g->is_cut = false;
		world_trace(w, w->traced, "%s: in reach again", g->name);
	}
	if (happens(w, LOSSY_PPM))
		g->lossy_until_ns = w->now_ns + seconds(w, 1, 4);
	if (happens(w, SLOW_PPM))
		g->slow_until_ns = w->now_ns + seconds(w, 1, 10);
}

static void link_trouble(struct world *w, struct link_box *l)
{
	if (!l->is_cut && happens(w, LINK_PPM)) {
		l->is_cut = true;
		l->back_ns = w->now_ns + random_range(&w->events, 300 * MS, 20 * S);
		w->counts.cuts++;
	} else if (l->is_cut && w->now_ns >= l->back_ns) {
		l->is_cut = false;
	}
	if (w->is_up && happens(w, DRAIN_PPM)) {
		l->spec.admin = (uint8_t)random_below(&w->events, ADMIN_COUNT);
		w->revision++;
	}
}

static uint64_t draw_rate(struct world *w)
{
	static const uint64_t gigabits[] = {1, 1, 1, 2, 2, 3, 5, 20};

	return gigabits[random_below(&w->events, 8)] * GIGABIT;
}

static void draw_rates(struct world *w, struct path *spec)
{
	for (int end = 0; end < 2; end++) {
		spec->rate_bps[end] = draw_rate(w);
		spec->max_bps[end] = spec->rate_bps[end] * random_range(&w->events, 1, 2);
	}
}

/* A window, a lease, a hold: each some of the paths have. */
static void draw_terms(struct world *w, struct path *spec)
{
	if (random_below(&w->events, 7) == 0)
		spec->start_ns = w->now_ns + seconds(w, 1, 20);
	if (random_below(&w->events, 7) == 0)
		spec->end_ns = (spec->start_ns ? spec->start_ns : w->now_ns) + seconds(w, 3, 60);
	if (random_below(&w->events, 7) == 0)
		spec->lease_ns = seconds(w, 5, 20);
	spec->is_manual = random_below(&w->events, 5) == 0;
	if (spec->is_manual)
		spec->hold_ns = seconds(w, 5, 15);
}

static void create(struct world *w, uint32_t path)
{
	const struct link_box *l = &w->links[random_below(&w->events, w->size.links)];
	int end = (int)random_below(&w->events, 2);
	struct path spec = {.match_count = 1};

	snprintf(spec.ends[0].site, MODEL_NAME_BYTES, "s%u", l->gateways[end]);
	snprintf(spec.ends[1].site, MODEL_NAME_BYTES, "s%u", l->gateways[!end]);
	spec.class = (uint8_t)random_below(&w->events, MODEL_CLASS_COUNT);
	spec.when_down = (uint8_t)random_below(&w->events, WHEN_DOWN_COUNT);
	draw_rates(w, &spec);
	if (random_below(&w->events, 4) == 0)
		spec.protection = PROTECTION_ONE_TO_ONE;
	if (!w->is_quiet)
		draw_terms(w, &spec);
	store_create(w, path, &spec);
}

/* Some link of its end A: it may not join its sites. */
static void draw_pin(struct world *w, struct path *spec)
{
	const struct gateway_box *g = &w->gateways[strtoul(spec->ends[END_A].site + 1, NULL, 10)];
	uint32_t link = g->links[random_below(&w->events, g->link_count)];

	model_name_set(spec->pin, random_below(&w->events, 2) ? w->links[link].name : "");
}

static void modify(struct world *w, uint32_t path)
{
	struct path spec = w->paths[path].spec;

	switch (random_below(&w->events, 9)) {
	case 0:
		spec.class = (uint8_t)random_below(&w->events, MODEL_CLASS_COUNT);
		break;
	case 1:
		spec.when_down = !spec.when_down;
		break;
	case 2:
		spec.end_ns = w->now_ns + seconds(w, 5, 60);
		break;
	case 3:
		spec.end_ns = 0;
		spec.lease_ns = seconds(w, 5, 20);
		break;
	case 4:
		spec.protection = (uint8_t)random_below(&w->events, PROTECTION_COUNT);
		break;
	case 5:
		draw_pin(w, &spec);
		break;
	default:
		draw_rates(w, &spec);
	}
	store_modify(w, path, &spec);
}

static void ask(struct world *w)
{
	uint32_t path = (uint32_t)random_below(&w->events, w->size.paths);
	struct path_box *p = &w->paths[path];

	if (!p->exists) {
		create(w, path);
		return;
	}
	switch (random_below(&w->events, 8)) {
	case 0:
		store_delete(w, path);
		break;
	case 1:
		store_verb(w, path, VERB_ABORT);
		break;
	case 2:
	case 3:
		store_verb(w, path, VERB_COMMIT);
		break;
	default:
		modify(w, path);
	}
}

/* Some clients are gone and renew nothing; some clean up at once what expired. */
static void attend(struct world *w)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		const struct path_box *p = &w->paths[i];
		uint64_t until_ns = p->spec.assigned.lease_until_ns;

		if (p->exists && p->spec.assigned.life == LIFE_EXPIRED && p->link != NONE &&
		    random_ppm(&w->events, DELETE_PPM))
			store_delete(w, i);
		if (p->exists && until_ns && i % 7 != 3 &&
		    until_ns < w->now_ns + p->spec.lease_ns / 2 &&
		    random_ppm(&w->events, RENEW_PPM))
			store_verb(w, i, VERB_RENEW);
	}
}

void events_step(struct world *w)
{
	uint32_t asks = 1 + w->size.paths / 2000;

	if (w->now_ns == w->start_ns) {
		for (uint32_t i = 0; i < w->size.paths - w->size.paths / 5; i++)
			create(w, i);
	}
	for (uint32_t i = 0; i < w->size.sites; i++)
		gateway_trouble(w, &w->gateways[i]);
	for (uint32_t i = 0; i < w->size.links; i++)
		link_trouble(w, &w->links[i]);
	if (w->is_up && happens(w, RESTART_PPM))
		control_restart(w, random_range(&w->events, 100 * MS, 8 * S));
	if (!w->is_up)
		return;
	for (uint32_t i = 0; i < asks && !w->is_quiet; i++)
		ask(w);
	attend(w);
}

void events_heal(struct world *w)
{
	w->is_quiet = true;
	for (uint32_t i = 0; i < w->size.sites; i++) {
		struct gateway_box *g = &w->gateways[i];

		g->back_ns = g->lossy_until_ns = g->slow_until_ns = 0;
	}
	for (uint32_t i = 0; i < w->size.links; i++)
		w->links[i].back_ns = 0;
	if (!w->is_up)
		w->up_ns = w->now_ns;
}
