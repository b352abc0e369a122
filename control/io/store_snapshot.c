#include "control/io/store_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "control/io/store_internal.h"

#define PATH_TEXT_BYTES 4096
/* Left to the store itself, which ends for good when the disk is full. */
#define ROOM_BYTES (16ull << 20)
#define MIB	   (1ull << 20)

struct store_snapshot {
	struct store *store;
	pthread_t thread;
	struct loop_op op;
	int event_fd;
	char from[PATH_TEXT_BYTES], to[PATH_TEXT_BYTES];
	/* The thread's until it has written to event_fd. */
	int fd;
	char error[512];
	void (*on_done)(int fd, const char *error, void *arg); /* NULL: it was cancelled */
	void *arg;
};

static uint64_t size_of(const char *path, const char *suffix)
{
	char name[PATH_TEXT_BYTES + 8];
	struct stat info;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &info) ? 0 : (uint64_t)info.st_size;
}

/* False and an error: the copy would fill the disk that commits need. */
static bool has_room(struct store_snapshot *snapshot)
{
	uint64_t need = size_of(snapshot->from, "") + size_of(snapshot->from, "-wal");
	struct statvfs disk;
	uint64_t room;

	if (statvfs(snapshot->from, &disk))
		return true; /* a store in memory, which is small */
	room = (uint64_t)disk.f_bavail * disk.f_frsize;
	if (room >= need + ROOM_BYTES)
		return true;
	snprintf(snapshot->error, sizeof(snapshot->error),
		 "%.200s: a copy takes up to %llu MiB beside it and leaves %llu, but %llu are "
		 "free: make room, or copy it to another disk with causeway-control --backup",
		 snapshot->from, (unsigned long long)((need + MIB - 1) / MIB),
		 (unsigned long long)(ROOM_BYTES / MIB), (unsigned long long)(room / MIB));
	return false;
}

static void copy(struct store_snapshot *snapshot)
{
	if (!has_room(snapshot))
		return;
	if (store_backup(snapshot->from, snapshot->to, snapshot->error, sizeof(snapshot->error)))
		return;
	snapshot->fd = open(snapshot->to, O_RDONLY | O_CLOEXEC);
	if (snapshot->fd < 0)
		snprintf(snapshot->error, sizeof(snapshot->error), "%.300s cannot be read: %s",
			 snapshot->to, strerror(errno));
	unlink(snapshot->to);
}

static void *work(void *arg)
{
	struct store_snapshot *snapshot = arg;
	uint64_t one = 1;
	ssize_t written;

	copy(snapshot);
	written = write(snapshot->event_fd, &one, sizeof(one));
	(void)written; /* only fails when it is readable anyway */
	return NULL;
}

/* Its thread has ended, or is waited for. The copy's descriptor, or -1. */
static int snapshot_free(struct store_snapshot *snapshot)
{
	int fd;

	pthread_join(snapshot->thread, NULL);
	fd = snapshot->fd;
	loop_cancel(snapshot->store->loop, &snapshot->op);
	snapshot->store->snapshot = NULL;
	close(snapshot->event_fd);
	free(snapshot);
	return fd;
}

static void on_ready(struct loop_op *op, int result, void *arg)
{
	struct store_snapshot *snapshot = arg;
	void (*on_done)(int fd, const char *error, void *arg) = snapshot->on_done;
	void *done_arg = snapshot->arg;
	char error[512];
	int fd;

	(void)op;
	(void)result;
	memcpy(error, snapshot->error, sizeof(error));
	fd = snapshot_free(snapshot);
	if (on_done)
		on_done(fd, error, done_arg);
	else if (fd >= 0)
		close(fd);
}

/* Signals are the loop's. */
static int thread_start(struct store_snapshot *snapshot)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	ret = pthread_create(&snapshot->thread, NULL, work, snapshot);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static void name_copy(const struct store *store, char to[PATH_TEXT_BYTES])
{
	if (store->lock_fd < 0)
		snprintf(to, PATH_TEXT_BYTES, "%s/causeway-%d.download", P_tmpdir, (int)getpid());
	else
		snprintf(to, PATH_TEXT_BYTES, "%.4000s.download", store->path);
}

void store_snapshot_sweep(const struct store *store)
{
	static const char *const suffixes[] = {"", ".part", ".part-journal", NULL};
	char to[PATH_TEXT_BYTES], name[PATH_TEXT_BYTES + 16];

	name_copy(store, to);
	for (const char *const *suffix = suffixes; *suffix; suffix++) {
		snprintf(name, sizeof(name), "%s%s", to, *suffix);
		unlink(name);
	}
}

struct store_snapshot *store_snapshot_begin(struct store *store,
					    void (*on_done)(int fd, const char *error, void *arg),
					    void *arg)
{
	struct store_snapshot *snapshot = store->snapshot ? NULL : calloc(1, sizeof(*snapshot));
	int error;

	if (!snapshot) {
		errno = store->snapshot ? EBUSY : ENOMEM;
		return NULL;
	}
	*snapshot =
		(struct store_snapshot){.store = store, .fd = -1, .on_done = on_done, .arg = arg};
	snapshot->op = (struct loop_op){.on_done = on_ready, .arg = snapshot};
	snprintf(snapshot->from, sizeof(snapshot->from), "%s", store->path);
	name_copy(store, snapshot->to);
	snapshot->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = snapshot->event_fd < 0
			? errno
			: -loop_watch_readable(store->loop, &snapshot->op, snapshot->event_fd);
	if (!error) {
		error = thread_start(snapshot);
		if (error)
			loop_cancel(store->loop, &snapshot->op);
	}
	if (!error) {
		store->snapshot = snapshot;
		return snapshot;
	}
	if (snapshot->event_fd >= 0)
		close(snapshot->event_fd);
	free(snapshot);
	errno = error;
	return NULL;
}

void store_snapshot_cancel(struct store_snapshot *snapshot)
{
	if (snapshot)
		snapshot->on_done = NULL;
}

void store_snapshot_stop(struct store *store)
{
	int fd = store->snapshot ? snapshot_free(store->snapshot) : -1;

	if (fd >= 0)
		close(fd);
}
