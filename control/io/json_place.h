/*
 * Strict reading of JSON: a place is a value with its JSON pointer, and every reader reports what
 * is wrong there to one problem. Of an optional member, look whether it has a value first. Places
 * borrow the document and the problem.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/io/problem.h"

#define JSON_POINTER_BYTES 192

struct json_place {
	const json_t *value; /* NULL: absent */
	struct problem *problem;
	char pointer[JSON_POINTER_BYTES];
};

/*
 * A whole document with nothing behind it, duplicate keys refused (code duplicate-key with the
 * pointer of the second one) and a bounded depth. NULL and a problem when it is not.
 */
json_t *json_parse(const void *text, size_t len, struct problem *problem);

struct json_place json_place_root(const json_t *value, struct problem *problem);
struct json_place json_place_member(const struct json_place *place, const char *key);
struct json_place json_place_item(const struct json_place *place, size_t index);
void json_place_fail(const struct json_place *place, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Is it an object with no members but those of `known` (NULL ends the list)? */
bool json_read_object(const struct json_place *place, const char *const known[]);
/* Is it an array of 1 to max items? */
bool json_read_array(const struct json_place *place, size_t max, size_t *count);
/* NULL, reported, when it is no string. */
const char *json_read_string(const struct json_place *place);
/* A resource's name, copied. */
bool json_read_name(const struct json_place *place, char *name);
bool json_read_uint(const struct json_place *place, uint64_t min, uint64_t max, uint64_t *value);
/* Bits per second: a positive integer, or text with a unit. */
bool json_read_rate(const struct json_place *place, uint64_t *bps);
