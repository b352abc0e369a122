/*
 * Usage as JSON: out of reports, into and out of the store, and as the API shows it. No state; any
 * thread.
 */
#pragma once

#include <jansson.h>

#include "control/core/model.h"
#include "control/core/usage.h"

/* A record with whose it is and when. */
struct usage_row {
	uint64_t from_ns, to_ns; /* since the epoch, UTC */
	char path[MODEL_NAME_BYTES];
	char tenant[MODEL_NAME_BYTES]; /* empty: nobody's */
	struct usage_record record;
};

/* A path's entry of a report; boot: of the gateway, where the entry names no epoch. */
void usage_reading_read(const json_t *entry, uint64_t boot, struct usage_reading *reading);

/* For the store: what is not 0. The text is malloc'ed, NULL without memory. */
char *usage_record_text(const struct usage_record *record);
char *usage_meter_text(const struct usage_meter *meter);
/* False: that is no such text. */
bool usage_record_parse(const char *text, struct usage_record *record);
bool usage_meter_parse(const char *text, struct usage_meter *meter);

/* As the API shows it; NULL without memory. */
json_t *usage_row_json(const struct usage_row *row);
