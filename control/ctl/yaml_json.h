/*
 * YAML (of which JSON is a part) into JSON, with the line of every value kept for error messages.
 * One thread.
 *
 * Scalars follow YAML 1.2's core schema: true, null, integers and floats where unquoted, else
 * strings. Refused with file:line: duplicate keys, keys that are no strings, anchors, aliases and
 * tags, integers beyond 64 bits, nesting deeper than 32.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#define YAML_JSON_ERROR_BYTES 256

struct yaml_line {
	char *pointer; /* RFC 6901, from the list of documents: "/0/spec/rate_bps" */
	unsigned int line;
};

struct yaml_json {
	json_t *docs; /* array, one element for each document that is not empty */
	struct yaml_line *lines;
	size_t line_count, line_capacity;
};

/* 0; -EINVAL with "file:line: what" in error; -ENOMEM likewise. Free in each case. */
int yaml_json_parse(struct yaml_json *yaml, const char *text, size_t len, const char *file,
		    char *error);
void yaml_json_free(struct yaml_json *yaml);
/* The line of the value at pointer, or of its nearest parent that is there; 0: none. */
unsigned int yaml_json_line(const struct yaml_json *yaml, const char *pointer);
