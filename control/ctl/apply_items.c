#include "control/ctl/apply_items.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_BYTES 512

struct collector {
	struct apply_items *apply;
	const struct yaml_json *yaml;
	const char *file;
	char *error;
};

static int fail(struct collector *to, const char *pointer, const char *key, const char *what)
{
	char place[POINTER_BYTES + 80];

	snprintf(place, sizeof(place), "%s%s%.64s", pointer, key[0] ? "/" : "", key);
	snprintf(to->error, APPLY_ERROR_BYTES, "%.100s:%u: %.40s%s%.80s", to->file,
		 yaml_json_line(to->yaml, place), key, key[0] ? " " : "", what);
	return -EINVAL;
}

static bool key_is_fact(const char *key)
{
	return strcmp(key, "revision") == 0 || strcmp(key, "status") == 0;
}

static bool key_is_known(const char *key)
{
	return strcmp(key, "kind") == 0 || strcmp(key, "name") == 0 || strcmp(key, "spec") == 0 ||
	       strcmp(key, "labels") == 0;
}

static int check_keys(struct collector *to, json_t *object, const char *pointer)
{
	const char *key;
	json_t *value;

	json_object_foreach (object, key, value) {
		if (!key_is_known(key) && !key_is_fact(key))
			return fail(to, pointer, key, "is unknown here: kind, name, spec, labels");
	}
	if (!json_is_string(json_object_get(object, "kind")))
		return fail(to, pointer, "kind", "must be there, as a string");
	if (!json_is_string(json_object_get(object, "name")))
		return fail(to, pointer, "name", "must be there, as a string");
	if (!json_is_object(json_object_get(object, "spec")))
		return fail(to, pointer, "spec", "must be there, with the object's settings");
	return 0;
}

static int add_origin(struct apply_items *apply, const char *pointer)
{
	size_t count = json_array_size(apply->items);
	char **origins = realloc(apply->origins, (count + 1) * sizeof(*origins));

	if (!origins)
		return -ENOMEM;
	apply->origins = origins;
	origins[count] = strdup(pointer);
	return origins[count] ? 0 : -ENOMEM;
}

static int add_object(struct collector *to, json_t *object, const char *pointer)
{
	int err = check_keys(to, object, pointer);
	json_t *item;

	if (!err)
		err = add_origin(to->apply, pointer);
	if (err)
		return err;
	item = json_copy(object);
	json_object_del(item, "revision");
	json_object_del(item, "status");
	if (json_array_append_new(to->apply->items, item) == 0)
		return 0;
	free(to->apply->origins[json_array_size(to->apply->items)]);
	return -ENOMEM;
}

static int add_list(struct collector *to, json_t *list, const char *pointer)
{
	json_t *value;
	size_t i;

	json_array_foreach (list, i, value) {
		char place[POINTER_BYTES];
		int err;

		snprintf(place, sizeof(place), "%s/%zu", pointer, i);
		if (!json_is_object(value))
			return fail(to, place, "", "not an object {kind, name, spec}");
		err = add_object(to, value, place);
		if (err)
			return err;
	}
	return 0;
}

static int add_document(struct collector *to, json_t *doc, size_t index)
{
	json_t *items = json_object_get(doc, "items");
	char pointer[64];

	if (json_is_array(items)) {
		snprintf(pointer, sizeof(pointer), "/%zu/items", index);
		return add_list(to, items, pointer);
	}
	snprintf(pointer, sizeof(pointer), "/%zu", index);
	if (json_is_array(doc))
		return add_list(to, doc, pointer);
	if (json_is_object(doc))
		return add_object(to, doc, pointer);
	return fail(to, pointer, "", "not an object {kind, name, spec}");
}

int apply_items_collect(struct apply_items *apply, const struct yaml_json *yaml, const char *file,
			char *error)
{
	struct collector to = {.apply = apply, .yaml = yaml, .file = file, .error = error};
	json_t *doc;
	size_t i;

	*apply = (struct apply_items){.items = json_array()};
	snprintf(error, APPLY_ERROR_BYTES, "out of memory");
	if (!apply->items)
		return -ENOMEM;
	json_array_foreach (yaml->docs, i, doc) {
		int err = add_document(&to, doc, i);

		if (err)
			return err;
	}
	if (json_array_size(apply->items) > 0)
		return 0;
	snprintf(error, APPLY_ERROR_BYTES, "%.100s: holds no objects", file);
	return -EINVAL;
}

void apply_items_free(struct apply_items *apply)
{
	for (size_t i = 0; i < json_array_size(apply->items); i++)
		free(apply->origins[i]);
	free(apply->origins);
	json_decref(apply->items);
	*apply = (struct apply_items){0};
}

unsigned int apply_items_line(const struct apply_items *apply, const struct yaml_json *yaml,
			      const char *pointer)
{
	char place[POINTER_BYTES * 2];
	unsigned long index;
	char *rest;

	if (strncmp(pointer, "/items/", 7) != 0 || pointer[7] < '0' || pointer[7] > '9')
		return 0;
	index = strtoul(pointer + 7, &rest, 10);
	if (index >= json_array_size(apply->items))
		return 0;
	snprintf(place, sizeof(place), "%s%s", apply->origins[index], rest);
	return yaml_json_line(yaml, place);
}
