#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "control/ctl/apply_items.h"
#include "control/ctl/yaml_json.h"

static void yaml_json_parse__good(void **state)
{
	static const struct {
		const char *text, *json;
	} table[] = {
		{"", "[]"},
		{"---\n---\n", "[]"},
		{"a: 1\n---\nb: [x, 'y', \"z\"]\n", "[{\"a\":1},{\"b\":[\"x\",\"y\",\"z\"]}]"},
		{"{\"a\":[1,2.5,true,null,\"1\"]}", "[{\"a\":[1,2.5,true,null,\"1\"]}]"},
		{"{\n\t\"tab\":\t1\n}\n", "[{\"tab\":1}]"},
		{"{\"slash\":\"\\/\",\"nl\":\"\\n\"}", "[{\"slash\":\"/\",\"nl\":\"\\n\"}]"},
		{"[no, yes, on, NO, ~, Null, True]",
		 "[[\"no\",\"yes\",\"on\",\"NO\",null,null,true]]"},
		{"[-5, +5, 007, 1e3, .5, 1., -, ., e5, 1e]",
		 "[[-5,5,7,1000.0,0.5,1.0,\"-\",\".\",\"e5\",\"1e\"]]"},
		{"[10.1.2.3, 10.0.0.0/8, fd01::/64, \"::1\", 5000-5999, 10G, '12']",
		 "[[\"10.1.2.3\",\"10.0.0.0/8\",\"fd01::/64\",\"::1\",\"5000-5999\",\"10G\","
		 "\"12\"]]"},
		{"a: |\n  one\n  two\n", "[{\"a\":\"one\\ntwo\\n\"}]"},
		{"# only a comment\n", "[]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char error[YAML_JSON_ERROR_BYTES];
		struct yaml_json yaml;
		json_t *wanted = json_loads(table[i].json, 0, NULL);

		assert_non_null(wanted);
		if (yaml_json_parse(&yaml, table[i].text, strlen(table[i].text), "f", error) ||
		    !json_equal(yaml.docs, wanted))
			fail_msg("%s: %s %s", table[i].text, error, json_dumps(yaml.docs, 0));
		json_decref(wanted);
		yaml_json_free(&yaml);
	}
}

static void yaml_json_parse__refused(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{"a: 1\nb: 2\na: 3\n", "f:3: duplicate key \"a\""},
		{"x:\n  - a: 1\n    a: 2\n", "f:3: duplicate key \"a\""},
		{"a: &x 1\n", "f:1: anchors, aliases and tags"},
		{"a: 1\nb: *x\n", "f:2: anchors, aliases and tags"},
		{"a: !!str 1\n", "f:1: anchors, aliases and tags"},
		{"? [a]\n: 1\n", "f:1: a key must be"},
		{"a: [1,\n", "f:2: "},
		{"a:\n\t- x\n", "f:2: "},
		{"a: 99999999999999999999\n", "f:1: the number does not fit 64 bits: 9999"},
		{"a: 1e999\n", "f:1: the number is too large"},
		{"a: \"x\\0y\"\n", "f:1: a string holds a NUL"},
		{"\"a\\0b\": 1\n", "f:1: a key holds a NUL"},
		{"a: \xff\n", "f:1: not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char error[YAML_JSON_ERROR_BYTES];
		struct yaml_json yaml;

		if (yaml_json_parse(&yaml, table[i].text, strlen(table[i].text), "f", error) !=
			    -EINVAL ||
		    strncmp(error, table[i].error, strlen(table[i].error)) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", table[i].text, error, table[i].error);
		yaml_json_free(&yaml);
	}
}

static void yaml_json_parse__too_deep(void **state)
{
	char text[200], error[YAML_JSON_ERROR_BYTES];
	struct yaml_json yaml;

	(void)state;
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	assert_int_equal(yaml_json_parse(&yaml, text, 200, "f", error), -EINVAL);
	assert_string_equal(error, "f:1: nested deeper than 32");
	yaml_json_free(&yaml);
}

static const char file[] = "kind: site\n"		   /* 1 */
			   "name: a\n"			   /* 2 */
			   "spec:\n"			   /* 3 */
			   "  prefixes: [10.0.0.0/8]\n"	   /* 4 */
			   "---\n"			   /* 5 */
			   "- kind: path\n"		   /* 6 */
			   "  name: p\n"		   /* 7 */
			   "  status: {state: active}\n"   /* 8 */
			   "  spec:\n"			   /* 9 */
			   "    rate_bps: 1G\n"		   /* 10 */
			   "    match:\n"		   /* 11 */
			   "      - protocol: tcp\n"	   /* 12 */
			   "        ports: [x]\n"	   /* 13 */
			   "---\n"			   /* 14 */
			   "kind: sites\n"		   /* 15 */
			   "revision: 4\n"		   /* 16 */
			   "items:\n"			   /* 17 */
			   "  - {kind: site, name: b,\n"   /* 18 */
			   "     spec: {prefixes: []}}\n"; /* 19 */

static void apply_items__collected_with_lines(void **state)
{
	static const struct {
		const char *pointer;
		unsigned int line;
	} table[] = {
		{"/items/0/spec/prefixes/0", 4},
		{"/items/0/spec/nothing", 4}, /* its parent's line, where the mapping starts */
		{"/items/1/spec/rate_bps", 10},
		{"/items/1/spec/match/0/ports/0", 13},
		{"/items/2/spec/prefixes", 19},
		{"/items/2", 18},
		{"/items/9/spec", 0},
		{"/spec", 0},
		{"", 0},
		{"/items/x", 0},
	};
	char error[YAML_JSON_ERROR_BYTES];
	struct yaml_json yaml;
	struct apply_items apply;
	json_t *wanted = json_loads(
		"[{\"kind\":\"site\",\"name\":\"a\",\"spec\":{\"prefixes\":[\"10.0.0.0/8\"]}},"
		"{\"kind\":\"path\",\"name\":\"p\",\"spec\":{\"rate_bps\":\"1G\",\"match\":["
		"{\"protocol\":\"tcp\",\"ports\":[\"x\"]}]}},"
		"{\"kind\":\"site\",\"name\":\"b\",\"spec\":{\"prefixes\":[]}}]",
		0, NULL);

	(void)state;
	assert_int_equal(yaml_json_parse(&yaml, file, strlen(file), "f", error), 0);
	assert_int_equal(apply_items_collect(&apply, &yaml, "f", error), 0);
	assert_true(json_equal(apply.items, wanted));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (apply_items_line(&apply, &yaml, table[i].pointer) != table[i].line)
			fail_msg("%s: %u", table[i].pointer,
				 apply_items_line(&apply, &yaml, table[i].pointer));
	}
	json_decref(wanted);
	apply_items_free(&apply);
	yaml_json_free(&yaml);
}

static void apply_items__refused(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{"", "f: holds no objects"},
		{"[]", "f: holds no objects"},
		{"just text", "f:1: not an object"},
		{"- 1\n- 2\n", "f:1: not an object"},
		{"kind: site\nname: a\nspec: {}\nspecs: {}\n", "f:4: specs is unknown here"},
		{"kind: site\nspec: {}\n", "f:1: name must be there"},
		{"kind: site\nname: 5\nspec: {}\n", "f:2: name must be there, as a string"},
		{"name: a\nspec: {}\n", "f:1: kind must be there"},
		{"kind: site\nname: a\nspec: 1\n", "f:3: spec must be there"},
		{"kind: site\nname: a\n", "f:1: spec must be there"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char error[YAML_JSON_ERROR_BYTES];
		struct yaml_json yaml;
		struct apply_items apply;

		assert_int_equal(
			yaml_json_parse(&yaml, table[i].text, strlen(table[i].text), "f", error),
			0);
		if (apply_items_collect(&apply, &yaml, "f", error) != -EINVAL ||
		    strncmp(error, table[i].error, strlen(table[i].error)) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", table[i].text, error, table[i].error);
		apply_items_free(&apply);
		yaml_json_free(&yaml);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_json_parse__good),
		cmocka_unit_test(yaml_json_parse__refused),
		cmocka_unit_test(yaml_json_parse__too_deep),
		cmocka_unit_test(apply_items__collected_with_lines),
		cmocka_unit_test(apply_items__refused),
	};

	return cmocka_run_group_tests_name("yaml_json", tests, NULL, NULL);
}
