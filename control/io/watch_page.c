#include "control/io/watch_page.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* So many changes, and the rest of the last one's transaction. */
#define PAGE_LINES 32

struct reading {
	struct watch_page *page;
	const struct api_filter *filter;
};

struct watch_page *watch_page_create(uint64_t since)
{
	struct watch_page *page = calloc(1, sizeof(*page));

	if (page)
		page->revision = since;
	return page;
}

void watch_page_clear(struct watch_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		free(page->lines[i].text);
	page->count = page->at = page->bytes = 0;
}

void watch_page_free(struct watch_page *page)
{
	if (!page)
		return;
	watch_page_clear(page);
	free(page->lines);
	free(page);
}

static uint32_t labels_of(const json_t *object, struct label labels[MODEL_LABELS_MAX])
{
	json_t *json = json_object_get(object, "labels"), *value;
	const char *key;
	uint32_t count = 0;

	json_object_foreach (json, key, value) {
		if (count == MODEL_LABELS_MAX)
			break;
		memset(&labels[count], 0, sizeof(labels[count]));
		model_name_set(labels[count].key, key);
		if (json_is_string(value))
			model_name_set(labels[count].value, json_string_value(value));
		count++;
	}
	return count;
}

static const char *tenant_of(const struct store_record *record, const json_t *object)
{
	const char *tenant =
		json_string_value(json_object_get(json_object_get(object, "spec"), "tenant"));

	if (record->kind == KIND_TENANT)
		return record->name;
	return tenant ? tenant : "";
}

/* NULL: there was none, and it matches nothing. */
static bool matches(const struct store_record *record, const json_t *object,
		    const struct api_filter *filter)
{
	struct label labels[MODEL_LABELS_MAX];

	return object && api_filter_matches(filter, record->kind, tenant_of(record, object), labels,
					    labels_of(object, labels));
}

static json_t *put_json(const struct store_record *record, const json_t *after)
{
	return json_pack("{s:s, s:I, s:{s:s, s:s, s:I, s:O, s:O}}", "type", "put", "revision",
			 (json_int_t)record->revision, "object", "kind",
			 model_kind_name(record->kind), "name", record->name, "revision",
			 (json_int_t)record->revision, "labels", json_object_get(after, "labels"),
			 "spec", json_object_get(after, "spec"));
}

static json_t *delete_json(const struct store_record *record)
{
	return json_pack("{s:s, s:I, s:s, s:s}", "type", "delete", "revision",
			 (json_int_t)record->revision, "kind", model_kind_name(record->kind),
			 "name", record->name);
}

static bool page_reserve(struct watch_page *page)
{
	size_t capacity = page->capacity ? 2 * page->capacity : PAGE_LINES;
	struct watch_line *lines;

	if (page->count < page->capacity)
		return true;
	lines = realloc(page->lines, capacity * sizeof(*lines));
	if (!lines)
		return false;
	page->lines = lines;
	page->capacity = capacity;
	return true;
}

/* Takes the line over. */
static void page_add(struct watch_page *page, json_t *line, bool is_delete)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (!text || !page_reserve(page)) {
		free(text);
		page->is_broken = true;
		return;
	}
	page->lines[page->count++] = (struct watch_line){.is_delete = is_delete, .text = text};
	page->bytes += strlen(text) + 1;
}

static void on_record(const struct store_record *record, void *arg)
{
	struct reading *reading = arg;
	json_t *before = record->before ? json_loads(record->before, 0, NULL) : NULL;
	json_t *after = record->after ? json_loads(record->after, 0, NULL) : NULL;

	if (!record->is_delete && matches(record, after, reading->filter))
		page_add(reading->page, put_json(record, after), false);
	else if (matches(record, before, reading->filter))
		page_add(reading->page, delete_json(record), true);
	json_decref(before);
	json_decref(after);
}

int watch_page_read(struct watch_page *page, struct store *store, const struct api_filter *filter)
{
	struct reading reading = {.page = page, .filter = filter};
	uint64_t last = page->revision;
	int ret;

	watch_page_clear(page);
	page->is_broken = false;
	ret = store_log(store, page->revision, PAGE_LINES, on_record, &reading, &last);
	page->is_last = last == page->revision;
	page->revision = last;
	return ret ? ret : page->is_broken ? -ENOMEM : 0;
}

bool watch_page_next(struct watch_page *page, const char **type, const char **text)
{
	const struct watch_line *line;

	if (page->at == page->count)
		return false;
	line = &page->lines[page->at];
	*type = line->is_delete ? "delete" : "put";
	*text = line->text;
	page->at++;
	return true;
}
