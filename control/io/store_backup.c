/*
 * Copies of a store, by SQLite's backup API: of a running one a snapshot, into a stopped one in one
 * transaction.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "control/io/store_internal.h"

#define PATH_TEXT_BYTES 4096

/* Not the file itself: closing any descriptor of it would drop SQLite's own locks. */
int store_lock(const char *path, char *error, size_t size)
{
	char lock[PATH_TEXT_BYTES];
	int fd;

	snprintf(lock, sizeof(lock), "%s.lock", path);
	fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		snprintf(
			error, size,
			"the store %s cannot be opened: %s: %s; make the directory or name another "
			"file",
			path, lock, strerror(errno));
		return -1;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	snprintf(error, size,
		 "the store %s is in use by another causeway-control; stop that one first", path);
	close(fd);
	return -1;
}

/* An existing file, and a store: never creates one. */
static sqlite3 *open_existing(const char *path, char *error, size_t size)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	/* A store in memory, of this process. */
	bool is_uri = !strncmp(path, "file:", 5);
	int code = sqlite3_open_v2(path, &db, flags | (is_uri ? SQLITE_OPEN_URI : 0), NULL);

	if (!code)
		code = sqlite3_busy_timeout(db, 5000);
	if (code)
		snprintf(error, size, "%s cannot be opened: %s", path, sqlite3_errstr(code));
	else if (!store_file_check(db, path, error, size))
		return db;
	sqlite3_close(db);
	return NULL;
}

/* One step: a snapshot, which other writers neither wait for nor disturb. */
static int copy(sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

	if (!backup)
		return sqlite3_errcode(to);
	sqlite3_backup_step(backup, -1);
	return sqlite3_backup_finish(backup);
}

static int is_intact(void *arg, int count, char **values, char **names)
{
	bool *is_good = arg;

	(void)names;
	*is_good = count == 1 && values[0] && !strcmp(values[0], "ok");
	return 0;
}

static int check_content(sqlite3 *db, const char *path, char *error, size_t size)
{
	bool is_good = false;

	sqlite3_exec(db, "PRAGMA integrity_check(1)", is_intact, &is_good, NULL);
	if (is_good)
		return 0;
	snprintf(error, size, "%s is damaged; use another backup", path);
	return -1;
}

static int sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

static int sync_directory(const char *path)
{
	char directory[PATH_TEXT_BYTES];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash)
		return sync_path(".");
	slash[slash == directory] = 0;
	return sync_path(directory);
}

/* Into a new file under a name that nobody takes for a backup, until it is one. */
static int backup_to(sqlite3 *from, const char *to, char *error, size_t size)
{
	char part[PATH_TEXT_BYTES];
	sqlite3 *db = NULL;
	int fd, code;

	snprintf(part, sizeof(part), "%s.part", to);
	unlink(part);
	fd = open(part, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		snprintf(error, size, "%s cannot be made: %s", part, strerror(errno));
		return -1;
	}
	close(fd);
	code = sqlite3_open_v2(part, &db, SQLITE_OPEN_READWRITE, NULL);
	if (!code)
		code = copy(db, from);
	/* One file, without a write-ahead log beside it. */
	if (!code)
		code = sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (code)
		snprintf(error, size, "%s cannot be written: %s", part, sqlite3_errmsg(db));
	else
		code = check_content(db, part, error, size);
	sqlite3_close(db);
	if (!code && (sync_path(part) || rename(part, to) || sync_directory(to))) {
		snprintf(error, size, "%s cannot be written: %s", to, strerror(errno));
		code = -1;
	}
	if (code)
		unlink(part);
	return code ? -1 : 0;
}

int store_backup(const char *path, const char *to, char *error, size_t size)
{
	sqlite3 *from;
	int ret;

	if (!access(to, F_OK)) {
		snprintf(error, size, "%s is there already; name a new file", to);
		return -1;
	}
	from = open_existing(path, error, size);
	if (!from)
		return -1;
	ret = backup_to(from, to, error, size);
	sqlite3_close(from);
	return ret;
}

int store_backup_check(const char *path, char *error, size_t size)
{
	sqlite3 *db = open_existing(path, error, size);
	int ret = db ? check_content(db, path, error, size) : -1;

	sqlite3_close(db);
	return ret;
}

/* The backup as it will be: on from whatever gateways and watchers may have seen. */
static int prepare(struct store_file *image, sqlite3 *from, struct store_file *target)
{
	uint64_t term, revision, other_term, other_revision;
	struct timespec now;
	int code = copy(image->db, from);

	if (!code)
		code = store_file_meta(image, "term", &term);
	if (!code)
		code = store_file_meta(image, "revision", &revision);
	if (!code)
		code = store_file_meta(target, "term", &other_term);
	if (!code)
		code = store_file_meta(target, "revision", &other_revision);
	if (code)
		return code;
	clock_gettime(CLOCK_REALTIME, &now);
	if (term < other_term)
		term = other_term;
	if (term < (uint64_t)now.tv_sec * 1000)
		term = (uint64_t)now.tv_sec * 1000;
	if (revision < other_revision)
		revision = other_revision;
	revision += STORE_RESTORE_REVISIONS;
	code = store_file_meta_set(image, "term", term);
	if (!code)
		code = store_file_meta_set(image, "revision", revision);
	/* Whoever watches must read everything again. */
	return code ? code : store_file_meta_set(image, "compacted", revision);
}

static int restore_over(struct store_file *target, sqlite3 *from, const char *path, char *error,
			size_t size)
{
	struct store_file image = {0};
	int code;

	if (store_file_open(&image, "file:/causeway-restore?vfs=memdb", NULL, error, size))
		return -1;
	code = prepare(&image, from, target);
	if (!code && store_load(NULL, &image, error, size)) {
		store_file_close(&image);
		return -1;
	}
	if (!code)
		code = copy(target->db, image.db);
	if (code)
		snprintf(error, size, "%s cannot be written: %s; what was there is still there",
			 path, sqlite3_errstr(code));
	else
		/* It is durable in the log; somebody who still reads may keep it there. */
		(void)sqlite3_wal_checkpoint_v2(target->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
						NULL);
	store_file_close(&image);
	return code ? -1 : 0;
}

int store_restore(const char *path, const char *from, char *error, size_t size)
{
	int lock = store_lock(path, error, size), ret = -1;
	struct store_file target = {0};
	sqlite3 *db;

	if (lock < 0)
		return -1;
	db = open_existing(from, error, size);
	if (db && !check_content(db, from, error, size)) {
		if (store_file_open(&target, path, NULL, error, size))
			snprintf(error, size,
				 "%s is no store or badly damaged: move it and its -wal and -shm "
				 "away, then try again",
				 path);
		else
			ret = restore_over(&target, db, path, error, size);
		store_file_close(&target);
	}
	sqlite3_close(db);
	close(lock);
	return ret;
}
