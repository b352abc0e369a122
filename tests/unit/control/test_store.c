#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/io/draft.h"

struct log {
	int count;
	struct store_event last;
};

static void note(const struct store_event *event, void *arg)
{
	struct log *log = arg;

	log->count++;
	log->last = *event;
}

static int setup(void **state)
{
	*state = store_mem_create();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	store_destroy(*state);
	return 0;
}

static uint64_t put_site(struct store *store, const char *name, uint8_t prefix_count)
{
	struct draft draft = draft_begin(store);
	struct object *object = draft_edit(&draft, KIND_SITE, name);
	uint64_t revision;

	object->site.prefix_count = prefix_count;
	assert_int_equal(draft_commit(&draft, &revision), 0);
	draft_free(&draft);
	return revision;
}

static void commit__counts_changes(void **state)
{
	struct store *store = *state;
	uint64_t first = put_site(store, "b", 1);

	assert_int_equal(put_site(store, "b", 1), first);
	assert_int_equal(put_site(store, "b", 2), first + 1);
	assert_int_equal(store_get(store, KIND_SITE, "b")->revision, first + 1);
	assert_null(store_get(store, KIND_GATEWAY, "b"));
	assert_int_equal(store_revision(store), first + 1);
	assert_int_equal(store_count(store, KIND_SITE), 1);
}

static void commit__compares_and_is_atomic(void **state)
{
	struct store *store = *state;
	struct object fresh = {.kind = KIND_SITE, .name = "new"};
	uint64_t revision = put_site(store, "old", 1), after;
	struct store_change changes[] = {
		{.kind = KIND_SITE, .name = "new", .object = &fresh},
		{.is_delete = true, .kind = KIND_SITE, .name = "old", .base_revision = 99},
	};

	assert_int_equal(store_commit(store, changes, 2, &after), -EAGAIN);
	assert_null(store_get(store, KIND_SITE, "new"));
	changes[1].base_revision = revision;
	assert_int_equal(store_commit(store, changes, 2, &after), 0);
	assert_int_equal(after, revision + 1);
	assert_non_null(store_get(store, KIND_SITE, "new"));
	assert_null(store_get(store, KIND_SITE, "old"));
}

static void next__in_order_of_names(void **state)
{
	static const char *const names[] = {"c", "a", "b1", "b"};
	struct store *store = *state;
	char seen[16] = "";

	for (int i = 0; i < 4; i++)
		put_site(store, names[i], 1);
	for (const struct object *at = store_next(store, KIND_SITE, ""); at;
	     at = store_next(store, KIND_SITE, at->name))
		strcat(seen, at->name);
	assert_string_equal(seen, "abb1c");
}

static void watch__past_and_future(void **state)
{
	struct store *store = *state;
	struct log log = {0};
	struct store_watch watch = {.on_event = note, .arg = &log};
	uint64_t revision = put_site(store, "a", 1);

	put_site(store, "b", 1);
	assert_int_equal(store_watch(store, &watch, revision), 0);
	assert_int_equal(log.count, 1);
	assert_string_equal(log.last.name, "b");
	put_site(store, "c", 1);
	assert_int_equal(log.count, 2);
	store_unwatch(store, &watch);
	put_site(store, "d", 1);
	assert_int_equal(log.count, 2);
}

static void watch__too_far_back(void **state)
{
	struct store *store = *state;
	struct log log = {0};
	struct store_watch watch = {.on_event = note, .arg = &log};

	for (int i = 0; i < 1100; i++)
		put_site(store, "a", (uint8_t)(i % 2 + 1));
	assert_int_equal(store_watch(store, &watch, 1), -ESTALE);
	assert_int_equal(log.count, 0);
	assert_int_equal(store_watch(store, &watch, store_revision(store) - 5), 0);
	assert_int_equal(log.count, 5);
	store_unwatch(store, &watch);
}

static void draft__shows_what_will_be(void **state)
{
	struct store *store = *state;
	struct draft draft = draft_begin(store);
	char seen[16] = "";

	put_site(store, "b", 1);
	put_site(store, "d", 1);
	draft_edit(&draft, KIND_SITE, "a");
	draft_edit(&draft, KIND_SITE, "d")->site.prefix_count = 9;
	draft_edit(&draft, KIND_SITE, "e");
	assert_int_equal(draft_delete(&draft, KIND_SITE, "b"), 0);
	assert_int_equal(draft_delete(&draft, KIND_SITE, "never"), 0);
	for (const struct object *at = draft_next(&draft, KIND_SITE, ""); at;
	     at = draft_next(&draft, KIND_SITE, at->name))
		strcat(seen, at->name);
	assert_string_equal(seen, "ade");
	assert_null(draft_get(&draft, KIND_SITE, "b"));
	assert_int_equal(draft_get(&draft, KIND_SITE, "d")->site.prefix_count, 9);
	assert_int_equal(store_get(store, KIND_SITE, "d")->site.prefix_count, 1);
	assert_false(draft_item_is_changed(draft_find(&draft, KIND_SITE, "never")));
	draft_free(&draft);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(commit__counts_changes),  STORE_TEST(commit__compares_and_is_atomic),
		STORE_TEST(next__in_order_of_names), STORE_TEST(watch__past_and_future),
		STORE_TEST(watch__too_far_back),     STORE_TEST(draft__shows_what_will_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
