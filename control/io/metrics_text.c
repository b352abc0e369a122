#include "control/io/metrics_text.h"

#include <string.h>

/* What its samples are called behind the family's name. */
static const char *suffix_of(enum metrics_type type)
{
	return type == METRICS_COUNTER ? "_total" : type == METRICS_INFO ? "_info" : "";
}

/* The older format names the family as its samples, and knows no info. */
void metrics_family(const struct metrics *metrics, const char *name, enum metrics_type type,
		    const char *help)
{
	static const char *const names[] = {
		[METRICS_GAUGE] = "gauge", [METRICS_COUNTER] = "counter", [METRICS_INFO] = "info"};
	const char *suffix = metrics->is_open ? "" : suffix_of(type);
	const char *type_name = !metrics->is_open && type == METRICS_INFO ? "gauge" : names[type];

	fprintf(metrics->out, "# TYPE causeway_%s%s %s\n# HELP causeway_%s%s %s\n", name, suffix,
		type_name, name, suffix, help);
}

void metrics_single(const struct metrics *metrics, const char *name, const char *help,
		    uint64_t value)
{
	metrics_family(metrics, name, METRICS_GAUGE, help);
	fprintf(metrics->out, "causeway_%s %llu\n", name, (unsigned long long)value);
}

void metrics_write_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

const char *metrics_direction(int end)
{
	return end ? "z_to_a" : "a_to_z";
}

bool metrics_told(const struct live_path_end *end, const char *path, json_int_t *value)
{
	const json_t *json = end->entry;
	char key[32];

	while (json && *path) {
		size_t len = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		json = json_object_get(json, key);
		path += path[len] ? len + 1 : len;
	}
	*value = json_integer_value(json);
	return json_is_integer(json) && *value >= 0;
}
