#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/assigned_json.h"
#include "control/io/resource_json.h"
#include "control/io/store_internal.h"

static bool object_read(const json_t *json, struct object *object, struct problem *problem)
{
	static const char *const known[] = {"spec", "labels", "assigned", NULL};
	struct json_place place = json_place_root(json, problem);
	struct json_place assigned = json_place_member(&place, "assigned");

	return resource_read(&place, known, object) &&
	       (!assigned.value || assigned_read(&assigned, object));
}

struct stored *store_object_parse(enum model_kind kind, const char *name, const char *text,
				  char *error, size_t size)
{
	struct problem problem = {0};
	struct stored *stored = calloc(1, sizeof(*stored));
	json_t *json = json_loads(text, 0, NULL);
	bool is_good = false;

	if (stored && json) {
		stored->object.kind = kind;
		is_good = model_name_set(stored->object.name, name) &&
			  object_read(json, &stored->object, &problem);
	}
	if (!is_good) {
		snprintf(error, size, "%s",
			 problem_is_set(&problem) ? problem.detail : "it is no JSON");
		free(stored);
		stored = NULL;
	}
	problem_clear(&problem);
	json_decref(json);
	return stored;
}

char *store_object_text(const struct object *object)
{
	json_t *json = resource_json(object);
	json_t *assigned = assigned_json(object);
	char *text;

	json_object_del(json, "kind");
	json_object_del(json, "name");
	json_object_del(json, "revision");
	if (assigned)
		json_object_set_new(json, "assigned", assigned);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/* The row's object, or NULL and why. */
static struct stored *row_read(sqlite3_stmt *row, char *error, size_t size)
{
	const char *kind = (const char *)sqlite3_column_text(row, 0);
	const char *name = (const char *)sqlite3_column_text(row, 1);
	const char *text = (const char *)sqlite3_column_text(row, 3);
	struct stored *stored = NULL;
	char why[256] = "out of memory";

	if (kind && name && text && model_kind_find(kind) != KIND_COUNT)
		stored = store_object_parse(model_kind_find(kind), name, text, why, sizeof(why));
	else if (kind && name)
		snprintf(why, sizeof(why), "this kind is not known");
	if (stored)
		stored->object.revision = (uint64_t)sqlite3_column_int64(row, 2);
	else
		snprintf(
			error, size,
			"the store holds %s %s that this causeway-control does not understand: %s; "
			"install the one that wrote it, or restore a backup",
			kind ? kind : "?", name ? name : "?", why);
	return stored;
}

/* In order of kinds and names: the indexes only grow at their ends. */
static int load_rows(struct store *store, sqlite3_stmt *rows, char *error, size_t size)
{
	int code;

	while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
		struct stored *stored = row_read(rows, error, size);

		if (!stored)
			return -1;
		stored->refs++;
		if (store && store_view_load(store, stored)) {
			stored_drop(stored);
			snprintf(error, size, "out of memory");
			return -1;
		}
		stored_drop(stored);
	}
	if (code == SQLITE_DONE)
		return 0;
	snprintf(error, size, "the store cannot be read: %s; restore a backup with --restore",
		 sqlite3_errstr(code));
	return -1;
}

int store_load(struct store *store, struct store_file *file, char *error, size_t size)
{
	static const char query[] =
		"SELECT kind, name, revision, text FROM object ORDER BY kind, name";
	sqlite3_stmt *rows;
	uint64_t revision;
	int ret;

	if (store_file_meta(file, "revision", &revision) ||
	    sqlite3_prepare_v2(file->db, query, -1, &rows, NULL)) {
		snprintf(error, size,
			 "the store cannot be read: %s; restore a backup with --restore",
			 sqlite3_errmsg(file->db));
		return -1;
	}
	ret = load_rows(store, rows, error, size);
	sqlite3_finalize(rows);
	if (!ret && store)
		store->revision = store->head_revision = revision;
	return ret;
}
