#include <stdlib.h>
#include <string.h>

#include "control/core/path_id.h"
#include "control/io/api_internal.h"

/* These end every wait: nothing better will come by itself. */
#define FINAL_STATES (1u << PATH_FAILED | 1u << PATH_RELEASED | 1u << PATH_EXPIRED)

struct api_waiter {
	struct api *api;
	struct h2_exchange *exchange;
	struct api_waiter *prev, *next;
	struct key_node by_name;
	struct loop_timer timer;
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
	uint32_t states;
	int status; /* of the answer; 0: of a deletion */
};

static uint64_t key_of(enum model_kind kind, const char *name)
{
	return fnv1a_64(FNV1A_64_INIT, name, strlen(name)) + (uint64_t)kind;
}

static uint32_t state_bit(struct api *api, const struct object *object)
{
	const struct live_path *path;

	if (object->kind == KIND_CLUSTER)
		return 1u << api_cluster_state(api, object);
	path = live_path(&api->live, object);
	return path ? 1u << path->machine.state : 0;
}

/* 202 says that a deletion is not over yet. */
static void respond(struct api *api, struct h2_exchange *exchange, const struct object *object,
		    int status)
{
	if (!status)
		status = state_bit(api, object) & 1u << PATH_RELEASED ? 200 : 202;
	api_respond_first(api, exchange, status, api_object_json(api, object), object->revision);
}

static void waiter_free(struct api_waiter *waiter)
{
	struct api *api = waiter->api;

	loop_timer_cancel(api->loop, &waiter->timer);
	key_index_remove(&api->waiting, &waiter->by_name);
	h2_exchange_set_on_close(waiter->exchange, NULL, NULL);
	if (waiter->prev)
		waiter->prev->next = waiter->next;
	else
		api->waiters = waiter->next;
	if (waiter->next)
		waiter->next->prev = waiter->prev;
	free(waiter);
}

static void finish(struct api_waiter *waiter, const struct object *object)
{
	struct h2_exchange *exchange = waiter->exchange;
	struct api *api = waiter->api;
	int status = waiter->status;

	waiter_free(waiter);
	respond(api, exchange, object, status);
}

static void on_timeout(struct loop_timer *timer, void *arg)
{
	struct api_waiter *waiter = arg;

	(void)timer;
	/* It is there: whoever waits for an object is answered before it goes away. */
	finish(waiter, store_get(waiter->api->store, waiter->kind, waiter->name));
}

static void on_close(struct h2_exchange *exchange, void *arg)
{
	(void)exchange;
	waiter_free(arg);
}

void api_wait_begin(struct api_call *call, const struct object *object)
{
	bool is_delete = !strcmp(h2_exchange_method(call->exchange), "DELETE");
	uint32_t states = call->wait_states | (is_delete ? 1u << PATH_RELEASED : FINAL_STATES);
	int status = is_delete ? 0 : call->status ? call->status : 200;
	struct api *api = call->api;
	struct api_waiter *waiter;

	if (!call->wait_states || !call->wait_ns || state_bit(api, object) & states) {
		respond(api, call->exchange, object, status);
		return;
	}
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter ||
	    key_index_add(&api->waiting, &waiter->by_name, key_of(object->kind, object->name))) {
		free(waiter);
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	waiter->api = api;
	waiter->by_name.owner = waiter;
	waiter->exchange = call->exchange;
	waiter->states = states;
	waiter->status = status;
	waiter->kind = object->kind;
	memcpy(waiter->name, object->name, sizeof(waiter->name));
	waiter->timer = (struct loop_timer){.on_expire = on_timeout, .arg = waiter};
	waiter->next = api->waiters;
	if (waiter->next)
		waiter->next->prev = waiter;
	api->waiters = waiter;
	h2_exchange_set_on_close(call->exchange, on_close, waiter);
	loop_timer_set(api->loop, &waiter->timer, loop_now_ns(api->loop) + call->wait_ns);
}

static void check(struct api *api, const struct object *object, bool is_last)
{
	uint64_t key = key_of(object->kind, object->name);
	struct key_node *next, *node = key_index_first(&api->waiting, key);
	uint32_t state = node ? state_bit(api, object) : 0;

	for (; node; node = next) {
		struct api_waiter *waiter = node->owner;

		next = key_index_next(node);
		if (waiter->kind != object->kind || strcmp(waiter->name, object->name) != 0)
			continue;
		if (is_last || waiter->states & state)
			finish(waiter, object);
	}
}

void api_wait_check(struct api *api, const struct object *object, bool is_last)
{
	const struct object *cluster = NULL;

	check(api, object, is_last);
	if (object->kind == KIND_PATH && object->path.assigned.cluster[0])
		cluster = store_get(api->store, KIND_CLUSTER, object->path.assigned.cluster);
	if (cluster)
		check(api, cluster, false);
}

void api_wait_stop(struct api *api)
{
	while (api->waiters)
		on_timeout(NULL, api->waiters);
}
