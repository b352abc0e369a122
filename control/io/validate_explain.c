/*
 * Why a path is on its link and not on another one, and what it takes there: the same look as
 * admission's, told instead of decided.
 */
#include <stdio.h>
#include <string.h>

#include "control/core/units.h"
#include "control/io/validate_place.h"

#define GIGABIT 1000000000ull

static const struct {
	const char *code, *unit;
	bool is_rate;
} resources[ADMISSION_RESOURCES] = {
	[ADMISSION_RATE_A] = {"link-rate", "bps", true},
	[ADMISSION_RATE_Z] = {"link-rate", "bps", true},
	[ADMISSION_BUFFER_A] = {"gateway-buffers", "bytes", false},
	[ADMISSION_BUFFER_Z] = {"gateway-buffers", "bytes", false},
	[ADMISSION_TENANT_RATE] = {"tenant-rate", "bps", true},
	[ADMISSION_TENANT_BUFFER] = {"tenant-buffers", "bytes", false},
};

static uint64_t booked_by_others(struct place *place, const struct calendar *calendar)
{
	const struct admission_ask *ask = &place->request.ask;

	return calendar_peak(calendar, ask->start_ns, ask->end_ns, NULL, place->scratch);
}

/* What the path could be guaranteed there each way, with what it has there already. */
static void room_find(struct place *place, const struct admission_option *option, uint64_t room[2])
{
	uint64_t wire_bps = admission_wire_bps(&option->medium, GIGABIT);

	for (int end = 0; end < 2; end++) {
		const struct calendar *calendar = option->calendars[ADMISSION_RATE_A + end];
		uint64_t peak = booked_by_others(place, calendar);
		uint64_t left = peak < calendar->limit ? calendar->limit - peak : 0;

		room[end] = (uint64_t)((unsigned __int128)left * GIGABIT / wire_bps);
	}
}

/* ---- candidates ---- */

/* Why it is not the link that the path has, though it would do. */
static void compare_text(const struct place *place, uint32_t index, char *text, size_t size)
{
	const struct route *other = &place->options[index].route, *taken;
	char a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES];
	const char *name;

	if (place->request.current == ADMISSION_NO_OPTION) {
		snprintf(text, size, "the path would fit");
		return;
	}
	taken = &place->options[place->request.current].route;
	name = place->links[place->request.current]->name;
	units_format_time(other->rtt_ns, a, sizeof(a));
	units_format_time(taken->rtt_ns, b, sizeof(b));
	if (other->cost > taken->cost)
		snprintf(text, size, "fits, but costs %llu, and link %s %llu",
			 (unsigned long long)other->cost, name, (unsigned long long)taken->cost);
	else if (other->cost == taken->cost && other->rtt_ns > taken->rtt_ns)
		snprintf(text, size, "fits, but has a round trip of %s, and link %s %s", a, name,
			 b);
	else if (other->cost == taken->cost && other->rtt_ns == taken->rtt_ns)
		snprintf(text, size,
			 "fits as well as link %s, which had more room or stood before it", name);
	else
		snprintf(text, size,
			 "fits, and would be taken first today; a path stays where it is until it "
			 "is changed or its link is drained");
}

static void binding_text(const struct admission_verdict *verdict, char *text, size_t size)
{
	const uint64_t values[] = {verdict->wanted, verdict->booked, verdict->limit};
	char numbers[3][UNITS_TEXT_BYTES];

	for (int i = 0; i < 3; i++) {
		if (resources[verdict->resource].is_rate)
			units_format_rate(values[i], numbers[i], sizeof(numbers[i]));
		else
			units_format_size(values[i], numbers[i], sizeof(numbers[i]));
	}
	snprintf(text, size, "needs %s of %s, and %s of %s are booked in its time", numbers[0],
		 resources[verdict->resource].code, numbers[1], numbers[2]);
}

/* What the link is to the path already; NULL: nothing. */
static const char *role_of(const struct path *path, const char *link, const char **text)
{
	const struct path_assignment *assigned = &path->assigned;

	if (!strcmp(assigned->link, link)) {
		*text = path_is_moving(path) ? "the path moves here" : "the path is here";
		return "taken";
	}
	if (!strcmp(assigned->from, link)) {
		*text = "carries the path until its new link is proved";
		return "leaving";
	}
	if (!strcmp(assigned->backup, link)) {
		*text = "booked for the path, should its link fail";
		return "backup";
	}
	return NULL;
}

/* By its rules alone; NULL: nothing is against it. */
static const char *rule_against(const struct place *place, uint32_t index, char *text, size_t size)
{
	const struct path *path = &place->object->path;
	const struct admission_option *option = &place->options[index];
	const char *name = place->links[index]->name;
	const struct object *link = draft_get(place->rules->draft, KIND_LINK, name);
	bool is_down = link && link->link.admin == ADMIN_DOWN;
	char have[UNITS_TEXT_BYTES], want[UNITS_TEXT_BYTES];

	units_format_time(option->route.rtt_ns, have, sizeof(have));
	units_format_time(path->rtt_max_ns, want, sizeof(want));
	switch (route_check(&option->route, &place->request.rules)) {
	case ROUTE_CLOSED:
		snprintf(text, size, "the operator %s it: it takes no path",
			 is_down ? "took down" : "drains");
		return is_down ? "down" : "drained";
	case ROUTE_SLOW:
		snprintf(text, size, "its round trip is %s, and rtt_max is %s", have, want);
		return "too-slow";
	case ROUTE_SHARED:
		snprintf(text, size, "it shares a risk with a path that must stay apart");
		return "shares-risk";
	default:
		break;
	}
	if (!path->pin[0] || !strcmp(path->pin, name))
		return NULL;
	snprintf(text, size, "the path asks for link %s", path->pin);
	return "not-pinned";
}

static const char *verdict_of(struct place *place, uint32_t index, char *text, size_t size)
{
	const struct path *path = &place->object->path;
	struct admission_verdict verdict = {0};
	const char *known = NULL, *code = role_of(path, place->links[index]->name, &known);

	if (code) {
		snprintf(text, size, "%s", known);
		return code;
	}
	code = rule_against(place, index, text, size);
	if (code)
		return code;
	if (admission_fits(&place->request.ask, &place->options[index], place->scratch, &verdict)) {
		compare_text(place, index, text, size);
		return "fits";
	}
	binding_text(&verdict, text, size);
	return admission_code_name(verdict.code);
}

static json_t *candidate_json(struct place *place, uint32_t index)
{
	const struct admission_option *option = &place->options[index];
	char text[240] = "";
	const char *verdict = verdict_of(place, index, text, sizeof(text));
	uint64_t room[2];

	room_find(place, option, room);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:{s:I, s:I}}", "link",
			 place->links[index]->name, "verdict", verdict, "text", text, "rtt_ns",
			 (json_int_t)option->route.rtt_ns, "cost", (json_int_t)option->route.cost,
			 "room_bps", "a_to_z", (json_int_t)room[END_A], "z_to_a",
			 (json_int_t)room[END_Z]);
}

/* Admission does not look at links of gateways that carry as many paths as they can. */
static void add_full(const struct place *place, json_t *list)
{
	const struct path_end *ends = place->object->path.ends;
	const struct key_node *node =
		key_index_first(&place->rules->ledger->site_links, ledger_key(ends[END_A].site));

	for (; node; node = key_index_next(node)) {
		const struct ledger_link *row = node->owner;
		int end = node == &row->by_site[END_Z];
		const struct object *link = draft_get(place->rules->draft, KIND_LINK, row->name);
		const char *full;
		char text[160];

		if (!link || strcmp(row->sites[end], ends[END_A].site) != 0 ||
		    strcmp(row->sites[!end], ends[END_Z].site) != 0)
			continue;
		full = rules_find_full(place->rules, place->object, row);
		if (!full)
			continue;
		snprintf(text, sizeof(text), "gateway %s carries as many paths as it can", full);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:I, s:I, s:{s:i, s:i}}", "link",
						row->name, "verdict", "gateway-full", "text", text,
						"rtt_ns", (json_int_t)link->link.rtt_ns, "cost",
						(json_int_t)link->link.cost, "room_bps", "a_to_z",
						0, "z_to_a", 0));
	}
}

/* ---- bookings ---- */

static const char *resource_owner(const struct place *place, const struct ledger_link *link,
				  enum admission_resource resource)
{
	bool is_reversed = strcmp(link->sites[END_A], place->object->path.ends[END_A].site) != 0;

	switch (resource) {
	case ADMISSION_RATE_A:
	case ADMISSION_RATE_Z:
		return link->name;
	case ADMISSION_BUFFER_A:
		return link->gateways[is_reversed];
	case ADMISSION_BUFFER_Z:
		return link->gateways[!is_reversed];
	default:
		return place->object->path.tenant;
	}
}

static json_t *booking_json(struct place *place, const struct admission_option *option,
			    const struct ledger_link *link, enum admission_resource resource,
			    uint64_t amount)
{
	const struct calendar *calendar = option->calendars[resource];
	uint64_t others = booked_by_others(place, calendar);
	uint64_t taken = others + amount;
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "resource",
			  resources[resource].code, "of", resource_owner(place, link, resource),
			  "unit", resources[resource].unit, "booked", (json_int_t)amount, "others",
			  (json_int_t)others, "limit", (json_int_t)calendar->limit, "room",
			  (json_int_t)(calendar->limit > taken ? calendar->limit - taken : 0));

	if (resource == ADMISSION_RATE_A || resource == ADMISSION_RATE_Z)
		json_object_set_new(
			json, "leaving",
			json_string(place->object->path.ends[resource == ADMISSION_RATE_Z].site));
	return json;
}

static double share_of(const json_t *booking)
{
	double limit = (double)json_integer_value(json_object_get(booking, "limit"));
	double room = (double)json_integer_value(json_object_get(booking, "room"));

	return limit > 0 ? 1 - room / limit : 1;
}

/* Of an option the first `count` resources. */
static void add_option(struct place *place, uint32_t index, int count, json_t *list)
{
	const struct admission_option *option = &place->options[index];
	struct admission_claim claim;

	admission_claim_make(&place->request.ask, &option->medium, &claim);
	for (int resource = 0; resource < count; resource++) {
		if (option->calendars[resource])
			json_array_append_new(list, booking_json(place, option, place->links[index],
								 (enum admission_resource)resource,
								 claim.amounts[resource]));
	}
}

/*
 * What it takes where it is, and the rates of its other links; the one of which least is left would
 * be the first to say no.
 */
static void add_bookings(struct place *place, json_t *json)
{
	const struct path_assignment *assigned = &place->object->path.assigned;
	json_t *list = json_array(), *tightest = NULL, *row;
	size_t i;

	add_option(place, place->request.current, ADMISSION_RESOURCES, list);
	for (uint32_t n = 0; n < place->count; n++) {
		if (n != place->request.current &&
		    (!strcmp(place->links[n]->name, assigned->backup) ||
		     !strcmp(place->links[n]->name, assigned->from)))
			add_option(place, n, ADMISSION_RATE_Z + 1, list);
	}
	json_array_foreach (list, i, row) {
		if (!tightest || share_of(row) > share_of(tightest))
			tightest = row;
	}
	json_object_set_new(json, "booked", list);
	json_object_set(json, "binding", tightest ? tightest : json_null());
}

json_t *validate_explain(struct store *store, const char *name)
{
	struct draft draft = draft_begin(store);
	const struct object *object = draft_get(&draft, KIND_PATH, name);
	struct rules rules = {
		.draft = &draft, .ledger = ledger_of(store), .now_ns = validate_now_ns()};
	json_t *json = json_pack("{s:[], s:[], s:n}", "candidates", "booked", "binding");
	struct place *place = NULL;

	if (object && rules.ledger && !ledger_open(rules.ledger, &draft)) {
		place = place_make(&rules, object, true);
		for (uint32_t i = 0; place && i < place->count; i++)
			json_array_append_new(json_object_get(json, "candidates"),
					      candidate_json(place, i));
		if (place)
			add_full(place, json_object_get(json, "candidates"));
		if (place && place->request.current != ADMISSION_NO_OPTION)
			add_bookings(place, json);
		ledger_close(rules.ledger, &draft);
	}
	place_free(place);
	draft_free(&draft);
	return json;
}
