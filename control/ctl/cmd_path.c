/* path create, show, rm. */
#include <string.h>
#include <stdlib.h>

#include "control/core/units.h"
#include "control/ctl/kind.h"
#include "control/ctl/output.h"
#include "control/ctl/path_print.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"
#include "control/ctl/spec_options.h"

/* SITE[:PREFIX,...] as {"site":..,"prefixes":[..]}. */
static json_t *end_parse(const char *text)
{
	size_t len = strcspn(text, ":");
	json_t *end = json_object(), *prefixes;

	json_object_set_new(end, "site", json_stringn(text, len));
	if (text[len] == '\0')
		return end;
	prefixes = json_array();
	json_object_set_new(end, "prefixes", prefixes);
	for (text += len + 1; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		json_array_append_new(prefixes, json_stringn(text, len));
	}
	return end;
}

/* RATE, or A_TO_Z/Z_TO_A; NULL: no rate. */
static json_t *rate_parse(const char *text)
{
	const char *slash = strchr(text, '/');
	uint64_t there, back;
	char first[32];

	/* "10Gbit/s" has a slash too. */
	if (units_parse_rate(text, &there) == 0)
		return there <= INT64_MAX ? json_integer((json_int_t)there) : NULL;
	if (!slash || (size_t)(slash - text) >= sizeof(first))
		return NULL;
	memcpy(first, text, (size_t)(slash - text));
	first[slash - text] = '\0';
	if (units_parse_rate(first, &there) || units_parse_rate(slash + 1, &back) ||
	    there > INT64_MAX || back > INT64_MAX)
		return NULL;
	return json_pack("{s:I, s:I}", "a_to_z", (json_int_t)there, "z_to_a", (json_int_t)back);
}

static enum exit_code set_rate(const struct ctl *ctl, const char *option, const char *key,
			       json_t *spec)
{
	const char *text = ctl_option(ctl, option);
	json_t *rate = rate_parse(text);

	if (!rate)
		return output_error(ctl, EXIT_USAGE, "usage",
				    "--%s is a rate such as 1G or 800M/200M, not \"%.40s\"", option,
				    text);
	json_object_set_new(spec, key, rate);
	return EXIT_OK;
}

static enum exit_code spec_fill(const struct ctl *ctl, json_t *spec)
{
	static const char *const required[] = {"from", "to", "rate", NULL};
	static const char *const texts[][2] = {
		{"class", "class"},
		{"when-down", "when_down"},
		{"tenant", "tenant"},
		{"rtt-max", "rtt_max"},
		{"start", "start"},
		{"end", "end"},
		{"lease", "lease"},
		{"hold", "hold"},
		{"diverse-from", "diverse_from"},
		{"protection", "protection"},
		{"link", "link"},
	};
	enum exit_code code;

	for (const char *const *name = required; *name; name++) {
		if (!ctl_option(ctl, *name))
			return output_error(ctl, EXIT_USAGE, "usage", "%s needs --%s",
					    ctl->command->verb ? "path create" : "offer", *name);
	}
	json_object_set_new(spec, "a", end_parse(ctl_option(ctl, "from")));
	json_object_set_new(spec, "z", end_parse(ctl_option(ctl, "to")));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		spec_set_text(ctl, texts[i][0], texts[i][1], spec);
	if (ctl_option(ctl, "hold"))
		json_object_set_new(spec, "commit", json_string("manual"));
	code = set_rate(ctl, "rate", "rate_bps", spec);
	if (!code && ctl_option(ctl, "max"))
		code = set_rate(ctl, "max", "max_bps", spec);
	if (!code)
		code = spec_set_matches(ctl, spec);
	return code;
}

/* The state that --wait asks for, or NULL without it. */
static const char *wait_state(const struct ctl *ctl)
{
	const char *state = ctl_option(ctl, "wait");

	return state && !state[0] ? "active" : state;
}

static enum exit_code wait_check(const struct ctl *ctl)
{
	static const char *const states[] = {"pending",	 "activating", "active", "degraded",
					     "draining", "released",   "failed", NULL};
	const char *wanted = wait_state(ctl);

	if (!wanted)
		return EXIT_OK;
	for (const char *const *state = states; *state; state++) {
		if (strcmp(*state, wanted) == 0)
			return EXIT_OK;
	}
	return output_error(ctl, EXIT_USAGE, "usage", "--wait: \"%.40s\" is no state of a path",
			    wanted);
}

/* Prints the path, after waiting for its state where that was asked for. */
static enum exit_code path_show(const struct ctl *ctl, bool full)
{
	const char *state = wait_state(ctl);
	struct api_reply reply;
	enum exit_code code;

	if (state)
		code = request_wait(ctl, "paths", ctl->args[0], state, &reply);
	else
		code = request_simple(ctl, "GET", "paths", ctl->args[0], &reply);
	if (code)
		return code;
	if (ctl->json)
		output_json(reply.body);
	else if (full)
		path_print(reply.body, stdout);
	else
		path_print_line(reply.body, stdout);
	api_reply_free(&reply);
	return EXIT_OK;
}

enum exit_code run_path_create(struct ctl *ctl)
{
	json_t *spec = json_object();
	enum exit_code code = wait_check(ctl);

	if (!code)
		code = spec_fill(ctl, spec);
	if (!code)
		code = request_put(ctl, "paths", spec, true);
	json_decref(spec);
	return code ? code : path_show(ctl, false);
}

static enum exit_code offer_print(const struct ctl *ctl, const json_t *offer)
{
	bool is_possible = json_is_true(json_object_get(offer, "possible"));
	const json_t *path = json_array_get(json_object_get(offer, "paths"), 0);
	const char *backup = json_string_value(json_object_get(path, "backup"));

	if (ctl->json)
		output_json(offer);
	else if (is_possible)
		printf("possible now, over link %s%s%s\n",
		       json_string_value(json_object_get(path, "link")),
		       backup ? ", with a backup on link " : "", backup ? backup : "");
	else
		printf("not possible: %s\n", json_string_value(json_object_get(offer, "detail")));
	if (!ctl->json)
		output_offers(json_object_get(offer, "offers"), stdout);
	return is_possible ? EXIT_OK : EXIT_REFUSED;
}

enum exit_code run_offer(struct ctl *ctl)
{
	json_t *spec = json_object(), *body = json_pack("{s:s, s:o}", "kind", "path", "spec", spec);
	enum exit_code code = spec_fill(ctl, spec);
	struct api_reply reply;

	if (!code) {
		api_call(ctl->api, "POST", "/v1/offers", body, request_timeout_ns(ctl), &reply);
		code = output_failure(ctl, &reply, NULL, NULL);
		if (!code)
			code = offer_print(ctl, reply.body);
		api_reply_free(&reply);
	}
	json_decref(body);
	return code;
}

enum exit_code run_path_show(struct ctl *ctl)
{
	enum exit_code code = wait_check(ctl);

	return code ? code : path_show(ctl, true);
}

/* POST /v1/paths/NAME/VERB; the path as it is then. */
static enum exit_code path_verb(struct ctl *ctl, const char *verb)
{
	char *path = api_path("paths", ctl->args[0]), target[512];
	struct api_reply reply;
	enum exit_code code = wait_check(ctl);

	snprintf(target, sizeof(target), "%s/%s", path ? path : "", verb);
	free(path);
	if (code)
		return code;
	api_call(ctl->api, "POST", target, NULL, request_timeout_ns(ctl), &reply);
	code = output_failure(ctl, &reply, NULL, NULL);
	if (!code && wait_state(ctl)) {
		api_reply_free(&reply);
		return path_show(ctl, false);
	}
	if (!code && ctl->json && reply.body)
		output_json(reply.body);
	else if (!code && reply.body)
		path_print_line(reply.body, stdout);
	api_reply_free(&reply);
	return code;
}

enum exit_code run_path_commit(struct ctl *ctl)
{
	return path_verb(ctl, "commit");
}

enum exit_code run_path_abort(struct ctl *ctl)
{
	return path_verb(ctl, "abort");
}

enum exit_code run_path_renew(struct ctl *ctl)
{
	return path_verb(ctl, "renew");
}

enum exit_code run_path_move(struct ctl *ctl)
{
	json_t *link = ctl->arg_count > 1 ? json_string(ctl->args[1]) : NULL;
	enum exit_code code = wait_check(ctl);
	struct api_reply reply;

	if (code) {
		json_decref(link);
		return code;
	}
	code = request_set(ctl, "paths", "link", link, &reply);
	if (code)
		return code;
	api_reply_free(&reply);
	return path_show(ctl, false);
}

static void print_released(const struct ctl *ctl)
{
	json_t *result;

	if (!ctl->json) {
		printf("path %s released\n", ctl->args[0]);
		return;
	}
	result = json_pack("{s:s, s:s, s:{s:s}}", "kind", "path", "name", ctl->args[0], "status",
			   "state", "released");
	output_json(result);
	json_decref(result);
}

enum exit_code run_path_rm(struct ctl *ctl)
{
	struct api_reply reply;
	enum exit_code code = request_simple(ctl, "DELETE", "paths", ctl->args[0], &reply);

	if (code)
		return code;
	if (!ctl_option(ctl, "wait")) {
		if (!reply.body)
			print_released(ctl);
		else if (ctl->json)
			output_json(reply.body);
		else
			printf("path %s is being released\n", ctl->args[0]);
		api_reply_free(&reply);
		return EXIT_OK;
	}
	api_reply_free(&reply);
	code = request_wait(ctl, "paths", ctl->args[0], "released", &reply);
	if (code)
		return code;
	api_reply_free(&reply);
	print_released(ctl);
	return EXIT_OK;
}
