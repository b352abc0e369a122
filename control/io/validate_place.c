#include <stdlib.h>
#include <string.h>

#include "control/io/validate_place.h"

void place_free(struct place *place)
{
	if (!place)
		return;
	free(place->entries);
	free(place->bookings);
	free(place->scratch);
	free(place->diverse);
	free(place);
}

static void note_booking(struct place *place, uint32_t calendar, uint64_t start_ns, uint64_t end_ns,
			 uint64_t amount)
{
	if (!amount || start_ns >= end_ns || place->is_short)
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
		.booking = {start_ns, end_ns, amount},
	};
}

/* The paths of a link but the one that is asked for; resource: of the link's end A. */
static void note_link(struct place *place, const struct ledger_link *link, int end,
		      enum admission_resource resource, uint32_t calendar)
{
	const struct key_node *node =
		key_index_first(&place->rules->ledger->link_paths, ledger_key(link->name));

	for (; node; node = key_index_next(node)) {
		const struct ledger_booking *booking = node->owner;
		int from = end ^ booking->is_reversed;

		if (booking->path != place->self)
			note_booking(place, calendar, booking->path->start_ns, booking->end_ns,
				     booking->claim.amounts[resource + from]);
	}
}

/* What the operator gives to paths, or what the gateway says that it has; 0: not known yet. */
static uint64_t gateway_buffer_bytes(const struct place *place, const struct object *gateway)
{
	const struct ledger_traits *traits =
		name_index_get(&place->rules->ledger->traits, gateway->name);

	if (gateway->gateway.buffer_bytes || !traits)
		return gateway->gateway.buffer_bytes;
	return traits->buffer_bytes;
}

/* The calendar of a gateway's buffers; NULL where it has no limit. */
static const struct calendar *gateway_calendar(struct place *place, const char *name)
{
	const struct object *gateway = draft_get(place->rules->draft, KIND_GATEWAY, name);
	const struct ledger *ledger = place->rules->ledger;
	const struct key_node *node;
	uint64_t limit = gateway ? gateway_buffer_bytes(place, gateway) : 0;
	uint32_t index = 0;

	if (!limit)
		return NULL;
	for (; index < place->calendar_count; index++) {
		if (place->gateways[index] && !strcmp(place->gateways[index], name))
			return &place->calendars[index];
	}
	place->calendar_count++;
	place->gateways[index] = gateway->name;
	place->calendars[index].limit = limit;
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

/* Not for a path that is there already, or has a place there. */
static bool is_full(struct place *place, const struct ledger_link *link)
{
	const struct path_assignment *assigned = &place->object->path.assigned;
	const char *full = NULL;

	if (strcmp(link->name, assigned->link) != 0 && strcmp(link->name, assigned->backup) != 0 &&
	    strcmp(link->name, assigned->from) != 0)
		full = rules_find_full(place->rules, place->object, link);
	if (full)
		place->full = full;
	return full;
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
		    !strcmp(link->sites[!end], path->ends[END_Z].site) && !is_full(place, link))
			place->links[place->count++] = link;
	}
	qsort(place->links, place->count, sizeof(place->links[0]), by_name);
}

/* Numbers for the gateways at the path's ends of an option: of the first that names them. */
static void number_gateways(struct place *place, uint32_t index)
{
	struct admission_option *option = &place->options[index];

	for (int end = 0; end < 2; end++) {
		const char *name =
			place->links[index]->gateways[end ^ option->route.is_reversed[0]];
		uint32_t i = 0;

		while (strcmp(place->links[i]
				      ->gateways[end ^ place->options[i].route.is_reversed[0]],
			      name) != 0)
			i++;
		option->gateways[end] = i;
	}
}

static void fill_options(struct place *place)
{
	const struct path *path = &place->object->path;

	place->request.current = place->second = ADMISSION_NO_OPTION;
	place->calendar_count = 2 * place->count;
	for (uint32_t i = 0; i < place->count; i++) {
		const struct ledger_link *row = place->links[i];
		const struct object *link = draft_get(place->rules->draft, KIND_LINK, row->name);
		bool is_reversed = strcmp(row->sites[END_A], path->ends[END_A].site) != 0;

		place->options[i].route = route_of(link, i, is_reversed);
		place->options[i].medium = ledger_medium(row, is_reversed);
		fill_calendars(place, i, &link->link);
		number_gateways(place, i);
		if (!strcmp(row->name, path->assigned.link))
			place->request.current = i;
		if (!strcmp(row->name, path->assigned.backup))
			place->second = i;
	}
}

static bool is_ended(const struct path *path)
{
	return path->assigned.is_deleting || path->assigned.life == LIFE_EXPIRED;
}

static void note_diverse_link(struct place *place, const struct path *other, const char *name)
{
	const struct object *link = draft_get(place->rules->draft, KIND_LINK, name);
	uint32_t number = 0, count = place->request.rules.diverse_count;
	struct route *diverse;

	if (!link || place->is_short)
		return;
	while (number < place->count && strcmp(place->links[number]->name, link->name) != 0)
		number++;
	diverse = realloc(place->diverse, (count + 1) * sizeof(*diverse));
	place->is_short = !diverse;
	if (!diverse)
		return;
	diverse[count] = route_of(link, number, other->assigned.is_reversed);
	place->diverse = diverse;
	place->request.rules.diverse_from = diverse;
	place->request.rules.diverse_count = count + 1;
}

/* A path that is gone, is going or has no link shares nothing; one may be on its backup soon. */
static void note_diverse(struct place *place, const char *name)
{
	const struct object *other = draft_get(place->rules->draft, KIND_PATH, name);

	if (!other || is_ended(&other->path))
		return;
	note_diverse_link(place, &other->path, other->path.assigned.link);
	note_diverse_link(place, &other->path, other->path.assigned.backup);
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
			note_booking(place, index, row->start_ns, row->end_ns,
				     row->claim.amounts[resource]);
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

struct place *place_make(const struct rules *rules, const struct object *object, bool has_quota)
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

bool rules_place_path(const struct rules *rules, struct draft_item *item, bool is_asked)
{
	bool has_quota = is_asked && rules_wants_more(item);
	struct place *place = place_make(rules, &item->object, has_quota);
	struct admission_verdict verdict;
	struct choice choice;
	bool is_placed;

	if (!place) {
		rules_no_memory(rules);
		return false;
	}
	is_placed = place_choose(place, is_asked, &choice, &verdict);
	if (is_placed)
		place_take(place, &choice, &item->object.path.assigned);
	else if (place->full && !place->count)
		rules_refuse(rules, item, "too-many-paths", "",
			     "path %s: a gateway carries at most %u paths at a time, and %s has "
			     "them in its window: delete some, or give the site another gateway",
			     item->name, INTENT_PATHS_MAX, place->full);
	else
		rules_refuse_path(rules, item, &verdict, place->links);
	place_free(place);
	return is_placed;
}

void rules_note_times(const struct rules *rules, const struct object *object)
{
	struct place *place = place_make(rules, object, false);
	struct admission_verdict verdict;

	if (place && admission_decide(&place->request, place->options, place->count, place->scratch,
				      &verdict) != ADMISSION_OK)
		rules_note_refused(rules, object, &verdict);
	/* The plan knows already that there is none without this pair. */
	if (rules->refused)
		rules->refused->has_pair = false;
	place_free(place);
}
