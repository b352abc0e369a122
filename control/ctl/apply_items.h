/* The documents of a file into the items of POST /v1/apply. No output. */
#pragma once

#include <jansson.h>

#include "control/ctl/yaml_json.h"

#define APPLY_ERROR_BYTES 256

struct apply_items {
	json_t *items;	/* [{kind, name, spec, labels?}] */
	char **origins; /* of each item, its pointer within the documents */
};

/*
 * A document is an object {kind, name, spec, labels}, a list of them, or {items: [..]}. The facts
 * that `get` adds (revision, status) are left out; another key is an error. 0, or -EINVAL with
 * "file:line: what", or -ENOMEM. Free in each case.
 */
int apply_items_collect(struct apply_items *apply, const struct yaml_json *yaml, const char *file,
			char *error);
void apply_items_free(struct apply_items *apply);
/* "/items/3/spec/rate_bps" back to its line in the file; 0: unknown. */
unsigned int apply_items_line(const struct apply_items *apply, const struct yaml_json *yaml,
			      const char *pointer);
