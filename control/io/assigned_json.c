#include "control/io/assigned_json.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum field_type {
	FIELD_U8,
	FIELD_U32,
	FIELD_U64,
	FIELD_BOOL,
	FIELD_NAME
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	uint64_t max;
};

/* clang-format off */
#define PATH_FIELD(field, type, max) {#field, type, offsetof(struct path_assignment, field), max}
/* clang-format on */

static const struct field path_fields[] = {
	PATH_FIELD(id, FIELD_U32, UINT32_MAX),
	PATH_FIELD(generation, FIELD_U32, UINT32_MAX),
	PATH_FIELD(proof_generation, FIELD_U32, UINT32_MAX),
	PATH_FIELD(digest, FIELD_U64, UINT64_MAX),
	PATH_FIELD(link, FIELD_NAME, 0),
	PATH_FIELD(is_reversed, FIELD_BOOL, 1),
	PATH_FIELD(is_deleting, FIELD_BOOL, 1),
	PATH_FIELD(cluster, FIELD_NAME, 0),
	PATH_FIELD(cluster, FIELD_NAME, 0),
	PATH_FIELD(life, FIELD_U8, LIFE_COUNT - 1),
	PATH_FIELD(expiry, FIELD_U8, EXPIRY_COUNT - 1),
	PATH_FIELD(hold_until_ns, FIELD_U64, UINT64_MAX),
	PATH_FIELD(lease_until_ns, FIELD_U64, UINT64_MAX),
	PATH_FIELD(expired_ns, FIELD_U64, UINT64_MAX),
	PATH_FIELD(backup, FIELD_NAME, 0),
	PATH_FIELD(from, FIELD_NAME, 0),
	PATH_FIELD(move, FIELD_U8, MOVE_COUNT - 1),
	PATH_FIELD(last_move, FIELD_U8, MOVE_COUNT - 1),
	PATH_FIELD(move_generation, FIELD_U32, UINT32_MAX),
	{"move_rate_a_bps", FIELD_U64, offsetof(struct path_assignment, move_rate_bps[END_A]),
	 UINT64_MAX},
	{"move_rate_z_bps", FIELD_U64, offsetof(struct path_assignment, move_rate_bps[END_Z]),
	 UINT64_MAX},
	{"move_max_a_bps", FIELD_U64, offsetof(struct path_assignment, move_max_bps[END_A]),
	 UINT64_MAX},
	{"move_max_z_bps", FIELD_U64, offsetof(struct path_assignment, move_max_bps[END_Z]),
	 UINT64_MAX},
	PATH_FIELD(move_end_ns, FIELD_U64, UINT64_MAX),
	{0},
};

static const struct field link_fields[] = {
	{"id", FIELD_U8, offsetof(struct link, id), UINT8_MAX},
	{0},
};

static const struct field *fields_of(const struct object *object)
{
	return object->kind == KIND_PATH   ? path_fields
	       : object->kind == KIND_LINK ? link_fields
					   : NULL;
}

static void *part_of(struct object *object)
{
	return object->kind == KIND_PATH ? (void *)&object->path.assigned : &object->link;
}

static uint64_t number_get(const struct field *field, const void *at)
{
	uint64_t number = 0;

	switch (field->type) {
	case FIELD_U8:
		return *(const uint8_t *)at;
	case FIELD_U32:
		return *(const uint32_t *)at;
	case FIELD_U64:
		memcpy(&number, at, sizeof(number));
		return number;
	default:
		return *(const bool *)at;
	}
}

static void number_set(const struct field *field, void *at, uint64_t number)
{
	switch (field->type) {
	case FIELD_U8:
		*(uint8_t *)at = (uint8_t)number;
		return;
	case FIELD_U32:
		*(uint32_t *)at = (uint32_t)number;
		return;
	case FIELD_U64:
		memcpy(at, &number, sizeof(number));
		return;
	default:
		*(bool *)at = number;
	}
}

/* A digest has 64 bits, JSON's integers here 63: it goes as text. */
static json_t *field_json(const struct field *field, const void *at)
{
	uint64_t number;
	char text[24];

	if (field->type == FIELD_NAME)
		return json_string(at);
	number = number_get(field, at);
	if (number <= INT64_MAX)
		return json_integer((json_int_t)number);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)number);
	return json_string(text);
}

json_t *assigned_json(const struct object *object)
{
	const struct field *fields = fields_of(object);
	const char *part;
	json_t *json;

	if (!fields)
		return NULL;
	part = part_of((struct object *)object);
	json = json_object();
	for (; fields->name; fields++)
		json_object_set_new(json, fields->name, field_json(fields, part + fields->offset));
	return json;
}

static bool hex_read(const struct json_place *place, uint64_t *number)
{
	const char *text = json_read_string(place);
	unsigned long long value;
	int end = 0;

	if (!text)
		return false;
	if (sscanf(text, "%16llx%n", &value, &end) != 1 || text[end]) {
		json_place_fail(place, "invalid-argument", "must be hexadecimal");
		return false;
	}
	*number = value;
	return true;
}

static bool field_read(const struct json_place *place, const struct field *field, void *at)
{
	const char *text;
	uint64_t number;

	if (field->type == FIELD_NAME) {
		text = json_read_string(place);
		return text && model_name_set(at, text);
	}
	if (field->max == UINT64_MAX && json_is_string(place->value)) {
		if (!hex_read(place, &number))
			return false;
	} else if (!json_read_uint(place, 0, field->max, &number)) {
		return false;
	}
	number_set(field, at, number);
	return true;
}

bool assigned_read(const struct json_place *place, struct object *object)
{
	const struct field *fields = fields_of(object);
	char *part;

	if (!fields || !json_is_object(place->value)) {
		json_place_fail(place, "invalid-argument", "nothing can be assigned to this");
		return false;
	}
	part = part_of(object);
	for (; fields->name; fields++) {
		struct json_place item = json_place_member(place, fields->name);

		if (item.value && !field_read(&item, fields, part + fields->offset))
			return false;
	}
	return true;
}
