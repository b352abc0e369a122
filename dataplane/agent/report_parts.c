#include "dataplane/agent/report_parts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The paths' texts, and how many of them each part has. */
struct spread {
	char **texts;
	size_t count;
	size_t *ends; /* of each part: behind its last path */
	size_t part_count;
};

static void spread_free(struct spread *spread)
{
	for (size_t i = 0; spread->texts && i < spread->count; i++)
		free(spread->texts[i]);
	free(spread->texts);
	free(spread->ends);
}

static bool spread_make(struct spread *spread, const json_t *paths, size_t part_bytes)
{
	size_t bytes = 0, count = json_array_size(paths);

	spread->texts = calloc(count + 1, sizeof(*spread->texts));
	spread->ends = calloc(count + 1, sizeof(*spread->ends));
	if (!spread->texts || !spread->ends)
		return false;
	for (; spread->count < count; spread->count++) {
		char *text = json_dumps(json_array_get(paths, spread->count), JSON_COMPACT);
		size_t len = text ? strlen(text) + 1 : 0;

		if (!text)
			return false;
		if (bytes && bytes + len > part_bytes) {
			spread->ends[spread->part_count++] = spread->count;
			bytes = 0;
		}
		spread->texts[spread->count] = text;
		bytes += len;
	}
	spread->ends[spread->part_count++] = count;
	return true;
}

static void part_write(FILE *out, const json_t *head, const char *head_text,
		       const struct spread *spread, size_t part)
{
	size_t first = part ? spread->ends[part - 1] : 0;

	if (part)
		fprintf(out, "\n{\"revision\":%lld,\"term\":%lld",
			(long long)json_integer_value(json_object_get(head, "revision")),
			(long long)json_integer_value(json_object_get(head, "term")));
	else
		fprintf(out, "%.*s", (int)strlen(head_text) - 1, head_text);
	if (spread->part_count > 1)
		fprintf(out, ",\"part\":%zu,\"parts\":%zu", part, spread->part_count);
	fputs(",\"paths\":[", out);
	for (size_t i = first; i < spread->ends[part]; i++)
		fprintf(out, "%s%s", i > first ? "," : "", spread->texts[i]);
	fputs("]}", out);
}

char *report_parts(const json_t *head, const json_t *paths, size_t part_bytes)
{
	char *head_text = json_dumps(head, JSON_COMPACT), *text = NULL;
	struct spread spread = {0};
	size_t len = 0;
	FILE *out = NULL;

	if (spread_make(&spread, paths, part_bytes) && head_text)
		out = open_memstream(&text, &len);
	for (size_t part = 0; out && part < spread.part_count; part++)
		part_write(out, head, head_text, &spread, part);
	if (out && fclose(out)) {
		free(text);
		text = NULL;
	}
	spread_free(&spread);
	free(head_text);
	return text;
}
