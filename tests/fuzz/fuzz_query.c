/*
 * libFuzzer over the query strings of the API: no input may crash, what is taken keeps to the
 * limits, and the token of a page leads back to its name.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/api_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const struct api_query *query, enum model_kind kind)
{
	const struct api_filter *filter = &query->filter;

	if (!query->limit || query->limit > QUERY_LIMIT_MAX ||
	    filter->label_count > QUERY_LABELS_MAX)
		abort();
	if (query->after[0] && (kind == KIND_COUNT || !model_name_is_valid(query->after)))
		abort();
	for (uint8_t i = 0; i < filter->label_count; i++) {
		const struct label *label = &filter->labels[i].label;

		if (!label->key[0] || !memchr(label->value, 0, sizeof(label->value)) ||
		    !api_filter_matches(
			    &(struct api_filter){.label_count = 1, .labels = {filter->labels[i]}},
			    KIND_PATH, "", label, 1))
			abort();
	}
}

static void check_token(const char *after, enum model_kind kind)
{
	char text[QUERY_TOKEN_BYTES + 16] = "continue=";
	struct problem problem = {0};
	struct api_query again;

	api_query_token(kind, after, text + strlen(text));
	api_query_init(&again);
	api_query_read(&again, text, TAKES_LIST, kind, &problem);
	if (problem_is_set(&problem) || strcmp(again.after, after) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem problem = {0};
	struct api_query query;
	enum model_kind kind;
	unsigned int takes;
	char *text;

	if (size < 2)
		return 0;
	takes = data[0];
	kind = (enum model_kind)(data[1] % KIND_COUNT);
	text = calloc(1, size - 1);
	if (!text)
		return 0;
	memcpy(text, data + 2, size - 2);
	api_query_init(&query);
	api_query_read(&query, text, takes, kind, &problem);
	if (!problem_is_set(&problem))
		check_values(&query, kind);
	if (!problem_is_set(&problem) && query.after[0])
		check_token(query.after, kind);
	problem_clear(&problem);
	free(text);
	return 0;
}
