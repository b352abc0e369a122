#include "control/io/json_place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/core/model.h"
#include "control/core/units.h"

/* RFC 6901: "~" and "/" of a key are written ~0 and ~1. */
static void pointer_append(char *pointer, const char *key)
{
	size_t len = strlen(pointer);

	if (len + 2 > JSON_POINTER_BYTES)
		return;
	pointer[len++] = '/';
	for (; *key && len + 3 < JSON_POINTER_BYTES; key++) {
		if (*key == '~' || *key == '/') {
			pointer[len++] = '~';
			pointer[len++] = *key == '~' ? '0' : '1';
		} else {
			pointer[len++] = *key;
		}
	}
	pointer[len] = 0;
}

struct json_place json_place_root(const json_t *value, struct problem *problem)
{
	return (struct json_place){.value = value, .problem = problem};
}

struct json_place json_place_member(const struct json_place *place, const char *key)
{
	struct json_place member = *place;

	member.value = json_object_get(place->value, key);
	pointer_append(member.pointer, key);
	return member;
}

struct json_place json_place_item(const struct json_place *place, size_t index)
{
	struct json_place item = *place;
	char text[24];

	snprintf(text, sizeof(text), "%zu", index);
	item.value = json_array_get(place->value, index);
	pointer_append(item.pointer, text);
	return item;
}

void json_place_fail(const struct json_place *place, const char *code, const char *format, ...)
{
	char detail[192];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	problem_add(place->problem, place->pointer, code, "%s", detail);
}

static bool fail_type(const struct json_place *place, const char *wanted)
{
	if (place->value)
		json_place_fail(place, "invalid-argument", "must be %s", wanted);
	else
		json_place_fail(place, "missing-field", "is required: %s", wanted);
	return false;
}

static bool is_known(const char *key, const char *const known[])
{
	for (; *known; known++) {
		if (!strcmp(*known, key))
			return true;
	}
	return false;
}

bool json_read_object(const struct json_place *place, const char *const known[])
{
	const char *key;
	json_t *value;
	bool is_good = true;

	if (!json_is_object(place->value))
		return fail_type(place, "an object");
	json_object_foreach ((json_t *)place->value, key, value) {
		struct json_place member;

		if (is_known(key, known))
			continue;
		member = json_place_member(place, key);
		json_place_fail(&member, "unknown-field", "there is no such field");
		is_good = false;
	}
	return is_good;
}

bool json_read_array(const struct json_place *place, size_t max, size_t *count)
{
	if (!json_is_array(place->value))
		return fail_type(place, "an array");
	*count = json_array_size(place->value);
	if (*count >= 1 && *count <= max)
		return true;
	json_place_fail(place, "invalid-argument", "must have 1 to %zu items", max);
	return false;
}

const char *json_read_string(const struct json_place *place)
{
	if (!json_is_string(place->value)) {
		fail_type(place, "a string");
		return NULL;
	}
	return json_string_value(place->value);
}

bool json_read_name(const struct json_place *place, char *name)
{
	const char *text = json_read_string(place);

	if (!text)
		return false;
	if (!model_name_is_valid(text)) {
		json_place_fail(place, "invalid-argument",
				"a name is 1 to 63 letters, digits, '.', '_' or '-'");
		return false;
	}
	return model_name_set(name, text);
}

bool json_read_uint(const struct json_place *place, uint64_t min, uint64_t max, uint64_t *value)
{
	json_int_t number = json_integer_value(place->value);

	if (!json_is_integer(place->value))
		return fail_type(place, "an integer");
	if (number >= 0 && (uint64_t)number >= min && (uint64_t)number <= max) {
		*value = (uint64_t)number;
		return true;
	}
	json_place_fail(place, "invalid-argument", "must be between %llu and %llu",
			(unsigned long long)min, (unsigned long long)max);
	return false;
}

bool json_read_rate(const struct json_place *place, uint64_t *bps)
{
	uint64_t parsed = 0;

	if (json_is_integer(place->value))
		return json_read_uint(place, 1, INT64_MAX, bps);
	if (!json_is_string(place->value))
		return fail_type(place, "bits per second, e.g. 1000000000 or \"1G\"");
	if (units_parse_rate(json_string_value(place->value), &parsed) || !parsed ||
	    parsed > INT64_MAX) {
		json_place_fail(place, "invalid-argument",
				"is no rate in bits per second such as 1000000000 or \"1G\"");
		return false;
	}
	*bps = parsed;
	return true;
}
