#include "control/io/api_internal.h"

#include "openapi_json.h"
#include "openapi_yaml.h"
#include "dataplane/core/tunnel.h"

#define NS_PER_S 1000000000ull

void api_status(struct api_call *call)
{
	struct api *api = call->api;
	uint64_t uptime_ns = loop_now_ns(api->loop) - api->started_ns;
	json_t *counts = json_object();
	json_int_t connected = 0;

	for (int kind = 0; kind < KIND_COUNT; kind++)
		json_object_set_new(
			counts, model_kind_plural((enum model_kind)kind),
			json_integer((json_int_t)store_count(api->store, (enum model_kind)kind)));
	for (size_t i = 0; i < api->live.gateways.count; i++) {
		const struct live_gateway *gateway = api->live.gateways.entries[i].value;

		connected += gateway->is_connected;
	}
	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:I}", "kind", "status",
				   "version", CAUSEWAY_VERSION, "revision",
				   (json_int_t)store_revision(api->store), "term",
				   (json_int_t)api->live.term, "uptime_s",
				   (json_int_t)(uptime_ns / NS_PER_S), "counts", counts,
				   "gateways_connected", connected),
			 0);
}

/* Gateways repair and seal all classes alike: path_window.c, aead_gcm.c. */
static json_t *class_json(const struct class_info *info)
{
	return json_pack("{s:s, s:s, s:{s:i, s:i, s:i, s:[s, s], s:f, s:s}}", "kind", "class",
			 "name", info->name, "spec", "id", info->id, "dscp", info->dscp, "priority",
			 info->rank, "recovery", "credit", "arq", "loss_budget_percent",
			 TUNNEL_LOSS_BUDGET * 100, "sealing", "aes-256-gcm");
}

void api_classes(struct api_call *call)
{
	const struct class_info *info;
	json_t *items = json_array();

	for (uint32_t i = 0; (info = model_class_at(i)); i++)
		json_array_append_new(items, class_json(info));
	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:I, s:o}", "kind", "classes", "revision",
				   (json_int_t)store_revision(call->api->store), "items", items),
			 0);
}

void api_class(struct api_call *call)
{
	const struct class_info *info = model_class_find(call->name);

	if (info)
		api_respond_json(call->exchange, 200, class_json(info), 0);
	else
		problem_set(&call->problem, 404, "not-found", "there is no class %s", call->name);
}

void api_watch_open(struct api_call *call)
{
	api_watch_begin(call->api->watches, call->exchange, &call->query, &call->problem);
}

void api_events_open(struct api_call *call)
{
	api_events_begin(call->api->events, call->exchange, &call->query, &call->problem);
}

void api_openapi_json(struct api_call *call)
{
	h2_exchange_respond(call->exchange, 200, "application/json", NULL, 0, openapi_json,
			    sizeof(openapi_json));
}

void api_openapi(struct api_call *call)
{
	h2_exchange_respond(call->exchange, 200, "application/yaml", NULL, 0, openapi_yaml,
			    sizeof(openapi_yaml));
}
