/* apply: a file of objects, in one request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/apply_items.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"

#define FILE_BYTES_MAX (16u << 20)

struct source {
	const char *name; /* for messages */
	char *text;
	size_t len;
	struct yaml_json yaml;
	struct apply_items apply;
	char place[160];
};

static int read_stream(FILE *in, struct source *source)
{
	size_t capacity = 0;

	while (!feof(in) && !ferror(in)) {
		if (source->len == capacity) {
			char *text;

			capacity = capacity ? capacity * 2 : 65536;
			text = capacity > FILE_BYTES_MAX * 2 ? NULL
							     : realloc(source->text, capacity);
			if (!text)
				return -EFBIG;
			source->text = text;
		}
		source->len += fread(source->text + source->len, 1, capacity - source->len, in);
	}
	return ferror(in) ? -errno : 0;
}

static enum exit_code source_read(const struct ctl *ctl, struct source *source)
{
	const char *file = ctl_option(ctl, "file");
	FILE *in;
	int err;

	if (!file)
		return output_error(ctl, EXIT_USAGE, "usage", "apply needs --file (-f)");
	source->name = strcmp(file, "-") == 0 ? "stdin" : file;
	in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	err = in ? read_stream(in, source) : -errno;
	if (in && in != stdin)
		fclose(in);
	if (err)
		return output_error(ctl, EXIT_USAGE, "unreadable-file", "%.200s: %s", source->name,
				    strerror(-err));
	return EXIT_OK;
}

static enum exit_code source_parse(const struct ctl *ctl, struct source *source)
{
	char error[YAML_JSON_ERROR_BYTES];

	_Static_assert(APPLY_ERROR_BYTES <= YAML_JSON_ERROR_BYTES, "one buffer for both");
	if (yaml_json_parse(&source->yaml, source->text ? source->text : "", source->len,
			    source->name, error) ||
	    apply_items_collect(&source->apply, &source->yaml, source->name, error))
		return output_error(ctl, EXIT_USAGE, "bad-file", "%s", error);
	return EXIT_OK;
}

static const char *locate(const char *pointer, void *arg)
{
	struct source *source = arg;
	unsigned int line = apply_items_line(&source->apply, &source->yaml, pointer);

	if (!line)
		return NULL;
	snprintf(source->place, sizeof(source->place), "%.120s:%u", source->name, line);
	return source->place;
}

static void print_results(const json_t *items)
{
	json_t *item;
	size_t i;

	json_array_foreach (items, i, item)
		printf("%s %s %s\n", json_string_value(json_object_get(item, "kind")),
		       json_string_value(json_object_get(item, "name")),
		       json_string_value(json_object_get(item, "result")));
}

static enum exit_code source_post(const struct ctl *ctl, struct source *source)
{
	json_t *body = json_pack("{s:O}", "items", source->apply.items);
	struct api_reply reply;
	enum exit_code code;

	api_call(ctl->api, "POST", "/v1/apply", body, request_timeout_ns(ctl), &reply);
	json_decref(body);
	code = output_failure(ctl, &reply, locate, source);
	if (!code && ctl->json)
		output_json(reply.body);
	else if (!code)
		print_results(json_object_get(reply.body, "items"));
	api_reply_free(&reply);
	return code;
}

enum exit_code run_apply(struct ctl *ctl)
{
	struct source source = {0};
	enum exit_code code = source_read(ctl, &source);

	if (!code)
		code = source_parse(ctl, &source);
	if (!code)
		code = source_post(ctl, &source);
	apply_items_free(&source.apply);
	yaml_json_free(&source.yaml);
	free(source.text);
	return code;
}
