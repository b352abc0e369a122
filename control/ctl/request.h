/* Requests as the commands make them: path, deadline and errors in one. One thread. */
#pragma once

#include <jansson.h>

#include "control/ctl/api.h"
#include "control/ctl/command.h"

/* --timeout, or 10 s. */
uint64_t request_timeout_ns(const struct ctl *ctl);

/*
 * GET or DELETE /v1/KIND[/NAME]. EXIT_OK with the reply (api_reply_free), or the failure, which has
 * been printed; then there is nothing to free.
 */
enum exit_code request_simple(const struct ctl *ctl, const char *method, const char *kind,
			      const char *name, struct api_reply *reply);

/*
 * All objects of a kind, page by page, in one reply. query: "label=a%3Db&state=active", or "". As
 * request_simple.
 */
enum exit_code request_list(const struct ctl *ctl, const char *kind, const char *query,
			    struct api_reply *reply);

/* PUT {"spec": spec} of the object that the first argument names. is_create: never replace another.
 */
enum exit_code request_put(const struct ctl *ctl, const char *kind, json_t *spec, bool is_create);

/*
 * Reads the object that the first argument names, sets one member of its spec (value: taken over;
 * NULL takes it away) and puts it back at the revision that was read. As request_simple.
 */
enum exit_code request_set(const struct ctl *ctl, const char *kind, const char *key, json_t *value,
			   struct api_reply *reply);

/*
 * Waits until the path or cluster (kind: "paths", "clusters") is in state, or gone for "released":
 * --timeout or 30 s. EXIT_OK with the
 * last reply (its body may be the 404's); else EXIT_TIMED_OUT, EXIT_REFUSED (it failed) or what
 * failed, printed.
 */
enum exit_code request_wait(const struct ctl *ctl, const char *kind, const char *name,
			    const char *state, struct api_reply *reply);
