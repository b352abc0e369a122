#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/io/store_snapshot.h"
#include "store_rig.h"

#define TURN_NS 1000000000ull

struct place {
	char directory[256], path[300], copy[300], part[320];
};

struct outcome {
	bool is_done;
	int fd;
	char error[400];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	rig_directory_make(place->directory, sizeof(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/control.db", place->directory);
	snprintf(place->copy, sizeof(place->copy), "%s/copy.db", place->directory);
	snprintf(place->part, sizeof(place->part), "%s.download.part", place->path);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	rmdir(place->part);
	rig_directory_remove(place->directory);
	free(place);
	return 0;
}

static void on_done(int fd, const char *error, void *arg)
{
	struct outcome *outcome = arg;

	outcome->is_done = true;
	outcome->fd = fd;
	snprintf(outcome->error, sizeof(outcome->error), "%.399s", error);
}

static void wait_done(struct rig *rig, struct outcome *outcome)
{
	for (int i = 0; i < 30 && !outcome->is_done; i++)
		assert_int_equal(loop_turn(rig->loop, TURN_NS), 0);
	assert_true(outcome->is_done);
}

static void save(int fd, const char *path)
{
	int to = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	char piece[4096];
	ssize_t len;

	assert_true(to >= 0);
	while ((len = read(fd, piece, sizeof(piece))) > 0)
		assert_int_equal(write(to, piece, (size_t)len), len);
	close(to);
}

/* What was there at its moment is in the copy, of a file or of memory; and can be restored. */
static void check_copy(const struct place *place, const char *path)
{
	struct rig *rig = rig_open(path, 0);
	struct outcome outcome = {0};
	char restored[320], error[400];

	snprintf(restored, sizeof(restored), "%s.restored", place->path);
	rig_put_two(rig, "a", "b", 3);
	assert_non_null(store_snapshot_begin(rig->store, on_done, &outcome));
	assert_null(store_snapshot_begin(rig->store, on_done, &outcome));
	assert_int_equal(errno, EBUSY);
	wait_done(rig, &outcome);
	if (outcome.fd < 0)
		fail_msg("%s", outcome.error);
	save(outcome.fd, place->copy);
	close(outcome.fd);
	rig_put(rig, "later", 1);
	rig_close(rig);
	assert_int_equal(store_backup_check(place->copy, error, sizeof(error)), 0);
	assert_int_equal(store_restore(restored, place->copy, error, sizeof(error)), 0);
	rig = rig_open(restored, 0);
	assert_int_equal(store_count(rig->store, KIND_SITE), 2);
	rig_close(rig);
}

static void begin__of_a_file(void **state)
{
	const struct place *place = *state;

	check_copy(place, place->path);
}

static void begin__of_memory(void **state)
{
	check_copy(*state, NULL);
}

static void begin__fails_and_can_be_begun_again(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct outcome outcome = {0};

	/* Something is in its way. */
	assert_int_equal(mkdir(place->part, 0700), 0);
	assert_non_null(store_snapshot_begin(rig->store, on_done, &outcome));
	wait_done(rig, &outcome);
	assert_int_equal(outcome.fd, -1);
	assert_non_null(strstr(outcome.error, "cannot be made"));
	assert_int_equal(rmdir(place->part), 0);
	outcome = (struct outcome){0};
	assert_non_null(store_snapshot_begin(rig->store, on_done, &outcome));
	wait_done(rig, &outcome);
	assert_true(outcome.fd >= 0);
	close(outcome.fd);
	rig_close(rig);
}

static void open__sweeps_what_a_killed_one_left(void **state)
{
	const struct place *place = *state;
	char left[320];

	snprintf(left, sizeof(left), "%s.download", place->path);
	close(open(left, O_CREAT | O_WRONLY, 0600));
	close(open(place->part, O_CREAT | O_WRONLY, 0600));
	rig_close(rig_open(place->path, 0));
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(place->part, F_OK), -1);
}

/* A full disk would end the store itself. */
static void begin__refuses_where_there_is_no_room(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct outcome outcome = {0};
	char log[320];
	struct stat was;

	/* A hole in its log: it is larger than the disk, and takes nothing of it. */
	rig_put(rig, "a", 1);
	snprintf(log, sizeof(log), "%s-wal", place->path);
	assert_int_equal(stat(log, &was), 0);
	assert_int_equal(truncate(log, (off_t)15 << 40), 0);
	assert_non_null(store_snapshot_begin(rig->store, on_done, &outcome));
	wait_done(rig, &outcome);
	assert_int_equal(outcome.fd, -1);
	assert_non_null(strstr(outcome.error, "make room"));
	assert_int_equal(truncate(log, was.st_size), 0);
	rig_put(rig, "b", 1);
	rig_close(rig);
}

/* Whoever cancels does not wait for the thread; who begins anew does, until it has ended. */
static void cancel__is_done_later(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct outcome cancelled = {0}, outcome = {0};
	struct store_snapshot *snapshot = NULL;

	store_snapshot_cancel(store_snapshot_begin(rig->store, on_done, &cancelled));
	assert_null(store_snapshot_begin(rig->store, on_done, &outcome));
	assert_int_equal(errno, EBUSY);
	for (int i = 0; i < 30 && !snapshot; i++) {
		assert_int_equal(loop_turn(rig->loop, TURN_NS), 0);
		snapshot = store_snapshot_begin(rig->store, on_done, &outcome);
	}
	assert_non_null(snapshot);
	wait_done(rig, &outcome);
	assert_true(outcome.fd >= 0);
	close(outcome.fd);
	assert_false(cancelled.is_done);
	rig_close(rig);
}

static void cancel__and_close(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct outcome outcome = {0};

	store_snapshot_cancel(store_snapshot_begin(rig->store, on_done, &outcome));
	rig_close(rig);
	rig = rig_open(place->path, 0);
	assert_non_null(store_snapshot_begin(rig->store, on_done, &outcome));
	rig_close(rig);
	assert_false(outcome.is_done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(begin__of_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(begin__of_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(begin__fails_and_can_be_begun_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(open__sweeps_what_a_killed_one_left, setup,
						teardown),
		cmocka_unit_test_setup_teardown(begin__refuses_where_there_is_no_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(cancel__is_done_later, setup, teardown),
		cmocka_unit_test_setup_teardown(cancel__and_close, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
