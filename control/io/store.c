#include "control/io/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/io/store_internal.h"
#include "control/io/store_snapshot.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

#define CHECKPOINT_PAGES 1000

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void stored_drop(struct stored *stored)
{
	if (stored && !--stored->refs)
		free(stored);
}

void store_txn_free(struct store_txn *txn)
{
	for (size_t i = 0; i < txn->count; i++)
		stored_drop(txn->items[i].stored);
	usage_batch_free(txn->usage);
	answer_batch_free(txn->answers);
	free(txn);
}

void store_queue_add(struct store_queue *queue, struct store_txn *txn)
{
	txn->next = NULL;
	*queue->last = txn;
	queue->last = &txn->next;
}

static int compare(const struct store *store, const struct store_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct object *now = store_head_get(store, changes[i].kind, changes[i].name);

		if ((now ? now->revision : 0) != changes[i].base_revision)
			return -EAGAIN;
	}
	return 0;
}

static bool item_set(struct store_item *item, const struct store_change *change, uint64_t revision)
{
	item->is_delete = change->is_delete;
	item->kind = change->kind;
	model_name_set(item->name, change->name);
	if (change->is_delete)
		return true;
	item->stored = malloc(sizeof(*item->stored));
	if (!item->stored)
		return false;
	item->stored->refs = 1;
	item->stored->object = *change->object;
	item->stored->object.revision = revision;
	return true;
}

static struct store_txn *txn_create(const struct store *store, const struct store_change *changes,
				    size_t count, struct store_ticket *ticket)
{
	struct store_txn *txn = calloc(1, sizeof(*txn) + count * sizeof(txn->items[0]));

	if (!txn)
		return NULL;
	txn->ticket = ticket;
	txn->time_ns = wall_ns();
	txn->revision = store->head_revision + (count != 0);
	snprintf(txn->actor, sizeof(txn->actor), "%s",
		 ticket && ticket->actor ? ticket->actor : "control");
	for (; txn->count < count; txn->count++) {
		if (!item_set(&txn->items[txn->count], &changes[txn->count], txn->revision)) {
			store_txn_free(txn);
			return NULL;
		}
	}
	return txn;
}

int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 struct store_ticket *ticket)
{
	struct store_txn *txn;
	int ret;

	if (store->is_failed)
		return -EIO;
	ret = compare(store, changes, count);
	if (ret)
		return ret;
	txn = txn_create(store, changes, count, ticket);
	if (!txn)
		return -ENOMEM;
	if (store_view_reserve(store, txn)) {
		store_txn_free(txn);
		return -ENOMEM;
	}
	if (ticket && ticket->answers) {
		txn->answers = ticket->answers;
		ticket->answers = NULL;
		for (size_t i = 0; i < txn->answers->count; i++)
			txn->answers->rows[i].revision = txn->revision;
	}
	store_view_commit(store, txn);
	store_thread_push(&store->thread, txn);
	return 0;
}

static void fail(struct store *store)
{
	char text[512];

	store->is_failed = true;
	store_view_fail(store);
	if (!store->config.on_failed)
		return;
	snprintf(text, sizeof(text),
		 "the store %s: %s: changes are refused and reads go on; mend the storage and "
		 "restart me",
		 store->config.path, store->thread.error);
	store->config.on_failed(text, store->config.arg);
}

static void settle(struct store *store, struct store_txn *txn)
{
	struct store_ticket *ticket = txn->ticket;
	uint64_t revision = txn->revision;
	int status = txn->status;

	if (!status)
		store_view_settle(store, txn);
	else if (!store->is_failed)
		fail(store);
	store_txn_free(txn);
	if (ticket)
		ticket->on_done(ticket, status, revision);
}

static void on_done(struct loop_op *op, int result, void *arg)
{
	struct store *store = arg;
	struct store_txn *txn, *next;

	(void)op;
	(void)result;
	for (txn = store_thread_take(&store->thread); txn; txn = next) {
		next = txn->next;
		settle(store, txn);
	}
}

/*
 * Gateways take the word of the highest term. The first one is the time, so that a store that was
 * lost and begins anew is above the one before.
 */
static int term_begin(struct store *store)
{
	struct store_file *file = &store->writer;
	uint64_t term;
	int code = store_file_meta(file, "term", &term);

	if (code)
		return code;
	store->term = term ? term + 1 : wall_ns() / NS_PER_MS;
	return store_file_meta_set(file, "term", store->term);
}

static int open_files(struct store *store, char *error, size_t size)
{
	static unsigned int memory_count;
	const struct store_config *config = &store->config;
	const char *path = config->path;

	if (!strcmp(path, STORE_MEMORY)) {
		snprintf(store->memory, sizeof(store->memory), "file:/causeway-%d-%u?vfs=memdb",
			 (int)getpid(), memory_count++);
		path = store->memory;
	} else {
		store->lock_fd = store_lock(path, error, size);
		if (store->lock_fd < 0)
			return -1;
	}
	store->path = path;
	store_snapshot_sweep(store);
	if (store_file_open(&store->writer, path, config->vfs, error, size) ||
	    store_file_open(&store->reader, path, config->vfs, error, size))
		return -1;
	store->writer.keep_revisions =
		config->keep_revisions ? config->keep_revisions : STORE_KEEP_DEFAULT;
	store->writer.keep_days = config->keep_days;
	store->writer.checkpoint_pages =
		config->checkpoint_pages ? config->checkpoint_pages : CHECKPOINT_PAGES;
	return 0;
}

static int begin(struct store *store, char *error, size_t size)
{
	int ret;

	if (open_files(store, error, size) || store_load(store, &store->writer, error, size))
		return -1;
	if (term_begin(store)) {
		snprintf(error, size, "the store %s cannot be written: %s", store->config.path,
			 sqlite3_errmsg(store->writer.db));
		return -1;
	}
	ret = store_thread_start(&store->thread, &store->writer);
	if (!ret)
		ret = loop_watch_readable(store->loop, &store->done_op, store->thread.event_fd);
	if (ret)
		snprintf(error, size, "the store's thread cannot be started: %s", strerror(-ret));
	return ret;
}

struct store *store_open(struct loop *loop, const struct store_config *config, char *error,
			 size_t size)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	store->loop = loop;
	store->config = *config;
	store->lock_fd = -1;
	store->thread.event_fd = -1;
	store->done_op = (struct loop_op){.on_done = on_done, .arg = store};
	if (!begin(store, error, size))
		return store;
	store_close(store);
	return NULL;
}

static void cancel_all(struct store_txn *txn)
{
	struct store_txn *next;

	for (; txn; txn = next) {
		struct store_ticket *ticket = txn->ticket;

		next = txn->next;
		store_txn_free(txn);
		if (ticket)
			ticket->on_done(ticket, -ECANCELED, 0);
	}
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_snapshot_stop(store);
	loop_cancel(store->loop, &store->done_op);
	cancel_all(store_thread_stop(&store->thread));
	if (store->thread.event_fd >= 0)
		close(store->thread.event_fd);
	store_file_close(&store->reader);
	store_file_close(&store->writer);
	store_view_free(store);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store);
}

uint64_t store_term(const struct store *store)
{
	return store->term;
}

bool store_is_failed(const struct store *store)
{
	return store->is_failed;
}

uint64_t store_revision(const struct store *store)
{
	return store->revision;
}
