/* What kinds of objects there are, and which of their fields a table shows. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

enum field_format {
	FIELD_TEXT = 1, /* strings, numbers, true as yes */
	FIELD_RATE,	/* bits per second, or {a_to_z, z_to_a} */
	FIELD_SIZE,
	FIELD_COUNT,
	FIELD_TIME,	  /* nanoseconds */
	FIELD_SHARE,	  /* 0.012 as 1.20% */
	FIELD_PORTS,	  /* [{name, addresses}] */
	FIELD_LINK_RATES, /* [{rate_bps}] of both ends */
	FIELD_LINK_STATE, /* connected: up or down */
};

struct field {
	const char *heading;
	const char *path; /* "spec.a.site" */
	enum field_format format;
};

struct kind {
	const char *singular, *plural;
	const struct field *fields; /* heading NULL ends them */
};

extern const struct kind kinds[]; /* singular NULL ends it */

/* By either name; NULL: no such kind. */
const struct kind *kind_find(const char *name);
/* One row each, with headings. */
void kind_print(const struct kind *kind, const json_t *items, FILE *out);

/* By a dotted path of keys; NULL: absent. */
json_t *field_get(const json_t *object, const char *path);
/* "" when absent. */
void field_text(const json_t *object, const char *path, enum field_format format, char *text,
		uint32_t size);
/* A table of any rows. */
void field_table(const struct field *fields, const json_t *items, FILE *out);
