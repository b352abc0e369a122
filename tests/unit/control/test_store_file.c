#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/io/assigned_json.h"
#include "control/io/draft.h"
#include "control/io/store_internal.h"
#include "store_rig.h"

struct place {
	char directory[256];
	char path[300], copy[300];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	rig_directory_make(place->directory, sizeof(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/control.db", place->directory);
	snprintf(place->copy, sizeof(place->copy), "%s/copy.db", place->directory);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	rig_directory_remove(place->directory);
	free(place);
	return 0;
}

static void open__again(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	uint64_t term = store_term(rig->store), revision;
	struct stat info;

	rig_put(rig, "b", 3);
	rig_put_two(rig, "a", "c", 1);
	revision = rig_delete(rig, "c");
	assert_int_equal(stat(place->path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	rig_close(rig);
	rig = rig_open(place->path, 0);
	assert_int_equal(store_term(rig->store), term + 1);
	assert_int_equal(store_revision(rig->store), revision);
	assert_int_equal(store_count(rig->store, KIND_SITE), 2);
	assert_int_equal(store_get(rig->store, KIND_SITE, "b")->site.prefix_count, 3);
	assert_int_equal(store_get(rig->store, KIND_SITE, "b")->revision, revision - 2);
	assert_ptr_equal(store_get(rig->store, KIND_SITE, "b"),
			 store_head_get(rig->store, KIND_SITE, "b"));
	assert_int_equal(rig_put(rig, "b", 3), revision);
	assert_int_equal(rig_put(rig, "b", 4), revision + 1);
	rig_close(rig);
}

#define NAME_USED      7 /* "a-link" */
#define END_OF(member) (offsetof(struct path_assignment, member) + sizeof(assigned.member))

/* Bytes that need not come back: the rest behind a name, and padding. */
static bool is_unused(size_t at)
{
	static const struct path_assignment assigned;

	return (at >= END_OF(proof_generation) && at < offsetof(struct path_assignment, digest)) ||
	       (at >= offsetof(struct path_assignment, link) + NAME_USED && at < END_OF(link)) ||
	       (at >= offsetof(struct path_assignment, cluster) + NAME_USED &&
		at < END_OF(cluster)) ||
	       (at >= END_OF(expiry) && at < offsetof(struct path_assignment, hold_until_ns)) ||
	       (at >= offsetof(struct path_assignment, backup) + NAME_USED &&
		at < END_OF(backup)) ||
	       (at >= offsetof(struct path_assignment, from) + NAME_USED && at < END_OF(from)) ||
	       (at >= END_OF(last_move) &&
		at < offsetof(struct path_assignment, move_generation)) ||
	       at >= END_OF(move_end_ns);
}

/* Fails when assigned_json.c does not know a new member: this test wants to know it as well. */
static void open__keeps_what_was_assigned(void **state)
{
	struct object object = {.kind = KIND_PATH}, back = {.kind = KIND_PATH};
	struct path_assignment *was = &object.path.assigned, *is = &back.path.assigned;
	struct problem problem = {0};
	struct json_place place;
	json_t *json;

	(void)state;
	memset(was, 0xa5, sizeof(*was));
	memset(is, 0x5a, sizeof(*is));
	snprintf(was->link, sizeof(was->link), "a-link");
	snprintf(was->cluster, sizeof(was->cluster), "a-star");
	snprintf(was->backup, sizeof(was->backup), "b-link");
	snprintf(was->from, sizeof(was->from), "c-link");
	was->move = was->last_move = MOVE_COUNT - 1;
	was->is_reversed = true;
	was->is_deleting = false;
	was->life = LIFE_COUNT - 1;
	was->expiry = EXPIRY_COUNT - 1;
	json = assigned_json(&object);
	place = json_place_root(json, &problem);
	assert_true(assigned_read(&place, &back));
	for (size_t i = 0; i < sizeof(*was); i++) {
		if (!is_unused(i))
			assert_int_equal(((uint8_t *)was)[i], ((uint8_t *)is)[i]);
	}
	assert_int_equal(sizeof(*was), 360);
	json_decref(json);
}

static void open__refuses(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0), *other = rig_try(place->path, 0, NULL);
	FILE *file;

	assert_null(other->store);
	assert_non_null(strstr(other->error, "in use by another causeway-control"));
	rig_close(other);
	rig_close(rig);
	file = fopen(place->copy, "w");
	for (int i = 0; i < 2000; i++)
		fprintf(file, "this is no database\n");
	fclose(file);
	other = rig_try(place->copy, 0, NULL);
	assert_null(other->store);
	rig_close(other);
	other = rig_try("/nonexistent/control.db", 0, NULL);
	assert_null(other->store);
	assert_non_null(strstr(other->error, "make the directory"));
	rig_close(other);
}

static int run_sql(const char *path, const char *text)
{
	sqlite3 *db;
	int code = sqlite3_open(path, &db);

	if (!code)
		code = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
	return code;
}

static void refuse_after(const struct place *place, const char *sql, const char *expected)
{
	struct rig *rig;

	assert_int_equal(run_sql(place->path, sql), SQLITE_OK);
	rig = rig_try(place->path, 0, NULL);
	assert_null(rig->store);
	if (!strstr(rig->error, expected))
		fail_msg("%s", rig->error);
	rig_close(rig);
}

static void open__refuses_what_it_does_not_understand(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);

	rig_put(rig, "a", 1);
	rig_close(rig);
	refuse_after(place, "UPDATE object SET text = '{\"spec\": {\"colour\": 1}}'", "site a");
	refuse_after(place, "UPDATE object SET kind = 'wormhole'", "wormhole a");
	refuse_after(place, "PRAGMA user_version = 9", "has format 9");
	refuse_after(place, "PRAGMA application_id = 9", "is no store of causeway-control");
}

static void count_records(const struct store_record *record, void *arg)
{
	(void)record;
	++*(int *)arg;
}

static void log__is_compacted(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 10);
	uint64_t revision = 0, last;
	int count = 0;

	for (int i = 0; i < 40; i++)
		revision = rig_put(rig, "a", (uint8_t)(i % 2 + 1));
	assert_int_equal(store_log(rig->store, revision - 10, 100, count_records, &count, &last),
			 0);
	assert_int_equal(count, 10);
	assert_int_equal(store_log(rig->store, revision - 11, 100, count_records, &count, &last),
			 -ESTALE);
	rig_close(rig);
	/* It stays gone when more is to be kept from now on. */
	rig = rig_open(place->path, 100);
	assert_int_equal(store_log(rig->store, revision - 11, 100, count_records, &count, &last),
			 -ESTALE);
	rig_close(rig);
}

static void log__is_compacted_by_age(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	uint64_t revision = rig_put(rig, "a", 1), last;
	struct store_config config = {.path = place->path, .keep_days = 2};
	int count = 0;

	rig_put(rig, "a", 2);
	rig_close(rig);
	assert_int_equal(run_sql(place->path,
				 "UPDATE log SET time_ns = time_ns - 3 * 86400000000000"
				 " WHERE revision = 2"),
			 SQLITE_OK);
	rig = rig_try(NULL, 0, NULL);
	store_close(rig->store);
	rig->store = store_open(rig->loop, &config, rig->error, sizeof(rig->error));
	assert_non_null(rig->store);
	assert_int_equal(store_log(rig->store, 0, 100, count_records, &count, &last), 0);
	rig_put(rig, "a", 3);
	assert_int_equal(store_log(rig->store, 0, 100, count_records, &count, &last), -ESTALE);
	count = 0;
	assert_int_equal(store_log(rig->store, revision, 100, count_records, &count, &last), 0);
	assert_int_equal(count, 2);
	rig_close(rig);
}

static void backup__of_a_running_store(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0), *copy;
	struct rig_ticket tickets[20];
	char error[400] = "";
	uint64_t revision;

	rig_put(rig, "a", 1);
	for (int i = 0; i < 20; i++)
		rig_commit_two(rig, "b", "c", (uint8_t)(i % 2 + 1), &tickets[i]);
	assert_int_equal(store_backup(place->path, place->copy, error, sizeof(error)), 0);
	assert_int_equal(store_backup(place->path, place->copy, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "is there already"));
	rig_wait(rig, &tickets[19]);
	revision = store_revision(rig->store);
	rig_close(rig);
	copy = rig_open(place->copy, 0);
	assert_true(store_revision(copy->store) <= revision);
	assert_int_equal(store_get(copy->store, KIND_SITE, "a")->site.prefix_count, 1);
	if (store_get(copy->store, KIND_SITE, "b"))
		assert_int_equal(store_get(copy->store, KIND_SITE, "b")->revision,
				 store_get(copy->store, KIND_SITE, "c")->revision);
	rig_close(copy);
}

static void restore__goes_on_above(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	uint64_t revision, term, last;
	char error[400] = "";
	int count = 0;

	rig_put(rig, "a", 1);
	assert_int_equal(store_backup(place->path, place->copy, error, sizeof(error)), 0);
	revision = rig_put(rig, "b", 1);
	assert_int_equal(store_restore(place->path, place->copy, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "in use"));
	term = store_term(rig->store);
	rig_close(rig);
	assert_int_equal(store_restore(place->path, place->copy, error, sizeof(error)), 0);
	rig = rig_open(place->path, 0);
	assert_int_equal(store_revision(rig->store), revision + STORE_RESTORE_REVISIONS);
	assert_true(store_term(rig->store) > term);
	assert_non_null(store_get(rig->store, KIND_SITE, "a"));
	assert_null(store_get(rig->store, KIND_SITE, "b"));
	assert_int_equal(store_log(rig->store, revision, 9, count_records, &count, &last), -ESTALE);
	rig_put(rig, "c", 1);
	rig_close(rig);
}

/* Somebody who still reads what was there does not see the new content, and does not prevent it. */
static void restore__while_somebody_reads(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	char error[400] = "";
	sqlite3 *reader;

	rig_put(rig, "a", 1);
	assert_int_equal(store_backup(place->path, place->copy, error, sizeof(error)), 0);
	rig_put(rig, "b", 1);
	rig_close(rig);
	assert_int_equal(sqlite3_open(place->path, &reader), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM object", NULL, NULL, NULL),
		SQLITE_OK);
	if (store_restore(place->path, place->copy, error, sizeof(error)))
		fail_msg("%s", error);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	rig = rig_open(place->path, 0);
	assert_null(store_get(rig->store, KIND_SITE, "b"));
	rig_close(rig);
}

static void restore__refuses_what_is_no_backup(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	char error[400] = "";

	rig_put(rig, "a", 1);
	assert_int_equal(store_backup(place->path, place->copy, error, sizeof(error)), 0);
	rig_close(rig);
	assert_int_equal(store_restore(place->path, "/nonexistent", error, sizeof(error)), -1);
	assert_int_equal(run_sql(place->copy, "UPDATE object SET kind = 'wormhole'"), SQLITE_OK);
	assert_int_equal(store_restore(place->path, place->copy, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "wormhole"));
	assert_int_equal(truncate(place->copy, 9000), 0);
	assert_int_equal(store_restore(place->path, place->copy, error, sizeof(error)), -1);
	rig = rig_open(place->path, 0);
	assert_non_null(store_get(rig->store, KIND_SITE, "a"));
	rig_close(rig);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(open__again),
		STORE_TEST(open__keeps_what_was_assigned),
		STORE_TEST(open__refuses),
		STORE_TEST(open__refuses_what_it_does_not_understand),
		STORE_TEST(log__is_compacted),
		STORE_TEST(log__is_compacted_by_age),
		STORE_TEST(backup__of_a_running_store),
		STORE_TEST(restore__goes_on_above),
		STORE_TEST(restore__while_somebody_reads),
		STORE_TEST(restore__refuses_what_is_no_backup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
