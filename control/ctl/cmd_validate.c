/* validate: what gateways are to do against what they report. */
#include <stdio.h>
#include <string.h>

#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"

/* All pages as one. */
static enum exit_code collect(const struct ctl *ctl, json_t **whole)
{
	json_t *gateways = json_array();
	json_int_t differences = 0;
	char target[600] = "/v1/validate";
	struct api_reply reply;
	enum exit_code code;
	const char *more;

	for (;;) {
		api_call(ctl->api, "GET", target, NULL, request_timeout_ns(ctl), &reply);
		code = output_failure(ctl, &reply, NULL, NULL);
		if (code) {
			api_reply_free(&reply);
			json_decref(gateways);
			return code;
		}
		differences += json_integer_value(json_object_get(reply.body, "difference_count"));
		json_array_extend(gateways, json_object_get(reply.body, "gateways"));
		more = json_string_value(json_object_get(reply.body, "continue"));
		if (!more)
			break;
		snprintf(target, sizeof(target), "/v1/validate?continue=%s", more);
		api_reply_free(&reply);
	}
	*whole = json_incref(reply.body);
	api_reply_free(&reply);
	json_object_set_new(*whole, "gateways", gateways);
	json_object_set_new(*whole, "difference_count", json_integer(differences));
	json_object_set_new(*whole, "clean", json_boolean(!differences));
	return EXIT_OK;
}

/* A row for each difference, with its gateway. */
static json_t *differences_make(const json_t *gateways)
{
	json_t *rows = json_array(), *gateway, *difference;
	size_t i, j;

	json_array_foreach (gateways, i, gateway) {
		json_array_foreach (json_object_get(gateway, "differences"), j, difference) {
			json_t *row = json_copy(difference);

			json_object_set(row, "gateway", json_object_get(gateway, "name"));
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

static void validation_print(const json_t *validation)
{
	static const struct field gateway_fields[] = {
		{"GATEWAY", "name", FIELD_TEXT},
		{"SITE", "site", FIELD_TEXT},
		{"CONNECTED", "connected", FIELD_TEXT},
		{"HEARD", "heard", FIELD_TEXT},
		{"REVISION", "applied_revision", FIELD_TEXT},
		{"PATHS", "paths_wanted", FIELD_TEXT},
		{"CARRIED", "paths_carried", FIELD_TEXT},
		{"DIFFERENCES", "difference_count", FIELD_TEXT},
		{NULL},
	};
	static const struct field fields[] = {
		{"GATEWAY", "gateway", FIELD_TEXT},
		{"PATH", "path", FIELD_TEXT},
		{"DIFFERENCE", "code", FIELD_TEXT},
		{"WANTED", "wanted", FIELD_TEXT},
		{"FOUND", "found", FIELD_TEXT},
		{"WHICH MEANS", "text", FIELD_TEXT},
		{NULL},
	};
	const json_t *gateways = json_object_get(validation, "gateways");
	json_t *rows = differences_make(gateways);

	field_table(gateway_fields, gateways, stdout);
	if (json_array_size(rows)) {
		printf("\n");
		field_table(fields, rows, stdout);
	} else {
		printf("\nno differences\n");
	}
	json_decref(rows);
}

enum exit_code run_validate(struct ctl *ctl)
{
	json_t *validation;
	enum exit_code code = collect(ctl, &validation);

	if (code)
		return code;
	if (ctl->json)
		output_json(validation);
	else
		validation_print(validation);
	code = json_is_true(json_object_get(validation, "clean")) ? EXIT_OK : EXIT_DIFFERENT;
	json_decref(validation);
	return code;
}
