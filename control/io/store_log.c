#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/io/store_internal.h"

static void bind_number(sqlite3_stmt *statement, int index, uint64_t number)
{
	sqlite3_bind_int64(statement, index,
			   number > INT64_MAX ? INT64_MAX : (sqlite3_int64)number);
}

/* False for a kind that this program does not know. */
static bool record_read(sqlite3_stmt *row, struct store_record *record)
{
	const char *kind = (const char *)sqlite3_column_text(row, 4);

	*record = (struct store_record){
		.revision = (uint64_t)sqlite3_column_int64(row, 0),
		.time_ns = (uint64_t)sqlite3_column_int64(row, 1),
		.actor = (const char *)sqlite3_column_text(row, 2),
		.is_delete = sqlite3_column_int(row, 3) != 0,
		.kind = kind ? model_kind_find(kind) : KIND_COUNT,
		.name = (const char *)sqlite3_column_text(row, 5),
		.before = (const char *)sqlite3_column_text(row, 6),
		.after = (const char *)sqlite3_column_text(row, 7),
	};
	return record->kind != KIND_COUNT && record->name && record->actor;
}

static void statement_done(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

/* In the same snapshot as what is read: the thread may compact meanwhile. */
static int check_since(struct store *store, uint64_t since)
{
	uint64_t compacted;

	if (store_file_meta(&store->reader, "compacted", &compacted))
		return -EIO;
	return since < compacted || since > store->revision ? -ESTALE : 0;
}

static int read_since(struct store *store, uint64_t since, size_t max,
		      void (*on_record)(const struct store_record *record, void *arg), void *arg,
		      uint64_t *last)
{
	sqlite3_stmt *rows = store->reader.statements[STATEMENT_SINCE];
	struct store_record record;
	int code;

	/* What is in the file but not told yet waits for its turn. */
	bind_number(rows, 1, since);
	bind_number(rows, 2, store->revision);
	for (size_t count = 0; (code = sqlite3_step(rows)) == SQLITE_ROW; count++) {
		bool is_known = record_read(rows, &record);

		if (count >= max && record.revision != *last)
			break;
		*last = record.revision;
		if (is_known)
			on_record(&record, arg);
	}
	statement_done(rows);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : -EIO;
}

int store_log(struct store *store, uint64_t since, size_t max,
	      void (*on_record)(const struct store_record *record, void *arg), void *arg,
	      uint64_t *last)
{
	sqlite3 *db = store->reader.db;
	int ret;

	*last = since;
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL))
		return -EIO;
	ret = check_since(store, since);
	if (!ret && since < store->revision)
		ret = read_since(store, since, max, on_record, arg, last);
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return ret;
}

int store_history(struct store *store, enum model_kind kind, const char *name, uint64_t below,
		  size_t max, void (*on_record)(const struct store_record *record, void *arg),
		  void *arg)
{
	sqlite3_stmt *rows = store->reader.statements[STATEMENT_HISTORY];
	uint64_t limit = store->revision + 1;
	struct store_record record;
	int code;

	sqlite3_bind_text(rows, 1, model_kind_name(kind), -1, SQLITE_STATIC);
	sqlite3_bind_text(rows, 2, name, -1, SQLITE_STATIC);
	bind_number(rows, 3, below && below < limit ? below : limit);
	bind_number(rows, 4, max);
	while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
		if (record_read(rows, &record))
			on_record(&record, arg);
	}
	statement_done(rows);
	return code == SQLITE_DONE ? 0 : -EIO;
}

static void replay(const struct store_record *record, void *arg)
{
	const char *text = record->is_delete ? record->before : record->after;
	struct store_watch *watch = arg;
	struct store_event event = {
		.revision = record->revision,
		.time_ns = record->time_ns,
		.is_delete = record->is_delete,
		.kind = record->kind,
		.actor = record->actor,
	};
	struct stored *stored = NULL;
	char why[64];

	model_name_set(event.name, record->name);
	if (text)
		stored = store_object_parse(record->kind, record->name, text, why, sizeof(why));
	if (stored) {
		stored->refs = 1;
		/* Of a deleted one the log does not say when it was put last. */
		stored->object.revision = record->is_delete ? 0 : record->revision;
		event.object = &stored->object;
	}
	watch->on_event(&event, watch->arg);
	stored_drop(stored);
}

int store_watch(struct store *store, struct store_watch *watch, uint64_t since)
{
	uint64_t last;
	int ret = store_log(store, since, SIZE_MAX, replay, watch, &last);

	if (ret)
		return ret;
	watch->next = store->watches;
	store->watches = watch;
	return 0;
}
