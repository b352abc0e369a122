#include "control/io/usage_table_internal.h"

#include <stdlib.h>
#include <string.h>

/* A meter that stands still is written so often, and forgotten when it was not for so long. */
#define METER_TOUCH_NS NS_PER_DAY
#define METER_KEEP_NS  (30 * NS_PER_DAY)

static bool gateway_is_due(const struct usage_gateway *gateway, uint64_t now_ns)
{
	return gateway->is_dirty || gateway->written_ns + METER_TOUCH_NS < now_ns;
}

/* All that is known of a path goes together: its records, and how far its counters are counted. */
static bool is_due(const struct usage_table *table, const struct usage_path *path)
{
	return !table->is_hurried || (path && path->is_urgent);
}

static void batch_size(const struct usage_table *table, uint64_t now_ns, size_t *rows,
		       size_t *readings)
{
	*rows = *readings = 0;
	for (const struct usage_closed *at = table->closed; at; at = at->next)
		*rows += is_due(table, name_index_get(&table->paths, at->row.path));
	for (size_t i = 0; i < table->paths.count; i++) {
		const struct usage_path *path = table->paths.entries[i].value;

		if (!is_due(table, path))
			continue;
		*rows += path->has_row;
		for (const struct usage_gateway *at = path->gateways; at; at = at->next)
			*readings += gateway_is_due(at, now_ns);
	}
}

static void batch_closed(struct usage_batch *batch, struct usage_table *table)
{
	struct usage_closed **link = &table->closed, *closed;

	while ((closed = *link)) {
		if (!is_due(table, name_index_get(&table->paths, closed->row.path))) {
			link = &closed->next;
			continue;
		}
		*link = closed->next;
		batch->rows[batch->row_count++] = closed->row;
		free(closed);
	}
}

static void batch_path(struct usage_batch *batch, struct usage_path *path)
{
	if (path->has_row)
		batch->rows[batch->row_count++] = path->row;
	memset(&path->row.record, 0, sizeof(path->row.record));
	path->has_row = false;
	for (struct usage_gateway *at = path->gateways; at; at = at->next) {
		struct usage_reading_row *row;

		if (!gateway_is_due(at, batch->time_ns))
			continue;
		row = &batch->readings[batch->reading_count++];
		memcpy(row->path, path->row.path, sizeof(row->path));
		memcpy(row->gateway, at->name, sizeof(row->gateway));
		row->meter = at->meter;
		at->written_ns = batch->time_ns;
		at->is_dirty = false;
	}
}

struct usage_batch *usage_table_take(struct usage_table *table, uint64_t now_ns)
{
	struct usage_batch *batch;
	size_t rows, readings;

	batch_size(table, now_ns, &rows, &readings);
	batch = rows || readings ? usage_batch_create(rows, readings) : NULL;
	if (!batch)
		return NULL;
	batch->time_ns = now_ns;
	batch->records_ns = table->keep_ns < now_ns ? now_ns - table->keep_ns : 0;
	batch->meters_ns = METER_KEEP_NS < now_ns ? now_ns - METER_KEEP_NS : 0;
	batch_closed(batch, table);
	for (size_t i = 0; i < table->paths.count; i++) {
		struct usage_path *path = table->paths.entries[i].value;

		if (is_due(table, path))
			batch_path(batch, path);
		path->is_urgent = false;
	}
	return batch;
}
