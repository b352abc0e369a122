#include <stdlib.h>
#include <string.h>

#include "control/io/validate_internal.h"

/* Of links, gateways and the tenant. */
#define CALENDARS_MAX (2 * ROUTES_MAX + 2 * ROUTES_MAX + 2)
#define GIGABIT	      1000000000ull

/* All that admission looks at for one path. */
struct place {
	const struct rules *rules;
	const struct object *object;
	const struct ledger_path *self; /* its own row, if it has one */
	uint32_t count;			/* of options */
	struct admission_option options[ROUTES_MAX];
	const struct ledger_link *links[ROUTES_MAX];
	struct route *diverse; /* of paths that this one must not share a risk with */
	struct admission_request request;
	/* Two of each option's link, then those of gateways and of the tenant. */
	struct calendar calendars[CALENDARS_MAX];
	const char *gateways[CALENDARS_MAX];
	uint32_t calendar_count;
	struct calendar_entry *entries;
	uint32_t entry_count, entry_capacity;
	struct booking *bookings;
	struct calendar_event *scratch;
	bool is_short; /* of memory */
};

static void place_free(struct place *place)
{
	if (!place)
		return;
	free(place->entries);
	free(place->bookings);
	free(place->scratch);
	free(place->diverse);
	free(place);
}

static void note_booking(struct place *place, uint32_t calendar, const struct ledger_path *row,
			 uint64_t amount)
{
	if (!amount || row->start_ns >= row->end_ns || place->is_short)
		return;
	if (place->entry_count == place->entry_capacity) {
		uint32_t capacity = place->entry_capacity ? place->entry_capacity * 2 : 256;
		void *entries = realloc(place->entries, capacity * sizeof(*place->entries));

		place->is_short = !entries;
		if (!entries)
			return;
		place->entries = entries;
		place->entry_capacity = capacity;
	}
	place->entries[place->entry_count++] = (struct calendar_entry){
		.calendar = calendar,
		.booking = {row->start_ns, row->end_ns, amount},
	};
}

/* The paths of a link but the one that is asked for; resource: of the link's end A. */
static void note_link(struct place *place, const struct ledger_link *link, int end,
		      enum admission_resource resource, uint32_t calendar)
{
	const struct key_node *node =
		key_index_first(&place->rules->ledger->link_paths, ledger_key(link->name));

	for (; node; node = key_index_next(node)) {
		const struct ledger_path *row = node->owner;

		if (row != place->self)
			note_booking(place, calendar, row,
				     row->claim.amounts[resource + (end ^ row->is_reversed)]);
	}
}

/* The calendar of a gateway's buffers; NULL where it has no limit. */
static const struct calendar *gateway_calendar(struct place *place, const char *name)
{
	const struct object *gateway = draft_get(place->rules->draft, KIND_GATEWAY, name);
	const struct ledger *ledger = place->rules->ledger;
	const struct key_node *node;
	uint32_t index = 0;

	if (!gateway || !gateway->gateway.buffer_bytes)
		return NULL;
	for (; index < place->calendar_count; index++) {
		if (place->gateways[index] && !strcmp(place->gateways[index], name))
			return &place->calendars[index];
	}
	place->calendar_count++;
	place->gateways[index] = gateway->name;
	place->calendars[index].limit = gateway->gateway.buffer_bytes;
	node = key_index_first(&ledger->gateway_links, ledger_key(name));
	for (; node; node = key_index_next(node)) {
		const struct ledger_link *link = node->owner;

		note_link(place, link, node == &link->by_gateway[END_Z], ADMISSION_BUFFER_A, index);
	}
	return &place->calendars[index];
}

/* The paths of a link and, for the path's end A first, its two directions. */
static void fill_calendars(struct place *place, uint32_t index, const struct link *link)
{
	struct admission_option *option = &place->options[index];
	const struct ledger_link *row = place->links[index];
	bool is_reversed = option->route.is_reversed[0];

	for (int end = 0; end < 2; end++) {
		uint32_t calendar = 2 * index + (uint32_t)end;

		place->calendars[calendar].limit =
			admission_reservable_bps(link->capacity_bps, link->reservable_percent);
		note_link(place, row, end ^ is_reversed, ADMISSION_RATE_A, calendar);
		option->calendars[ADMISSION_RATE_A + end] = &place->calendars[calendar];
		option->calendars[ADMISSION_BUFFER_A + end] =
			gateway_calendar(place, row->gateways[end ^ is_reversed]);
	}
}

static struct route route_of(const struct object *object, uint32_t number, bool is_reversed)
{
	const struct link *link = &object->link;

	return (struct route){
		.link_count = 1,
		.links = {number},
		.is_reversed = {is_reversed},
		.is_open = link->admin == ADMIN_UP,
		.rtt_ns = link->rtt_ns,
		.cost = link->cost,
		.srlg_count = link->srlg_count,
		.srlgs = link->srlgs,
	};
}

static int by_name(const void *a, const void *b)
{
	const struct ledger_link *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

/* The links between the path's sites, by name: the order in which they came must not matter. */
static void find_links(struct place *place)
{
	const struct path *path = &place->object->path;
	const struct key_node *node = key_index_first(&place->rules->ledger->site_links,
						      ledger_key(path->ends[END_A].site));

	for (; node && place->count < ROUTES_MAX; node = key_index_next(node)) {
		const struct ledger_link *link = node->owner;
		int end = node == &link->by_site[END_Z];

		if (!strcmp(link->sites[end], path->ends[END_A].site) &&
		    !strcmp(link->sites[!end], path->ends[END_Z].site))
			place->links[place->count++] = link;
	}
	qsort(place->links, place->count, sizeof(place->links[0]), by_name);
}

static void fill_options(struct place *place)
{
	const struct path *path = &place->object->path;

	place->request.current = ADMISSION_NO_OPTION;
	place->calendar_count = 2 * place->count;
	for (uint32_t i = 0; i < place->count; i++) {
		const struct ledger_link *row = place->links[i];
		const struct object *link = draft_get(place->rules->draft, KIND_LINK, row->name);
		bool is_reversed = strcmp(row->sites[END_A], path->ends[END_A].site) != 0;

		place->options[i].route = route_of(link, i, is_reversed);
		place->options[i].medium = ledger_medium(row, is_reversed);
		fill_calendars(place, i, &link->link);
		if (!strcmp(row->name, path->assigned.link))
			place->request.current = i;
	}
}

static bool is_ended(const struct path *path)
{
	return path->assigned.is_deleting || path->assigned.life == LIFE_EXPIRED;
}

/* A path that is gone, is going or has no link shares nothing. */
static void note_diverse(struct place *place, const char *name)
{
	const struct draft *draft = place->rules->draft;
	const struct object *other = draft_get(draft, KIND_PATH, name), *link;
	uint32_t number = 0, count = place->request.rules.diverse_count;
	struct route *diverse;

	if (!other || is_ended(&other->path) || place->is_short)
		return;
	link = draft_get(draft, KIND_LINK, other->path.assigned.link);
	if (!link)
		return;
	while (number < place->count && strcmp(place->links[number]->name, link->name) != 0)
		number++;
	diverse = realloc(place->diverse, (count + 1) * sizeof(*diverse));
	place->is_short = !diverse;
	if (!diverse)
		return;
	diverse[count] = route_of(link, number, other->path.assigned.is_reversed);
	place->diverse = diverse;
	place->request.rules.diverse_from = diverse;
	place->request.rules.diverse_count = count + 1;
}

/* The path that it names, and those that name it. */
static void fill_diverse(struct place *place)
{
	const struct object *object = place->object;
	const struct key_node *node =
		key_index_first(&place->rules->ledger->diverse_paths, ledger_key(object->name));

	if (object->path.diverse_from[0])
		note_diverse(place, object->path.diverse_from);
	for (; node; node = key_index_next(node)) {
		const struct ledger_path *row = node->owner;

		if (strcmp(row->name, object->name) != 0)
			note_diverse(place, row->name);
	}
}

/* What the tenant's other paths have booked, against one of its limits. */
static void fill_limit(struct place *place, uint64_t limit, enum admission_resource resource)
{
	uint32_t index = place->calendar_count;
	const struct key_node *node;

	if (!limit)
		return;
	place->calendars[index].limit = limit;
	place->calendar_count++;
	node = key_index_first(&place->rules->ledger->tenant_paths,
			       ledger_key(place->object->path.tenant));
	for (; node; node = key_index_next(node)) {
		const struct ledger_path *row = node->owner;

		if (row != place->self)
			note_booking(place, index, row, row->claim.amounts[resource]);
	}
	for (uint32_t i = 0; i < place->count; i++)
		place->options[i].calendars[resource] = &place->calendars[index];
}

static void fill_tenant(struct place *place)
{
	const char *name = place->object->path.tenant;
	const struct object *tenant = draft_get(place->rules->draft, KIND_TENANT, name);

	if (!name[0] || !tenant)
		return;
	fill_limit(place, tenant->tenant.rate_bps, ADMISSION_TENANT_RATE);
	fill_limit(place, tenant->tenant.buffer_bytes, ADMISSION_TENANT_BUFFER);
}

static void fill_ask(struct place *place)
{
	const struct path *path = &place->object->path;
	const struct object *tenant = draft_get(place->rules->draft, KIND_TENANT, path->tenant);
	struct admission_ask *ask = &place->request.ask;
	uint64_t now_ns = place->rules->now_ns;

	memcpy(ask->rate_bps, path->rate_bps, sizeof(ask->rate_bps));
	memcpy(ask->max_bps, path->max_bps, sizeof(ask->max_bps));
	ask->start_ns = path->start_ns > now_ns ? path->start_ns : now_ns;
	ask->end_ns = path_end_ns(path);
	place->request.rules.rtt_max_ns = path->rtt_max_ns;
	if (!path->tenant[0] || !tenant || !tenant->tenant.horizon_ns)
		return;
	ask->latest_ns = now_ns + tenant->tenant.horizon_ns;
	if (path->end_ns && ask->latest_ns > path->end_ns - ask->start_ns)
		ask->latest_ns -= path->end_ns - ask->start_ns;
}

static struct place *place_make(const struct rules *rules, const struct object *object,
				bool has_quota)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->rules = rules;
	place->object = object;
	place->self = ledger_path(rules->ledger, object->name);
	find_links(place);
	fill_options(place);
	if (has_quota)
		fill_tenant(place);
	fill_diverse(place);
	fill_ask(place);
	place->bookings = calloc(place->entry_count + 1, sizeof(*place->bookings));
	if (!place->is_short && place->bookings) {
		calendar_group(place->entries, place->entry_count, place->bookings,
			       place->calendars, place->calendar_count);
		place->scratch = calloc(admission_scratch_count(place->options, place->count) + 1,
					sizeof(*place->scratch));
	}
	if (place->scratch)
		return place;
	place_free(place);
	return NULL;
}

bool rules_place_path(const struct rules *rules, struct draft_item *item, bool has_quota)
{
	struct path_assignment *assigned = &item->object.path.assigned;
	struct place *place = place_make(rules, &item->object, has_quota);
	struct admission_verdict verdict;
	bool is_placed;

	if (!place) {
		rules_no_memory(rules);
		return false;
	}
	is_placed = admission_decide(&place->request, place->options, place->count, place->scratch,
				     &verdict) == ADMISSION_OK;
	if (is_placed) {
		model_name_set(assigned->link, place->links[verdict.option]->name);
		assigned->is_reversed = place->options[verdict.option].route.is_reversed[0];
	} else {
		rules_refuse_path(rules, item, &verdict, place->links);
	}
	place_free(place);
	return is_placed;
}

/* What could be guaranteed there both ways during all of the path's time. */
static uint64_t option_room_bps(struct place *place, const struct admission_option *option)
{
	const struct admission_ask *ask = &place->request.ask;
	uint64_t wire_bps = admission_wire_bps(&option->medium, GIGABIT), room_bps = UINT64_MAX;

	for (int way = ADMISSION_RATE_A; way <= ADMISSION_RATE_Z; way++) {
		const struct calendar *calendar = option->calendars[way];
		uint64_t peak =
			calendar_peak(calendar, ask->start_ns, ask->end_ns, NULL, place->scratch);
		uint64_t left = peak < calendar->limit ? calendar->limit - peak : 0;
		uint64_t inner = (uint64_t)((unsigned __int128)left * GIGABIT / wire_bps);

		room_bps = inner < room_bps ? inner : room_bps;
	}
	return room_bps;
}

bool rules_find_way(const struct rules *rules, const struct object *object, uint64_t *rtt_ns,
		    uint64_t *room_bps)
{
	struct place *place = place_make(rules, object, false);

	*rtt_ns = *room_bps = 0;
	if (!place) {
		rules_no_memory(rules);
		return false;
	}
	for (uint32_t i = 0; i < place->count; i++) {
		const struct admission_option *option = &place->options[i];
		uint64_t room = option_room_bps(place, option);

		if (route_check(&option->route, &place->request.rules) != ROUTE_GOOD ||
		    room <= *room_bps)
			continue;
		*room_bps = room;
		*rtt_ns = option->route.rtt_ns;
	}
	place_free(place);
	return true;
}
