#include "control/io/usage_json.h"

#include <string.h>

#include "control/core/rfc3339.h"

struct usage_name {
	const char *name;
	const char *place; /* in a report's entry, by its parts */
	enum usage_field field;
};

#define ROW(name, place) {#name, place, USAGE_##name},
static const struct usage_name sent_names[] = {USAGE_SENT_FIELDS(ROW){NULL}};
static const struct usage_name taken_names[] = {USAGE_TAKEN_FIELDS(ROW){NULL}};
#undef ROW
static const struct usage_name *const both_names[] = {sent_names, taken_names, NULL};

static const char *drop_label(unsigned int drop)
{
	return drop == USAGE_DROP_OTHER ? "other" : drop_name(drop);
}

static unsigned int drop_find(const char *name)
{
	unsigned int drop = 0;

	while (drop < USAGE_DROP_OTHER && strcmp(drop_name(drop), name) != 0)
		drop++;
	return drop;
}

/* 0 where there is none, or a negative one. */
static uint64_t number_of(const json_t *json)
{
	json_int_t value = json_integer_value(json);

	return value > 0 ? (uint64_t)value : 0;
}

/* ---- reports ---- */

static const json_t *place_find(const json_t *json, const char *place)
{
	while (json && *place) {
		size_t len = strcspn(place, ".");

		json = json_object_getn(json, place, len);
		place += len + (place[len] == '.');
	}
	return json;
}

static void fields_read(const json_t *entry, const struct usage_name *names,
			struct usage_counts *counts)
{
	for (; names->name; names++)
		counts->value[names->field] = number_of(place_find(entry, names->place));
}

static void drops_read(const json_t *drops, struct usage_counts *counts)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)drops, name, value)
		counts->value[USAGE_DROPS + drop_find(name)] += number_of(value);
}

void usage_reading_read(const json_t *entry, uint64_t boot, struct usage_reading *reading)
{
	const json_t *epoch = json_object_get(entry, "epoch");

	memset(reading, 0, sizeof(*reading));
	reading->epoch = epoch ? number_of(epoch) : boot;
	fields_read(entry, sent_names, &reading->out);
	fields_read(entry, taken_names, &reading->in);
	drops_read(place_find(entry, "counters.out.drops"), &reading->out);
	drops_read(place_find(entry, "counters.in.drops"), &reading->in);
}

/* ---- counts ---- */

static json_t *drops_json(const struct usage_counts *counts)
{
	json_t *json = json_object();

	for (unsigned int drop = 0; drop <= USAGE_DROP_OTHER; drop++) {
		uint64_t value = counts->value[USAGE_DROPS + drop];

		if (value)
			json_object_set_new(json, drop_label(drop),
					    json_integer((json_int_t)value));
	}
	return json;
}

/* is_whole: also what is 0. */
static json_t *counts_json(const struct usage_counts *counts, bool is_whole)
{
	json_t *json = json_object();

	for (const struct usage_name *const *names = both_names; *names; names++) {
		for (const struct usage_name *at = *names; at->name; at++) {
			uint64_t value = counts->value[at->field];

			if (value || is_whole)
				json_object_set_new(json, at->name,
						    json_integer((json_int_t)value));
		}
	}
	if (is_whole || usage_drops(counts))
		json_object_set_new(json, "drops", drops_json(counts));
	return json;
}

static void counts_read(const json_t *json, struct usage_counts *counts)
{
	for (const struct usage_name *const *names = both_names; *names; names++) {
		for (const struct usage_name *at = *names; at->name; at++)
			counts->value[at->field] = number_of(json_object_get(json, at->name));
	}
	drops_read(json_object_get(json, "drops"), counts);
}

/* ---- the store ---- */

static char *text_of(json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

char *usage_record_text(const struct usage_record *record)
{
	return text_of(json_pack(
		"{s:[I, I], s:[o, o]}", "guaranteed", (json_int_t)record->guaranteed_bps[0],
		(json_int_t)record->guaranteed_bps[1], "counts",
		counts_json(&record->counts[0], false), counts_json(&record->counts[1], false)));
}

bool usage_record_parse(const char *text, struct usage_record *record)
{
	json_t *json = json_loads(text, 0, NULL);
	bool is_sound = json_is_object(json);

	memset(record, 0, sizeof(*record));
	for (unsigned int way = 0; way < 2; way++) {
		record->guaranteed_bps[way] =
			number_of(json_array_get(json_object_get(json, "guaranteed"), way));
		counts_read(json_array_get(json_object_get(json, "counts"), way),
			    &record->counts[way]);
	}
	json_decref(json);
	return is_sound;
}

static json_t *reading_json(const struct usage_reading *reading)
{
	return json_pack("{s:I, s:o, s:o}", "epoch", (json_int_t)reading->epoch, "out",
			 counts_json(&reading->out, false), "in", counts_json(&reading->in, false));
}

char *usage_meter_text(const struct usage_meter *meter)
{
	return text_of(json_pack("{s:o, s:o}", "now", reading_json(&meter->now), "before",
				 reading_json(&meter->before)));
}

static void reading_parse(const json_t *json, struct usage_reading *reading)
{
	reading->epoch = number_of(json_object_get(json, "epoch"));
	counts_read(json_object_get(json, "out"), &reading->out);
	counts_read(json_object_get(json, "in"), &reading->in);
}

bool usage_meter_parse(const char *text, struct usage_meter *meter)
{
	json_t *json = json_loads(text, 0, NULL);
	bool is_sound = json_is_object(json);

	memset(meter, 0, sizeof(*meter));
	reading_parse(json_object_get(json, "now"), &meter->now);
	reading_parse(json_object_get(json, "before"), &meter->before);
	json_decref(json);
	return is_sound;
}

/* ---- the API ---- */

static json_t *way_json(const struct usage_row *row, unsigned int way)
{
	const struct usage_counts *counts = &row->record.counts[way];
	uint64_t delivered_bps =
		usage_rate_bps(counts->value[USAGE_delivered_bytes], row->to_ns - row->from_ns);
	json_t *json = counts_json(counts, true);

	json_object_set_new(json, "guaranteed_bps",
			    json_integer((json_int_t)row->record.guaranteed_bps[way]));
	json_object_set_new(json, "delivered_bps", json_integer((json_int_t)delivered_bps));
	return json;
}

json_t *usage_row_json(const struct usage_row *row)
{
	char from[RFC3339_TEXT_BYTES], to[RFC3339_TEXT_BYTES];

	rfc3339_format(row->from_ns, from);
	rfc3339_format(row->to_ns, to);
	return json_pack("{s:s, s:s?, s:s, s:s, s:o, s:o}", "path", row->path, "tenant",
			 row->tenant[0] ? row->tenant : NULL, "from", from, "to", to, "a_to_z",
			 way_json(row, 0), "z_to_a", way_json(row, 1));
}
