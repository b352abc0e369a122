/* cluster create, show, env, rm: virtual clusters over several sites. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"
#include "control/ctl/spec_options.h"

/* SITE[:NODESxACCELERATORS],... */
static json_t *members_parse(const char *text)
{
	json_t *list = json_array();

	for (size_t len; *text; text += len + (text[len] == ',')) {
		unsigned int nodes, accelerators;
		size_t site = strcspn(text, ":,");
		json_t *member = json_pack("{s:o}", "site", json_stringn(text, site));

		len = strcspn(text, ",");
		if (text[site] == ':' &&
		    sscanf(text + site + 1, "%ux%u", &nodes, &accelerators) == 2) {
			json_object_set_new(member, "nodes", json_integer(nodes));
			json_object_set_new(member, "accelerators", json_integer(accelerators));
		} else if (text[site] == ':') {
			json_decref(member);
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, member);
	}
	return list;
}

/* Options whose text the server reads as it is: option, member of the demand. */
static const char *const demand_texts[][2] = {
	{"pattern", "pattern"},
	{"rate", "rate_bps"},
	{"bytes-per-step", "bytes_per_step"},
	{"step-period", "step_period"},
};

static json_t *demand_make(const struct ctl *ctl)
{
	json_t *demand = json_object();

	for (size_t i = 0; i < sizeof(demand_texts) / sizeof(demand_texts[0]); i++)
		spec_set_text(ctl, demand_texts[i][0], demand_texts[i][1], demand);
	if (ctl_option(ctl, "efficiency"))
		json_object_set_new(demand, "efficiency_percent",
				    json_integer(atoi(ctl_option(ctl, "efficiency"))));
	if (ctl_option(ctl, "overlap"))
		json_object_set_new(demand, "overlap_percent",
				    json_integer(atoi(ctl_option(ctl, "overlap"))));
	return demand;
}

static enum exit_code spec_fill(const struct ctl *ctl, json_t *spec)
{
	const char *members = ctl_option(ctl, "members");
	json_t *list = members ? members_parse(members) : NULL, *path = json_object();
	enum exit_code code;

	json_object_set_new(spec, "path", path);
	if (!list)
		return output_error(ctl, EXIT_USAGE, "usage",
				    "cluster create needs --members, such as a,b,c or a:4x8,b:4x8");
	json_object_set_new(spec, "members", list);
	json_object_set_new(spec, "demand", demand_make(ctl));
	spec_set_text(ctl, "class", "class", path);
	spec_set_text(ctl, "when-down", "when_down", path);
	spec_set_text(ctl, "tenant", "tenant", spec);
	code = spec_set_matches(ctl, path);
	return code;
}

static void line_print(const json_t *cluster, const char *label, const char *field,
		       enum field_format format)
{
	char text[512];

	field_text(cluster, field, format, text, sizeof(text));
	if (text[0])
		printf("  %-14s %s\n", label, text);
}

static void cluster_print(const json_t *cluster)
{
	static const struct field fields[] = {
		{"PATH", "name", FIELD_TEXT},
		{"FROM", "a", FIELD_TEXT},
		{"TO", "z", FIELD_TEXT},
		{"LINK", "link", FIELD_TEXT},
		{"GUARANTEED", "rate_bps", FIELD_RATE},
		{"RTT", "rtt_ns", FIELD_TIME},
		{"STATE", "state", FIELD_TEXT},
		{NULL},
	};
	char name[128], state[64], reason[512];

	field_text(cluster, "name", FIELD_TEXT, name, sizeof(name));
	field_text(cluster, "status.state", FIELD_TEXT, state, sizeof(state));
	field_text(cluster, "status.reason", FIELD_TEXT, reason, sizeof(reason));
	printf("cluster %s is %s: %s\n", name, state, reason);
	line_print(cluster, "pattern", "spec.demand.pattern", FIELD_TEXT);
	line_print(cluster, "ring", "status.ring", FIELD_TEXT);
	line_print(cluster, "root", "status.tree.root", FIELD_TEXT);
	line_print(cluster, "narrowest cut", "status.narrowest_cut.rate_bps", FIELD_RATE);
	line_print(cluster, "leaving", "status.narrowest_cut.from", FIELD_TEXT);
	line_print(cluster, "efficiency", "status.step.efficiency", FIELD_SHARE);
	line_print(cluster, "limited by", "status.step.limited_by", FIELD_TEXT);
	line_print(cluster, "on path", "status.step.path", FIELD_TEXT);
	printf("\n");
	field_table(fields, field_get(cluster, "status.paths"), stdout);
}

enum exit_code run_cluster_show(struct ctl *ctl)
{
	struct api_reply reply;
	enum exit_code code;

	/* It is as good as the least of its paths: control looks at all of them. */
	if (ctl_option(ctl, "wait"))
		code = request_wait(ctl, "clusters", ctl->args[0], "active", &reply);
	else
		code = request_simple(ctl, "GET", "clusters", ctl->args[0], &reply);
	if (code)
		return code;
	if (ctl->json)
		output_json(reply.body);
	else
		cluster_print(reply.body);
	api_reply_free(&reply);
	return EXIT_OK;
}

enum exit_code run_cluster_create(struct ctl *ctl)
{
	json_t *spec = json_object();
	enum exit_code code = spec_fill(ctl, spec);

	if (!code)
		code = request_put(ctl, "clusters", spec, false);
	json_decref(spec);
	return code ? code : run_cluster_show(ctl);
}

/* A shell reads it: values in single quotes, in which nothing but a quote means anything. */
static void value_print(const char *value)
{
	putchar('\'');
	for (; *value; value++) {
		if (*value == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*value);
	}
	fputs("'\n", stdout);
}

static void setting_print(const json_t *setting)
{
	const char *scope = json_string_value(json_object_get(setting, "scope"));
	const char *name = json_string_value(json_object_get(setting, "name"));
	const char *value = json_string_value(json_object_get(setting, "value"));
	const char *reason = json_string_value(json_object_get(setting, "reason"));

	printf("# %s\n", reason ? reason : "");
	if (scope && !strcmp(scope, "env")) {
		printf("export %s=", name);
		value_print(value ? value : "");
	} else {
		printf("# on each host: sysctl -w %s=", name);
		value_print(value ? value : "");
	}
}

static void member_print(const json_t *member)
{
	json_t *setting;
	size_t i;

	json_array_foreach (json_object_get(member, "settings"), i, setting)
		setting_print(setting);
}

/* The first member, or that of --site. NULL: there is none. */
static const json_t *member_choose(const struct ctl *ctl, const json_t *members)
{
	const char *site = ctl_option(ctl, "site");
	json_t *member;
	size_t i;

	json_array_foreach (members, i, member) {
		const char *name = json_string_value(json_object_get(member, "site"));

		if (!site || (name && !strcmp(name, site)))
			return member;
	}
	return NULL;
}

enum exit_code run_cluster_env(struct ctl *ctl)
{
	char *path = api_path("clusters", ctl->args[0]);
	struct api_reply reply;
	const json_t *member;
	enum exit_code code;
	char settings[512];

	snprintf(settings, sizeof(settings), "%s/settings", path ? path : "");
	free(path);
	api_call(ctl->api, "GET", settings, NULL, request_timeout_ns(ctl), &reply);
	code = output_failure(ctl, &reply, NULL, NULL);
	member = code ? NULL : member_choose(ctl, json_object_get(reply.body, "members"));
	if (!code && !member)
		code = output_error(ctl, EXIT_REFUSED, "not-found", "cluster %s has no site %s",
				    ctl->args[0], ctl_option(ctl, "site"));
	if (!code && ctl->json)
		output_json(ctl_option(ctl, "site") ? member : reply.body);
	else if (!code)
		member_print(member);
	api_reply_free(&reply);
	return code;
}
