#include "control/io/store_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/io/store_internal.h"

struct answer_batch *answer_batch_create(size_t count)
{
	struct answer_batch *batch = calloc(1, sizeof(*batch) + count * sizeof(batch->rows[0]));

	if (batch)
		batch->count = count;
	return batch;
}

void answer_batch_free(struct answer_batch *batch)
{
	for (size_t i = 0; batch && i < batch->count; i++)
		free(batch->rows[i].text);
	if (batch)
		free(batch->gone);
	free(batch);
}

int store_answers_put(struct store *store, struct answer_batch *batch)
{
	struct store_txn *txn = store->is_failed ? NULL : calloc(1, sizeof(*txn));

	if (!txn) {
		answer_batch_free(batch);
		return store->is_failed ? -EIO : -ENOMEM;
	}
	txn->revision = store->head_revision;
	txn->answers = batch;
	store_thread_push(&store->thread, txn);
	return 0;
}

/* ---- SQLite ---- */

static void bind_number(sqlite3_stmt *statement, int index, uint64_t number)
{
	sqlite3_bind_int64(statement, index, (sqlite3_int64)number);
}

static int run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

/* The store's thread. */
static int row_write(struct store_file *file, const struct answer_row *row)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_ANSWER_PUT];

	bind_number(statement, 1, row->number);
	bind_number(statement, 2, row->time_ns);
	bind_number(statement, 3, row->caller);
	sqlite3_bind_text(statement, 4, row->id, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 5, row->request, -1, SQLITE_STATIC);
	bind_number(statement, 6, row->revision);
	bind_number(statement, 7, row->etag);
	sqlite3_bind_int(statement, 8, row->status);
	sqlite3_bind_text(statement, 9, row->text, -1, SQLITE_STATIC);
	return run(statement);
}

int store_answers_write(struct store_file *file, const struct answer_batch *batch)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < batch->count && !code; i++)
		code = row_write(file, &batch->rows[i]);
	for (size_t i = 0; i < batch->gone_count && !code; i++) {
		bind_number(file->statements[STATEMENT_ANSWER_DELETE], 1, batch->gone[i]);
		code = run(file->statements[STATEMENT_ANSWER_DELETE]);
	}
	return code;
}

static void copy_digest(char digest[ANSWER_DIGEST_BYTES], const unsigned char *text)
{
	snprintf(digest, ANSWER_DIGEST_BYTES, "%s", text ? (const char *)text : "");
}

int store_answers_load(struct store *store, void (*on_row)(const struct answer_row *row, void *arg),
		       void *arg)
{
	sqlite3_stmt *rows = store->reader.statements[STATEMENT_ANSWERS];
	int code;

	while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
		struct answer_row row = {
			.number = (uint64_t)sqlite3_column_int64(rows, 0),
			.time_ns = (uint64_t)sqlite3_column_int64(rows, 1),
			.caller = (uint64_t)sqlite3_column_int64(rows, 2),
			.revision = (uint64_t)sqlite3_column_int64(rows, 5),
			.etag = (uint64_t)sqlite3_column_int64(rows, 6),
			.status = sqlite3_column_int(rows, 7),
			.text = (char *)sqlite3_column_text(rows, 8),
		};

		copy_digest(row.id, sqlite3_column_text(rows, 3));
		copy_digest(row.request, sqlite3_column_text(rows, 4));
		on_row(&row, arg);
	}
	sqlite3_reset(rows);
	return code == SQLITE_DONE ? 0 : -EIO;
}
