/* link up, drain, down: the operator's word on a link, and what it would mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"

static const char *text_of(const json_t *object, const char *path)
{
	const char *text = json_string_value(field_get(object, path));

	return text ? text : "";
}

/* {"a_to_z", "z_to_a"} or one number for both. */
static uint64_t rate_of(const json_t *object, const char *key)
{
	const json_t *rate = field_get(object, key);
	json_int_t there, back;

	if (json_is_integer(rate))
		return (uint64_t)json_integer_value(rate);
	there = json_integer_value(json_object_get(rate, "a_to_z"));
	back = json_integer_value(json_object_get(rate, "z_to_a"));
	return (uint64_t)(there > back ? there : back);
}

static bool path_counts(const json_t *path)
{
	const char *state = text_of(path, "status.state");

	return strcmp(state, "released") != 0 && strcmp(state, "expired") != 0;
}

/* The paths on the link, of a list of all. */
static json_t *paths_on(const char *link, const json_t *paths)
{
	json_t *found = json_array(), *path;
	size_t i;

	json_array_foreach (paths, i, path) {
		if (!strcmp(text_of(path, "status.link"), link) && path_counts(path))
			json_array_append(found, path);
	}
	return found;
}

static enum exit_code plan_collect(struct ctl *ctl, json_t **plan)
{
	const char *name = ctl->args[0];
	struct api_reply link, paths;
	enum exit_code code = request_simple(ctl, "GET", "links", name, &link);
	json_t *found, *path;
	uint64_t total = 0;
	size_t i;

	if (code)
		return code;
	code = request_list(ctl, "paths", "", &paths);
	if (!code) {
		found = paths_on(name, json_object_get(paths.body, "items"));
		json_array_foreach (found, i, path)
			total += rate_of(path, "spec.rate_bps");
		*plan = json_pack("{s:s, s:s, s:s, s:I, s:o}", "kind", "drain-plan", "link", name,
				  "admin", text_of(link.body, "spec.admin"), "guaranteed_bps",
				  (json_int_t)total, "paths", found);
		api_reply_free(&paths);
	}
	api_reply_free(&link);
	return code;
}

/* Nothing is changed: who would be met. */
static enum exit_code plan_show(struct ctl *ctl)
{
	static const struct field fields[] = {
		{"PATH", "name", FIELD_TEXT},	     {"FROM", "spec.a.site", FIELD_TEXT},
		{"TO", "spec.z.site", FIELD_TEXT},   {"GUARANTEED", "spec.rate_bps", FIELD_RATE},
		{"CLASS", "spec.class", FIELD_TEXT}, {"STATE", "status.state", FIELD_TEXT},
		{"UNTIL", "spec.end", FIELD_TEXT},   {NULL},
	};
	json_t *plan, *paths;
	enum exit_code code = plan_collect(ctl, &plan);

	if (code)
		return code;
	paths = json_object_get(plan, "paths");
	if (ctl->json) {
		output_json(plan);
	} else if (json_array_size(paths)) {
		printf("link %s would take no new path. These %zu stay until they end, are "
		       "released or are changed:\n\n",
		       ctl->args[0], json_array_size(paths));
		field_table(fields, paths, stdout);
	} else {
		printf("link %s would take no new path, and has none now\n", ctl->args[0]);
	}
	json_decref(plan);
	return EXIT_OK;
}

/* Read, changed in one member and put back at the revision that was read. */
static enum exit_code admin_put(struct ctl *ctl, json_t *link, const char *admin)
{
	char etag[32], *path = api_path("links", ctl->args[0]);
	json_t *spec = json_object_get(link, "spec"), *body;
	struct api_reply reply;
	enum exit_code code;

	snprintf(etag, sizeof(etag), "\"%lld\"",
		 (long long)json_integer_value(json_object_get(link, "revision")));
	json_object_set_new(spec, "admin", json_string(admin));
	body = json_pack("{s:O, s:O}", "spec", spec, "labels", json_object_get(link, "labels"));
	api_send(ctl->api,
		 &(struct api_request){.method = "PUT",
				       .path = path ? path : "",
				       .body = body,
				       .if_match = etag,
				       .timeout_ns = request_timeout_ns(ctl)},
		 &reply);
	free(path);
	json_decref(body);
	code = output_failure(ctl, &reply, NULL, NULL);
	if (!code && ctl->json)
		output_json(reply.body);
	else if (!code)
		printf("link %s is %s\n", ctl->args[0], admin);
	api_reply_free(&reply);
	return code;
}

static enum exit_code admin_set(struct ctl *ctl, const char *admin)
{
	struct api_reply reply;
	enum exit_code code = request_simple(ctl, "GET", "links", ctl->args[0], &reply);

	if (code)
		return code;
	code = admin_put(ctl, reply.body, admin);
	api_reply_free(&reply);
	return code;
}

enum exit_code run_link_drain(struct ctl *ctl)
{
	return ctl_option(ctl, "plan") ? plan_show(ctl) : admin_set(ctl, "drain");
}

enum exit_code run_link_up(struct ctl *ctl)
{
	return admin_set(ctl, "up");
}

enum exit_code run_link_down(struct ctl *ctl)
{
	return admin_set(ctl, "down");
}
