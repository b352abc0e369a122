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
/* Index in `words` (NULL ends them) of a string, or -1 and a complaint that lists them. */
int word_read(const struct json_place *place, const char *const words[]);
/* "20ms"; and back, exactly. */
bool time_read(const struct json_place *place, uint64_t min_ns, uint64_t max_ns, uint64_t *ns);
json_t *time_json(uint64_t ns);
/* Bytes above 0: an integer, or text with a unit. */
bool size_read(const struct json_place *place, uint64_t *bytes);

/* The specs' readers and writers that have files of their own. */
bool site_spec_read(const struct json_place *spec, struct object *object);
json_t *site_spec_json(const struct object *object);
bool link_spec_read(const struct json_place *spec, struct object *object);
json_t *link_spec_json(const struct object *object);
bool path_spec_read(const struct json_place *spec, struct object *object);
json_t *path_spec_json(const struct object *object);
/* Of a path's spec: for whom, how long and by which ways; path_terms_known are the members. */
#define PATH_TERMS_KNOWN                                                                    \
	"tenant", "rtt_max", "diverse_from", "protection", "link", "start", "end", "lease", \
		"commit", "hold"
bool path_terms_read(const struct json_place *spec, struct path *path);
/* Adds those that are set. */
void path_terms_json(const struct path *path, json_t *json);
bool cluster_spec_read(const struct json_place *spec, struct object *object);
json_t *cluster_spec_json(const struct object *object);
bool prefix_list_read(const struct json_place *place, struct ip_prefix *prefixes, uint8_t *count);
