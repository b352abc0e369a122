/*
 * Members of an intent line's objects, each checked and told of by its place when it is not as it
 * must be. For intent_json.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "dataplane/agent/intent_json.h"

/* Where in the line the parser is, for error text. */
struct place {
	char *error;			    /* INTENT_JSON_ERROR_BYTES */
	char where[INTENT_NAME_BYTES + 32]; /* "paths[3] job1: " */
};

/* Writes the error. Returns -EINVAL, as all others do after one. */
__attribute__((format(printf, 2, 3))) int place_fail(struct place *at, const char *format, ...);

int place_get_number(struct place *at, json_t *object, const char *key, uint64_t max,
		     uint64_t *out);
/* *out stays the object's. */
int place_get_text(struct place *at, json_t *object, const char *key, const char **out);
/* out: INTENT_NAME_BYTES. */
int place_get_name(struct place *at, json_t *object, const char *key, char *out);
/* An array of at most max elements; *out is NULL where an optional one is absent. */
int place_get_array(struct place *at, json_t *object, const char *key, size_t max, bool optional,
		    json_t **out);
int place_get_addr(struct place *at, json_t *object, const char *key, struct ip_addr *out);
/* At most INTENT_PREFIXES_MAX. */
int place_get_prefixes(struct place *at, json_t *object, const char *key, struct ip_prefix *out,
		       uint8_t *count);
