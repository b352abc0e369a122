#include "control/io/usage_table_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LATE_NS	 10000000ull
#define DAYS_MAX 100000 /* fits 64 bits */
/* Between writes that do not wait for the interval's end. */
#define HURRY_NS NS_PER_S
/* Writes without a word of the path, after which it is read from the store when it comes back. */
#define IDLE_MAX 2

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

/* Some paths are urgent: the timer comes now, or a second after the last write. */
static void hurry(struct usage_table *table)
{
	uint64_t now_ns = loop_now_ns(table->loop), due_ns = now_ns;

	if (table->written_ns && table->written_ns + HURRY_NS > now_ns)
		due_ns = table->written_ns + HURRY_NS;
	if (table->is_stopped || due_ns >= table->due_ns)
		return;
	table->is_hurried = true;
	table->due_ns = due_ns;
	loop_timer_set(table->loop, &table->timer, due_ns);
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
	/* Nobody but us knows what the gateway's last life told. */
	if (gateway->is_dirty && reading.epoch != gateway->meter.now.epoch) {
		path->is_urgent = true;
		hurry(table);
	}
	if (usage_meter_read(&gateway->meter, &reading, end, &path->row.record))
		gateway->is_dirty = path->has_row = true;
	if (json_is_true(json_object_get(entry, "claiming")))
		path->has_row = true;
	if (path->has_row)
		note_guaranteed(&path->row, &object->path);
}

/* ---- writing ---- */

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
	struct usage_batch *batch = flight ? usage_table_take(table, wall_ns()) : NULL;

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

	table->is_hurried = false;
	table->due_ns = loop_now_ns(table->loop) + left_ns + LATE_NS;
	loop_timer_set(table->loop, &table->timer, table->due_ns);
}

void usage_table_lost(struct usage_table *table, const char *gateway)
{
	bool is_urgent = false;

	for (size_t i = 0; i < table->paths.count; i++) {
		struct usage_path *path = table->paths.entries[i].value;

		for (const struct usage_gateway *at = path->gateways; at; at = at->next)
			path->is_urgent |= at->is_dirty && !strcmp(at->name, gateway);
		is_urgent |= path->is_urgent;
	}
	if (is_urgent)
		hurry(table);
}

static void on_timer(struct loop_timer *timer, void *arg)
{
	struct usage_table *table = arg;

	bool is_left = table->is_hurried && table->flight;

	(void)timer;
	/* Also when it cannot be now: another try comes as late. */
	table->written_ns = loop_now_ns(table->loop);
	if (!table->flight) {
		if (!table->is_hurried)
			idle_drop(table);
		write_now(table);
	}
	timer_set(table);
	if (is_left)
		hurry(table);
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
	table->is_stopped = true;
	table->is_hurried = false;
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
