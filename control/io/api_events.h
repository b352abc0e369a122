/*
 * GET /v1/events: facts as they happened: paths that come to another state, gateways that come and
 * go. The last ones are kept in memory; they are numbered, and the numbers begin anew with each
 * start of control: an id is TERM-NUMBER.
 *
 * Control's thread.
 */
#pragma once

#include "control/io/api_feed.h"
#include "control/io/store.h"
#include "control/io/live.h"

struct api_events;

/* NULL without memory. live's term is part of each id. */
struct api_events *api_events_create(struct loop *loop, struct store *store, struct live *live);
void api_events_destroy(struct api_events *events);
/* The path's last entry of history is new. */
void api_events_note_path(struct api_events *events, const struct object *object,
			  const struct live_path *path);
/* Gateways may have come or gone: the next publish looks. */
void api_events_note_gateways(struct api_events *events);
/* Looks which gateways came and went, where that was noted, and tells the clients what is new. */
void api_events_publish(struct api_events *events);
void api_events_stop(struct api_events *events);
uint32_t api_events_client_count(const struct api_events *events);
/* Answers, or sets the problem: 400, 410 revision-compacted, 503. */
void api_events_begin(struct api_events *events, struct h2_exchange *exchange,
		      const struct api_query *query, struct problem *problem);
