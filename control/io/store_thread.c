/*
 * The thread that makes commits durable: it takes all that is queued, writes it as one transaction
 * of SQLite, and wakes the loop through an eventfd. Under load each sync is so shared by many
 * commits. After the first failure it only refuses: see store.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/io/store_internal.h"

/* Of one transaction of SQLite, so that the first of many does not wait for all of them. */
#define BATCH_MAX 256

/* The queued ones, at most a batch, or NULL when the thread is to end. */
static struct store_txn *take_batch(struct store_thread *thread)
{
	struct store_txn *first, *last;

	pthread_mutex_lock(&thread->lock);
	while (!thread->todo.first && !thread->is_stopping)
		pthread_cond_wait(&thread->wake, &thread->lock);
	first = last = thread->todo.first;
	if (first) {
		for (int i = 1; i < BATCH_MAX && last->next; i++)
			last = last->next;
		thread->todo.first = last->next;
		if (!last->next)
			thread->todo.last = &thread->todo.first;
		last->next = NULL;
	}
	pthread_mutex_unlock(&thread->lock);
	return first;
}

static void give_batch(struct store_thread *thread, struct store_txn *first)
{
	uint64_t one = 1;
	ssize_t written;

	pthread_mutex_lock(&thread->lock);
	*thread->done.last = first;
	while (*thread->done.last)
		thread->done.last = &(*thread->done.last)->next;
	pthread_mutex_unlock(&thread->lock);
	written = write(thread->event_fd, &one, sizeof(one));
	(void)written; /* only fails when it is readable anyway */
}

static void fail(struct store_thread *thread, const char *what, int code)
{
	sqlite3 *db = thread->file->db;

	thread->is_failed = true;
	snprintf(thread->error, sizeof(thread->error), "%s: %s (SQLite %d, %s)", what,
		 sqlite3_errstr(code), sqlite3_extended_errcode(db),
		 strerror(sqlite3_system_errno(db)));
}

static bool is_stopping(struct store_thread *thread)
{
	bool is_so;

	pthread_mutex_lock(&thread->lock);
	is_so = thread->is_stopping;
	pthread_mutex_unlock(&thread->lock);
	return is_so;
}

/* Somebody else's lock on the file is no failure of the storage: nothing was written. */
static int write_batch(struct store_thread *thread, const struct store_txn *batch)
{
	int code;

	do {
		code = store_file_write(thread->file, batch);
	} while (code == SQLITE_BUSY && !is_stopping(thread));
	return code;
}

static void *work(void *arg)
{
	struct store_thread *thread = arg;
	struct store_txn *batch;

	while ((batch = take_batch(thread))) {
		int code = thread->is_failed ? SQLITE_OK : write_batch(thread, batch);

		if (code)
			fail(thread, "a commit failed", code);
		for (struct store_txn *txn = batch; txn; txn = txn->next)
			txn->status = thread->is_failed ? -EIO : 0;
		give_batch(thread, batch);
		code = thread->is_failed ? SQLITE_OK : store_file_checkpoint(thread->file);
		if (code)
			fail(thread, "a checkpoint failed", code);
	}
	return NULL;
}

int store_thread_start(struct store_thread *thread, struct store_file *file)
{
	sigset_t all, before;
	int ret;

	thread->file = file;
	thread->todo.last = &thread->todo.first;
	thread->done.last = &thread->done.first;
	thread->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (thread->event_fd < 0)
		return -errno;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->wake, NULL);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	ret = pthread_create(&thread->id, NULL, work, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	thread->is_started = !ret;
	return -ret;
}

void store_thread_push(struct store_thread *thread, struct store_txn *txn)
{
	pthread_mutex_lock(&thread->lock);
	store_queue_add(&thread->todo, txn);
	pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
}

struct store_txn *store_thread_take(struct store_thread *thread)
{
	struct store_txn *first;
	uint64_t count;
	ssize_t got = read(thread->event_fd, &count, sizeof(count));

	(void)got; /* nothing to read: another turn took it all */
	pthread_mutex_lock(&thread->lock);
	first = thread->done.first;
	thread->done.first = NULL;
	thread->done.last = &thread->done.first;
	pthread_mutex_unlock(&thread->lock);
	return first;
}

struct store_txn *store_thread_stop(struct store_thread *thread)
{
	if (!thread->is_started)
		return NULL;
	pthread_mutex_lock(&thread->lock);
	thread->is_stopping = true;
	pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
	pthread_join(thread->id, NULL);
	pthread_mutex_destroy(&thread->lock);
	pthread_cond_destroy(&thread->wake);
	return thread->done.first;
}
