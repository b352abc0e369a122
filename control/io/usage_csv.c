#include "control/io/usage_csv.h"

#include <stdio.h>
#include <stdlib.h>

/* Of one direction, behind path, tenant, from, to and direction. */
static const char *const columns[] = {
	"guaranteed_bps",  "delivered_bps", "packets",	     "bytes",	 "delivered_packets",
	"delivered_bytes", "sequenced",	    "resent",	     "lost",	 "stall_credit_ns",
	"stall_window_ns", "stall_key_ns",  "stall_pace_ns", "pause_ns", NULL,
};

static void head_write(FILE *out)
{
	fputs("path,tenant,from,to,direction", out);
	for (const char *const *column = columns; *column; column++)
		fprintf(out, ",%s", *column);
	fputs(",drops,drops_by_reason\n", out);
}

static const char *text_at(const json_t *item, const char *key)
{
	const char *text = json_string_value(json_object_get(item, key));

	return text ? text : "";
}

/* "5,queue_full=3;ttl=2" */
static void drops_write(json_t *drops, FILE *out)
{
	json_int_t all = 0;
	const char *reason, *separator = "";
	json_t *count;

	json_object_foreach (drops, reason, count)
		all += json_integer_value(count);
	fprintf(out, ",%lld,", (long long)all);
	json_object_foreach (drops, reason, count) {
		fprintf(out, "%s%s=%lld", separator, reason, (long long)json_integer_value(count));
		separator = ";";
	}
	fputc('\n', out);
}

/* Names and times need no quotes: they have neither commas nor quotes. */
static void line_write(const json_t *item, const char *direction, FILE *out)
{
	const json_t *way = json_object_get(item, direction);

	fprintf(out, "%s,%s,%s,%s,%s", text_at(item, "path"), text_at(item, "tenant"),
		text_at(item, "from"), text_at(item, "to"), direction);
	for (const char *const *column = columns; *column; column++)
		fprintf(out, ",%lld", (long long)json_integer_value(json_object_get(way, *column)));
	drops_write(json_object_get(way, "drops"), out);
}

char *usage_csv(const json_t *items)
{
	char *text = NULL;
	size_t size, i;
	json_t *item;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	head_write(out);
	json_array_foreach (items, i, item) {
		line_write(item, "a_to_z", out);
		line_write(item, "z_to_a", out);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}
