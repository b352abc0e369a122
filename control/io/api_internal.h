/*
 * What the files of the API share; nobody else includes it. api.c routes, api_objects.c and
 * api_apply.c change desired state, api_paths.c drives the paths' states, api_intent.c and
 * api_report.c talk to gateways, api_wait.c holds back answers, api_meta.c tells about the service
 * itself.
 */
#pragma once

#include <jansson.h>

#include "control/io/api.h"
#include "control/io/draft.h"
#include "control/io/live.h"
#include "control/io/problem.h"

struct api_waiter;
struct api_stream;

struct api {
	struct loop *loop;
	struct store *store;
	struct live live;
	struct store_watch watch;
	struct loop_timer tick;	   /* silence of gateways */
	struct loop_timer refresh; /* due at once after any change */
	bool is_intent_dirty;
	bool is_stopping;
	struct api_waiter *waiters;
	struct api_stream *streams;
	uint64_t started_ns;
};

/* One request on its way through a handler. */
struct api_call {
	struct api *api;
	struct h2_exchange *exchange;
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
	uint32_t wait_states; /* bits of enum path_state; 0: no waiting */
	uint64_t wait_ns;
	json_t *body;
	struct problem problem; /* set by a handler: it has not responded */
};

/* api.c */
void api_respond_json(struct h2_exchange *exchange, int status, json_t *json, uint64_t etag);
void api_respond_empty(struct api_call *call, int status);
/* Something changed: states and intents are brought up to date in this turn of the loop. */
void api_changed(struct api *api);

/* api_objects.c */
void api_list(struct api_call *call);
void api_get(struct api_call *call);
void api_put(struct api_call *call);
void api_delete(struct api_call *call);
/* With status; NULL when it is not there (any more). */
json_t *api_object_json(struct api *api, const struct object *object);
/* Reads one resource of a request into the draft. False and a problem when it does not hold. */
bool api_draft_put(struct draft *draft, const json_t *json, const char *pointer,
		   enum model_kind kind, const char *name, struct problem *problem);
/* Commits a validated draft and brings the states up to date. False and a problem when not. */
bool api_draft_commit(struct api *api, struct draft *draft, uint64_t *revision,
		      struct problem *problem);

/* api_apply.c */
void api_apply(struct api_call *call);

/* api_paths.c */
/* Names of the gateways at a path's ends; "" where its link is gone. */
void api_path_gateways(const struct api *api, const struct object *path, const char *gateways[2]);
/* Takes one path one step on; never ends its life. */
void api_path_step(struct api *api, const struct object *path);
/* Lets facts work on all paths, and releases those that are over. */
void api_paths_poll(struct api *api);

/* api_wait.c */
/* Answers now, or when the path comes to one of the call's states, or when the time is up. */
void api_wait_begin(struct api_call *call, const struct object *path);
/* Answers those that wait for this path and are done; is_last: the path goes away. */
void api_wait_check(struct api *api, const struct object *path, bool is_last);
void api_wait_stop(struct api *api);

/* api_intent.c */
void api_intent_open(struct api_call *call);
/* Sends each stream what is new to it. */
void api_intent_publish(struct api *api);
void api_intent_stop(struct api *api);

/* api_report.c */
void api_report(struct api_call *call);

/* api_meta.c */
void api_status(struct api_call *call);
void api_classes(struct api_call *call);
void api_class(struct api_call *call);
void api_openapi(struct api_call *call);
