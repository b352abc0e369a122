#include "control/io/usage_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/io/name_index.h"

#define NS_PER_S   1000000000ull
#define NS_PER_DAY (86400 * NS_PER_S)
#define LATE_NS	   10000000ull
#define DAYS_MAX   100000 /* fits 64 bits */
/* A meter that stands still is written so often, and forgotten when it was not for so long. */
#define METER_TOUCH_NS NS_PER_DAY
#define METER_KEEP_NS  (30 * NS_PER_DAY)
/* Writes without a word of the path, after which it is read from the store when it comes back. */
#define IDLE_MAX 2

struct usage_gateway {
	struct usage_gateway *next;
	char name[MODEL_NAME_BYTES];
	struct usage_meter meter;
	uint64_t written_ns;
	bool is_dirty;
};

struct usage_path {
	struct usage_row row; /* of the present interval */
	bool has_row;
	unsigned int idle; /* writes since the last report */
	struct usage_gateway *gateways;
};

/* A row of an interval, or of a tenant, that is over. */
struct usage_closed {
	struct usage_closed *next;
	struct usage_row row;
};

/* Outlives the table when the store is slower than that. */
struct usage_flight {
	struct store_ticket ticket;
	struct usage_table *table; /* NULL: gone */
};

struct usage_table {
	struct loop *loop;
	struct store *store;
	struct name_index paths; /* struct usage_path */
	struct usage_closed *closed;
	struct usage_flight *flight; /* the write under way; NULL: none */
	struct loop_timer timer;
	uint64_t interval_ns, keep_ns;
	bool is_stopped;
};

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- paths ---- */

static void path_free(struct usage_path *path)
{
	while (path->gateways) {
		struct usage_gateway *gateway = path->gateways;

		path->gateways = gateway->next;
		free(gateway);
	}
	free(path);
}

static void paths_free(struct usage_table *table)
{
	for (size_t i = 0; i < table->paths.count; i++)
		path_free(table->paths.entries[i].value);
	name_index_free(&table->paths);
	memset(&table->paths, 0, sizeof(table->paths));
}

static struct usage_path *path_of(struct usage_table *table, const char *name)
{
	struct usage_path *path = name_index_get(&table->paths, name);

	if (path)
		return path;
	path = calloc(1, sizeof(*path));
	if (!path)
		return NULL;
	model_name_set(path->row.path, name);
	if (!name_index_set(&table->paths, path->row.path, path))
		return path;
	free(path);
	return NULL;
}

/* NULL: what was counted before cannot be read, so nothing may be counted now. */
static struct usage_gateway *gateway_of(struct usage_table *table, struct usage_path *path,
					const char *name)
{
	struct usage_gateway *gateway = path->gateways;
	int ret;

	while (gateway && strcmp(gateway->name, name) != 0)
		gateway = gateway->next;
	if (gateway)
		return gateway;
	gateway = calloc(1, sizeof(*gateway));
	if (!gateway)
		return NULL;
	ret = store_usage_meter(table->store, path->row.path, name, &gateway->meter);
	if (ret && ret != -ENOENT) {
		free(gateway);
		return NULL;
	}
	model_name_set(gateway->name, name);
	gateway->next = path->gateways;
	path->gateways = gateway;
	return gateway;
}

/* False without memory: the row stays. */
static bool row_close(struct usage_table *table, struct usage_path *path)
{
	struct usage_closed *closed = malloc(sizeof(*closed));

	if (!closed)
		return false;
	closed->row = path->row;
	closed->next = table->closed;
	table->closed = closed;
	memset(&path->row.record, 0, sizeof(path->row.record));
	path->has_row = false;
	return true;
}

/* The row that this moment's growth belongs to; false without memory. */
static bool row_begin(struct usage_table *table, struct usage_path *path, const char *tenant)
{
	struct usage_row *row = &path->row;
	uint64_t from_ns = usage_interval_begin(wall_ns(), table->interval_ns);

	if (path->has_row && (row->from_ns != from_ns || strcmp(row->tenant, tenant) != 0) &&
	    !row_close(table, path))
		return false;
	row->from_ns = from_ns;
	row->to_ns = from_ns + table->interval_ns;
	model_name_set(row->tenant, tenant);
	return true;
}

static void note_guaranteed(struct usage_row *row, const struct path *path)
{
	for (unsigned int way = 0; way < 2; way++) {
		if (path->rate_bps[way] > row->record.guaranteed_bps[way])
			row->record.guaranteed_bps[way] = path->rate_bps[way];
	}
}

void usage_table_report(struct usage_table *table, const struct object *object, unsigned int end,
			const char *gateway_name, uint64_t boot, const json_t *entry)
{
	struct usage_path *path = path_of(table, object->name);
	struct usage_gateway *gateway = path ? gateway_of(table, path, gateway_name) : NULL;
	struct usage_reading reading;

	if (!gateway || !row_begin(table, path, object->path.tenant))
		return;
	path->idle = 0;
	usage_reading_read(entry, boot, &reading);
	if (usage_meter_read(&gateway->meter, &reading, end, &path->row.record))
		gateway->is_dirty = path->has_row = true;
	if (json_is_true(json_object_get(entry, "claiming")))
		path->has_row = true;
	if (path->has_row)
		note_guaranteed(&path->row, &object->path);
}

/* ---- writing ---- */

static bool gateway_is_due(const struct usage_gateway *gateway, uint64_t now_ns)
{
	return gateway->is_dirty || gateway->written_ns + METER_TOUCH_NS < now_ns;
}

static void batch_size(const struct usage_table *table, uint64_t now_ns, size_t *rows,
		       size_t *readings)
{
	*rows = *readings = 0;
	for (const struct usage_closed *at = table->closed; at; at = at->next)
		++*rows;
	for (size_t i = 0; i < table->paths.count; i++) {
		const struct usage_path *path = table->paths.entries[i].value;

		*rows += path->has_row;
		for (const struct usage_gateway *at = path->gateways; at; at = at->next)
			*readings += gateway_is_due(at, now_ns);
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

/* Takes all that was counted; NULL when there is nothing, or no memory: it is taken next time. */
static struct usage_batch *batch_take(struct usage_table *table, uint64_t now_ns)
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
	while (table->closed) {
		struct usage_closed *closed = table->closed;

		table->closed = closed->next;
		batch->rows[batch->row_count++] = closed->row;
		free(closed);
	}
	for (size_t i = 0; i < table->paths.count; i++)
		batch_path(batch, table->paths.entries[i].value);
	return batch;
}

static bool path_is_settled(const struct usage_path *path)
{
	for (const struct usage_gateway *at = path->gateways; at; at = at->next) {
		if (at->is_dirty)
			return false;
	}
	return !path->has_row;
}

/* Only while no write is under way: what the store has of them is all there is. */
static void idle_drop(struct usage_table *table)
{
	for (size_t i = table->paths.count; i > 0; i--) {
		struct usage_path *path = table->paths.entries[i - 1].value;

		if (path->idle++ < IDLE_MAX || !path_is_settled(path))
			continue;
		name_index_remove(&table->paths, path->row.path);
		path_free(path);
	}
}

static void on_written(struct store_ticket *ticket, int status, uint64_t revision)
{
	/* The ticket is the flight's first member. */
	struct usage_flight *flight = (struct usage_flight *)ticket;

	(void)status; /* what failed is counted from the counters after the restart that is due */
	(void)revision;
	if (flight->table)
		flight->table->flight = NULL;
	free(flight);
}

static void write_now(struct usage_table *table)
{
	struct usage_flight *flight = calloc(1, sizeof(*flight));
	struct usage_batch *batch = flight ? batch_take(table, wall_ns()) : NULL;

	if (!batch) {
		free(flight);
		return;
	}
	flight->ticket.on_done = on_written;
	flight->table = table;
	if (!store_usage_put(table->store, batch, &flight->ticket)) {
		table->flight = flight;
		return;
	}
	/* What the store did not take is counted again, from where its meters stand. */
	free(flight);
	paths_free(table);
}

/* A little behind the interval's end, so that it is over by the wall clock too. */
static void timer_set(struct usage_table *table)
{
	uint64_t left_ns = table->interval_ns - wall_ns() % table->interval_ns;

	loop_timer_set(table->loop, &table->timer, loop_now_ns(table->loop) + left_ns + LATE_NS);
}

static void on_timer(struct loop_timer *timer, void *arg)
{
	struct usage_table *table = arg;

	(void)timer;
	if (!table->flight) {
		idle_drop(table);
		write_now(table);
	}
	timer_set(table);
}

/* ---- life ---- */

struct usage_table *usage_table_create(struct loop *loop, struct store *store)
{
	struct usage_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->loop = loop;
	table->store = store;
	table->timer = (struct loop_timer){.on_expire = on_timer, .arg = table};
	usage_table_configure(table, USAGE_INTERVAL_NS, USAGE_KEEP_DAYS);
	return table;
}

void usage_table_configure(struct usage_table *table, uint64_t interval_ns, uint32_t keep_days)
{
	table->interval_ns = interval_ns;
	table->keep_ns = (keep_days < DAYS_MAX ? keep_days : DAYS_MAX) * NS_PER_DAY;
	timer_set(table);
}

/* The ticket is answered later, or when the store closes. */
static void flight_leave(struct usage_table *table)
{
	if (table->flight)
		table->flight->table = NULL;
	table->flight = NULL;
}

void usage_table_stop(struct usage_table *table)
{
	loop_timer_cancel(table->loop, &table->timer);
	flight_leave(table);
	write_now(table);
}

void usage_table_destroy(struct usage_table *table)
{
	if (!table)
		return;
	loop_timer_cancel(table->loop, &table->timer);
	flight_leave(table);
	while (table->closed) {
		struct usage_closed *closed = table->closed;

		table->closed = closed->next;
		free(closed);
	}
	paths_free(table);
	free(table);
}
