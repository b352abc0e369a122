#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/ctl/match_spec.h"
#include "control/ctl/options.h"
#include "control/ctl/table.h"

#define WORDS_MAX 32

/* Splits at spaces; the words live in text. */
static enum options_result parse(struct ctl *ctl, char *text, char *error)
{
	char *argv[WORDS_MAX] = {(char *)"causewayctl"};
	int argc = 1;

	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return options_parse(ctl, argc, argv, error);
}

static void options_parse__good(void **state)
{
	static const struct {
		const char *text;
		enum options_result result;
		bool json;
		uint32_t args, values;
	} table[] = {
		{"get paths", OPTIONS_RUN, false, 1, 0},
		{"get path p1 -o json", OPTIONS_RUN, true, 2, 0},
		{"-ojson get path p1", OPTIONS_RUN, true, 2, 0},
		{"--output=json status", OPTIONS_RUN, true, 0, 0},
		{"-o json -o table status", OPTIONS_RUN, false, 0, 0},
		{"apply -f -", OPTIONS_RUN, false, 0, 1},
		{"apply -fx.yaml", OPTIONS_RUN, false, 0, 1},
		{"path create p --from a --to=b --rate 1G --match tcp:1 --match udp --wait",
		 OPTIONS_RUN, false, 1, 6},
		{"path rm -- -odd-", OPTIONS_RUN, false, 1, 0},
		{"path rm x --timeout 500ms --url http://h:1", OPTIONS_RUN, false, 1, 0},
		{"--help", OPTIONS_HELP, false, 0, 0},
		{"path --help", OPTIONS_HELP, false, 0, 0},
		{"path create --help", OPTIONS_HELP, false, 0, 0},
		{"-o json --version", OPTIONS_VERSION, true, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char text[128], error[OPTIONS_ERROR_BYTES];
		struct ctl ctl;

		strcpy(text, table[i].text);
		if (parse(&ctl, text, error) != table[i].result || ctl.json != table[i].json ||
		    ctl.arg_count != table[i].args || ctl.value_count != table[i].values)
			fail_msg("%s: %s", table[i].text, error);
	}
}

static void options_parse__values(void **state)
{
	char text[] = "path create p --match a --match b --wait=active --timeout 2s --url u";
	char error[OPTIONS_ERROR_BYTES];
	struct ctl ctl;

	(void)state;
	assert_int_equal(parse(&ctl, text, error), OPTIONS_RUN);
	assert_string_equal(ctl.args[0], "p");
	assert_string_equal(ctl_option_at(&ctl, "match", 0), "a");
	assert_string_equal(ctl_option_at(&ctl, "match", 1), "b");
	assert_null(ctl_option_at(&ctl, "match", 2));
	assert_string_equal(ctl_option(&ctl, "wait"), "active");
	assert_null(ctl_option(&ctl, "class"));
	assert_int_equal(ctl.timeout_ns, 2000000000);
	assert_string_equal(ctl.url, "u");
}

static void options_parse__wrong(void **state)
{
	static const struct {
		const char *text;
		bool json;
		const char *error;
	} table[] = {
		{"", false, "no command"},
		{"path", false, "path needs a verb"},
		{"path fly", false, "unknown command: path fly"},
		{"fly -o json", true, "unknown command: fly"},
		{"get", false, "an argument is missing: KIND [NAME]"},
		{"get a b c", false, "one argument too many: \"c\""},
		{"get a --from b", false, "unknown option --from"},
		{"get a -x -o json", true, "unknown option -x"},
		{"apply -f", false, "--file needs a value"},
		{"apply -f a -f b", false, "--file is given twice"},
		{"status -o yaml", false, "--output is table or json"},
		{"status --timeout 5", false, "--timeout is a time"},
		{"status --timeout 0", false, "--timeout is a time"},
		{"status --help=x", false, "--help takes no value"},
		{"path rm x --wait=y", false, "--wait takes no value"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char text[128], error[OPTIONS_ERROR_BYTES];
		struct ctl ctl;

		strcpy(text, table[i].text);
		if (parse(&ctl, text, error) != OPTIONS_WRONG || ctl.json != table[i].json ||
		    strncmp(error, table[i].error, strlen(table[i].error)) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", table[i].text, error, table[i].error);
	}
}

static void match_spec_parse__table(void **state)
{
	static const struct {
		const char *text, *json; /* NULL: refused */
	} table[] = {
		{"any", "{\"protocol\":\"any\"}"},
		{"rocev2", "{\"protocol\":\"rocev2\"}"},
		{"icmp-echo", "{\"protocol\":\"icmp-echo\"}"},
		{"tcp:5000-5999", "{\"protocol\":\"tcp\",\"ports\":[\"5000-5999\"]}"},
		{"udp:53,5000-5999", "{\"protocol\":\"udp\",\"ports\":[\"53\",\"5000-5999\"]}"},
		{"any@dscp26", "{\"protocol\":\"any\",\"dscp\":[26]}"},
		{"tcp:1@dscp0,dscp63,7",
		 "{\"protocol\":\"tcp\",\"ports\":[\"1\"],\"dscp\":[0,63,7]}"},
		{"", NULL},
		{"sctp", NULL},
		{"tcp:", NULL},
		{"tcp:1,", NULL},
		{"tcp:,1", NULL},
		{"tcp:70000", NULL},
		{"tcp:9-8", NULL},
		{"tcp:1-2-3", NULL},
		{"tcp:-1", NULL},
		{"rocev2:4791", NULL},
		{"any@", NULL},
		{"any@dscp64", NULL},
		{"any@dscp", NULL},
		{"any@x", NULL},
		{"any@dscp1x", NULL},
		{"tcp:00000000000000000000000000000000000000000000000000000000000000000000001",
		 NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char error[MATCH_SPEC_ERROR_BYTES] = "";
		json_t *match = match_spec_parse(table[i].text, error);
		json_t *wanted = table[i].json ? json_loads(table[i].json, 0, NULL) : NULL;

		if (!match != !wanted || (match && !json_equal(match, wanted)))
			fail_msg("%s: %s", table[i].text, error);
		if (!match)
			assert_true(error[0]);
		json_decref(match);
		json_decref(wanted);
	}
}

static void table_print__aligned(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct table table;

	(void)state;
	table_init(&table, 3);
	for (int i = 0; i < 9; i++) {
		static const char *const cells[] = {"NAME",	    "A", "B", "x", "longer", "",
						    "\u00e9\u00e9", "1", "2"};

		table_add(&table, cells[i]);
	}
	assert_int_equal(table_print(&table, out), 0);
	fclose(out);
	assert_string_equal(text, "NAME  A       B\n"
				  "x     longer  -\n"
				  "\u00e9\u00e9    1       2\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_parse__good),	cmocka_unit_test(options_parse__values),
		cmocka_unit_test(options_parse__wrong), cmocka_unit_test(match_spec_parse__table),
		cmocka_unit_test(table_print__aligned),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
