/*
 * What the files of the API share; nobody else includes it. api.c routes, api_list.c reads,
 * api_objects.c and api_apply.c change desired state and
 * api_commit.c answers when that is durable, api_paths.c drives the paths' states,
 * api_intent.c and api_report.c talk to gateways, api_wait.c holds back answers, api_meta.c tells
 * about the service itself.
 */
#pragma once

#include <jansson.h>

#include "control/io/api.h"
#include "control/io/api_events.h"
#include "control/io/api_query.h"
#include "control/io/api_watch.h"
#include "control/io/draft.h"
#include "control/io/live.h"
#include "control/io/problem.h"
#include "control/io/usage_table.h"

struct api_waiter;
struct api_stream;

struct api {
	struct loop *loop;
	struct store *store;
	struct live live;
	struct ledger *ledger; /* what validation knows of the store's head */
	struct store_watch watch;
	struct loop_timer tick;	   /* silence of gateways */
	struct loop_timer refresh; /* due at once after any change */
	struct loop_timer due;	   /* the next window, hold or lease */
	uint64_t poll_from_ns;	   /* not before, but for the tick */
	bool is_intent_dirty;
	bool is_stopping;
	struct api_waiter *waiters;
	struct api_watch *watches;
	struct api_events *events;
	struct usage_table *usage;
	struct api_stream *streams;
	uint64_t started_ns;
};

/* One request on its way through a handler. */
struct api_call {
	struct api *api;
	struct h2_exchange *exchange;
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
	struct api_query query;
	uint32_t wait_states; /* bits of enum path_state; 0: no waiting */
	uint64_t wait_ns;
	json_t *body;
	struct problem problem; /* set by a handler: it has not responded */
};

/* api.c */
void api_respond_json(struct h2_exchange *exchange, int status, json_t *json, uint64_t etag);
void api_respond_empty(struct api_call *call, int status);
/* The call's problem; allow: the methods that there are, or NULL. */
void api_respond_problem(struct api_call *call, const char *allow);
/* Something changed: states and intents are brought up to date in this turn of the loop. */
void api_changed(struct api *api);
/* States are brought up to date in this turn of the loop, or a little later when that takes long.
 */
void api_refresh_soon(struct api *api);

/* api_permit.c */
/*
 * May the one who asks do this? Before the handler, by the route's pattern. False and a problem:
 * 403, or 404 for another tenant's object. Lists are cut down by call->query.filter.tenant.
 */
bool api_permits(struct api_call *call, const char *pattern);

/* api_list.c */
void api_list(struct api_call *call);
void api_get(struct api_call *call);
/* The call's object; NULL, and 404, when it is not there. */
const struct object *api_object_find(struct api_call *call);
/* What is known of an object: its status alone. */
json_t *api_status_json(struct api *api, const struct object *object);
/* With status; NULL when it is not there (any more). */
json_t *api_object_json(struct api *api, const struct object *object);

/* api_objects.c */
/* Do if-match and if-none-match hold of the object in head, NULL when there is none? Else 412. */
bool api_preconditions(struct api_call *call, const struct object *old);
void api_put(struct api_call *call);
void api_delete(struct api_call *call);
/* Reads one resource of a request into the draft. False and a problem when it does not hold. */
bool api_draft_put(struct draft *draft, const json_t *json, const char *pointer,
		   enum model_kind kind, const char *name, struct problem *problem);

/* api_commit.c */
/*
 * Answers a call whose changes are durable: the store's durable view shows exactly them. It
 * responds or sets the call's problem. The call is a copy without its body.
 */
typedef void api_answer(struct api_call *call, uint64_t revision, json_t *note);
/*
 * Commits a validated draft; answer comes from the loop. When storage fails the call is answered
 * with 503, and nothing is answered when its exchange is closed meanwhile. Takes note over, which
 * may be NULL. False and the call's problem when it is refused at once.
 */
bool api_commit(struct api_call *call, struct draft *draft, api_answer *answer, json_t *note);

/* api_apply.c */
void api_apply(struct api_call *call);

/* api_paths.c */
/* Names of the gateways at a path's ends; "" where its link is gone. */
void api_path_gateways(const struct api *api, const struct object *path, const char *gateways[2]);
/* Takes one path one step on, or as far as the facts carry it; never ends its life. */
void api_path_step(struct api *api, const struct object *path);
void api_path_settle(struct api *api, const struct object *path);
/* Since when this control has been there: ns since the epoch. */
uint64_t api_since_ns(const struct api *api);
/*
 * Right from the first request on paths are shown as what they are. Those on their way out are
 * given time: their gateways may come back and end them in order.
 */
void api_paths_begin(struct api *api);
/* Lets facts work on all paths, and releases those that are over. */
void api_paths_poll(struct api *api);

/* api_verbs.c */
void api_path_commit(struct api_call *call);
void api_path_abort(struct api_call *call);
void api_path_renew(struct api_call *call);

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
void api_alive(struct api_call *call);

/* api_meta.c */
void api_status(struct api_call *call);
void api_classes(struct api_call *call);
void api_class(struct api_call *call);
void api_openapi(struct api_call *call);
void api_openapi_json(struct api_call *call);
void api_watch_open(struct api_call *call);
void api_events_open(struct api_call *call);

/* api_offers.c */
void api_offers(struct api_call *call);

/* api_clusters.c */
json_t *api_cluster_status_json(struct api *api, const struct object *object);
void api_cluster_settings(struct api_call *call);

/* api_history.c */
void api_history(struct api_call *call);

/* api_topology.c */
void api_topology(struct api_call *call);

/* api_usage.c */
void api_usage(struct api_call *call);

/* api_metrics.c */
void api_metrics(struct api_call *call);
