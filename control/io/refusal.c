#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/rfc3339.h"
#include "control/core/units.h"
#include "control/io/resource_json.h"
#include "control/io/validate_internal.h"

/* Which member of the spec asks for what is not there. */
static const char *member_of(const struct admission_verdict *verdict)
{
	switch (verdict->code) {
	case ADMISSION_LATENCY:
		return "/rtt_max";
	case ADMISSION_NO_DISJOINT:
		return verdict->lacks_second ? "/protection" : "/diverse_from";
	case ADMISSION_QUOTA:
		return verdict->resource == ADMISSION_TENANT_RATE ? "/rate_bps" : "/max_bps";
	case ADMISSION_NO_BANDWIDTH:
		return "/rate_bps";
	case ADMISSION_NO_BUFFERS:
		return "/max_bps";
	default:
		return "";
	}
}

/* What binds: where, how much of it is wanted, and how much of it is booked when. */
static void binding_text(const struct path *path, const struct admission_verdict *verdict,
			 const struct ledger_link *link, char *text, size_t size)
{
	bool is_tenant = verdict->code == ADMISSION_QUOTA;
	bool is_rate =
		verdict->resource <= ADMISSION_RATE_Z || verdict->resource == ADMISSION_TENANT_RATE;
	int end = verdict->resource == ADMISSION_RATE_Z || verdict->resource == ADMISSION_BUFFER_Z;
	int at = end ^ (strcmp(link->sites[END_A], path->ends[END_A].site) != 0);
	char numbers[3][UNITS_TEXT_BYTES], when[RFC3339_TEXT_BYTES];
	const uint64_t values[3] = {verdict->wanted, verdict->booked, verdict->limit};

	for (int i = 0; i < 3; i++) {
		if (is_rate)
			units_format_rate(values[i], numbers[i], sizeof(numbers[i]));
		else
			units_format_size(values[i], numbers[i], sizeof(numbers[i]));
	}
	rfc3339_format(verdict->at_ns / 1000000000 * 1000000000, when);
	if (is_tenant) {
		snprintf(text, size, "tenant %s has %s of %s%s from %s, and it needs %s",
			 path->tenant, numbers[1], numbers[2], is_rate ? "" : " of buffers", when,
			 numbers[0]);
		return;
	}
	snprintf(text, size, "%s%s %s%s%s: it needs %s, and %s of %s are booked from %s",
		 verdict->lacks_second ? "its backup would be on " : "",
		 is_rate ? "link" : "buffers of gateway", is_rate ? link->name : link->gateways[at],
		 is_rate ? " leaving site " : "", is_rate ? path->ends[end].site : "", numbers[0],
		 numbers[1], numbers[2], when);
}

static void refusal_text(const struct path *path, const struct admission_verdict *verdict,
			 const struct ledger_link *const links[], char *text, size_t size)
{
	const char *a = path->ends[END_A].site, *z = path->ends[END_Z].site;
	char limit[UNITS_TEXT_BYTES];

	units_format_time(path->rtt_max_ns, limit, sizeof(limit));
	switch (verdict->code) {
	case ADMISSION_NO_ROUTE:
		if (path->pin[0]) {
			snprintf(text, size,
				 "link %s, which it asks for, is not up or does not "
				 "join %s and %s",
				 path->pin, a, z);
			return;
		}
		snprintf(text, size, "no link that is up joins %s and %s", a, z);
		return;
	case ADMISSION_LATENCY:
		snprintf(text, size, "no link from %s to %s has a round trip of %s or less", a, z,
			 limit);
		return;
	case ADMISSION_NO_DISJOINT:
		if (verdict->lacks_second) {
			snprintf(text, size,
				 "there is no second link from %s to %s that shares no "
				 "risk with the first, for its backup",
				 a, z);
			return;
		}
		snprintf(text, size, "no link from %s to %s shares no risk with %s%s", a, z,
			 path->diverse_from[0] ? "path " : "the paths that must stay apart from it",
			 path->diverse_from);
		return;
	default:
		binding_text(path, verdict, links[verdict->option], text, size);
	}
}

/* The spec with the offer in the place of what was asked. */
static void offer_take(struct path *path, const struct admission_offer *offer)
{
	if (offer->kind == ADMISSION_OFFER_RATE) {
		memcpy(path->rate_bps, offer->ask.rate_bps, sizeof(path->rate_bps));
		memcpy(path->max_bps, offer->ask.max_bps, sizeof(path->max_bps));
	}
	if (offer->kind == ADMISSION_OFFER_START)
		path->start_ns = offer->ask.start_ns;
	if (offer->kind != ADMISSION_OFFER_RATE && offer->ask.end_ns != CALENDAR_FOREVER)
		path->end_ns = offer->ask.end_ns;
}

/* The spec's members that differ, beside the kind and the spec as it can be put. */
static json_t *offer_json(const struct object *asked, const struct object *offered,
			  const char *kind)
{
	json_t *before = path_spec_json(asked), *spec = path_spec_json(offered);
	json_t *json = json_pack("{s:s}", "kind", kind), *value;
	const char *key;

	json_object_foreach (spec, key, value) {
		if (!json_equal(value, json_object_get(before, key)))
			json_object_set(json, key, value);
	}
	json_object_set_new(json, "spec", spec);
	json_decref(before);
	return json;
}

/* Admission knows links and gateways; an offer must please the other rules too. */
static bool offer_holds(const struct rules *rules, const struct object *offered)
{
	const char *member;
	uint64_t last_ns;
	char text[400];

	return !rules_find_quota(rules, offered, text, sizeof(text), &member, &last_ns) &&
	       !rules_find_conflict(rules, offered);
}

static json_t *offers_json(const struct rules *rules, const struct draft_item *item,
			   const struct admission_verdict *verdict)
{
	struct object *offered = malloc(sizeof(*offered));
	json_t *list = json_array();

	for (uint32_t i = 0; i < verdict->offer_count && offered; i++) {
		const struct admission_offer *offer = &verdict->offers[i];

		*offered = item->object;
		offer_take(&offered->path, offer);
		if (offer_holds(rules, offered))
			json_array_append_new(list, offer_json(&item->object, offered,
							       admission_offer_name(offer->kind)));
	}
	free(offered);
	return list;
}

void rules_note_refused(const struct rules *rules, const struct object *object,
			const struct admission_verdict *verdict)
{
	const struct path *path = &object->path;
	bool is_kept = path->assigned.cluster[0];
	struct refused *refused = rules->refused;

	if (!refused || refused->why != REFUSED_OTHER || problem_is_set(rules->problem))
		return;
	refused->why = verdict ? REFUSED_ROOM : REFUSED_HORIZON;
	refused->kind = is_kept ? KIND_CLUSTER : KIND_PATH;
	model_name_set(refused->name, is_kept ? path->assigned.cluster : object->name);
	for (int end = 0; end < 2; end++) {
		memcpy(refused->sites[end], path->ends[end].site, MODEL_NAME_BYTES);
		if (path->rate_bps[end] > refused->rate_bps)
			refused->rate_bps = path->rate_bps[end];
	}
	refused->has_pair = is_kept;
	for (uint32_t i = 0; verdict && i < verdict->offer_count; i++) {
		const struct admission_offer *offer = &verdict->offers[i];

		if (offer->kind == ADMISSION_OFFER_START) {
			refused->later_ns = offer->ask.start_ns;
			refused->later_end_ns = offer->ask.end_ns;
		} else if (offer->kind == ADMISSION_OFFER_WINDOW) {
			refused->end_ns = offer->ask.end_ns;
		}
	}
}

void rules_refuse_path(const struct rules *rules, const struct draft_item *item,
		       const struct admission_verdict *verdict,
		       const struct ledger_link *const links[])
{
	char text[400];

	if (problem_is_set(rules->problem))
		return;
	if (verdict->code >= ADMISSION_NO_BANDWIDTH)
		rules_note_refused(rules, &item->object, verdict);
	refusal_text(&item->object.path, verdict, links, text, sizeof(text));
	rules_refuse(rules, item, admission_code_name(verdict->code), member_of(verdict),
		     "path %s: %s", item->name, text);
	/* A path of a cluster cannot be put by itself: what is offered is a cluster. */
	if (!item->object.path.assigned.cluster[0])
		problem_offer(rules->problem, offers_json(rules, item, verdict));
}
