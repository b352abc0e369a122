#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/io/yaml_check.h"

struct sample_item {
	char *text;
};

struct sample {
	char *name;
	uint32_t count;
	struct sample_item *items;
	uint32_t items_count;
};

static const cyaml_schema_field_t item_fields[] = {
	CYAML_FIELD_STRING_PTR("text", CYAML_FLAG_POINTER, struct sample_item, text, 0, 8),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t item_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct sample_item, item_fields),
};

static const cyaml_schema_field_t sample_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct sample, name, 0, CYAML_UNLIMITED),
	CYAML_FIELD_UINT("count", CYAML_FLAG_OPTIONAL, struct sample, count),
	CYAML_FIELD_SEQUENCE("items", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct sample,
			     items, &item_schema, 0, 4),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t sample_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct sample, sample_fields),
};

struct text_case {
	const char *text;
	int result;
	const char *error; /* how it must begin */
};

static void check_error(const struct text_case *c, int result, const char *error)
{
	if (result != c->result || strncmp(error, c->error, strlen(c->error)))
		fail_msg("%s\nresult %d, error '%s'\nwanted %d, '%s'", c->text, result, error,
			 c->result, c->error);
	assert_null(strchr(error, '\n'));
}

static void check_duplicates__table(void **state)
{
	static const struct text_case cases[] = {
		{"a: 1\nb: 2\n", 0, ""},
		{"a: {x: 1}\nb: {x: 1}\n", 0, ""},
		{"- a\n- a\n", 0, ""},
		{"a: a\nb: a\n", 0, ""},
		{"l:\n- x: 1\n- x: 2\n", 0, ""},
		{"", 0, ""},
		{"a: 1\nb: 2\na: 3\n", -EINVAL, "f:3: duplicate key 'a' (first on line 1)"},
		{"l:\n- x: 1\n  y: 2\n  x: 3\n", -EINVAL,
		 "f:4: duplicate key 'x' (first on line 2)"},
		{"a: {x: 1, \"x\": 2}\n", -EINVAL, "f:1: duplicate key 'x'"},
		{"a: [1, {b: 1}]\na: 2\n", -EINVAL, "f:2: duplicate key 'a'"},
		{"a: &x 1\nb: *x\n", -EINVAL, "f:2: aliases are not allowed"},
		{"a: [1\nb: 2\n", -EINVAL, "f:2: "},
		{"a: \"1\n", -EINVAL, "f:"},
		{"\xff\xfe\x41", -EINVAL, "f: "},
		{"a: 1\n\tb: 2\n", -EINVAL, "f:2: "},
		{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", -EINVAL, "f:1: nested too deeply"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[200] = "";
		int result = yaml_check_duplicates_text("f", cases[i].text, strlen(cases[i].text),
							error, sizeof(error));

		check_error(&cases[i], result, error);
	}
}

static void load__table(void **state)
{
	static const struct text_case cases[] = {
		{"name: a\n", 0, ""},
		{"name: a\ncount: 3\nitems:\n- text: b\n", 0, ""},
		{"name: a\nnmae: b\n", -EINVAL, "f:2: unknown key 'nmae'"},
		{"name: a\nitems:\n- text: b\n- text: c\n  more: d\n", -EINVAL,
		 "f:5: unknown key 'more'"},
		{"count: 3\n", -EINVAL, "f:1: required key 'name' is missing"},
		{"name: a\ncount: many\n", -EINVAL, "f:2: Invalid uint64_t value"},
		{"name: a\ncount: 1\ncount: 2\n", -EINVAL, "f:3: duplicate key 'count'"},
		{"name: a\nitems: 5\n", -EINVAL, "f:2: "},
		{"name: [a]\n", -EINVAL, "f:1: "},
		{"name: a\nitems:\n- text: too long for it\n", -EINVAL, "f:3: "},
		{"name: a\nitems:\n- text: b\n-\n  txt: c\n", -EINVAL, "f:5: unknown key 'txt'"},
		{"name: nmae\nnmae: b\n", -EINVAL, "f:"},
		{"- a\n", -EINVAL, "f"},
		{"", -EINVAL, "f: empty"},
		{"# nothing\n", -EINVAL, "f: empty"},
		{"name: a\n\"b\\nc\": d\n", -EINVAL, "f:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *out = NULL;
		char error[200] = "";
		int result = yaml_load_text("f", cases[i].text, strlen(cases[i].text),
					    &sample_schema, &out, error, sizeof(error));

		check_error(&cases[i], result, error);
		if (!result)
			assert_string_equal(((struct sample *)out)->name, "a");
		yaml_unload(&sample_schema, out);
	}
}

static void load__files(void **state)
{
	char path[] = "yaml_check_XXXXXX", error[200], wanted[64];
	int fd = mkstemp(path);
	void *out = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "name: a\nname: b\n", 16), 16);
	assert_int_equal(yaml_load(path, &sample_schema, &out, error, sizeof(error)), -EINVAL);
	snprintf(wanted, sizeof(wanted), "%s:2: duplicate key 'name'", path);
	assert_memory_equal(error, wanted, strlen(wanted));
	assert_int_equal(yaml_check_duplicates(path, error, sizeof(error)), -EINVAL);
	assert_int_equal(ftruncate(fd, 8), 0);
	assert_int_equal(yaml_load(path, &sample_schema, &out, error, sizeof(error)), 0);
	yaml_unload(&sample_schema, out);
	assert_int_equal(ftruncate(fd, 2 << 20), 0);
	assert_int_equal(yaml_check_duplicates(path, error, sizeof(error)), -EINVAL);
	close(fd);
	unlink(path);
	assert_int_equal(yaml_check_duplicates(path, error, sizeof(error)), -ENOENT);
	assert_int_equal(yaml_load("/", &sample_schema, &out, error, sizeof(error)), -EISDIR);
}

static void load__short_error_buffer(void **state)
{
	static const char text[] = "name: a\nnmae: b\n";

	(void)state;
	for (size_t size = 1; size < 40; size++) {
		void *out = NULL;
		char error[41];

		memset(error, 'x', sizeof(error));
		assert_int_equal(
			yaml_load_text("f", text, strlen(text), &sample_schema, &out, error, size),
			-EINVAL);
		assert_true(strlen(error) < size);
	}
}

static void find_line__table(void **state)
{
	static const char text[] = "a: 1\nb:\n  c: 2\n\n  d: 3\nl:\n- x: 1\n-\n  x: 2\n  y: 3\n";
	static const struct {
		const char *place;
		unsigned int line;
	} cases[] = {
		{"a", 1},      {"b", 2},    {"b.c", 3},	    {"b.d", 5},	 {"l", 6},	{"l[0]", 7},
		{"l[0].x", 7}, {"l[1]", 9}, {"l[1].y", 10}, {"l[2]", 0}, {"l[0].y", 0}, {"z", 0},
		{"a.b", 0},    {"b[0]", 0}, {"l[x]", 0},    {"b..c", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(yaml_find_line(text, strlen(text), cases[i].place), cases[i].line);
	assert_int_equal(yaml_find_line("a: [", 4, "a"), 0);
	assert_int_equal(yaml_find_line("", 0, "a"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_duplicates__table),
		cmocka_unit_test(load__table),
		cmocka_unit_test(load__files),
		cmocka_unit_test(load__short_error_buffer),
		cmocka_unit_test(find_line__table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
