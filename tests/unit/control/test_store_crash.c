/*
 * The store loses power, is killed, or its disk fails, at each single write and sync of a short
 * life: what was acknowledged is there, each transaction as a whole, and a store that failed goes
 * on with reads only. CAUSEWAY_SEED repeats a random choice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store_rig.h"
#include "store_vfs.h"

#define STEPS	  14
#define FIRST	  1 /* revision of an empty store */
#define SITES	  3
#define OPS_BOUND 2000

static uint64_t seed;
static char directory[256], path[300];

/* Step i makes revision FIRST + i + 1: a pair of sites gets a new content, as one transaction. */
static void names_of(int step, char a[16], char b[16])
{
	snprintf(a, 16, "a%d", step % SITES);
	snprintf(b, 16, "b%d", step % SITES);
}

static uint8_t content_of(int step)
{
	return (uint8_t)(step % 7 + 1);
}

static int step_commit(struct rig *rig, int step, struct rig_ticket *ticket)
{
	char a[16], b[16];

	names_of(step, a, b);
	return rig_commit_two(rig, a, b, content_of(step), ticket);
}

static void check_site(struct rig *rig, const char *name, int step)
{
	const struct object *object = store_get(rig->store, KIND_SITE, name);

	if (step < 0) {
		assert_null(object);
		return;
	}
	assert_non_null(object);
	assert_int_equal(object->site.prefix_count, content_of(step));
	assert_int_equal(object->revision, FIRST + step + 1);
}

struct tally {
	uint64_t next;
	int of_revision;
};

static void tally_record(const struct store_record *record, void *arg)
{
	struct tally *tally = arg;

	assert_int_equal(record->revision, tally->next);
	assert_non_null(record->after);
	if (++tally->of_revision == 2) {
		tally->next++;
		tally->of_revision = 0;
	}
}

/* All that the store holds is what the steps up to its revision make. */
static void check_state(struct rig *rig)
{
	struct tally tally = {.next = FIRST + 1};
	int steps = (int)(store_revision(rig->store) - FIRST);
	uint64_t last;

	for (int i = 0; i < SITES; i++) {
		int newest = -1;
		char a[16], b[16];

		for (int step = 0; step < steps; step++)
			newest = step % SITES == i ? step : newest;
		names_of(i, a, b);
		check_site(rig, a, newest);
		check_site(rig, b, newest);
	}
	assert_int_equal(store_log(rig->store, 0, SIZE_MAX, tally_record, &tally, &last), 0);
	assert_int_equal(tally.next, FIRST + steps + 1);
	assert_int_equal(tally.of_revision, 0);
}

static void start_anew(void)
{
	rig_directory_make(directory, sizeof(directory));
	snprintf(path, sizeof(path), "%s/control.db", directory);
}

static void tell(int fd, uint64_t number)
{
	if (write(fd, &number, sizeof(number)) != sizeof(number))
		_exit(1);
}

/* Tells its term, and each revision when it is acknowledged. Two commits are always under way. */
static void live(int fd, enum store_fault fault, uint32_t at)
{
	struct rig_ticket tickets[STEPS];
	struct rig *rig;

	store_vfs_arm(fault, at, seed + at);
	rig = rig_try(path, 0, STORE_VFS);
	if (!rig->store)
		_exit(1);
	tell(fd, store_term(rig->store));
	for (int step = 0; step < STEPS; step++) {
		if (step_commit(rig, step, &tickets[step]))
			_exit(1);
		if (!step)
			continue;
		rig_wait(rig, &tickets[step - 1]);
		tell(fd, tickets[step - 1].revision);
	}
	rig_wait(rig, &tickets[STEPS - 1]);
	tell(fd, tickets[STEPS - 1].revision);
	rig_close(rig);
	_exit(0);
}

/* Runs a life in another process; its exit code, its term and what was acknowledged last. */
static int live_apart(enum store_fault fault, uint32_t at, uint64_t *term, uint64_t *acknowledged)
{
	uint64_t number;
	int fds[2], status;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(fds[0]);
		live(fds[1], fault, at);
	}
	close(fds[1]);
	*term = 0;
	*acknowledged = FIRST;
	if (read(fds[0], term, sizeof(*term)) == sizeof(*term)) {
		while (read(fds[0], &number, sizeof(number)) == sizeof(number))
			*acknowledged = number;
	}
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void crash_at_each(enum store_fault fault)
{
	uint32_t at = 0, before_first = 0;
	int code;

	do {
		uint64_t term, acknowledged;
		struct rig *rig;

		start_anew();
		code = live_apart(fault, ++at, &term, &acknowledged);
		assert_true(code == 0 || code == STORE_VFS_EXIT);
		before_first += !term;
		rig = rig_open(path, 0);
		assert_true(store_term(rig->store) > term);
		assert_true(store_revision(rig->store) >= acknowledged);
		check_state(rig);
		/* And it goes on. */
		rig_put_two(rig, "x", "y", 1);
		rig_close(rig);
		rig_directory_remove(directory);
	} while (code && at < OPS_BOUND);
	assert_int_equal(code, 0);
	print_message("%u moments, %u of them before the store was open\n", at - 1, before_first);
	assert_true(at > STEPS * 2);
}

static void crash__kill(void **state)
{
	(void)state;
	crash_at_each(FAULT_KILL);
}

static void crash__power_lost_in_part(void **state)
{
	(void)state;
	crash_at_each(FAULT_POWER);
}

static void crash__power_lost_all(void **state)
{
	(void)state;
	crash_at_each(FAULT_POWER_ALL);
}

/* A child restores a copy with one site over a store with three; its exit code. */
static int restore_apart(const char *copy, enum store_fault fault, uint32_t at)
{
	pid_t child = fork();
	char error[400];
	int status;

	assert_true(child >= 0);
	if (!child) {
		store_vfs_arm(fault, at, seed + at);
		sqlite3_vfs_register(sqlite3_vfs_find(STORE_VFS), 1);
		_exit(store_restore(path, copy, error, sizeof(error)) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void restore_with(enum store_fault fault)
{
	uint32_t at = 0;
	int code;

	do {
		char copy[320], error[400];
		uint64_t revision;
		struct rig *rig;

		start_anew();
		snprintf(copy, sizeof(copy), "%s.copy", path);
		rig = rig_open(path, 0);
		rig_put(rig, "a", 1);
		assert_int_equal(store_backup(path, copy, error, sizeof(error)), 0);
		revision = rig_put_two(rig, "b", "c", 1);
		rig_close(rig);
		code = restore_apart(copy, fault, ++at);
		assert_true(code == 0 || code == STORE_VFS_EXIT);
		rig = rig_open(path, 0);
		assert_non_null(store_get(rig->store, KIND_SITE, "a"));
		if (store_get(rig->store, KIND_SITE, "b")) {
			assert_int_equal(code, STORE_VFS_EXIT);
			assert_int_equal(store_revision(rig->store), revision);
			assert_int_equal(store_count(rig->store, KIND_SITE), 3);
		} else {
			assert_int_equal(store_revision(rig->store),
					 revision + STORE_RESTORE_REVISIONS);
			assert_int_equal(store_count(rig->store, KIND_SITE), 1);
		}
		rig_close(rig);
		rig_directory_remove(directory);
	} while (code && at < OPS_BOUND);
	assert_int_equal(code, 0);
	assert_true(at > 5);
}

static void crash__while_restoring(void **state)
{
	(void)state;
	restore_with(FAULT_KILL);
	restore_with(FAULT_POWER);
}

/* Head is durable again, whatever was under way; reads go on; nothing is taken. */
static void check_read_only(struct rig *rig, uint64_t acknowledged)
{
	struct rig_ticket ticket;

	assert_true(store_is_failed(rig->store));
	assert_int_equal(rig->failures, 1);
	assert_int_equal(store_revision(rig->store), acknowledged);
	check_state(rig);
	for (const struct object *at = store_head_next(rig->store, KIND_SITE, ""); at;
	     at = store_head_next(rig->store, KIND_SITE, at->name))
		assert_ptr_equal(at, store_get(rig->store, KIND_SITE, at->name));
	assert_int_equal(step_commit(rig, STEPS, &ticket), -EIO);
	assert_int_equal(rig->failures, 1);
}

static void note_head(enum model_kind kind, const char *name, void *arg)
{
	(void)name;
	*(int *)arg += kind == KIND_COUNT;
}

/* The last revision acknowledged; *is_failed: the disk failed meanwhile. */
static uint64_t live_with_fault(struct rig *rig, bool *is_failed)
{
	uint64_t acknowledged = FIRST;
	int fallbacks = 0;

	*is_failed = false;
	store_observe_head(rig->store, note_head, &fallbacks);
	for (int step = 0; step + 1 < STEPS; step += 2) {
		struct rig_ticket pair[2];
		int ret = step_commit(rig, step, &pair[0]);

		/* A checkpoint that failed is told of by the next commit, or by this one at once.
		 */
		assert_int_equal(ret, 0);
		assert_int_equal(step_commit(rig, step + 1, &pair[1]), 0);
		for (int i = 0; i < 2; i++) {
			rig_wait(rig, &pair[i]);
			if (pair[i].status) {
				assert_int_equal(pair[i].status, -EIO);
				*is_failed = true;
			} else {
				assert_false(*is_failed);
				acknowledged = pair[i].revision;
			}
		}
		if (*is_failed)
			break;
	}
	assert_int_equal(fallbacks, *is_failed);
	store_observe_head(rig->store, NULL, NULL);
	return acknowledged;
}

static void fail_at_each(enum store_fault fault)
{
	uint32_t at = 0, refused = 0, failed = 0, count;

	do {
		uint64_t acknowledged = FIRST;
		bool is_failed = false;
		struct rig *rig;

		start_anew();
		at++;
		store_vfs_arm(fault, at, seed + at);
		rig = rig_try(path, 0, STORE_VFS);
		if (!rig->store) {
			assert_true(rig->error[0] != 0);
			refused++;
		} else {
			acknowledged = live_with_fault(rig, &is_failed);
			failed += is_failed;
			if (is_failed)
				check_read_only(rig, acknowledged);
		}
		rig_close(rig);
		count = store_vfs_count();
		rig = rig_open(path, 0);
		assert_true(store_revision(rig->store) >= acknowledged);
		check_state(rig);
		rig_close(rig);
		rig_directory_remove(directory);
	} while (at <= count && at < OPS_BOUND);
	print_message("%u moments: %u times it did not open, %u times it went read-only\n", at - 1,
		      refused, failed);
	assert_true(refused > 0 && failed > STEPS / 2);
}

static void fail__once(void **state)
{
	(void)state;
	fail_at_each(FAULT_IO_ONCE);
}

static void fail__from_then_on(void **state)
{
	(void)state;
	fail_at_each(FAULT_IO_FOREVER);
}

static void fail__disk_full(void **state)
{
	(void)state;
	fail_at_each(FAULT_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crash__kill),
		cmocka_unit_test(crash__power_lost_in_part),
		cmocka_unit_test(crash__power_lost_all),
		cmocka_unit_test(crash__while_restoring),
		cmocka_unit_test(fail__once),
		cmocka_unit_test(fail__from_then_on),
		cmocka_unit_test(fail__disk_full),
	};
	const char *text = getenv("CAUSEWAY_SEED");

	seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL) * 1000 + (uint64_t)getpid();
	print_message("CAUSEWAY_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
