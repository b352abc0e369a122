#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/agent/state_file.h"

static const char line[] = "{\"revision\":5,\"term\":2,\"gateway\":\"gw-a\",\"paths\":[]}";

struct fixture {
	char root[64];
	char state_dir[96]; /* two levels that are not there yet */
	struct state_file state;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->root, "/tmp/causeway-state-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	snprintf(fixture->state_dir, sizeof(fixture->state_dir), "%s/one/two", fixture->root);
	assert_int_equal(state_file_open(&fixture->state, fixture->state_dir, "gw-a"), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", fixture->root);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static void path_of(const struct fixture *fixture, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", fixture->state.dir, name);
}

static void put(const struct fixture *fixture, const char *name, const char *text)
{
	char path[400];
	FILE *out;

	path_of(fixture, name, path, sizeof(path));
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static int count_files(const struct fixture *fixture)
{
	DIR *dir = opendir(fixture->state.dir);
	struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void intent__absent(void **state)
{
	struct fixture *fixture = *state;
	char warning[INTENT_JSON_ERROR_BYTES];
	struct intent *intent;

	assert_int_equal(state_file_load_intent(&fixture->state, &intent, warning), 0);
	assert_null(intent);
	assert_string_equal(warning, "");
}

static void intent__saved_and_replaced(void **state)
{
	struct fixture *fixture = *state;
	char warning[INTENT_JSON_ERROR_BYTES];
	struct intent *intent;

	assert_int_equal(state_file_save_intent(&fixture->state, "{\"old\":1}", 9), 0);
	assert_int_equal(state_file_save_intent(&fixture->state, line, strlen(line)), 0);
	assert_int_equal(state_file_load_intent(&fixture->state, &intent, warning), 1);
	assert_int_equal(intent->revision, 5);
	assert_int_equal(intent->term, 2);
	intent_free(intent);
	assert_int_equal(count_files(fixture), 1);
}

static void intent__corrupt(void **state)
{
	static const struct {
		const char *text, *warning;
	} table[] = {
		{"", "saved intent ignored: not JSON"},
		{"{\"revision\":5,\"term\":2,\"gate", "saved intent ignored: not JSON"},
		{"{\"heartbeat\":5}", "saved intent ignored: not an intent of gateway gw-a"},
		{"{\"revision\":5,\"term\":2,\"gateway\":\"gw-b\",\"paths\":[]}",
		 "saved intent ignored: not an intent of gateway gw-a"},
		{"{\"revision\":5,\"gateway\":\"gw-a\",\"paths\":[]}",
		 "saved intent ignored: term is missing"},
	};
	struct fixture *fixture = *state;
	char warning[INTENT_JSON_ERROR_BYTES];
	struct intent *intent;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		put(fixture, "intent.json", table[i].text);
		assert_int_equal(state_file_load_intent(&fixture->state, &intent, warning),
				 -EINVAL);
		assert_null(intent);
		if (strncmp(warning, table[i].warning, strlen(table[i].warning)) != 0)
			fail_msg("%s", warning);
	}
}

static void intent__not_a_file(void **state)
{
	struct fixture *fixture = *state;
	char path[400], warning[INTENT_JSON_ERROR_BYTES];
	struct intent *intent;

	path_of(fixture, "intent.json", path, sizeof(path));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(state_file_load_intent(&fixture->state, &intent, warning) < 0);
	assert_non_null(strstr(warning, "saved intent not read"));
	assert_true(state_file_save_intent(&fixture->state, line, strlen(line)) < 0);
	assert_int_equal(count_files(fixture), 1); /* no left-over beside */
}

static void intent__directory_gone(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(rmdir(fixture->state.dir), 0);
	assert_int_equal(state_file_save_intent(&fixture->state, line, strlen(line)), -ENOENT);
}

static void boot__counts(void **state)
{
	struct fixture *fixture = *state;
	char warning[INTENT_JSON_ERROR_BYTES];
	uint32_t boot;

	for (uint32_t wanted = 1; wanted <= 3; wanted++) {
		assert_int_equal(state_file_next_boot(&fixture->state, &boot, warning), 0);
		assert_int_equal(boot, wanted);
		assert_string_equal(warning, "");
	}
	put(fixture, "boot", "41"); /* without a line end, too */
	assert_int_equal(state_file_next_boot(&fixture->state, &boot, warning), 0);
	assert_int_equal(boot, 42);
}

static void boot__corrupt_never_goes_back(void **state)
{
	static const char *const table[] = {"",	  "\n",		"x",	  "12x",
					    "-1", "4294967295", "1\n2\n", "99999999999999999999"};
	struct fixture *fixture = *state;
	char warning[INTENT_JSON_ERROR_BYTES];
	uint32_t boot;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		put(fixture, "boot", table[i]);
		assert_int_equal(state_file_next_boot(&fixture->state, &boot, warning), 0);
		assert_true(boot > 1000000000);
		assert_non_null(strstr(warning, "restart count"));
	}
}

static void open__refused(void **state)
{
	struct fixture *fixture = *state;
	struct state_file other;
	char path[400], longest[400];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(state_file_open(&other, longest, "gw-a"), -ENAMETOOLONG);
	put(fixture, "plain", "");
	path_of(fixture, "plain", path, sizeof(path));
	assert_int_equal(state_file_open(&other, path, "gw-a"), -ENOTDIR);
	assert_int_equal(state_file_open(&other, fixture->state_dir, "gw-a"), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(intent__absent),
		CASE(intent__saved_and_replaced),
		CASE(intent__corrupt),
		CASE(intent__not_a_file),
		CASE(intent__directory_gone),
		CASE(boot__counts),
		CASE(boot__corrupt_never_goes_back),
		CASE(open__refused),
	};

	return cmocka_run_group_tests_name("state_file", tests, NULL, NULL);
}
