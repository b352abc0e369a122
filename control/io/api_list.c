#include "control/io/api_internal.h"
#include "control/io/live_transport.h"
#include "control/io/resource_json.h"

static json_t *link_status_json(struct api *api, const struct object *object, uint64_t now_ns)
{
	json_t *status = live_link_json(&api->live, object, now_ns);
	json_t *drain = api_drain_json(api, object);

	if (status && drain)
		json_object_set(status, "drain", drain);
	json_decref(drain);
	return status;
}

json_t *api_status_json(struct api *api, const struct object *object)
{
	uint64_t now_ns = loop_now_ns(api->loop);
	const char *gateways[2];

	if (object->kind == KIND_PATH) {
		struct live_path *path = live_path(&api->live, object);

		api_path_gateways(api, object, gateways);
		return path ? live_path_json(&api->live, path, object, gateways, now_ns) : NULL;
	}
	if (object->kind == KIND_GATEWAY) {
		struct live_gateway *gateway = live_gateway(&api->live, object->name);

		return gateway ? live_gateway_json(gateway) : NULL;
	}
	if (object->kind == KIND_LINK)
		return link_status_json(api, object, now_ns);
	if (object->kind == KIND_CLUSTER)
		return api_cluster_status_json(api, object);
	return json_object();
}

json_t *api_object_json(struct api *api, const struct object *object)
{
	json_t *json = object ? resource_json(object) : NULL;

	if (json)
		json_object_set_new(json, "status", api_status_json(api, object));
	return json;
}

static bool is_asked_for(struct api *api, const struct api_filter *filter,
			 const struct object *object)
{
	const struct live_path *path;

	if (!api_filter_matches(filter, object->kind, object_tenant(object), object->labels,
				object->label_count))
		return false;
	if (!filter->states)
		return true;
	path = live_path(&api->live, object);
	return path && filter->states & 1u << path->machine.state;
}

/*
 * One page, by name. The next one begins behind the last name of this one, so that every object
 * that is there all the while is in exactly one page, whatever comes and goes meanwhile.
 */
void api_list(struct api_call *call)
{
	const struct api_query *query = &call->query;
	struct store *store = call->api->store;
	char token[QUERY_TOKEN_BYTES] = "";
	json_t *items = json_array();
	const struct object *at, *last = NULL;

	for (at = store_next(store, call->kind, query->after); at;
	     at = store_next(store, call->kind, at->name)) {
		if (!is_asked_for(call->api, &query->filter, at))
			continue;
		if (json_array_size(items) == query->limit)
			break;
		json_array_append_new(items, api_object_json(call->api, at));
		last = at;
	}
	if (at && last)
		api_query_token(call->kind, last->name, token);
	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:I, s:o, s:s*}", "kind", model_kind_plural(call->kind),
				   "revision", (json_int_t)store_revision(store), "items", items,
				   "continue", token[0] ? token : NULL),
			 0);
}

const struct object *api_object_find(struct api_call *call)
{
	const struct object *object = store_get(call->api->store, call->kind, call->name);

	if (!object)
		problem_set(&call->problem, 404, "not-found", "there is no %s %s",
			    model_kind_name(call->kind), call->name);
	return object;
}

void api_get(struct api_call *call)
{
	const struct object *object = api_object_find(call);

	if (!object)
		return;
	if (call->wait_states)
		api_wait_begin(call, object);
	else
		api_respond_json(call->exchange, 200, api_object_json(call->api, object),
				 object->revision);
}
