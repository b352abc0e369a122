#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/io/store_internal.h"

#define APPLICATION_ID 0x43575331 /* "CWS1" */
#define FORMAT	       1
#define BUSY_MS	       1000
#define NS_PER_DAY     86400000000000ull

static const char schema[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE object(kind TEXT, name TEXT, revision INTEGER NOT NULL, text TEXT NOT NULL,"
	" PRIMARY KEY(kind, name)) WITHOUT ROWID;"
	"CREATE TABLE log(revision INTEGER, item INTEGER, time_ns INTEGER NOT NULL,"
	" actor TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, is_delete INTEGER NOT NULL,"
	" before TEXT, after TEXT, PRIMARY KEY(revision, item)) WITHOUT ROWID;"
	"CREATE INDEX log_by_name ON log(kind, name, revision);"
	"INSERT INTO meta VALUES('revision', 1), ('compacted', 0), ('term', 0);";

/* What a file of an older program may lack. */
static const char later_schema[] =
	"CREATE TABLE IF NOT EXISTS usage(begin_ns INTEGER, path TEXT, tenant TEXT,"
	" end_ns INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY(begin_ns, path, tenant))"
	" WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS usage_by_path ON usage(path, begin_ns, tenant);"
	"CREATE TABLE IF NOT EXISTS meter(path TEXT, gateway TEXT, time_ns INTEGER NOT NULL,"
	" text TEXT NOT NULL, PRIMARY KEY(path, gateway)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS meter_by_time ON meter(time_ns);"
	"CREATE TABLE IF NOT EXISTS answer(number INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,"
	" caller INTEGER NOT NULL, id TEXT NOT NULL, request TEXT NOT NULL,"
	" revision INTEGER NOT NULL, etag INTEGER NOT NULL, status INTEGER NOT NULL, text TEXT);";

static const char *const statement_texts[STATEMENT_COUNT] = {
	[STATEMENT_LOG] = "INSERT INTO log VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7,"
			  " (SELECT text FROM object WHERE kind = ?5 AND name = ?6), ?8)",
	[STATEMENT_PUT] = "INSERT OR REPLACE INTO object VALUES(?1, ?2, ?3, ?4)",
	[STATEMENT_DELETE] = "DELETE FROM object WHERE kind = ?1 AND name = ?2",
	[STATEMENT_META_SET] = "UPDATE meta SET value = ?2 WHERE key = ?1",
	[STATEMENT_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	/* A bounded look at the oldest lines: those that come later are not older. */
	[STATEMENT_OLD] = "SELECT max(revision) FROM (SELECT revision, time_ns FROM log"
			  " ORDER BY revision LIMIT 256) WHERE time_ns < ?1",
	[STATEMENT_COMPACT] = "DELETE FROM log WHERE revision <= ?1",
	[STATEMENT_SINCE] = "SELECT revision, time_ns, actor, is_delete, kind, name, before, after"
			    " FROM log WHERE revision > ?1 AND revision <= ?2"
			    " ORDER BY revision, item",
	[STATEMENT_HISTORY] = "SELECT revision, time_ns, actor, is_delete, kind, name, before,"
			      " after FROM log WHERE kind = ?1 AND name = ?2 AND revision < ?3"
			      " ORDER BY revision DESC LIMIT ?4",
	[STATEMENT_USAGE_GET] = "SELECT end_ns, text FROM usage"
				" WHERE begin_ns = ?1 AND path = ?2 AND tenant = ?3",
	[STATEMENT_USAGE_PUT] = "INSERT OR REPLACE INTO usage VALUES(?1, ?2, ?3, ?4, ?5)",
	[STATEMENT_USAGE_PAGE] = "SELECT begin_ns, path, tenant, end_ns, text FROM usage"
				 " WHERE (begin_ns, path, tenant) > (?1, ?2, ?3) AND begin_ns < ?4"
				 " ORDER BY begin_ns, path, tenant",
	[STATEMENT_USAGE_OF_PATH] = "SELECT begin_ns, path, tenant, end_ns, text FROM usage"
				    " WHERE path = ?5 AND (begin_ns, path, tenant) > (?1, ?2, ?3)"
				    " AND begin_ns >= ?1 AND begin_ns < ?4"
				    " ORDER BY begin_ns, tenant",
	[STATEMENT_USAGE_PRUNE] = "DELETE FROM usage WHERE begin_ns < ?1",
	[STATEMENT_METER_GET] = "SELECT text FROM meter WHERE path = ?1 AND gateway = ?2",
	[STATEMENT_METER_PUT] = "INSERT OR REPLACE INTO meter VALUES(?1, ?2, ?3, ?4)",
	[STATEMENT_METER_PRUNE] = "DELETE FROM meter WHERE time_ns < ?1",
	[STATEMENT_ANSWERS] = "SELECT * FROM answer ORDER BY number",
	[STATEMENT_ANSWER_PUT] = "REPLACE INTO answer VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[STATEMENT_ANSWER_DELETE] = "DELETE FROM answer WHERE number = ?1",
};

static int number_of(sqlite3 *db, const char *query, uint64_t *number)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(db, query, -1, &statement, NULL);

	if (code)
		return code;
	code = sqlite3_step(statement);
	*number = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

int store_file_check(sqlite3 *db, const char *path, char *error, size_t size)
{
	uint64_t id = 0, format = 0;
	int code = number_of(db, "PRAGMA application_id", &id);

	if (!code)
		code = number_of(db, "PRAGMA user_version", &format);
	if (code) {
		snprintf(error, size, "%s cannot be read: %s; restore a backup with --restore",
			 path, sqlite3_errmsg(db));
		return -1;
	}
	if (id != APPLICATION_ID) {
		snprintf(error, size, "%s is no store of causeway-control; name another file",
			 path);
		return -1;
	}
	if (format != FORMAT) {
		snprintf(error, size,
			 "%s has format %u and this causeway-control reads %u; install the one "
			 "that wrote it",
			 path, (unsigned int)format, FORMAT);
		return -1;
	}
	return 0;
}

/* WAL and a sync at each commit; memory has neither. Checkpoints are ours, for their errors. */
static int configure(sqlite3 *db)
{
	int code = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);

	if (!code)
		code = sqlite3_exec(db,
				    "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
				    "PRAGMA trusted_schema = OFF",
				    NULL, NULL, NULL);
	return code;
}

static int note_mode(void *arg, int count, char **values, char **names)
{
	bool *is_wal = arg;

	(void)names;
	*is_wal = count == 1 && values[0] && !strcmp(values[0], "wal");
	return 0;
}

/* A network's file system may not be able to, and then SQLite says nothing. */
static bool has_wal(sqlite3 *db)
{
	bool is_wal = false;

	sqlite3_exec(db, "PRAGMA journal_mode", note_mode, &is_wal, NULL);
	return is_wal;
}

static int create_if_empty(sqlite3 *db)
{
	uint64_t tables = 0;
	char text[sizeof(schema) + 128];
	int code = number_of(db, "SELECT count(*) FROM sqlite_schema", &tables);

	if (code || tables)
		return code;
	snprintf(text, sizeof(text),
		 "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; %s COMMIT",
		 APPLICATION_ID, FORMAT, schema);
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static int note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store_file *file = arg;

	(void)db;
	(void)name;
	file->wal_pages = pages;
	return SQLITE_OK;
}

/* SQLite would make it with the umask's rights: it is nobody else's to read. */
static void create_private(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

int store_file_open(struct store_file *file, const char *path, const char *vfs, char *error,
		    size_t size)
{
	bool is_uri = !strncmp(path, "file:", 5);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int code;

	if (!is_uri)
		create_private(path);
	code = sqlite3_open_v2(path, &file->db, flags | (is_uri ? SQLITE_OPEN_URI : 0), vfs);
	if (!code)
		code = sqlite3_busy_timeout(file->db, BUSY_MS);
	if (!code)
		code = configure(file->db);
	if (!code)
		code = create_if_empty(file->db);
	if (!code && store_file_check(file->db, path, error, size)) {
		store_file_close(file);
		return -1;
	}
	if (!code)
		code = sqlite3_exec(file->db, later_schema, NULL, NULL, NULL);
	if (!code && !is_uri && !has_wal(file->db)) {
		snprintf(error, size,
			 "%s: SQLite keeps no write-ahead log there; name a file on a local disk",
			 path);
		store_file_close(file);
		return -1;
	}
	for (int i = 0; !code && i < STATEMENT_COUNT; i++)
		code = sqlite3_prepare_v3(file->db, statement_texts[i], -1,
					  SQLITE_PREPARE_PERSISTENT, &file->statements[i], NULL);
	if (!code) {
		sqlite3_wal_hook(file->db, note_wal, file);
		return 0;
	}
	snprintf(error, size, "the store %s cannot be opened: %s; look at its directory and rights",
		 path, file->db ? sqlite3_errmsg(file->db) : sqlite3_errstr(code));
	store_file_close(file);
	return -1;
}

void store_file_close(struct store_file *file)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(file->statements[i]);
	sqlite3_close(file->db);
	memset(file, 0, sizeof(*file));
}

/* Runs a statement that gives no rows. */
static int run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *statement, int index, uint64_t number)
{
	sqlite3_bind_int64(statement, index, (sqlite3_int64)number);
}

int store_file_meta(struct store_file *file, const char *key, uint64_t *value)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_META_GET];
	int code;

	bind_text(statement, 1, key);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*value = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

int store_file_meta_set(struct store_file *file, const char *key, uint64_t value)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_META_SET];

	bind_text(statement, 1, key);
	bind_number(statement, 2, value);
	return run(statement);
}

static int write_log(struct store_file *file, const struct store_txn *txn, size_t index,
		     const char *text)
{
	const struct store_item *item = &txn->items[index];
	sqlite3_stmt *statement = file->statements[STATEMENT_LOG];

	bind_number(statement, 1, txn->revision);
	bind_number(statement, 2, index);
	bind_number(statement, 3, txn->time_ns);
	bind_text(statement, 4, txn->actor);
	bind_text(statement, 5, model_kind_name(item->kind));
	bind_text(statement, 6, item->name);
	bind_number(statement, 7, item->is_delete);
	bind_text(statement, 8, text);
	return run(statement);
}

static int write_object(struct store_file *file, const struct store_txn *txn, size_t index,
			const char *text)
{
	const struct store_item *item = &txn->items[index];
	sqlite3_stmt *statement =
		file->statements[item->is_delete ? STATEMENT_DELETE : STATEMENT_PUT];

	bind_text(statement, 1, model_kind_name(item->kind));
	bind_text(statement, 2, item->name);
	if (!item->is_delete) {
		bind_number(statement, 3, txn->revision);
		bind_text(statement, 4, text);
	}
	return run(statement);
}

static int write_item(struct store_file *file, const struct store_txn *txn, size_t index)
{
	const struct store_item *item = &txn->items[index];
	char *text = item->is_delete ? NULL : store_object_text(&item->stored->object);
	int code;

	if (!item->is_delete && !text)
		return SQLITE_NOMEM;
	code = write_log(file, txn, index, text);
	if (!code)
		code = write_object(file, txn, index, text);
	free(text);
	return code;
}

/* The newest revision that need not be kept any more, 0 for none. */
static int compact_limit(struct store_file *file, uint64_t revision, uint64_t time_ns,
			 uint64_t *limit)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_OLD];
	uint64_t age_ns = file->keep_days * NS_PER_DAY, old;
	int code;

	*limit = revision > file->keep_revisions ? revision - file->keep_revisions : 0;
	if (!age_ns || time_ns < age_ns)
		return SQLITE_OK;
	bind_number(statement, 1, time_ns - age_ns);
	code = sqlite3_step(statement);
	old = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	if (old > *limit)
		*limit = old;
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

static int compact(struct store_file *file, uint64_t revision, uint64_t time_ns)
{
	sqlite3_stmt *statement = file->statements[STATEMENT_COMPACT];
	uint64_t limit, before;
	int code = compact_limit(file, revision, time_ns, &limit);

	if (!code)
		code = store_file_meta(file, "compacted", &before);
	if (code || limit <= before)
		return code;
	bind_number(statement, 1, limit);
	code = run(statement);
	return code ? code : store_file_meta_set(file, "compacted", limit);
}

static int write_all(struct store_file *file, const struct store_txn *first)
{
	const struct store_txn *last = first;
	int code = SQLITE_OK;

	for (const struct store_txn *txn = first; txn && !code; txn = txn->next) {
		for (size_t i = 0; i < txn->count && !code; i++)
			code = write_item(file, txn, i);
		if (txn->usage && !code)
			code = store_usage_write(file, txn->usage);
		if (txn->answers && !code)
			code = store_answers_write(file, txn->answers);
		last = txn;
	}
	if (!code)
		code = store_file_meta_set(file, "revision", last->revision);
	return code ? code : compact(file, last->revision, last->time_ns);
}

int store_file_write(struct store_file *file, const struct store_txn *first)
{
	bool is_empty = true;
	int code;

	for (const struct store_txn *txn = first; txn; txn = txn->next)
		is_empty &= !txn->count && !txn->usage && !txn->answers;
	if (is_empty)
		return SQLITE_OK;
	code = sqlite3_exec(file->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (!code)
		code = write_all(file, first);
	if (!code)
		code = sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL);
	if (code)
		sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

int store_file_checkpoint(struct store_file *file)
{
	int code;

	if (file->wal_pages < file->checkpoint_pages)
		return SQLITE_OK;
	code = sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	/* Somebody reads, a backup perhaps: the next one will do. */
	return code == SQLITE_BUSY ? SQLITE_OK : code;
}
