#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/io/draft.h"
#include "store_rig.h"

struct log {
	int count;
	struct store_event last;
	char last_name[MODEL_NAME_BYTES];
	uint8_t prefix_count;
};

static void note(const struct store_event *event, void *arg)
{
	struct log *log = arg;

	log->count++;
	log->last = *event;
	log->prefix_count = event->object ? event->object->site.prefix_count : 0;
}

static int setup(void **state)
{
	*state = rig_open(NULL, 1024);
	return 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	return 0;
}

static void commit__counts_changes(void **state)
{
	struct rig *rig = *state;
	uint64_t first = rig_put(rig, "b", 1);

	assert_int_equal(rig_put(rig, "b", 1), first);
	assert_int_equal(rig_put(rig, "b", 2), first + 1);
	assert_int_equal(store_get(rig->store, KIND_SITE, "b")->revision, first + 1);
	assert_null(store_get(rig->store, KIND_GATEWAY, "b"));
	assert_int_equal(store_revision(rig->store), first + 1);
	assert_int_equal(store_count(rig->store, KIND_SITE), 1);
}

static void commit__compares_and_is_atomic(void **state)
{
	struct rig *rig = *state;
	struct object fresh = {.kind = KIND_SITE, .name = "new"};
	uint64_t revision = rig_put(rig, "old", 1);
	struct rig_ticket ticket = {0};
	struct store_change changes[] = {
		{.kind = KIND_SITE, .name = "new", .object = &fresh},
		{.is_delete = true, .kind = KIND_SITE, .name = "old", .base_revision = 99},
	};

	site_fill(&fresh, 1);
	rig_ticket_init(&ticket);
	assert_int_equal(store_commit(rig->store, changes, 2, &ticket.ticket), -EAGAIN);
	assert_null(store_head_get(rig->store, KIND_SITE, "new"));
	changes[1].base_revision = revision;
	assert_int_equal(store_commit(rig->store, changes, 2, &ticket.ticket), 0);
	rig_wait(rig, &ticket);
	assert_int_equal(ticket.revision, revision + 1);
	assert_non_null(store_get(rig->store, KIND_SITE, "new"));
	assert_null(store_get(rig->store, KIND_SITE, "old"));
}

static void commit__head_is_ahead_of_durable(void **state)
{
	struct rig *rig = *state;
	struct rig_ticket first = {0}, second = {0}, same = {0};
	uint64_t before = store_revision(rig->store);

	rig_commit(rig, "a", 1, &first);
	assert_null(store_get(rig->store, KIND_SITE, "a"));
	assert_int_equal(store_revision(rig->store), before);
	assert_int_equal(store_head_get(rig->store, KIND_SITE, "a")->revision, before + 1);
	rig_commit(rig, "a", 2, &second);
	/* Nothing changes, but what it stands on is not durable yet: so it waits as well. */
	rig_commit(rig, "a", 2, &same);
	assert_false(first.is_done || second.is_done || same.is_done);
	rig_wait(rig, &same);
	assert_true(first.is_done && second.is_done);
	assert_int_equal(first.revision, before + 1);
	assert_int_equal(second.revision, before + 2);
	assert_int_equal(same.revision, before + 2);
	assert_int_equal(store_get(rig->store, KIND_SITE, "a")->site.prefix_count, 2);
}

static void next__in_order_of_names(void **state)
{
	static const char *const names[] = {"c", "a", "b1", "b"};
	struct rig *rig = *state;
	char seen[16] = "";

	for (int i = 0; i < 4; i++)
		rig_put(rig, names[i], 1);
	for (const struct object *at = store_next(rig->store, KIND_SITE, ""); at;
	     at = store_next(rig->store, KIND_SITE, at->name))
		strcat(seen, at->name);
	assert_string_equal(seen, "abb1c");
}

static void watch__past_and_future(void **state)
{
	struct rig *rig = *state;
	struct log log = {0};
	struct store_watch watch = {.on_event = note, .arg = &log};
	uint64_t revision = rig_put(rig, "a", 1);

	rig_put(rig, "b", 2);
	assert_int_equal(store_watch(rig->store, &watch, revision), 0);
	assert_int_equal(log.count, 1);
	assert_string_equal(log.last.name, "b");
	assert_int_equal(log.prefix_count, 2);
	rig_put(rig, "c", 3);
	assert_int_equal(log.count, 2);
	assert_int_equal(log.prefix_count, 3);
	assert_int_equal(log.last.revision, revision + 2);
	assert_true(log.last.time_ns > 1600000000000000000ull);
	/* What is deleted is shown once more. */
	rig_delete(rig, "b");
	assert_true(log.last.is_delete);
	assert_int_equal(log.prefix_count, 2);
	store_unwatch(rig->store, &watch);
	rig_put(rig, "d", 1);
	assert_int_equal(log.count, 3);
}

static void watch__too_far_back(void **state)
{
	struct rig *rig = *state;
	struct log log = {0};
	struct store_watch watch = {.on_event = note, .arg = &log};

	for (int i = 0; i < 1100; i++)
		rig_put(rig, "a", (uint8_t)(i % 2 + 1));
	assert_int_equal(store_watch(rig->store, &watch, 1), -ESTALE);
	assert_int_equal(store_watch(rig->store, &watch, store_revision(rig->store) + 1), -ESTALE);
	assert_int_equal(log.count, 0);
	assert_int_equal(store_watch(rig->store, &watch, store_revision(rig->store) - 1024), 0);
	assert_int_equal(log.count, 1024);
	store_unwatch(rig->store, &watch);
}

struct pair {
	struct store *store;
	struct store_watch watches[3];
	int counts[3];
};

static void note_and_end_others(const struct store_event *event, void *arg)
{
	struct pair *pair = arg;

	(void)event;
	pair->counts[1]++;
	for (int i = 0; i < 3; i++)
		store_unwatch(pair->store, &pair->watches[i]);
}

static void count(const struct store_event *event, void *arg)
{
	(void)event;
	++*(int *)arg;
}

static void watch__may_end_others(void **state)
{
	struct rig *rig = *state;
	struct pair pair = {.store = rig->store};

	pair.watches[0] = (struct store_watch){.on_event = count, .arg = &pair.counts[0]};
	pair.watches[1] = (struct store_watch){.on_event = note_and_end_others, .arg = &pair};
	pair.watches[2] = (struct store_watch){.on_event = count, .arg = &pair.counts[2]};
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			store_watch(rig->store, &pair.watches[i], store_revision(rig->store)), 0);
	rig_put(rig, "a", 1);
	rig_put(rig, "b", 1);
	assert_int_equal(pair.counts[1], 1);
	assert_int_equal(pair.counts[0] + pair.counts[2], 1);
}

struct lines {
	char text[512];
};

static void note_record(const struct store_record *record, void *arg)
{
	struct lines *lines = arg;
	size_t len = strlen(lines->text);

	snprintf(lines->text + len, sizeof(lines->text) - len, "%llu%s%s%s%s ",
		 (unsigned long long)record->revision, record->is_delete ? "-" : "+", record->name,
		 record->before ? "b" : "", record->after ? "a" : "");
}

static void log__pages_by_whole_revisions(void **state)
{
	struct rig *rig = *state;
	struct lines lines = {""};
	uint64_t last;

	rig_put(rig, "a", 1);
	rig_put_two(rig, "b", "c", 1);
	rig_put(rig, "a", 2);
	rig_delete(rig, "b");
	assert_int_equal(store_log(rig->store, 0, 2, note_record, &lines, &last), 0);
	assert_string_equal(lines.text, "2+aa 3+ba 3+ca ");
	assert_int_equal(last, 3);
	lines.text[0] = 0;
	assert_int_equal(store_log(rig->store, last, 10, note_record, &lines, &last), 0);
	assert_string_equal(lines.text, "4+aba 5-bb ");
	lines.text[0] = 0;
	assert_int_equal(store_log(rig->store, last, 10, note_record, &lines, &last), 0);
	assert_string_equal(lines.text, "");
	assert_int_equal(last, 5);
}

static void history__newest_first(void **state)
{
	struct rig *rig = *state;
	struct lines lines = {""};

	rig_put(rig, "a", 1);
	rig_put(rig, "b", 1);
	rig_put(rig, "a", 2);
	rig_delete(rig, "a");
	assert_int_equal(store_history(rig->store, KIND_SITE, "a", 0, 10, note_record, &lines), 0);
	assert_string_equal(lines.text, "5-ab 4+aba 2+aa ");
	lines.text[0] = 0;
	assert_int_equal(store_history(rig->store, KIND_SITE, "a", 5, 1, note_record, &lines), 0);
	assert_string_equal(lines.text, "4+aba ");
	lines.text[0] = 0;
	assert_int_equal(store_history(rig->store, KIND_LINK, "a", 0, 10, note_record, &lines), 0);
	assert_string_equal(lines.text, "");
}

static void note_head(enum model_kind kind, const char *name, void *arg)
{
	char *seen = arg;

	strcat(seen, kind == KIND_COUNT ? "*" : name);
}

static void observe_head__at_once(void **state)
{
	struct rig *rig = *state;
	struct rig_ticket ticket = {0};
	char seen[16] = "";

	store_observe_head(rig->store, note_head, seen);
	rig_commit(rig, "a", 1, &ticket);
	assert_string_equal(seen, "a");
	rig_wait(rig, &ticket);
	assert_string_equal(seen, "a");
	store_observe_head(rig->store, NULL, NULL);
}

static void draft__shows_what_will_be(void **state)
{
	struct rig *rig = *state;
	struct draft draft = draft_begin(rig->store), view = draft_view(rig->store);
	struct rig_ticket ticket = {0};
	char seen[16] = "";

	rig_put(rig, "b", 1);
	rig_commit(rig, "d", 1, &ticket);
	assert_null(draft_get(&view, KIND_SITE, "d"));
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
	assert_int_equal(store_head_get(rig->store, KIND_SITE, "d")->site.prefix_count, 1);
	assert_false(draft_item_is_changed(draft_find(&draft, KIND_SITE, "never")));
	draft_free(&draft);
	rig_wait(rig, &ticket);
	assert_int_equal(draft_get(&view, KIND_SITE, "d")->site.prefix_count, 1);
	draft_free(&view);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(commit__counts_changes),
		STORE_TEST(commit__compares_and_is_atomic),
		STORE_TEST(commit__head_is_ahead_of_durable),
		STORE_TEST(next__in_order_of_names),
		STORE_TEST(watch__past_and_future),
		STORE_TEST(watch__too_far_back),
		STORE_TEST(watch__may_end_others),
		STORE_TEST(log__pages_by_whole_revisions),
		STORE_TEST(history__newest_first),
		STORE_TEST(observe_head__at_once),
		STORE_TEST(draft__shows_what_will_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
