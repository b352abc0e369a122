#include "control/ctl/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/core/units.h"

void output_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
}

static void print_error_json(json_t *error)
{
	json_t *root = json_pack("{s:o}", "error", error);

	output_json(root);
	json_decref(root);
}

/* The text may quote a command line or a file: no control characters, and only UTF-8 in JSON. */
static void text_clean(char *text, bool ascii)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || (ascii && (unsigned char)*text >= 0x80))
			*text = '?';
	}
}

static void print_own_error(enum exit_code exit_code, const char *code, char *text)
{
	json_t *detail = json_string(text);

	if (!detail) {
		text_clean(text, true);
		detail = json_string(text);
	}
	print_error_json(
		json_pack("{s:s, s:o, s:i}", "code", code, "detail", detail, "exit", exit_code));
}

enum exit_code output_error(const struct ctl *ctl, enum exit_code exit_code, const char *code,
			    const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_clean(text, false);
	if (ctl->json)
		print_own_error(exit_code, code, text);
	else
		fprintf(stderr, "causewayctl: %s\n", text);
	return exit_code;
}

static enum exit_code transport_failure(const struct ctl *ctl, int error)
{
	if (error == -ETIMEDOUT)
		return output_error(ctl, EXIT_TIMED_OUT, "timed-out",
				    "%s did not answer in time; try a longer --timeout", ctl->url);
	if (error == -EPROTO)
		return output_error(ctl, EXIT_UNREACHABLE, "unreachable",
				    "%s does not speak HTTP/2: is it causeway-control?", ctl->url);
	if (error == -EKEYREJECTED)
		return output_error(ctl, EXIT_UNREACHABLE, "tls-failed",
				    "no TLS with %s: %s (--ca, --cert and --key)", ctl->url,
				    api_why(ctl->api));
	if (error == -EBADMSG)
		return output_error(ctl, EXIT_UNREACHABLE, "unreachable",
				    "%s answers no JSON object: is it causeway-control?", ctl->url);
	return output_error(ctl, EXIT_UNREACHABLE, "unreachable",
			    "cannot reach control at %s: %s; is causeway-control running there? "
			    "(--url or CAUSEWAY_URL says where)",
			    ctl->url, strerror(-error));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void print_places(const json_t *problem, output_locate_fn *locate, void *arg)
{
	json_t *error;
	size_t i;

	json_array_foreach (json_object_get(problem, "errors"), i, error) {
		const char *pointer = text_of(error, "pointer");
		const char *place = locate ? locate(pointer, arg) : NULL;

		/* A refusal says the same of its one place as of the whole. */
		if (!strcmp(text_of(error, "detail"), text_of(problem, "detail")))
			fprintf(stderr, "  %s%s%s\n", place ? place : "", place ? ": " : "",
				pointer[0] ? pointer : "/");
		else
			fprintf(stderr, "  %s%s%s: %s\n", place ? place : "", place ? ": " : "",
				pointer[0] ? pointer : "/", text_of(error, "detail"));
	}
}

static void rate_text(const json_t *value, char *text, uint32_t size)
{
	if (json_is_integer(value))
		units_format_rate((uint64_t)json_integer_value(value), text, size);
	else
		snprintf(text, size, "%s", json_is_string(value) ? json_string_value(value) : "?");
}

static void print_offer(const json_t *offer, FILE *out)
{
	char a_to_z[UNITS_TEXT_BYTES], z_to_a[UNITS_TEXT_BYTES];
	const char *start = text_of(offer, "start"), *end = text_of(offer, "end");
	const json_t *rate = json_object_get(offer, "rate_bps");

	if (start[0])
		fprintf(out, "  possible from %s%s%s\n", start, end[0] ? " to " : "", end);
	else if (end[0])
		fprintf(out, "  possible until %s\n", end);
	else if (json_is_object(rate)) {
		rate_text(json_object_get(rate, "a_to_z"), a_to_z, sizeof(a_to_z));
		rate_text(json_object_get(rate, "z_to_a"), z_to_a, sizeof(z_to_a));
		fprintf(out, "  possible now: %s there, %s back\n", a_to_z, z_to_a);
	} else if (rate) {
		rate_text(rate, a_to_z, sizeof(a_to_z));
		fprintf(out, "  possible now: %s\n", a_to_z);
	}
}

void output_offers(const json_t *offers, FILE *out)
{
	json_t *offer;
	size_t i;

	json_array_foreach (offers, i, offer)
		print_offer(offer, out);
}

static void print_problem(int status, const json_t *problem, output_locate_fn *locate, void *arg)
{
	const char *detail = text_of(problem, "detail");
	const char *code = text_of(problem, "code");

	if (!detail[0])
		detail = text_of(problem, "title");
	fprintf(stderr, "causewayctl: refused: %s (%s%s%d)\n",
		detail[0] ? detail : "control gave no reason", code, code[0] ? ", " : "", status);
	print_places(problem, locate, arg);
	output_offers(json_object_get(problem, "offers"), stderr);
}

/* The places become part of the server's errors, as "at". */
static void add_places(json_t *problem, output_locate_fn *locate, void *arg)
{
	json_t *error;
	size_t i;

	if (!locate)
		return;
	json_array_foreach (json_object_get(problem, "errors"), i, error) {
		const char *place = locate(text_of(error, "pointer"), arg);

		if (place)
			json_object_set_new(error, "at", json_string(place));
	}
}

static void refused_json(const struct api_reply *reply, output_locate_fn *locate, void *arg)
{
	json_t *error = json_is_object(reply->body) ? json_deep_copy(reply->body) : json_object();

	add_places(error, locate, arg);
	if (!json_object_get(error, "code"))
		json_object_set_new(error, "code", json_string("refused"));
	if (!json_object_get(error, "detail"))
		json_object_set_new(error, "detail", json_string("control gave no reason"));
	json_object_set_new(error, "status", json_integer(reply->status));
	json_object_set_new(error, "exit", json_integer(EXIT_REFUSED));
	print_error_json(error);
}

enum exit_code output_failure(const struct ctl *ctl, const struct api_reply *reply,
			      output_locate_fn *locate, void *arg)
{
	if (reply->error)
		return transport_failure(ctl, reply->error);
	if (reply->status >= 200 && reply->status < 300)
		return EXIT_OK;
	if (ctl->json)
		refused_json(reply, locate, arg);
	else
		print_problem(reply->status, reply->body, locate, arg);
	return EXIT_REFUSED;
}
