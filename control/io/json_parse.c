#include "control/io/json_place.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 32
#define KEY_BYTES 64

/* One open container of the text, up to where the scan has come. */
struct level {
	bool is_object;
	bool wants_key;
	size_t index;
	char key[KEY_BYTES];
};

struct scan {
	const char *text;
	size_t len, at;
	struct level levels[DEPTH_MAX];
	int depth;
};

/* Past the string that begins at scan->at; its raw text goes to key. */
static void scan_string(struct scan *scan, char *key)
{
	size_t used = 0;

	for (scan->at++; scan->at < scan->len && scan->text[scan->at] != '"'; scan->at++) {
		if (key && used < KEY_BYTES - 1)
			key[used++] = scan->text[scan->at];
		if (scan->text[scan->at] == '\\')
			scan->at++;
	}
	if (key)
		key[used] = 0;
}

static bool scan_open(struct scan *scan, bool is_object)
{
	if (scan->depth == DEPTH_MAX)
		return false;
	scan->levels[scan->depth++] =
		(struct level){.is_object = is_object, .wants_key = is_object};
	return true;
}

/* False when it is nested too deep. */
static bool scan_char(struct scan *scan)
{
	struct level *level = scan->depth ? &scan->levels[scan->depth - 1] : NULL;

	switch (scan->text[scan->at]) {
	case '"':
		scan_string(scan, level && level->wants_key ? level->key : NULL);
		if (level)
			level->wants_key = false;
		return true;
	case '{':
		return scan_open(scan, true);
	case '[':
		return scan_open(scan, false);
	case '}':
	case ']':
		scan->depth -= scan->depth > 0;
		return true;
	case ',':
		if (level) {
			level->wants_key = level->is_object;
			level->index++;
		}
		return true;
	default:
		return true;
	}
}

static void scan_pointer(const struct scan *scan, struct json_place *place)
{
	for (int i = 0; i < scan->depth; i++) {
		const struct level *level = &scan->levels[i];

		if (level->is_object)
			*place = json_place_member(place, level->key);
		else
			*place = json_place_item(place, level->index);
	}
}

static bool depth_is_fine(const char *text, size_t len, struct problem *problem)
{
	struct scan scan = {.text = text, .len = len};

	for (; scan.at < len; scan.at++) {
		if (scan_char(&scan))
			continue;
		problem_set(problem, 400, "malformed-json", "nested deeper than %d", DEPTH_MAX);
		return false;
	}
	return true;
}

/* jansson tells where it met the second key, but not in what: that is found by going there. */
static void report_duplicate(const char *text, const json_error_t *error, struct problem *problem)
{
	struct json_place place = json_place_root(NULL, problem);
	struct scan scan = {.text = text, .len = (size_t)error->position};

	for (; scan.at < scan.len; scan.at++)
		scan_char(&scan);
	scan_pointer(&scan, &place);
	json_place_fail(&place, "duplicate-key", "appears twice, again at line %d column %d",
			error->line, error->column);
}

json_t *json_parse(const void *text, size_t len, struct problem *problem)
{
	json_error_t error;
	json_t *json;

	if (!len) {
		problem_set(problem, 400, "malformed-json", "a JSON body is required");
		return NULL;
	}
	if (!depth_is_fine(text, len, problem))
		return NULL;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (json)
		return json;
	if (json_error_code(&error) == json_error_duplicate_key)
		report_duplicate(text, &error, problem);
	else
		problem_set(problem, 400, "malformed-json", "line %d column %d: %s", error.line,
			    error.column, error.text);
	return NULL;
}
