/* watch, events, topology, path history: what control writes as it comes, or in a form of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"

static void on_data(const uint8_t *data, size_t len, void *arg)
{
	(void)arg;
	/* Somebody reads along: each piece at once. */
	fwrite(data, 1, len, stdout);
	fflush(stdout);
}

/* The body of a good answer goes to stdout as it is; it ends when the server or the user does. */
static enum exit_code stream(struct ctl *ctl, const char *path, const char *accept,
			     uint64_t timeout_ns)
{
	struct api_reply reply;
	enum exit_code code;

	api_send(ctl->api,
		 &(struct api_request){.method = "GET",
				       .path = path,
				       .accept = accept,
				       .timeout_ns = timeout_ns,
				       .on_data = on_data},
		 &reply);
	code = output_failure(ctl, &reply, NULL, NULL);
	api_reply_free(&reply);
	return code;
}

/* "?since=12&kind=paths" of those options that are given. */
static void query_make(const struct ctl *ctl, const char *path, const char *const options[],
		       char *text, size_t size)
{
	char separator = '?';

	snprintf(text, size, "%s", path);
	for (; *options; options++) {
		const char *value = ctl_option(ctl, *options);
		size_t len = strlen(text);

		if (!value)
			continue;
		snprintf(text + len, size - len, "%c%s=%s", separator, *options, value);
		separator = '&';
	}
}

/* The API wants the singular. */
static enum exit_code kind_add(const struct ctl *ctl, char *path, size_t size)
{
	const char *name = ctl_option(ctl, "kind");
	const struct kind *kind = name ? kind_find(name) : NULL;
	size_t len = strlen(path);

	if (name && !kind)
		return output_error(ctl, EXIT_USAGE, "usage", "--kind: unknown kind \"%.40s\"",
				    name);
	if (kind)
		snprintf(path + len, size - len, "%ckind=%s", strchr(path, '?') ? '&' : '?',
			 kind->singular);
	return EXIT_OK;
}

enum exit_code run_watch(struct ctl *ctl)
{
	static const char *const options[] = {"since", NULL};
	enum exit_code code;
	char path[256];

	query_make(ctl, "/v1/watch", options, path, sizeof(path));
	code = kind_add(ctl, path, sizeof(path));
	if (code)
		return code;
	return stream(ctl, path, "application/x-ndjson", ctl->timeout_ns);
}

enum exit_code run_events(struct ctl *ctl)
{
	static const char *const options[] = {"since", NULL};
	char path[256];

	query_make(ctl, "/v1/events", options, path, sizeof(path));
	return stream(ctl, path, "application/x-ndjson", ctl->timeout_ns);
}

enum exit_code run_topology(struct ctl *ctl)
{
	static const char *const options[] = {"format", NULL};
	char path[256];

	query_make(ctl, "/v1/topology", options, path, sizeof(path));
	return stream(ctl, path, NULL, request_timeout_ns(ctl));
}

enum exit_code run_path_history(struct ctl *ctl)
{
	static const struct field fields[] = {
		{"TIME", "time", FIELD_TEXT},	{"REV", "rev", FIELD_TEXT},
		{"WHAT", "type", FIELD_TEXT},	{"FROM", "from", FIELD_TEXT},
		{"TO", "to", FIELD_TEXT},	{"WHO", "actor", FIELD_TEXT},
		{"CAUSE", "cause", FIELD_TEXT}, {NULL},
	};
	char *path = api_path("paths", ctl->args[0]), history[512];
	struct api_reply reply;
	enum exit_code code;

	snprintf(history, sizeof(history), "%s/history", path ? path : "");
	free(path);
	api_call(ctl->api, "GET", history, NULL, request_timeout_ns(ctl), &reply);
	code = output_failure(ctl, &reply, NULL, NULL);
	if (!code && ctl->json)
		output_json(reply.body);
	else if (!code)
		field_table(fields, json_object_get(reply.body, "items"), stdout);
	api_reply_free(&reply);
	return code;
}
