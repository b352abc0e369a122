#include "control/io/store_usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/store_internal.h"

/* Looked at for one page, whatever the tenant: some milliseconds. */
#define SCAN_MAX 5000

/* ---- batches ---- */

struct usage_batch *usage_batch_create(size_t row_max, size_t reading_max)
{
	struct usage_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	/* Never 0 bytes, for which NULL would be right. */
	batch->rows = calloc(row_max + 1, sizeof(*batch->rows));
	batch->readings = calloc(reading_max + 1, sizeof(*batch->readings));
	if (batch->rows && batch->readings)
		return batch;
	usage_batch_free(batch);
	return NULL;
}

void usage_batch_free(struct usage_batch *batch)
{
	if (!batch)
		return;
	free(batch->rows);
	free(batch->readings);
	free(batch);
}

int store_usage_put(struct store *store, struct usage_batch *batch, struct store_ticket *ticket)
{
	struct store_txn *txn = store->is_failed ? NULL : calloc(1, sizeof(*txn));

	if (!txn) {
		usage_batch_free(batch);
		return store->is_failed ? -EIO : -ENOMEM;
	}
	txn->ticket = ticket;
	txn->time_ns = batch->time_ns;
	txn->revision = store->head_revision;
	txn->usage = batch;
	store_thread_push(&store->thread, txn);
	return 0;
}

/* ---- SQLite ---- */

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *statement, int index, uint64_t number)
{
	sqlite3_bind_int64(statement, index,
			   number > INT64_MAX ? INT64_MAX : (sqlite3_int64)number);
}

static void statement_done(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

static int run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	statement_done(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static const char *column_text(sqlite3_stmt *row, int index)
{
	const char *text = (const char *)sqlite3_column_text(row, index);

	return text ? text : "";
}

/* ---- writing: the store's thread ---- */

/* Control was restarted within the interval, or its clock went back: the parts are one record. */
static int row_merge(struct store_file *file, struct usage_row *row)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_USAGE_GET];
	struct usage_record before;
	int code;

	bind_number(statement, 1, row->from_ns);
	bind_text(statement, 2, row->path);
	bind_text(statement, 3, row->tenant);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		uint64_t to_ns = (uint64_t)sqlite3_column_int64(statement, 0);

		if (usage_record_parse(column_text(statement, 1), &before))
			usage_record_add(&row->record, &before);
		if (to_ns > row->to_ns)
			row->to_ns = to_ns;
	}
	statement_done(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static int row_write(struct store_file *file, const struct usage_row *given)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_USAGE_PUT];
	/* Written again, from the batch as it was, when the file was busy. */
	struct usage_row row = *given;
	int code = row_merge(file, &row);
	char *text = code ? NULL : usage_record_text(&row.record);

	if (!text)
		return code ? code : SQLITE_NOMEM;
	bind_number(statement, 1, row.from_ns);
	bind_text(statement, 2, row.path);
	bind_text(statement, 3, row.tenant);
	bind_number(statement, 4, row.to_ns);
	bind_text(statement, 5, text);
	code = run(statement);
	free(text);
	return code;
}

static int reading_write(struct store_file *file, const struct usage_reading_row *reading,
			 uint64_t time_ns)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_METER_PUT];
	char *text = usage_meter_text(&reading->meter);
	int code;

	if (!text)
		return SQLITE_NOMEM;
	bind_text(statement, 1, reading->path);
	bind_text(statement, 2, reading->gateway);
	bind_number(statement, 3, time_ns);
	bind_text(statement, 4, text);
	code = run(statement);
	free(text);
	return code;
}

static int prune(struct store_file *file, enum store_statement which, uint64_t before_ns)
{
	if (!before_ns)
		return SQLITE_OK;
	bind_number(file->statements[which], 1, before_ns);
	return run(file->statements[which]);
}

int store_usage_write(struct store_file *file, const struct usage_batch *batch)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < batch->row_count && !code; i++)
		code = row_write(file, &batch->rows[i]);
	for (size_t i = 0; i < batch->reading_count && !code; i++)
		code = reading_write(file, &batch->readings[i], batch->time_ns);
	if (!code)
		code = prune(file, STATEMENT_USAGE_PRUNE, batch->records_ns);
	return code ? code : prune(file, STATEMENT_METER_PRUNE, batch->meters_ns);
}

/* ---- reading: control's thread ---- */

int store_usage_meter(struct store *store, const char *path, const char *gateway,
		      struct usage_meter *meter)
{
	sqlite3_stmt *statement = store->reader.statements[STATEMENT_METER_GET];
	int code, ret = -EIO;

	bind_text(statement, 1, path);
	bind_text(statement, 2, gateway);
	code = sqlite3_step(statement);
	if (code == SQLITE_DONE)
		ret = -ENOENT;
	else if (code == SQLITE_ROW && usage_meter_parse(column_text(statement, 0), meter))
		ret = 0;
	statement_done(statement);
	return ret;
}

static bool row_read(sqlite3_stmt *statement, struct usage_row *row)
{
	row->from_ns = (uint64_t)sqlite3_column_int64(statement, 0);
	row->to_ns = (uint64_t)sqlite3_column_int64(statement, 3);
	return model_name_set(row->path, column_text(statement, 1)) &&
	       model_name_set(row->tenant, column_text(statement, 2)) &&
	       usage_record_parse(column_text(statement, 4), &row->record);
}

static void query_bind(sqlite3_stmt *statement, const struct usage_query *query)
{
	bool goes_on = query->after_path[0] && query->after_ns >= query->from_ns;

	bind_number(statement, 1, goes_on ? query->after_ns : query->from_ns);
	bind_text(statement, 2, goes_on ? query->after_path : "");
	bind_text(statement, 3, goes_on ? query->after_tenant : "");
	bind_number(statement, 4, query->to_ns);
	if (query->path[0])
		bind_text(statement, 5, query->path);
}

static void query_move(struct usage_query *query, const struct usage_row *row)
{
	query->after_ns = row->from_ns;
	model_name_set(query->after_path, row->path);
	model_name_set(query->after_tenant, row->tenant);
}

int store_usage_page(struct store *store, struct usage_query *query,
		     void (*on_row)(const struct usage_row *row, void *arg), void *arg,
		     bool *has_more)
{
	sqlite3_stmt *statement = store->reader.statements[query->path[0] ? STATEMENT_USAGE_OF_PATH
									  : STATEMENT_USAGE_PAGE];
	struct usage_query given = *query;
	size_t taken = 0, seen = 0;
	int code;

	query_bind(statement, &given);
	*has_more = false;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct usage_row row;

		if (taken == query->limit || seen == SCAN_MAX) {
			*has_more = true;
			break;
		}
		seen++;
		if (!row_read(statement, &row))
			continue;
		query_move(query, &row);
		if (query->tenant[0] && strcmp(query->tenant, row.tenant) != 0)
			continue;
		taken++;
		on_row(&row, arg);
	}
	statement_done(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : -EIO;
}
