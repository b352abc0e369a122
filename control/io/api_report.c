#include <stdio.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/validate.h"

/* The path's end where this gateway is, -1 when it is at none. */
static int end_of(const struct api *api, const struct object *object, const char *gateway)
{
	const char *gateways[2];

	api_path_gateways(api, object, gateways);
	for (int end = 0; end < 2; end++) {
		if (!strcmp(gateways[end], gateway))
			return end;
	}
	return -1;
}

static void note_path(struct api *api, struct live_gateway *from, uint64_t boot, json_t *entry)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	json_int_t id = json_integer_value(json_object_get(entry, "id"));
	const struct object *object = store_get(api->store, KIND_PATH, name);
	struct live_path *path;
	int end;

	/* A path that control does not know, or no more, is the gateway's to forget. */
	if (!object || id != (json_int_t)object->path.assigned.id) {
		live_note_unknown(from, name);
		return;
	}
	end = end_of(api, object, from->name);
	path = live_path(&api->live, object);
	if (end >= 0)
		usage_table_report(api->usage, object, (unsigned int)end, from->name, boot, entry);
	if (!path || end < 0)
		return;
	live_path_report(path, (enum model_end)end, from, entry);
	/* It may be the only one that knows what its far gateway is: live_path_traits. */
	if (!from->report_count)
		roster_tell(&api->roster, object->name);
}

/* Logged once, until one holds: the gateway sends the like each second. */
static void note_refused(struct live_gateway *gateway, const struct problem *problem)
{
	const json_t *error = json_array_get(problem->errors, 0);
	const char *pointer = json_string_value(json_object_get(error, "pointer"));

	gateway->refused_count++;
	if (!gateway->is_refused)
		fprintf(stderr,
			"causeway-control: gateway %s: its report is refused: %s%s%s; without one "
			"that holds it counts as silent: is its version %s that of this control?\n",
			gateway->name, pointer ? pointer : "", pointer ? ": " : "", problem->detail,
			CAUSEWAY_VERSION);
	gateway->is_refused = true;
}

static void take(struct api_call *call, struct live_gateway *gateway)
{
	json_int_t wan_mtu = json_integer_value(json_object_get(gateway->report, "wan_mtu"));
	json_int_t boot = json_integer_value(json_object_get(gateway->report, "boot"));
	json_int_t buffers = json_integer_value(json_object_get(gateway->report, "buffer_bytes"));
	json_t *entry;
	size_t index;

	validate_note_gateway(call->api->ledger, call->name, &gateway->traits,
			      wan_mtu <= UINT16_MAX ? (uint32_t)wan_mtu : 0, (uint64_t)buffers);
	json_array_foreach (json_object_get(call->body, "paths"), index, entry)
		note_path(call->api, gateway, (uint64_t)boot, entry);
}

void api_report(struct api_call *call)
{
	struct api *api = call->api;
	struct gateway_traits before;
	struct live_gateway *gateway;
	bool is_first;

	if (!store_get(api->store, KIND_GATEWAY, call->name)) {
		problem_set(&call->problem, 404, "not-found", "there is no gateway %s", call->name);
		return;
	}
	gateway = live_gateway(&api->live, call->name);
	if (!gateway) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	before = gateway->traits;
	is_first = !gateway->report_count;
	if (!live_report(gateway, call->body, loop_now_ns(api->loop), &call->problem)) {
		note_refused(gateway, &call->problem);
		return;
	}
	gateway->is_refused = false;
	take(call, gateway);
	/* The far gateways are told this one's port, lanes, MTU and certificate. */
	if ((is_first && gateway->report_count) ||
	    memcmp(&before, &gateway->traits, sizeof(before)) != 0)
		api_note_gateway(api, call->name);
	live_gateway_heard(gateway);
	roster_note_gateway(&api->roster, call->name);
	api_refresh_soon(api);
	api_respond_empty(call, 204);
}

void api_alive(struct api_call *call)
{
	struct live_gateway *gateway = NULL;

	if (store_get(call->api->store, KIND_GATEWAY, call->name))
		gateway = live_gateway(&call->api->live, call->name);
	if (!gateway) {
		problem_set(&call->problem, 404, "not-found", "there is no gateway %s", call->name);
		return;
	}
	gateway->alive_ns = loop_now_ns(call->api->loop);
	live_gateway_heard(gateway);
	api_respond_empty(call, 204);
}
