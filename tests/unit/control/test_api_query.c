#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/core/path_state.h"
#include "control/io/api_query.h"

static struct api_query query;
static struct problem problem;

/* The status of what went wrong, 0 for nothing. */
static int read_text(const char *text, unsigned int takes, enum model_kind kind)
{
	char copy[512];

	snprintf(copy, sizeof(copy), "%s", text);
	problem_clear(&problem);
	api_query_init(&query);
	api_query_read(&query, copy, takes, kind, &problem);
	return problem.status;
}

static void read__values(void **state)
{
	(void)state;
	assert_int_equal(read_text("", TAKES_LIST, KIND_PATH), 0);
	assert_int_equal(query.limit, QUERY_LIMIT_MAX);
	assert_int_equal(query.filter.states, 0);
	assert_int_equal(read_text("wait=active&timeout=500ms", TAKES_WAIT, KIND_PATH), 0);
	assert_int_equal(query.wait_states, 1u << PATH_ACTIVE);
	assert_int_equal(query.wait_ns, 500000000);
	assert_int_equal(read_text("wait=failed&timeout=1s", TAKES_BODY | TAKES_WAIT, KIND_CLUSTER),
			 0);
	assert_int_equal(query.wait_states, 1u << PATH_FAILED);
	assert_int_equal(read_text("limit=3", TAKES_PAGE, KIND_SITE), 0);
	assert_int_equal(query.limit, 3);
	assert_int_equal(read_text("limit=7&label=a%3db%26c&state=failed&state=active", TAKES_LIST,
				   KIND_PATH),
			 0);
	assert_int_equal(query.limit, 7);
	assert_string_equal(query.filter.labels[0].label.key, "a");
	assert_string_equal(query.filter.labels[0].label.value, "b&c");
	assert_int_equal(query.filter.states, 1u << PATH_ACTIVE | 1u << PATH_FAILED);
	assert_int_equal(read_text("since=7-42&kind=path&kind=site&follow=false&heartbeat=1s",
				   TAKES_FEED, KIND_COUNT),
			 0);
	assert_string_equal(query.since, "7-42");
	assert_int_equal(query.filter.kinds, 1u << KIND_PATH | 1u << KIND_SITE);
	assert_true(query.is_once);
}

static void read__refused(void **state)
{
	static const struct {
		const char *text;
		unsigned int takes;
		enum model_kind kind;
	} rows[] = {
		{"wait=gone", TAKES_WAIT, KIND_PATH},
		{"wait=active", TAKES_WAIT, KIND_SITE},
		{"timeout=601s", TAKES_WAIT, KIND_PATH},
		{"timeout=1s", TAKES_WAIT, KIND_LINK},
		{"label=x", TAKES_PAGE, KIND_SITE},
		{"wait=active", TAKES_KEY, KIND_PATH},
		{"limit=1", TAKES_WAIT, KIND_PATH},
		{"limit=+1", TAKES_LIST, KIND_PATH},
		{"limit=99999999999", TAKES_LIST, KIND_PATH},
		{"label", TAKES_LIST, KIND_PATH},
		{"label=%", TAKES_LIST, KIND_PATH},
		{"label=%0", TAKES_LIST, KIND_PATH},
		{"la%00bel=x", TAKES_LIST, KIND_PATH},
		{"continue=61", TAKES_LIST, KIND_PATH},
		{"nothing", 0, KIND_PATH},
		{"format=", TAKES_FORMAT, KIND_COUNT},
		{"follow=", TAKES_FEED, KIND_COUNT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(read_text(rows[i].text, rows[i].takes, rows[i].kind), 400);
}

static void token__comes_back(void **state)
{
	static const char *const names[] = {"a", "job-881234", "z.z_z-9"};
	char token[QUERY_TOKEN_BYTES], longest[MODEL_NAME_BYTES], text[512];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	for (size_t i = 0; i < 4; i++) {
		const char *name = i < 3 ? names[i] : longest;

		api_query_token(KIND_PATH, name, token);
		snprintf(text, sizeof(text), "continue=%s", token);
		assert_int_equal(read_text(text, TAKES_LIST, KIND_PATH), 0);
		assert_string_equal(query.after, name);
		assert_int_equal(read_text(text, TAKES_LIST, KIND_LINK), 400);
		strcat(text, "0");
		assert_int_equal(read_text(text, TAKES_LIST, KIND_PATH), 400);
	}
}

static void filter__matches(void **state)
{
	const struct label labels[] = {{"job", "7"}, {"rack", "x"}};

	(void)state;
	assert_int_equal(read_text("label=job=7&label=rack", TAKES_LIST, KIND_PATH), 0);
	assert_true(api_filter_matches(&query.filter, KIND_PATH, "", labels, 2));
	assert_false(api_filter_matches(&query.filter, KIND_PATH, "", labels, 1));
	assert_false(api_filter_matches(&query.filter, KIND_PATH, "", NULL, 0));
	read_text("kind=path", TAKES_FEED, KIND_COUNT);
	assert_true(api_filter_matches(&query.filter, KIND_PATH, "", NULL, 0));
	assert_false(api_filter_matches(&query.filter, KIND_LINK, "", NULL, 0));
}

static void filter__keeps_to_the_tenant(void **state)
{
	struct api_filter filter = {.tenant = "blue"};

	(void)state;
	assert_true(api_filter_matches(&filter, KIND_PATH, "blue", NULL, 0));
	assert_false(api_filter_matches(&filter, KIND_PATH, "red", NULL, 0));
	assert_false(api_filter_matches(&filter, KIND_PATH, "", NULL, 0));
	assert_false(api_filter_matches(&filter, KIND_TENANT, "red", NULL, 0));
	assert_true(api_filter_matches(&filter, KIND_SITE, "", NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__values),
		cmocka_unit_test(read__refused),
		cmocka_unit_test(token__comes_back),
		cmocka_unit_test(filter__matches),
		cmocka_unit_test(filter__keeps_to_the_tenant),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	problem_clear(&problem);
	return ret;
}
