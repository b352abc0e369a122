#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"

/* These end every wait: nothing better will come by itself. */
#define FINAL_STATES (1u << PATH_FAILED | 1u << PATH_RELEASED | 1u << PATH_EXPIRED)

struct api_waiter {
	struct api *api;
	struct h2_exchange *exchange;
	struct api_waiter *prev, *next;
	struct loop_timer timer;
	char name[MODEL_NAME_BYTES];
	uint32_t states;
	bool is_delete;
};

static uint32_t state_bit(struct api *api, const struct object *object)
{
	const struct live_path *path = live_path(&api->live, object);

	return path ? 1u << path->machine.state : 0;
}

/* 202 says that a deletion is not over yet. */
static void respond(struct api *api, struct h2_exchange *exchange, const struct object *object,
		    bool is_delete)
{
	bool is_over = state_bit(api, object) & 1u << PATH_RELEASED;

	api_respond_json(exchange, is_delete && !is_over ? 202 : 200, api_object_json(api, object),
			 object->revision);
}

static void waiter_free(struct api_waiter *waiter)
{
	struct api *api = waiter->api;

	loop_timer_cancel(api->loop, &waiter->timer);
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
	bool is_delete = waiter->is_delete;

	waiter_free(waiter);
	respond(api, exchange, object, is_delete);
}

static void on_timeout(struct loop_timer *timer, void *arg)
{
	struct api_waiter *waiter = arg;

	(void)timer;
	/* It is there: whoever waits for a path is answered before it goes away. */
	finish(waiter, store_get(waiter->api->store, KIND_PATH, waiter->name));
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
	struct api *api = call->api;
	struct api_waiter *waiter;

	if (!call->wait_states || !call->wait_ns || state_bit(api, object) & states) {
		respond(api, call->exchange, object, is_delete);
		return;
	}
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	waiter->api = api;
	waiter->exchange = call->exchange;
	waiter->states = states;
	waiter->is_delete = is_delete;
	memcpy(waiter->name, object->name, sizeof(waiter->name));
	waiter->timer = (struct loop_timer){.on_expire = on_timeout, .arg = waiter};
	waiter->next = api->waiters;
	if (waiter->next)
		waiter->next->prev = waiter;
	api->waiters = waiter;
	h2_exchange_set_on_close(call->exchange, on_close, waiter);
	loop_timer_set(api->loop, &waiter->timer, loop_now_ns(api->loop) + call->wait_ns);
}

void api_wait_check(struct api *api, const struct object *object, bool is_last)
{
	uint32_t state = state_bit(api, object);
	struct api_waiter *next;

	for (struct api_waiter *waiter = api->waiters; waiter; waiter = next) {
		next = waiter->next;
		if (strcmp(waiter->name, object->name) != 0)
			continue;
		if (is_last || waiter->states & state)
			finish(waiter, object);
	}
}

void api_wait_stop(struct api *api)
{
	while (api->waiters)
		on_timeout(NULL, api->waiters);
}
