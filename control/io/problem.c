#include "control/io/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/io/json_text.h"

static const struct {
	int status;
	const char *title;
} titles[] = {
	{400, "Bad Request"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{409, "Conflict"},
	{410, "Gone"},
	{412, "Precondition Failed"},
	{415, "Unsupported Media Type"},
	{422, "Unprocessable Content"},
	{500, "Internal Server Error"},
	{503, "Service Unavailable"},
};

static const char *title_of(int status)
{
	for (unsigned int i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (titles[i].status == status)
			return titles[i].title;
	}
	return "Error";
}

void problem_set(struct problem *problem, int status, const char *code, const char *format, ...)
{
	va_list args;

	if (problem->status)
		return;
	problem->status = status;
	problem->code = code;
	problem->is_retryable = status == 503;
	va_start(args, format);
	vsnprintf(problem->detail, sizeof(problem->detail), format, args);
	va_end(args);
}

static void note_error(struct problem *problem, const char *pointer, const char *code,
		       const char *detail)
{
	if (!problem->errors)
		problem->errors = json_array();
	if (json_array_size(problem->errors) < PROBLEM_ERRORS_MAX)
		json_array_append_new(problem->errors,
				      json_pack("{s:o, s:s, s:o}", "pointer", json_text(pointer),
						"code", code, "detail", json_text(detail)));
}

void problem_add(struct problem *problem, const char *pointer, const char *code, const char *format,
		 ...)
{
	char detail[400];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	problem_set(problem, 400, code, "%s%s%s", pointer, pointer[0] ? ": " : "", detail);
	note_error(problem, pointer, code, detail);
}

void problem_refuse(struct problem *problem, const char *pointer, const char *code,
		    const char *format, ...)
{
	char detail[400];
	va_list args;

	if (problem_is_set(problem))
		return;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	problem_set(problem, 409, code, "%s", detail);
	note_error(problem, pointer, code, detail);
}

void problem_offer(struct problem *problem, json_t *offers)
{
	json_decref(problem->offers);
	problem->offers = offers;
}

bool problem_is_set(const struct problem *problem)
{
	return problem->status != 0;
}

json_t *problem_json(const struct problem *problem)
{
	json_t *json = json_pack("{s:s, s:s, s:i, s:o, s:s, s:b, s:O*}", "type", "about:blank",
				 "title", title_of(problem->status), "status", problem->status,
				 "detail", json_text(problem->detail), "code", problem->code,
				 "retryable", problem->is_retryable, "offers", problem->offers);

	if (json)
		json_object_set_new(json, "errors",
				    problem->errors ? json_incref(problem->errors) : json_array());
	return json;
}

void problem_clear(struct problem *problem)
{
	json_decref(problem->errors);
	json_decref(problem->offers);
	memset(problem, 0, sizeof(*problem));
}
