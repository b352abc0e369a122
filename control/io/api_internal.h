/*
 * What the files of the API share; nobody else includes it. api.c routes, api_list.c reads,
 * api_objects.c and api_apply.c change desired state and
 * api_commit.c answers when that is durable, api_paths.c drives the paths' states,
 * api_moves.c gives paths other links and api_drain.c tells of that,
 * api_intent.c and api_report.c talk to gateways, api_wait.c holds back answers, api_meta.c tells
 * about the service itself, api_explain.c and api_validate.c say why and whether, api_idempotency.c
 * does a repeated request once, api_backup.c sends the store away.
 */
#pragma once

#include <jansson.h>

#include "control/io/api.h"
#include "control/io/api_events.h"
#include "control/io/api_moves.h"
#include "control/io/api_query.h"
#include "control/io/api_watch.h"
#include "control/io/draft.h"
#include "control/io/live.h"
#include "control/io/problem.h"
#include "control/io/roster.h"
#include "control/io/usage_table.h"

struct api_waiter;
struct api_stream;
struct api_keys;
struct api_backup;
struct answer_batch;

struct api {
	struct loop *loop;
	struct store *store;
	struct live live;
	struct ledger *ledger; /* what validation knows of the store's head */
	struct store_watch watch;
	struct loop_timer tick;	    /* silence of gateways */
	struct loop_timer refresh;  /* due at once after any change */
	struct loop_timer due;	    /* the next window, hold or lease */
	uint64_t poll_from_ns;	    /* not before, but for the tick */
	struct loop_timer returned; /* who was there before this control had time to come back */
	struct roster roster;	    /* what is to be looked at, and who is to be told */
	bool is_roster_short;	    /* of memory: paths are missing there */
	bool is_stopping;
	struct api_waiter *waiters;
	struct key_index waiting; /* the same, by what they wait for */
	struct api_watch *watches;
	struct api_events *events;
	struct api_moves *moves;
	struct usage_table *usage;
	struct name_index streams; /* struct api_stream, by gateway */
	struct api_keys *keys;
	struct api_backup *backup; /* under way; NULL: none */
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
	int status;   /* of the answer behind the wait; 0: 200 */
	uint64_t key; /* number of its idempotency-key; 0: it has none */
	json_t *body;
	struct problem problem; /* set by a handler: it has not responded */
};

/* api.c */
void api_respond_json(struct h2_exchange *exchange, int status, json_t *json, uint64_t etag);
void api_respond_empty(struct api_call *call, int status);
/* The call's problem; allow: the methods that there are, or NULL. */
void api_respond_problem(struct api_call *call, const char *allow);
/* What was noted is looked at and told in this turn of the loop, or a little later when that takes
 * long. */
void api_refresh_soon(struct api *api);
/* Of two points in time. */
static inline uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

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
/* Of the one who asks: what it must not hear of others stays untold. */
struct draft api_draft_begin(const struct api_call *call);
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

/* api_idempotency.c */
struct api_keys *api_keys_create(struct loop *loop, struct store *store);
/* Before the store is closed. */
void api_keys_destroy(struct api_keys *keys);
/*
 * Of a request that changes something: true when it is the first with its idempotency-key. False:
 * it has the first answer again, or a problem.
 */
bool api_key_begin(struct api_call *call);
/* The handler has run: of a request that it refused nothing is kept. */
void api_key_end(struct api_call *call);
/* What must be written with the change; note: what the answer is made of. NULL without memory. */
struct answer_batch *api_key_batch(struct api_call *call, const json_t *note);
/* The change is durable, or was not made. */
void api_key_done(struct api *api, uint64_t number, int error, uint64_t revision);
/* As api_respond_json; it is the answer to the exchange's idempotency-key, if it has one. */
void api_respond_first(struct api *api, struct h2_exchange *exchange, int status, json_t *json,
		       uint64_t etag);

/* api_apply.c */
void api_apply(struct api_call *call);

/* api_paths.c */
/* Names of the gateways at a path's ends; "" where its link is gone. */
void api_path_gateways(const struct api *api, const struct object *path, const char *gateways[2]);
/* What is known now that moves the path's machine. */
void api_path_facts(struct api *api, const struct object *object, const struct live_path *path,
		    struct path_facts *facts);
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
/*
 * Lets facts work on the paths that the roster has for it, and releases those that are over. A path
 * is looked at when it, its link, a gateway or a site of it changed, when a gateway at its ends
 * reported, fell silent or came back, and when path_wake_ns says: whatever else can move it must
 * call roster_note, then api_refresh_soon.
 */
void api_paths_poll(struct api *api);

/* api_note.c */
/* A change is durable. */
void api_note_event(struct api *api, const struct store_event *event);
/* What a gateway is, or said of itself, changed: for it and for those that it has paths to. */
void api_note_gateway(struct api *api, const char *gateway);
/* All paths that there are. */
void api_note_all(struct api *api);

/* api_verbs.c */
void api_path_commit(struct api_call *call);
void api_path_abort(struct api_call *call);
void api_path_renew(struct api_call *call);

/* api_wait.c */
/* Answers now, or when the path or cluster comes to one of the call's states, or when the time is
 * up. */
void api_wait_begin(struct api_call *call, const struct object *object);
/* Answers those that wait for this path or its cluster and are done; is_last: it goes away. */
void api_wait_check(struct api *api, const struct object *object, bool is_last);
void api_wait_stop(struct api *api);

/* api_intent.c */
void api_intent_open(struct api_call *call);
/* Sends the gateways that the roster has for it what is new to them. */
void api_intent_publish(struct api *api);
/* The gateway is gone. */
void api_intent_end(struct api *api, const char *gateway);
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

/* api_drain.c */
void api_link_drain(struct api_call *call);
/* NULL: the link is up. */
json_t *api_drain_json(struct api *api, const struct object *link);

/* api_offers.c */
void api_offers(struct api_call *call);

/* api_cluster_state.c */
/* Between members a and z (a < z); NULL: the cluster has no such path. */
const struct object *api_cluster_path(struct api *api, const struct object *object, uint8_t a,
				      uint8_t z);
/* Its path that can do least, and that one's state; NULL and pending when it has none. */
const struct object *api_cluster_least(struct api *api, const struct object *object,
				       enum path_state *state);
enum path_state api_cluster_state(struct api *api, const struct object *object);
/* Lets facts work on all of its paths. */
void api_cluster_settle(struct api *api, const struct object *object);

/* api_clusters.c */
json_t *api_cluster_status_json(struct api *api, const struct object *object);
void api_cluster_settings(struct api_call *call);

/* api_explain.c */
void api_path_explain(struct api_call *call);
void api_cluster_explain(struct api_call *call);

/* api_history.c */
void api_history(struct api_call *call);

/* api_backup.c */
void api_backup(struct api_call *call);
void api_backup_stop(struct api *api);

/* api_validate.c */
void api_validate(struct api_call *call);

/* api_topology.c */
void api_topology(struct api_call *call);

/* api_usage.c */
void api_usage(struct api_call *call);

/* api_metrics.c */
void api_metrics(struct api_call *call);
