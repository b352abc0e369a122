/* explain: why a path or a cluster is as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"
#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"

static const char *text_of(const json_t *object, const char *path)
{
	const char *text = json_string_value(field_get(object, path));

	return text ? text : "";
}

/* "reservation    committed: its rates are booked", with its times below. */
static void machine_print(const json_t *explanation, const char *label, const char *key)
{
	static const char *const times[] = {"since",	   "start",   "end", "hold_until",
					    "lease_until", "expired", NULL};
	const json_t *machine = json_object_get(explanation, key);

	printf("  %-13s %s: %s\n", label, text_of(machine, "state"), text_of(machine, "text"));
	for (const char *const *time = times; *time; time++) {
		if (text_of(machine, *time)[0])
			printf("  %-13s   %s %s\n", "", *time, text_of(machine, *time));
	}
}

static void table_print_under(const char *title, const struct field *fields, const json_t *rows)
{
	if (!json_array_size(rows))
		return;
	printf("\n%s\n", title);
	field_table(fields, rows, stdout);
}

static void machines_print(const json_t *explanation)
{
	static const struct field provisioned[] = {
		{"GATEWAY", "name", FIELD_TEXT},
		{"SITE", "site", FIELD_TEXT},
		{"STATE", "state", FIELD_TEXT},
		{"GENERATION", "generation", FIELD_TEXT},
		{"WANTED", "wanted", FIELD_TEXT},
		{"WHICH MEANS", "text", FIELD_TEXT},
		{NULL},
	};
	static const struct field proved[] = {
		{"GATEWAY", "name", FIELD_TEXT},       {"STATE", "state", FIELD_TEXT},
		{"RECEIVES", "receiving", FIELD_TEXT}, {"PROVED", "proved", FIELD_TEXT},
		{"CLAIMS", "claiming", FIELD_TEXT},    {"ERROR", "error", FIELD_TEXT},
		{"WHICH MEANS", "text", FIELD_TEXT},   {NULL},
	};

	machine_print(explanation, "reservation", "reservation");
	machine_print(explanation, "provisioning", "provisioning");
	machine_print(explanation, "data plane", "data_plane");
	machine_print(explanation, "life cycle", "life_cycle");
	printf("  %-13s %s: %s%s\n", "when down", text_of(explanation, "when_down.value"),
	       text_of(explanation, "when_down.text"),
	       json_is_true(field_get(explanation, "when_down.applies")) ? " (as it is now)" : "");
	table_print_under("provisioning", provisioned,
			  field_get(explanation, "provisioning.gateways"));
	table_print_under("data plane", proved, field_get(explanation, "data_plane.gateways"));
}

/* Amounts have the unit of their row: the table gets texts. */
static json_t *bookings_make(const json_t *bookings)
{
	static const char *const amounts[] = {"booked", "others", "limit", "room", NULL};
	json_t *rows = json_array(), *booking;
	size_t i;

	json_array_foreach (bookings, i, booking) {
		bool is_rate = !strcmp(text_of(booking, "unit"), "bps");
		json_t *row = json_copy(booking);

		for (const char *const *key = amounts; *key; key++) {
			uint64_t amount =
				(uint64_t)json_integer_value(json_object_get(booking, *key));
			char text[UNITS_TEXT_BYTES];

			if (is_rate)
				units_format_rate(amount, text, sizeof(text));
			else
				units_format_size(amount, text, sizeof(text));
			json_object_set_new(row, *key, json_string(text));
		}
		json_array_append_new(rows, row);
	}
	return rows;
}

static void route_print(const json_t *explanation)
{
	static const struct field candidates[] = {
		{"LINK", "link", FIELD_TEXT},
		{"VERDICT", "verdict", FIELD_TEXT},
		{"RTT", "rtt_ns", FIELD_TIME},
		{"COST", "cost", FIELD_TEXT},
		{"ROOM", "room_bps", FIELD_RATE},
		{"BECAUSE", "text", FIELD_TEXT},
		{NULL},
	};
	static const struct field booked[] = {
		{"BOOKED", "resource", FIELD_TEXT}, {"OF", "of", FIELD_TEXT},
		{"LEAVING", "leaving", FIELD_TEXT}, {"THIS PATH", "booked", FIELD_TEXT},
		{"OTHERS", "others", FIELD_TEXT},   {"LIMIT", "limit", FIELD_TEXT},
		{"LEFT", "room", FIELD_TEXT},	    {NULL},
	};
	const json_t *binding = json_object_get(explanation, "binding");
	json_t *rows = bookings_make(json_object_get(explanation, "booked"));

	table_print_under("links between its sites", candidates,
			  field_get(explanation, "route.candidates"));
	table_print_under("bookings, headers included", booked, rows);
	if (json_is_object(binding))
		printf("least is left of %s of %s\n", text_of(binding, "resource"),
		       text_of(binding, "of"));
	json_decref(rows);
}

static void next_print(const json_t *explanation)
{
	static const struct field next[] = {
		{"NEXT", "code", FIELD_TEXT},
		{"AT", "at", FIELD_TEXT},
		{"WHAT", "text", FIELD_TEXT},
		{NULL},
	};
	static const struct field actions[] = {
		{"YOU CAN", "code", FIELD_TEXT},
		{"TO", "text", FIELD_TEXT},
		{"BY", "command", FIELD_TEXT},
		{NULL},
	};

	table_print_under("what comes next", next, json_object_get(explanation, "next"));
	table_print_under("what can be done", actions, json_object_get(explanation, "actions"));
}

static void path_explain_print(const json_t *explanation)
{
	printf("path %s is %s: %s\n", text_of(explanation, "path"),
	       text_of(explanation, "life_cycle.state"), text_of(explanation, "life_cycle.text"));
	machines_print(explanation);
	route_print(explanation);
	next_print(explanation);
}

static void cluster_explain_print(const json_t *explanation)
{
	static const struct field fields[] = {
		{"PATH", "name", FIELD_TEXT},
		{"LINK", "link", FIELD_TEXT},
		{"STATE", "state", FIELD_TEXT},
		{"BECAUSE", "text", FIELD_TEXT},
		{NULL},
	};
	const json_t *least = json_object_get(explanation, "least");

	printf("cluster %s is %s: that is its path which can do least\n",
	       text_of(explanation, "cluster"), text_of(explanation, "state"));
	table_print_under("its paths", fields, json_object_get(explanation, "paths"));
	if (!json_is_object(least))
		return;
	printf("\n");
	path_explain_print(least);
}

enum exit_code run_explain(struct ctl *ctl)
{
	const struct kind *kind = kind_find(ctl->args[0]);
	bool is_path = kind && !strcmp(kind->singular, "path");
	char *path, target[512];
	struct api_reply reply;
	enum exit_code code;

	if (!is_path && (!kind || strcmp(kind->singular, "cluster") != 0))
		return output_error(ctl, EXIT_USAGE, "usage",
				    "explain: path or cluster, not \"%.40s\"", ctl->args[0]);
	path = api_path(kind->plural, ctl->args[1]);
	snprintf(target, sizeof(target), "%s/explain", path ? path : "");
	free(path);
	api_call(ctl->api, "GET", target, NULL, request_timeout_ns(ctl), &reply);
	code = output_failure(ctl, &reply, NULL, NULL);
	if (!code && ctl->json)
		output_json(reply.body);
	else if (!code)
		(is_path ? path_explain_print : cluster_explain_print)(reply.body);
	api_reply_free(&reply);
	return code;
}
