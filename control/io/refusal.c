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
		return "/diverse_from";
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
	snprintf(text, size, "%s %s%s%s: it needs %s, and %s of %s are booked from %s",
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
		snprintf(text, size, "no link that is up joins %s and %s", a, z);
		return;
	case ADMISSION_LATENCY:
		snprintf(text, size, "no link from %s to %s has a round trip of %s or less", a, z,
			 limit);
		return;
	case ADMISSION_NO_DISJOINT:
		snprintf(text, size, "no link from %s to %s shares no risk with path %s", a, z,
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
static bool offer_holds(const struct rules *rules, const struct object *offered,
			const struct admission_claim *claim)
{
	const char *member;
	char text[400];

	return !rules_find_quota(rules, offered, claim, text, sizeof(text), &member) &&
	       !rules_find_conflict(rules, offered);
}

static json_t *offers_json(const struct rules *rules, const struct draft_item *item,
			   const struct admission_verdict *verdict,
			   const struct ledger_link *const links[])
{
	struct object *offered = malloc(sizeof(*offered));
	json_t *list = json_array();

	for (uint32_t i = 0; i < verdict->offer_count && offered; i++) {
		const struct admission_offer *offer = &verdict->offers[i];
		const struct ledger_link *link = links[offer->option];
		bool is_reversed =
			strcmp(link->sites[END_A], item->object.path.ends[END_A].site) != 0;
		struct admission_medium medium = ledger_medium(link, is_reversed);
		struct admission_claim claim;

		*offered = item->object;
		offer_take(&offered->path, offer);
		admission_claim_make(&offer->ask, &medium, &claim);
		if (offer_holds(rules, offered, &claim))
			json_array_append_new(list, offer_json(&item->object, offered,
							       admission_offer_name(offer->kind)));
	}
	free(offered);
	return list;
}

void rules_refuse_path(const struct rules *rules, const struct draft_item *item,
		       const struct admission_verdict *verdict,
		       const struct ledger_link *const links[])
{
	char text[400];

	if (problem_is_set(rules->problem))
		return;
	refusal_text(&item->object.path, verdict, links, text, sizeof(text));
	rules_refuse(rules, item, admission_code_name(verdict->code), member_of(verdict),
		     "path %s: %s", item->name, text);
	problem_offer(rules->problem, offers_json(rules, item, verdict, links));
}
