/*
 * The control API (/v1): requests from the HTTP/2 server to the store and back, the gateways'
 * intent streams and their reports. Owns the facts (live.h) and the waiting requests; borrows loop
 * and store.
 *
 * One thread, the loop's. Promise: state changes only by a commit to the store or by a gateway's
 * report.
 */
#pragma once

#include "control/io/h2_server.h"
#include "control/io/store.h"

struct api;

/* term: higher for later instances of control, see the intent stream. NULL without memory. */
struct api *api_create(struct loop *loop, struct store *store, uint64_t term);
/* Usage records: how long one is, and how many days they are kept. At the start. */
void api_set_usage(struct api *api, uint64_t interval_ns, uint32_t keep_days);
/* Before the server is created with it; after the server is destroyed the api may go. */
struct h2_server_handler api_handler(struct api *api);
/* Ends streams and waiting requests, so that the server can drain. */
void api_stop(struct api *api);
void api_destroy(struct api *api);
