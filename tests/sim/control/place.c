/* What validate_place.c, validate_choose.c and validate_move.c do with admission, on arrays. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/control/world.h"

#define OPTIONS_MAX   8
#define CALENDARS_MAX (2 * OPTIONS_MAX + 2)
#define NO	      ADMISSION_NO_OPTION

struct place {
	struct world *w;
	const struct path *spec;
	uint32_t count;
	uint32_t links[OPTIONS_MAX];
	struct admission_option options[OPTIONS_MAX];
	struct calendar calendars[CALENDARS_MAX];
	struct admission_request request;
	uint32_t here, second, from; /* options, or NO */
	struct calendar_entry *entries;
	uint32_t entry_count, entry_room;
	struct booking *bookings;
	struct calendar_event *scratch;
	uint32_t chosen[2];
};

uint32_t site_of(const struct path *spec, int end)
{
	return (uint32_t)strtoul(spec->ends[end].site + 1, NULL, 10);
}

struct admission_medium medium_of(const struct link_box *link)
{
	return (struct admission_medium){.rtt_ns = link->spec.rtt_ns};
}

static bool link_is_reversed(const struct link_box *l, const struct path *spec)
{
	return l->gateways[END_A] != site_of(spec, END_A);
}

static void note_link(struct place *place, uint32_t link, uint32_t but, int end,
		      enum admission_resource resource, uint32_t calendar)
{
	const struct link_box *l = &place->w->links[link];

	for (uint32_t i = 0; i < l->booked_count; i++) {
		const struct path_box *p = &place->w->paths[l->booked[i].path];
		const struct path *spec = &p->spec;
		int from = end ^ link_is_reversed(l, spec);
		uint64_t end_ns =
			l->booked[i].role == ROLE_FROM ? spec->assigned.move_end_ns : spec->end_ns;

		if (l->booked[i].path == but || spec->assigned.life == LIFE_EXPIRED)
			continue;
		place->entries = array_grow(place->entries, place->entry_count, &place->entry_room,
					    sizeof(*place->entries));
		place->entries[place->entry_count++] = (struct calendar_entry){
			.calendar = calendar,
			.booking = {spec->start_ns, end_ns ? end_ns : CALENDAR_FOREVER,
				    p->claims[l->booked[i].role].amounts[resource + from]},
		};
	}
}

static void add_option(struct place *place, uint32_t link, uint32_t path)
{
	const struct link_box *l = &place->w->links[link];
	const struct link *spec = &l->spec;
	bool is_reversed = link_is_reversed(l, place->spec);
	struct admission_option *option = &place->options[place->count];

	option->route = (struct route){.link_count = 1,
				       .links = {link},
				       .is_reversed = {is_reversed},
				       .is_open = spec->admin == ADMIN_UP,
				       .rtt_ns = spec->rtt_ns,
				       .cost = spec->cost,
				       .srlg_count = spec->srlg_count,
				       .srlgs = spec->srlgs};
	option->medium = medium_of(l);
	for (int end = 0; end < 2; end++) {
		uint32_t calendar = 2 * place->count + (uint32_t)end;

		place->calendars[calendar].limit =
			admission_reservable_bps(spec->capacity_bps, spec->reservable_percent);
		note_link(place, link, path, end ^ is_reversed, ADMISSION_RATE_A, calendar);
		option->calendars[ADMISSION_RATE_A + end] = &place->calendars[calendar];
		option->calendars[ADMISSION_BUFFER_A + end] =
			&place->calendars[2 * OPTIONS_MAX + end];
	}
	if (!strcmp(l->name, place->spec->assigned.link))
		place->here = place->count;
	if (!strcmp(l->name, place->spec->assigned.backup))
		place->second = place->count;
	if (!strcmp(l->name, place->spec->assigned.from))
		place->from = place->count;
	place->links[place->count++] = link;
}

static void note_gateway(struct place *place, uint32_t gateway, uint32_t path, int end)
{
	const struct gateway_box *g = &place->w->gateways[gateway];
	uint32_t calendar = 2 * OPTIONS_MAX + (uint32_t)end;

	place->calendars[calendar].limit = g->spec.buffer_bytes;
	for (uint32_t i = 0; i < g->link_count; i++) {
		int at = place->w->links[g->links[i]].gateways[END_Z] == gateway;

		note_link(place, g->links[i], path, at, ADMISSION_BUFFER_A, calendar);
	}
}

static void find_options(struct place *place, uint32_t path)
{
	const struct gateway_box *g = &place->w->gateways[site_of(place->spec, END_A)];
	uint32_t far = site_of(place->spec, END_Z);

	for (uint32_t i = 0; i < g->link_count && place->count < OPTIONS_MAX; i++) {
		const struct link_box *l = &place->w->links[g->links[i]];

		if (l->gateways[0] == far || l->gateways[1] == far)
			add_option(place, g->links[i], path);
	}
}

static void fill_ask(struct place *place)
{
	struct admission_ask *ask = &place->request.ask;
	const struct path *spec = place->spec;
	uint64_t now_ns = place->w->now_ns;

	memcpy(ask->rate_bps, spec->rate_bps, sizeof(ask->rate_bps));
	memcpy(ask->max_bps, spec->max_bps, sizeof(ask->max_bps));
	ask->start_ns = spec->start_ns > now_ns ? spec->start_ns : now_ns;
	ask->end_ns = spec->end_ns ? spec->end_ns : CALENDAR_FOREVER;
	place->request.rules.rtt_max_ns = spec->rtt_max_ns;
}

/* ---- choices: place->chosen ---- */

static bool choose_one(struct place *place, uint32_t first, uint32_t count, uint32_t current)
{
	struct admission_request request = place->request;
	struct admission_verdict verdict;

	request.current = current;
	if (admission_decide(&request, place->options + first, count, place->scratch, &verdict) !=
	    ADMISSION_OK)
		return false;
	place->chosen[0] = first + verdict.option;
	return true;
}

static bool choose_second(struct place *place, uint32_t second)
{
	place->chosen[1] = admission_second(&place->request, place->options, place->count,
					    place->chosen[0], second, place->scratch);
	return place->chosen[1] != NO;
}

static bool choose_two(struct place *place, uint32_t current, uint32_t second)
{
	struct admission_request request = place->request;
	struct admission_verdict verdict;

	request.current = current;
	place->chosen[1] = second;
	if (admission_decide_pair(&request, place->options, place->count, place->scratch,
				  &place->chosen[1], &verdict) != ADMISSION_OK)
		return false;
	place->chosen[0] = verdict.option;
	return true;
}

static bool choose_asked(struct place *place, bool may_lack)
{
	const struct path *spec = place->spec;
	bool is_protected = spec->protection == PROTECTION_ONE_TO_ONE, is_good;
	uint32_t pin = 0;

	if (spec->pin[0]) {
		while (pin < place->count &&
		       strcmp(place->w->links[place->links[pin]].name, spec->pin) != 0)
			pin++;
		is_good = pin < place->count &&
			  choose_one(place, pin, 1, pin == place->here ? 0 : NO);
	} else if (is_protected && !may_lack) {
		return choose_two(place, place->here, place->second);
	} else {
		is_good = choose_one(place, 0, place->count, place->here);
	}
	if (!is_good || !is_protected)
		return is_good;
	return choose_second(place, place->second) || may_lack;
}

/* Neither the one where it is nor one that lost a path a short while ago. */
static void close_options(struct place *place, bool has_here)
{
	for (uint32_t i = 0; i < place->count; i++) {
		if ((i == place->here && !has_here) ||
		    place->w->now_ns < place->w->links[place->links[i]].suspect_ns)
			place->options[i].route.is_open = false;
	}
}

static bool choose_away(struct place *place)
{
	uint32_t second;

	close_options(place, false);
	second = place->second;
	if (second != NO && !place->options[second].route.is_open)
		second = NO;
	if (!strcmp(place->spec->pin, place->spec->assigned.link))
		return false;
	if (place->spec->protection == PROTECTION_NONE)
		return choose_one(place, 0, place->count, NO);
	if (choose_two(place, NO, second))
		return true;
	place->chosen[0] = second;
	place->chosen[1] = NO;
	return second != NO;
}

static bool choose_backup(struct place *place)
{
	uint32_t backup = place->second;
	const struct link_box *l = backup == NO ? NULL : &place->w->links[place->links[backup]];

	if (!l || l->spec.admin == ADMIN_DOWN || place->w->now_ns < l->suspect_ns)
		return false;
	close_options(place, false);
	place->chosen[0] = backup;
	choose_second(place, NO);
	return true;
}

static bool choose(struct place *place, enum store_move kind, bool may_lack)
{
	switch (kind) {
	case STORE_ASKED:
		return choose_asked(place, may_lack);
	case STORE_AWAY:
		return choose_away(place);
	case STORE_TO_BACKUP:
		return choose_backup(place);
	case STORE_RETURN:
		place->chosen[1] = place->second == place->from ? NO : place->second;
		return place->from != NO && choose_one(place, place->from, 1, 0);
	default:
		close_options(place, true);
		place->chosen[0] = place->here;
		return place->here != NO &&
		       choose_second(place,
				     place->second != NO &&
						     place->options[place->second].route.is_open
					     ? place->second
					     : NO) &&
		       place->chosen[1] != place->second;
	}
}

static uint32_t link_of(const struct place *place, uint32_t option)
{
	return option == NO ? NONE : place->links[option];
}

bool place_path(struct world *w, uint32_t path, const struct path *spec, enum store_move kind,
		bool may_lack, uint32_t links[2])
{
	struct place place = {.w = w,
			      .spec = spec,
			      .request = {.current = NO},
			      .here = NO,
			      .second = NO,
			      .from = NO,
			      .chosen = {NO, NO}};
	bool is_placed;

	find_options(&place, path);
	for (int end = 0; end < 2; end++)
		note_gateway(&place, site_of(spec, end), path, end);
	fill_ask(&place);
	place.bookings = calloc(place.entry_count + 1, sizeof(*place.bookings));
	calendar_group(place.entries, place.entry_count, place.bookings, place.calendars,
		       CALENDARS_MAX);
	place.scratch = calloc(admission_scratch_count(place.options, place.count) + 1,
			       sizeof(*place.scratch));
	is_placed = choose(&place, kind, may_lack);
	for (int i = 0; i < 2; i++)
		links[i] = is_placed ? link_of(&place, place.chosen[i]) : NONE;
	free(place.scratch);
	free(place.bookings);
	free(place.entries);
	return is_placed;
}
