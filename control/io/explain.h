/*
 * One path as explain looks at it; of api_explain.c, which tells of routes and of what comes next,
 * and explain_machines.c, which tells of the machines.
 */
#pragma once

#include "control/io/api_internal.h"

/* A path, what is known of it, and now. */
struct explain_subject {
	struct api *api;
	const struct object *object;
	const struct path *path;
	struct live_path *live;
	const char *gateways[2];
	struct path_facts facts;
	uint64_t now_ns; /* since the epoch */
};

/* Whole milliseconds, as all times of the status; nothing for 0. */
void explain_set_time(json_t *json, const char *key, uint64_t ns);
/* What is booked and until when. */
json_t *explain_reservation_json(const struct explain_subject *subject);
/* What its gateways are told, and how far each has come. */
json_t *explain_provisioning_json(const struct explain_subject *subject);
/* What each proved. */
json_t *explain_data_plane_json(const struct explain_subject *subject);
/* What a client sees, and why. */
json_t *explain_life_cycle_json(const struct explain_subject *subject);
