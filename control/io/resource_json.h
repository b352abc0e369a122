/*
 * Resources as JSON: one table row per kind with how its spec is read and written. Control's
 * thread.
 */
#pragma once

#include "control/core/model.h"
#include "control/io/json_place.h"

/*
 * Reads the members spec and labels of place into a zeroed object (kind and name set by the
 * caller). False, and the problem says where, when it does not hold. known: the members of place.
 */
bool resource_read(const struct json_place *place, const char *const known[],
		   struct object *object);
/* {"kind", "name", "revision", "labels", "spec"}; NULL without memory. */
json_t *resource_json(const struct object *object);

json_t *prefix_list_json(const struct ip_prefix *prefixes, uint8_t count);
json_t *match_list_json(const struct intent_match *match, uint8_t count);
/* The spec's readers and writers for paths, which have a file of their own. */
bool path_spec_read(const struct json_place *spec, struct object *object);
json_t *path_spec_json(const struct object *object);
bool prefix_list_read(const struct json_place *place, struct ip_prefix *prefixes, uint8_t *count);
