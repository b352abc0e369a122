#include "control/ctl/request.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"

#define SECOND_NS  1000000000ull
#define TIMEOUT_NS (10 * SECOND_NS)
#define WAIT_NS	   (30 * SECOND_NS)
/* For the answer to come back after the server's own wait has ended. */
#define WAIT_GRACE_NS (5 * SECOND_NS)
/* One request waits no longer than this, so that no limit of the server's matters. */
#define WAIT_TURN_NS (30 * SECOND_NS)

uint64_t request_timeout_ns(const struct ctl *ctl)
{
	return ctl->timeout_ns ? ctl->timeout_ns : TIMEOUT_NS;
}

enum exit_code request_simple(const struct ctl *ctl, const char *method, const char *kind,
			      const char *name, struct api_reply *reply)
{
	char *path = api_path(kind, name);
	enum exit_code code;

	if (!path)
		return output_error(ctl, EXIT_UNREACHABLE, "no-memory", "out of memory");
	api_call(ctl->api, method, path, NULL, request_timeout_ns(ctl), reply);
	free(path);
	code = output_failure(ctl, reply, NULL, NULL);
	if (code)
		api_reply_free(reply);
	return code;
}

#define PAGE_ITEMS 1000

enum exit_code request_list(const struct ctl *ctl, const char *kind, const char *query,
			    struct api_reply *reply)
{
	json_t *items = json_array();
	char token[512] = "";

	for (;;) {
		char path[1200];
		enum exit_code code;
		const char *more;

		snprintf(path, sizeof(path), "/v1/%s?limit=%d%s%s%s%s", kind, PAGE_ITEMS,
			 query[0] ? "&" : "", query, token[0] ? "&continue=" : "", token);
		api_call(ctl->api, "GET", path, NULL, request_timeout_ns(ctl), reply);
		code = output_failure(ctl, reply, NULL, NULL);
		if (code) {
			api_reply_free(reply);
			json_decref(items);
			return code;
		}
		json_array_extend(items, json_object_get(reply->body, "items"));
		more = json_string_value(json_object_get(reply->body, "continue"));
		if (!more)
			break;
		snprintf(token, sizeof(token), "%s", more);
		api_reply_free(reply);
	}
	json_object_set_new(reply->body, "items", items);
	return EXIT_OK;
}

enum exit_code request_put(const struct ctl *ctl, const char *kind, json_t *spec, bool is_create)
{
	char *path = api_path(kind, ctl->args[0]);
	json_t *body = json_pack("{s:O}", "spec", spec);
	struct api_request request = {
		.method = "PUT",
		.path = path ? path : "",
		.body = body,
		.is_create = is_create,
		.timeout_ns = request_timeout_ns(ctl),
	};
	struct api_reply reply;
	enum exit_code code;

	api_send(ctl->api, &request, &reply);
	free(path);
	json_decref(body);
	code = output_failure(ctl, &reply, NULL, NULL);
	api_reply_free(&reply);
	return code;
}

enum exit_code request_set(const struct ctl *ctl, const char *kind, const char *key, json_t *value,
			   struct api_reply *reply)
{
	char etag[32], *path = api_path(kind, ctl->args[0]);
	enum exit_code code = request_simple(ctl, "GET", kind, ctl->args[0], reply);
	json_t *spec, *body = NULL;

	if (!code) {
		spec = json_object_get(reply->body, "spec");
		snprintf(etag, sizeof(etag), "\"%lld\"",
			 (long long)json_integer_value(json_object_get(reply->body, "revision")));
		if (value)
			json_object_set(spec, key, value);
		else
			json_object_del(spec, key);
		body = json_pack("{s:O, s:O}", "spec", spec, "labels",
				 json_object_get(reply->body, "labels"));
		api_reply_free(reply);
		api_send(ctl->api,
			 &(struct api_request){.method = "PUT",
					       .path = path ? path : "",
					       .body = body,
					       .if_match = etag,
					       .timeout_ns = request_timeout_ns(ctl)},
			 reply);
		code = output_failure(ctl, reply, NULL, NULL);
		if (code)
			api_reply_free(reply);
	}
	free(path);
	json_decref(body);
	json_decref(value);
	return code;
}

static void wait_once(const struct ctl *ctl, const char *path, const char *state, uint64_t wait_ns,
		      struct api_reply *reply)
{
	char query[1024];

	if (wait_ns > WAIT_TURN_NS)
		wait_ns = WAIT_TURN_NS;
	snprintf(query, sizeof(query), "%s?wait=%s&timeout=%llums", path, state,
		 (unsigned long long)(wait_ns / 1000000));
	api_call(ctl->api, "GET", query, NULL, wait_ns + WAIT_GRACE_NS, reply);
}

struct wait {
	const char *kind, *name, *path, *state;
};

static enum exit_code wait_failed(const struct ctl *ctl, const struct wait *wait,
				  const struct api_reply *reply, bool timed_out)
{
	const char *kind = kind_find(wait->kind)->singular;
	char now[64], reason[256];

	field_text(reply->body, "status.state", FIELD_TEXT, now, sizeof(now));
	field_text(reply->body, "status.reason", FIELD_TEXT, reason, sizeof(reason));
	return output_error(ctl, timed_out ? EXIT_TIMED_OUT : EXIT_REFUSED,
			    timed_out		    ? "timed-out"
			    : !strcmp(kind, "path") ? "path-failed"
						    : "cluster-failed",
			    timed_out ? "%s %s is %s, not %s yet%s%s" : "%s %s is %s, not %s%s%s",
			    kind, wait->name, now[0] ? now : "there", wait->state,
			    reason[0] ? ": " : "", reason);
}

static bool state_is(const struct api_reply *reply, const char *state)
{
	char now[64];

	field_text(reply->body, "status.state", FIELD_TEXT, now, sizeof(now));
	return strcmp(now, state) == 0;
}

static enum exit_code wait_loop(const struct ctl *ctl, const struct wait *wait,
				struct api_reply *reply)
{
	uint64_t until_ns = api_now_ns(ctl->api) + (ctl->timeout_ns ? ctl->timeout_ns : WAIT_NS);
	bool for_release = strcmp(wait->state, "released") == 0;

	while (true) {
		uint64_t now_ns = api_now_ns(ctl->api);
		uint64_t left_ns = now_ns < until_ns ? until_ns - now_ns : 0;
		enum exit_code code;

		wait_once(ctl, wait->path, wait->state, left_ns, reply);
		if (!reply->error && reply->status == 404 && for_release)
			return EXIT_OK;
		code = output_failure(ctl, reply, NULL, NULL);
		if (code || state_is(reply, wait->state))
			return code;
		/* Nothing better comes by itself. */
		if (state_is(reply, "failed") || state_is(reply, "expired") ||
		    state_is(reply, "released"))
			return wait_failed(ctl, wait, reply, false);
		if (api_now_ns(ctl->api) >= until_ns)
			return wait_failed(ctl, wait, reply, true);
		api_reply_free(reply);
	}
}

enum exit_code request_wait(const struct ctl *ctl, const char *kind, const char *name,
			    const char *state, struct api_reply *reply)
{
	char *path = api_path(kind, name);
	enum exit_code code;

	if (!path)
		return output_error(ctl, EXIT_UNREACHABLE, "no-memory", "out of memory");
	code = wait_loop(ctl, &(struct wait){kind, name, path, state}, reply);
	free(path);
	if (code)
		api_reply_free(reply);
	return code;
}
