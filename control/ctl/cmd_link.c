/* link up, drain, down: the operator's word on a link, and what it would mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"

/* GET /v1/links/NAME/drain. */
static enum exit_code plan_get(struct ctl *ctl, struct api_reply *reply)
{
	char *link = api_path("links", ctl->args[0]), target[512];
	enum exit_code code;

	snprintf(target, sizeof(target), "%s/drain", link ? link : "");
	free(link);
	api_call(ctl->api, "GET", target, NULL, request_timeout_ns(ctl), reply);
	code = output_failure(ctl, reply, NULL, NULL);
	if (code)
		api_reply_free(reply);
	return code;
}

/* Those that go, or those that stay; `own`: the link's own paths, or those that it backs up. */
static json_t *plan_part(const json_t *plan, bool goes, bool own)
{
	json_t *found = json_array(), *path;
	size_t i;

	json_array_foreach (json_object_get(plan, "paths"), i, path) {
		const char *has = json_string_value(json_object_get(path, "has"));

		if (json_is_true(json_object_get(path, "goes")) == goes &&
		    (has && strcmp(has, "link") == 0) == own)
			json_array_append(found, path);
	}
	return found;
}

static void part_print(const json_t *plan, bool goes, bool own, const char *title)
{
	static const struct field going[] = {
		{"PATH", "path", FIELD_TEXT},
		{"FROM", "a", FIELD_TEXT},
		{"TO", "z", FIELD_TEXT},
		{"GUARANTEED", "rate_bps", FIELD_RATE},
		{"LINK THEN", "to", FIELD_TEXT},
		{"BACKUP THEN", "backup", FIELD_TEXT},
		{"INTERRUPTED", "interrupted", FIELD_TEXT},
		{NULL},
	};
	static const struct field staying[] = {
		{"PATH", "path", FIELD_TEXT},  {"FROM", "a", FIELD_TEXT},
		{"TO", "z", FIELD_TEXT},       {"GUARANTEED", "rate_bps", FIELD_RATE},
		{"WHY", "detail", FIELD_TEXT}, {NULL},
	};
	json_t *part = plan_part(plan, goes, own);

	if (json_array_size(part)) {
		printf("%s\n\n", title);
		field_table(goes ? going : staying, part, stdout);
		printf("\n");
	}
	json_decref(part);
}

/* Nothing is changed: who would go where, and who would stay. */
static enum exit_code plan_show(struct ctl *ctl)
{
	struct api_reply reply;
	enum exit_code code = plan_get(ctl, &reply);
	json_int_t leaving;

	if (code)
		return code;
	leaving = json_integer_value(json_object_get(reply.body, "leaving"));
	if (ctl->json) {
		output_json(reply.body);
	} else {
		if (leaving)
			printf("%lld of its paths are on their way to another link already\n\n",
			       (long long)leaving);
		part_print(reply.body, true, true, "these paths go to another link, one by one:");
		part_print(reply.body, true, false,
			   "these have their backup on another link then:");
		part_print(reply.body, false, true, "these stay, no other link will do:");
		part_print(reply.body, false, false, "these keep their backup here:");
		if (!json_array_size(json_object_get(reply.body, "paths")))
			printf("link %s has no %spaths\n", ctl->args[0], leaving ? "other " : "");
	}
	api_reply_free(&reply);
	return EXIT_OK;
}

static void left_print(const struct ctl *ctl, const json_t *link, const char *admin)
{
	const json_t *drain = field_get(link, "status.drain");
	json_int_t paths = json_integer_value(json_object_get(drain, "paths"));

	printf("link %s is %s%s", ctl->args[0], admin, drain ? "" : "\n");
	if (drain && paths)
		printf(": it has %lld paths to let go; `link drain %s --plan` tells where\n",
		       (long long)paths, ctl->args[0]);
	else if (drain)
		printf(": it has no paths\n");
}

static enum exit_code admin_set(struct ctl *ctl, const char *admin)
{
	struct api_reply reply;
	enum exit_code code = request_set(ctl, "links", "admin", json_string(admin), &reply);

	if (code)
		return code;
	if (ctl->json)
		output_json(reply.body);
	else
		left_print(ctl, reply.body, admin);
	api_reply_free(&reply);
	return EXIT_OK;
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
