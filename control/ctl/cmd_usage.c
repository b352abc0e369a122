/* usage: what paths carried, by interval: a table, JSON, or CSV for a billing system. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"
#include "control/io/usage_csv.h"

static const char *const options[] = {"path", "tenant", "from", "to", NULL};

/* Names and times need no escapes, but for the + of an offset, which the API takes as it is. */
static enum exit_code query_make(const struct ctl *ctl, char *query, size_t size)
{
	query[0] = 0;
	for (const char *const *option = options; *option; option++) {
		const char *value = ctl_option(ctl, *option);
		size_t len = strlen(query);

		if (!value)
			continue;
		if (!value[0] || strlen(value) >= 64 || strpbrk(value, "&#%? \t"))
			return output_error(ctl, EXIT_USAGE, "usage", "--%s: \"%.64s\" is no %s",
					    *option, value,
					    (*option)[0] == 'p' || !strcmp(*option, "tenant")
						    ? "name"
						    : "time such as 2026-11-22T10:00:00Z");
		snprintf(query + len, size - len, "%s%s=%s", len ? "&" : "", *option, value);
	}
	return EXIT_OK;
}

/* A row for each direction. */
static json_t *rows_make(const json_t *items)
{
	static const char *const ways[] = {"a_to_z", "z_to_a", NULL};
	json_t *rows = json_array(), *item;
	size_t i;

	json_array_foreach (items, i, item) {
		for (const char *const *way = ways; *way; way++) {
			json_t *row = json_copy(json_object_get(item, *way)), *drop;
			json_int_t drops = 0;
			const char *reason;

			json_object_foreach (json_object_get(row, "drops"), reason, drop)
				drops += json_integer_value(drop);
			json_object_set_new(row, "drops", json_integer(drops));
			json_object_set_new(row, "direction", json_string(*way));
			json_object_set(row, "path", json_object_get(item, "path"));
			json_object_set(row, "tenant", json_object_get(item, "tenant"));
			json_object_set(row, "from", json_object_get(item, "from"));
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

static void table_show(const json_t *items)
{
	static const struct field fields[] = {
		{"FROM", "from", FIELD_TEXT},
		{"PATH", "path", FIELD_TEXT},
		{"TENANT", "tenant", FIELD_TEXT},
		{"DIRECTION", "direction", FIELD_TEXT},
		{"GUARANTEED", "guaranteed_bps", FIELD_RATE},
		{"DELIVERED", "delivered_bps", FIELD_RATE},
		{"BYTES", "bytes", FIELD_SIZE},
		{"ARRIVED", "delivered_bytes", FIELD_SIZE},
		{"RESENT", "resent", FIELD_COUNT},
		{"DROPS", "drops", FIELD_COUNT},
		{"STALL", "stall_window_ns", FIELD_TIME},
		{NULL},
	};
	json_t *rows = rows_make(items);

	field_table(fields, rows, stdout);
	json_decref(rows);
}

static enum exit_code csv_show(const struct ctl *ctl, const json_t *items)
{
	char *text = usage_csv(items);

	if (!text)
		return output_error(ctl, EXIT_UNREACHABLE, "no-memory", "out of memory");
	fputs(text, stdout);
	free(text);
	return EXIT_OK;
}

enum exit_code run_usage(struct ctl *ctl)
{
	struct api_reply reply;
	char query[512];
	const json_t *items;
	enum exit_code code = query_make(ctl, query, sizeof(query));

	if (!code)
		code = request_list(ctl, "usage", query, &reply);
	if (code)
		return code;
	items = json_object_get(reply.body, "items");
	if (ctl_option(ctl, "csv"))
		code = csv_show(ctl, items);
	else if (ctl->json)
		output_json(reply.body);
	else
		table_show(items);
	api_reply_free(&reply);
	return code;
}
