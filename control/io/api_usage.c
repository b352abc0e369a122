/*
 * GET /v1/usage: what paths carried, by interval, out of the store; a page at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/usage_csv.h"

#define TOKEN_BYTES (3 * MODEL_NAME_BYTES)

static void on_row(const struct usage_row *row, void *arg)
{
	json_array_append_new(arg, usage_row_json(row));
}

/* Behind the page's last record; read back by api_query.c. */
static void token_make(const struct usage_query *query, char token[TOKEN_BYTES])
{
	snprintf(token, TOKEN_BYTES, "%llu/%s/%s", (unsigned long long)query->after_ns,
		 query->after_path, query->after_tenant);
}

/* As in lists, the answer has what the next request gives back. */
static void respond_json(struct api_call *call, json_t *items, const char *token)
{
	json_t *json = json_pack("{s:s, s:I, s:O}", "kind", "usage", "revision",
				 (json_int_t)store_revision(call->api->store), "items", items);

	if (token)
		json_object_set_new(json, "continue", json_string(token));
	api_respond_json(call->exchange, 200, json, 0);
}

static char *ndjson(const json_t *items)
{
	char *text = NULL;
	size_t size, i;
	json_t *item;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	json_array_foreach (items, i, item) {
		json_dumpf(item, out, JSON_COMPACT);
		fputc('\n', out);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/* These have no place for it but the header. */
static void respond_text(struct api_call *call, const char *type, char *text, const char *token)
{
	const struct h2_field fields[1] = {{"causeway-continue", token}};

	if (text)
		h2_exchange_respond(call->exchange, 200, type, fields, token ? 1 : 0, text,
				    strlen(text));
	else
		problem_set(&call->problem, 503, "out-of-memory", "try again");
	free(text);
}

static void respond(struct api_call *call, json_t *items, const char *token)
{
	const char *format = call->query.format;

	if (!strcmp(format, "csv"))
		respond_text(call, "text/csv", usage_csv(items), token);
	else if (!strcmp(format, "ndjson"))
		respond_text(call, "application/x-ndjson", ndjson(items), token);
	else
		respond_json(call, items, token);
}

static bool format_is_known(const char *format)
{
	return !format[0] || !strcmp(format, "json") || !strcmp(format, "ndjson") ||
	       !strcmp(format, "csv");
}

/* False: of the tenant that asks there can be nothing. */
static bool query_bind(const struct api_call *call, struct usage_query *query)
{
	const char *bound = call->query.filter.tenant;

	*query = call->query.usage;
	query->limit = call->query.limit;
	if (!bound[0])
		return true;
	if (query->tenant[0] && strcmp(query->tenant, bound) != 0)
		return false;
	strcpy(query->tenant, bound);
	return true;
}

void api_usage(struct api_call *call)
{
	char token[TOKEN_BYTES];
	struct usage_query query;
	json_t *items;
	bool has_more = false;

	if (!format_is_known(call->query.format)) {
		problem_set(&call->problem, 400, "invalid-argument", "format: json, ndjson or csv");
		return;
	}
	items = json_array();
	if (query_bind(call, &query) &&
	    store_usage_page(call->api->store, &query, on_row, items, &has_more))
		problem_set(&call->problem, 503, "storage-failed",
			    "the usage records cannot be read, try again");
	token_make(&query, token);
	if (!problem_is_set(&call->problem))
		respond(call, items, has_more ? token : NULL);
	json_decref(items);
}
