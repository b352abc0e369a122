/*
 * A draft is tried as often as it takes: a cluster whose plan does not fit is planned again without
 * the pair that was refused, and what a refusal offers instead was tried as a whole, as if it had
 * been put. So an offer that is taken is granted, whatever was in the way of the request.
 */
#include <stdlib.h>
#include <string.h>

#include "control/core/rfc3339.h"
#include "control/io/resource_json.h"
#include "control/io/validate_internal.h"

/*
 * Plans that are tried for a request, and for an offer: what the fewer find, the more do, too. The
 * ring of twelve sites takes a millisecond or two each time, and nobody else is served meanwhile.
 */
#define PLANS_MAX	CLOSED_PAIRS_MAX
#define OFFER_PLANS_MAX 2
/* Times that are tried for one offer. */
#define TIMES_MAX 8
/* Larger requests, and those that change links, get no offers: each try looks at all of it. */
#define OFFER_ITEMS_MAX 16

/* Copies what a draft changes into another one of the same store. False without memory. */
static bool draft_take(struct draft *to, const struct draft *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct draft_item *item = from->items[i];
		struct object *object;

		if (item->is_delete) {
			if (draft_delete(to, item->kind, item->name))
				return false;
			continue;
		}
		object = draft_edit(to, item->kind, item->name);
		if (!object)
			return false;
		*object = item->object;
		memcpy(draft_find(to, item->kind, item->name)->pointer, item->pointer,
		       sizeof(item->pointer));
	}
	return true;
}

static struct draft draft_copy(const struct draft *draft)
{
	struct draft copy = draft_begin(draft->store);

	copy.actor = draft->actor;
	copy.tenant = draft->tenant;
	return copy;
}

/* One plan. The draft is changed only when it holds. */
static bool try_once(struct draft *draft, const struct closed_pairs *closed,
		     struct refused *refused, struct problem *problem)
{
	struct draft copy = draft_copy(draft);
	bool holds = draft_take(&copy, draft);

	if (!holds)
		problem_set(problem, 503, "out-of-memory", "try again");
	holds = holds && rules_run(&copy, closed, refused, problem);
	if (holds && !draft_take(draft, &copy)) {
		problem_set(problem, 503, "out-of-memory", "try again");
		holds = false;
	}
	draft_free(&copy);
	return holds;
}

/* Is there perhaps another plan without this pair? */
static bool pair_close(struct closed_pairs *closed, const struct draft *draft,
		       const struct refused *refused)
{
	const struct object *cluster = draft_get(draft, KIND_CLUSTER, refused->name);
	struct closed_pair *pair = &closed->pairs[closed->count];

	if (refused->why != REFUSED_ROOM || !refused->has_pair || !cluster ||
	    cluster->cluster.demand.pattern == CLUSTER_MATRIX || cluster->cluster.member_count <= 2)
		return false;
	memcpy(pair->cluster, refused->name, sizeof(pair->cluster));
	memcpy(pair->sites, refused->sites, sizeof(pair->sites));
	closed->count++;
	return true;
}

/* The first plan is the best: when no other one holds either, its refusal is that of the request.
 */
static bool try_plans(struct draft *draft, uint32_t plans, struct known_pairs *known,
		      struct refused *refused, struct problem *problem)
{
	struct closed_pairs closed = {.known = known};
	bool holds = try_once(draft, &closed, refused, problem);
	struct refused why = *refused;

	while (!holds && closed.count + 1 < plans && pair_close(&closed, draft, &why)) {
		struct problem other = {0};

		memset(&why, 0, sizeof(why));
		holds = try_once(draft, &closed, &why, &other);
		problem_clear(&other);
	}
	if (holds)
		problem_clear(problem);
	return holds;
}

/* ---- offers ---- */

/* What is offered, and why it was not to be had. */
struct attempt {
	const struct draft *draft; /* as it was asked */
	const struct object *asked;
	struct object object; /* with another spec */
	struct known_pairs known;
	struct refused refused;
	struct problem problem;
};

static struct attempt *attempt_make(const struct draft *draft, const struct refused *refused)
{
	const struct draft_item *item = draft_find(draft, refused->kind, refused->name);
	struct attempt *attempt = item ? calloc(1, sizeof(*attempt)) : NULL;

	if (!attempt)
		return NULL;
	attempt->draft = draft;
	attempt->asked = &item->object;
	attempt->object = item->object;
	attempt->refused = *refused;
	return attempt;
}

static void attempt_free(struct attempt *attempt)
{
	problem_clear(&attempt->problem);
	free(attempt);
}

/* Would the request be taken with this spec in the place of what was asked? */
static bool attempt_holds(struct attempt *attempt)
{
	struct draft copy = draft_copy(attempt->draft);
	struct object *object = NULL;
	bool holds;

	problem_clear(&attempt->problem);
	memset(&attempt->refused, 0, sizeof(attempt->refused));
	if (draft_take(&copy, attempt->draft))
		object = draft_edit(&copy, attempt->asked->kind, attempt->asked->name);
	if (object)
		*object = attempt->object;
	holds = object && try_plans(&copy, OFFER_PLANS_MAX, &attempt->known, &attempt->refused,
				    &attempt->problem);
	draft_free(&copy);
	return holds;
}

static struct path *attempt_terms(struct attempt *attempt)
{
	return attempt->object.kind == KIND_CLUSTER ? &attempt->object.cluster.path
						    : &attempt->object.path;
}

static void time_set(json_t *json, const char *key, uint64_t ns)
{
	char text[RFC3339_TEXT_BYTES];

	if (!ns)
		return;
	rfc3339_format(ns, text);
	json_object_set_new(json, key, json_string(text));
}

/* The members that differ from what was asked, and the spec as it can be put. */
static json_t *attempt_json(struct attempt *attempt, const char *kind)
{
	struct path *terms = attempt_terms(attempt);
	bool is_cluster = attempt->object.kind == KIND_CLUSTER;
	json_t *json = json_pack("{s:s}", "kind", kind);

	if (is_cluster && !strcmp(kind, "rate") && attempt->object.cluster.demand.rate_bps)
		json_object_set_new(
			json, "rate_bps",
			json_integer((json_int_t)attempt->object.cluster.demand.rate_bps));
	if (strcmp(kind, "rate") != 0)
		time_set(json, "end", terms->end_ns);
	if (!strcmp(kind, "start"))
		time_set(json, "start", terms->start_ns);
	json_object_set_new(json, "spec",
			    is_cluster ? cluster_spec_json(&attempt->object)
				       : path_spec_json(&attempt->object));
	return json;
}

/* The rates of a matrix in proportion, the highest one becomes cap_bps. */
static void matrix_cap(struct cluster_demand *demand, uint64_t high_bps, uint64_t cap_bps)
{
	uint64_t *rates = &demand->matrix_bps[0][0];

	for (size_t i = 0; i < CLUSTER_MEMBERS_MAX * CLUSTER_MEMBERS_MAX; i++) {
		uint64_t bps = (uint64_t)((unsigned __int128)rates[i] * cap_bps / high_bps);

		bps -= bps % ADMISSION_OFFER_BPS;
		if (rates[i])
			rates[i] = bps > CLUSTER_RATE_MIN_BPS ? bps : CLUSTER_RATE_MIN_BPS;
	}
}

static uint64_t matrix_high(const struct cluster_demand *demand)
{
	const uint64_t *rates = &demand->matrix_bps[0][0];
	uint64_t high_bps = 0;

	for (size_t i = 0; i < CLUSTER_MEMBERS_MAX * CLUSTER_MEMBERS_MAX; i++)
		high_bps = rates[i] > high_bps ? rates[i] : high_bps;
	return high_bps;
}

/* A demand by bytes becomes one by rate: its steps take longer than was asked, and say so. */
static void demand_cap(struct attempt *attempt, uint64_t cap_bps)
{
	const struct cluster_demand *asked = &attempt->asked->cluster.demand;
	struct cluster_demand *demand = &attempt->object.cluster.demand;

	*demand = *asked;
	if (demand->pattern == CLUSTER_MATRIX) {
		matrix_cap(demand, matrix_high(asked), cap_bps);
		return;
	}
	demand->rate_bps = cap_bps;
	demand->efficiency_pct = 0;
}

/* The most that all of the cluster's paths can have at once. */
static json_t *offer_rate(struct attempt *attempt, uint64_t asked_bps)
{
	uint64_t low = 0, high = asked_bps / ADMISSION_OFFER_BPS;

	if (asked_bps > CLUSTER_RATE_MAX_BPS)
		high = CLUSTER_RATE_MAX_BPS / ADMISSION_OFFER_BPS;
	while (low < high) {
		uint64_t middle = (low + high + 1) / 2;

		demand_cap(attempt, middle * ADMISSION_OFFER_BPS);
		if (attempt_holds(attempt))
			low = middle;
		else
			high = middle - 1;
	}
	if (!low)
		return NULL;
	demand_cap(attempt, low * ADMISSION_OFFER_BPS);
	return attempt_json(attempt, "rate");
}

/* All of it, later: from when the path that was refused could be had, until all can. */
static json_t *offer_start(struct attempt *attempt)
{
	struct path *terms = attempt_terms(attempt);
	uint64_t lasts_ns = attempt->refused.later_end_ns - attempt->refused.later_ns;

	for (int tries = 0; tries < TIMES_MAX && attempt->refused.later_ns; tries++) {
		uint64_t start_ns = attempt->refused.later_ns;

		if (start_ns <= terms->start_ns)
			return NULL;
		terms->start_ns = start_ns;
		if (terms->end_ns)
			terms->end_ns = start_ns + lasts_ns;
		if (attempt_holds(attempt))
			return attempt_json(attempt, "start");
	}
	return NULL;
}

/* All of it, for as long as every path can be had. */
static json_t *offer_window(struct attempt *attempt)
{
	struct path *terms = attempt_terms(attempt);

	for (int tries = 0; tries < TIMES_MAX && attempt->refused.end_ns; tries++) {
		uint64_t end_ns = attempt->refused.end_ns;

		if (terms->end_ns && end_ns >= terms->end_ns)
			return NULL;
		terms->end_ns = end_ns;
		if (attempt_holds(attempt))
			return attempt_json(attempt, "window");
	}
	return NULL;
}

typedef json_t *offer_function(struct attempt *attempt);

static json_t *offer_cluster_rate(struct attempt *attempt)
{
	return offer_rate(attempt, attempt->asked->cluster.demand.pattern == CLUSTER_MATRIX
					   ? matrix_high(&attempt->asked->cluster.demand)
					   : attempt->refused.rate_bps);
}

static void offer_add(json_t *list, offer_function *offer, const struct draft *draft,
		      const struct refused *refused)
{
	struct attempt *attempt = attempt_make(draft, refused);
	json_t *json = attempt ? offer(attempt) : NULL;

	if (json)
		json_array_append_new(list, json);
	if (attempt)
		attempt_free(attempt);
}

/* No further ahead than the tenant may; and where that alone does not help, what then does. */
static json_t *offers_in_horizon(const struct draft *draft, const struct refused *refused)
{
	struct attempt *attempt = attempt_make(draft, refused);
	json_t *offers = NULL;

	if (!attempt)
		return NULL;
	if (refused->end_ns > attempt_terms(attempt)->start_ns) {
		attempt_terms(attempt)->end_ns = refused->end_ns;
		if (attempt_holds(attempt))
			offers = json_pack("[o]", attempt_json(attempt, "window"));
		else if (attempt->refused.why == REFUSED_ROOM && attempt->object.kind == KIND_PATH)
			offers = json_incref(attempt->problem.offers);
	}
	attempt_free(attempt);
	return offers;
}

static bool has_ground(const struct draft *draft)
{
	for (size_t i = 0; i < draft->count; i++) {
		if (draft->items[i]->kind < KIND_PATH)
			return true;
	}
	return false;
}

static void offers_make(const struct draft *draft, const struct refused *refused,
			struct problem *problem)
{
	json_t *list;

	if (refused->why == REFUSED_OTHER || draft->count > OFFER_ITEMS_MAX || has_ground(draft))
		return;
	if (refused->why == REFUSED_HORIZON) {
		list = offers_in_horizon(draft, refused);
		problem_offer(problem, list ? list : json_array());
		return;
	}
	if (refused->kind != KIND_CLUSTER)
		return;
	list = json_array();
	offer_add(list, offer_cluster_rate, draft, refused);
	offer_add(list, offer_start, draft, refused);
	offer_add(list, offer_window, draft, refused);
	problem_offer(problem, list);
}

static bool has_cluster(const struct draft *draft)
{
	for (size_t i = 0; i < draft->count; i++) {
		if (draft->items[i]->kind == KIND_CLUSTER)
			return true;
	}
	return false;
}

bool validate_draft(struct draft *draft, struct problem *problem)
{
	static const struct closed_pairs none;
	struct known_pairs known = {.cluster = ""};
	struct refused refused = {0};
	bool holds;

	if (has_cluster(draft))
		holds = try_plans(draft, PLANS_MAX, &known, &refused, problem);
	else
		holds = rules_run(draft, &none, &refused, problem);
	if (!holds && (draft->count == 1 || refused.kind == KIND_CLUSTER))
		offers_make(draft, &refused, problem);
	return holds;
}
