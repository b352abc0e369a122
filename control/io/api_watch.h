/*
 * GET /v1/watch: changes of desired state, in the order of revisions. Keeps the last changes in a
 * ring; what is older is read from the store's log.
 *
 * Control's thread. Promise: a client that has come to a bookmark knows each object that its filter
 * lets through as it was at that revision. A change that was overwritten before it could be told
 * may be left out; the last one of each object always comes.
 */
#pragma once

#include "control/io/api_feed.h"
#include "control/io/store.h"

struct api_watch;

/* NULL without memory. Owns nothing of the store's. */
struct api_watch *api_watch_create(struct loop *loop, struct store *store);
void api_watch_destroy(struct api_watch *watch);
/* From the store's own watch, for each change. */
void api_watch_note(struct api_watch *watch, const struct store_event *event);
/* Tells the clients what was noted. */
void api_watch_publish(struct api_watch *watch);
void api_watch_stop(struct api_watch *watch);
uint32_t api_watch_client_count(const struct api_watch *watch);
/* Answers, or sets the problem: 400, 410 revision-compacted, 503. */
void api_watch_begin(struct api_watch *watch, struct h2_exchange *exchange,
		     const struct api_query *query, struct problem *problem);
