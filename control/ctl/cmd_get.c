/* get, delete, status: what works alike for every kind. */
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"

#define KINDS_TEXT "sites, gateways, links, classes, tenants, paths or clusters"

static const struct kind *kind_arg(const struct ctl *ctl)
{
	const struct kind *kind = kind_find(ctl->args[0]);

	if (!kind)
		output_error(ctl, EXIT_USAGE, "usage", "unknown kind \"%.40s\": " KINDS_TEXT,
			     ctl->args[0]);
	return kind;
}

/* --label and --state as a query; a label's = is the only character that needs to be escaped. */
static void filter_query(const struct ctl *ctl, char *query, size_t size)
{
	const char *text, *state = ctl_option(ctl, "state");
	size_t len = 0;

	query[0] = 0;
	for (uint32_t i = 0; (text = ctl_option_at(ctl, "label", i)) && len < size; i++) {
		size_t key = strcspn(text, "=");

		len += (size_t)snprintf(query + len, size - len, "%slabel=%.*s%s%s", len ? "&" : "",
					(int)key, text, text[key] ? "%3D" : "",
					text[key] ? text + key + 1 : "");
	}
	if (state && len < size)
		snprintf(query + len, size - len, "%sstate=%s", len ? "&" : "", state);
}

static enum exit_code get_list(struct ctl *ctl, const struct kind *kind)
{
	struct api_reply reply;
	char query[600];
	enum exit_code code;

	filter_query(ctl, query, sizeof(query));
	/* The classes are built in, few, and come in one piece. */
	if (!strcmp(kind->plural, "classes"))
		code = request_simple(ctl, "GET", kind->plural, NULL, &reply);
	else
		code = request_list(ctl, kind->plural, query, &reply);
	if (code)
		return code;
	if (ctl->json)
		output_json(reply.body);
	else
		kind_print(kind, json_object_get(reply.body, "items"), stdout);
	api_reply_free(&reply);
	return EXIT_OK;
}

static enum exit_code get_one(struct ctl *ctl, const struct kind *kind, const char *name)
{
	struct api_reply reply;
	enum exit_code code = request_simple(ctl, "GET", kind->plural, name, &reply);
	json_t *rows;

	if (code)
		return code;
	if (ctl->json) {
		output_json(reply.body);
	} else {
		rows = json_pack("[O]", reply.body);
		kind_print(kind, rows, stdout);
		json_decref(rows);
	}
	api_reply_free(&reply);
	return EXIT_OK;
}

enum exit_code run_get(struct ctl *ctl)
{
	const struct kind *kind = kind_arg(ctl);

	if (!kind)
		return EXIT_USAGE;
	return ctl->arg_count == 2 ? get_one(ctl, kind, ctl->args[1]) : get_list(ctl, kind);
}

enum exit_code run_path_list(struct ctl *ctl)
{
	return get_list(ctl, kind_find("path"));
}

enum exit_code run_delete(struct ctl *ctl)
{
	const struct kind *kind = kind_arg(ctl);
	struct api_reply reply;
	enum exit_code code;
	json_t *result;

	if (!kind)
		return EXIT_USAGE;
	code = request_simple(ctl, "DELETE", kind->plural, ctl->args[1], &reply);
	if (code)
		return code;
	result = json_pack("{s:s, s:s, s:s}", "kind", kind->singular, "name", ctl->args[1],
			   "result", reply.status == 202 ? "draining" : "deleted");
	if (ctl->json)
		output_json(reply.body ? reply.body : result);
	else
		printf("%s %s %s\n", kind->singular, ctl->args[1],
		       reply.status == 202 ? "is draining" : "deleted");
	json_decref(result);
	api_reply_free(&reply);
	return EXIT_OK;
}

/* The order of the summary. */
static const char *const status_kinds[] = {"sites", "gateways", "links", "paths", NULL};

static enum exit_code status_collect(struct ctl *ctl, json_t *status)
{
	for (const char *const *kind = status_kinds; *kind; kind++) {
		struct api_reply reply;
		enum exit_code code = request_list(ctl, *kind, "", &reply);

		if (code)
			return code;
		json_object_set(status, *kind, json_object_get(reply.body, "items"));
		json_object_set(status, "revision", json_object_get(reply.body, "revision"));
		api_reply_free(&reply);
	}
	return EXIT_OK;
}

static size_t count_where(const json_t *items, const char *path, const char *wanted)
{
	size_t count = 0, i;
	json_t *item;

	json_array_foreach (items, i, item) {
		char text[64];

		field_text(item, path, FIELD_TEXT, text, sizeof(text));
		count += strcmp(text, wanted) == 0;
	}
	return count;
}

static void status_print(const struct ctl *ctl, const json_t *status)
{
	const json_t *gateways = json_object_get(status, "gateways");
	const json_t *paths = json_object_get(status, "paths");

	printf("control %s, revision %lld\n", ctl->url,
	       (long long)json_integer_value(json_object_get(status, "revision")));
	for (const char *const *kind = status_kinds + 1; *kind; kind++) {
		const json_t *items = json_object_get(status, *kind);

		if (json_array_size(items) == 0)
			continue;
		printf("\n");
		kind_print(kind_find(*kind), items, stdout);
	}
	printf("\n%zu of %zu gateways connected, %zu of %zu paths active\n",
	       count_where(gateways, "status.connected", "yes"), json_array_size(gateways),
	       count_where(paths, "status.state", "active"), json_array_size(paths));
}

enum exit_code run_status(struct ctl *ctl)
{
	json_t *status = json_pack("{s:s, s:s}", "kind", "status", "control", ctl->url);
	enum exit_code code = status_collect(ctl, status);

	if (!code && ctl->json)
		output_json(status);
	else if (!code)
		status_print(ctl, status);
	json_decref(status);
	return code;
}
