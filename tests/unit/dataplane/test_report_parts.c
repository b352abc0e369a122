#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/agent/report_parts.h"

#define PARTS_MAX 64

struct parts {
	uint32_t count;
	json_t *json[PARTS_MAX];
	size_t len[PARTS_MAX];
};

/* A report of so many paths, read again line by line. */
static void make(struct parts *parts, int paths, size_t part_bytes)
{
	json_t *head = json_pack("{s:i, s:i, s:s, s:[]}", "revision", 12, "term", 7, "version", "x",
				 "ports");
	json_t *list = json_array();
	char *text, *line, *rest;

	for (int i = 0; i < paths; i++)
		json_array_append_new(
			list, json_pack("{s:i, s:s}", "id", i, "error", i % 2 ? "a\nb" : "\"}]"));
	text = report_parts(head, list, part_bytes);
	assert_non_null(text);
	parts->count = 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		assert_true(parts->count < PARTS_MAX);
		parts->len[parts->count] = strlen(line);
		parts->json[parts->count] = json_loads(line, 0, NULL);
		assert_non_null(parts->json[parts->count++]);
	}
	free(text);
	json_decref(list);
	json_decref(head);
}

static json_int_t number(const json_t *json, const char *key)
{
	assert_true(json_is_integer(json_object_get(json, key)));
	return json_integer_value(json_object_get(json, key));
}

static void drop(struct parts *parts)
{
	for (uint32_t i = 0; i < parts->count; i++)
		json_decref(parts->json[i]);
}

static void parts__one(void **state)
{
	struct parts parts;

	(void)state;
	for (int paths = 0; paths < 5; paths++) {
		make(&parts, paths, REPORT_PART_BYTES);
		assert_int_equal(parts.count, 1);
		assert_null(json_object_get(parts.json[0], "parts"));
		assert_int_equal(json_array_size(json_object_get(parts.json[0], "paths")), paths);
		assert_int_equal(number(parts.json[0], "revision"), 12);
		assert_non_null(json_object_get(parts.json[0], "ports"));
		drop(&parts);
	}
}

/* Every path once, in order, and whose word it is in each part. */
static void parts__many(void **state)
{
	struct parts parts;

	(void)state;
	for (size_t bytes = 1; bytes < 400; bytes += 13) {
		json_int_t next = 0;

		make(&parts, 40, bytes);
		for (uint32_t i = 0; i < parts.count; i++) {
			json_t *list = json_object_get(parts.json[i], "paths"), *path;
			size_t index;

			assert_int_equal(number(parts.json[i], "term"), 7);
			assert_int_equal(number(parts.json[i], "revision"), 12);
			assert_int_equal(!json_object_get(parts.json[i], "version"), i != 0);
			if (parts.count > 1) {
				assert_int_equal(number(parts.json[i], "part"), i);
				assert_int_equal(number(parts.json[i], "parts"), parts.count);
			}
			assert_true(json_array_size(list) == 1 || parts.len[i] < bytes + 120);
			json_array_foreach (list, index, path)
				assert_int_equal(number(path, "id"), next++);
		}
		assert_int_equal(next, 40);
		drop(&parts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts__one),
		cmocka_unit_test(parts__many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
