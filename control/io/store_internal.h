/*
 * What the files of the store share; nobody else includes it. store.c opens, closes and commits,
 * store_view.c holds the two views and the watches, store_thread.c makes commits durable,
 * store_file.c, store_usage.c, store_answer.c and store_load.c speak SQLite, store_log.c reads the
 * log, store_backup.c copies files.
 *
 * Control's thread owns struct store and what it leads to, but for struct store_thread's members
 * under its lock, and the writing connection, which is the thread's while that runs. An object is
 * never changed once it is in a transaction, so the thread reads it without a lock; only control's
 * thread counts its references.
 */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "control/io/name_index.h"
#include "control/io/store.h"
#include "control/io/store_answer.h"
#include "control/io/store_usage.h"

struct stored {
	struct object object;
	uint32_t refs; /* head, durable and each transaction with it */
};

struct store_item {
	bool is_delete;
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
	struct stored *stored; /* NULL: deleted */
};

struct store_txn {
	struct store_txn *next;
	struct store_ticket *ticket;
	uint64_t revision; /* the new one; of an empty one the head's */
	uint64_t time_ns;
	int status;		      /* the thread's answer */
	struct usage_batch *usage;    /* instead of items; NULL: none */
	struct answer_batch *answers; /* beside items or instead of them; NULL: none */
	char actor[STORE_ACTOR_BYTES];
	size_t count;
	struct store_item items[];
};

struct store_queue {
	struct store_txn *first, **last;
};

enum store_statement {
	STATEMENT_LOG,
	STATEMENT_PUT,
	STATEMENT_DELETE,
	STATEMENT_META_SET,
	STATEMENT_META_GET,
	STATEMENT_OLD,
	STATEMENT_COMPACT,
	STATEMENT_SINCE,
	STATEMENT_HISTORY,
	STATEMENT_USAGE_GET,
	STATEMENT_USAGE_PUT,
	STATEMENT_USAGE_PAGE,
	STATEMENT_USAGE_OF_PATH,
	STATEMENT_USAGE_PRUNE,
	STATEMENT_METER_GET,
	STATEMENT_METER_PUT,
	STATEMENT_METER_PRUNE,
	STATEMENT_ANSWERS,
	STATEMENT_ANSWER_PUT,
	STATEMENT_ANSWER_DELETE,
	STATEMENT_COUNT
};

/* One connection. */
struct store_file {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	uint64_t keep_revisions;
	uint32_t keep_days;
	int checkpoint_pages; /* when there are so many */
	int wal_pages;	      /* there are, since the last checkpoint */
};

struct store_thread {
	pthread_t id;
	bool is_started;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Under the lock. */
	struct store_queue todo, done;
	bool is_stopping;
	int event_fd;
	struct store_file *file; /* the thread's */
	bool is_failed;		 /* the thread's */
	char error[256];	 /* what failed; written before the first transaction that failed */
};

struct store {
	struct loop *loop;
	struct store_config config;
	uint64_t term;
	uint64_t revision, head_revision;
	bool is_failed;
	struct name_index durable[KIND_COUNT], head[KIND_COUNT]; /* struct stored */
	size_t pending_puts[KIND_COUNT];
	void (*on_head)(enum model_kind kind, const char *name, void *arg);
	void *on_head_arg;
	struct store_watch *watches;
	struct store_watch *watch_next; /* where telling them goes on */
	struct store_file writer, reader;
	struct store_thread thread;
	struct loop_op done_op;
	int lock_fd;
	const char *path;		 /* SQLite's name of it */
	char memory[64];		 /* path, of a store in memory */
	struct store_snapshot *snapshot; /* under way; NULL: none */
};

/* store.c */
void stored_drop(struct stored *stored);
void store_txn_free(struct store_txn *txn);
void store_queue_add(struct store_queue *queue, struct store_txn *txn);

/* store_view.c */
/* Room in both views for a transaction's puts, so that nothing fails later. 0 or -ENOMEM. */
int store_view_reserve(struct store *store, const struct store_txn *txn);
/* A new transaction is part of head. */
void store_view_commit(struct store *store, const struct store_txn *txn);
/* It is durable: tells the watches. */
void store_view_settle(struct store *store, const struct store_txn *txn);
/* It is not, and will not be. */
void store_view_fail(struct store *store);
void store_view_free(struct store *store);
/* An object read from the file, the next one of its kind in order of names. 0 or -ENOMEM. */
int store_view_load(struct store *store, struct stored *stored);

/* store_thread.c */
int store_thread_start(struct store_thread *thread, struct store_file *file);
void store_thread_push(struct store_thread *thread, struct store_txn *txn);
/* What is done, in order; NULL when nothing is. */
struct store_txn *store_thread_take(struct store_thread *thread);
/* Works off what is queued, then ends; what was done and not taken. */
struct store_txn *store_thread_stop(struct store_thread *thread);

/* store_file.c: SQLite's codes; SQLITE_OK is 0 */
/* Opens or creates; -1 and one line in error when it is not ours or cannot be. */
int store_file_open(struct store_file *file, const char *path, const char *vfs, char *error,
		    size_t size);
void store_file_close(struct store_file *file);
int store_file_meta(struct store_file *file, const char *key, uint64_t *value);
int store_file_meta_set(struct store_file *file, const char *key, uint64_t value);
/* All of the list in one transaction, durable when it returns. */
int store_file_write(struct store_file *file, const struct store_txn *first);
/* Moves the write-ahead log into the file when it has become long. */
int store_file_checkpoint(struct store_file *file);
/* Is it a store at all, and of a format that this program reads? -1 and one line when not. */
int store_file_check(sqlite3 *db, const char *path, char *error, size_t size);

/* store_usage.c: a batch, inside a transaction that is open. SQLite's code. */
int store_usage_write(struct store_file *file, const struct usage_batch *batch);

/* store_answer.c: likewise. */
int store_answers_write(struct store_file *file, const struct answer_batch *batch);

/* store_load.c */
/* Reads all objects into a store's views; -1 and one line in error. store NULL: only tries. */
int store_load(struct store *store, struct store_file *file, char *error, size_t size);
/* The object of a text of the file or of the log; NULL when it does not hold, text in error. */
struct stored *store_object_parse(enum model_kind kind, const char *name, const char *text,
				  char *error, size_t size);
/* The text of an object; NULL without memory. */
char *store_object_text(const struct object *object);

/* store_backup.c */
/* One control per file. The descriptor, or -1 and one line in error. */
int store_lock(const char *path, char *error, size_t size);
