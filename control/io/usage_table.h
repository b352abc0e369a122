/*
 * What gateways report of paths, counted into intervals and written to the store once for each
 * interval. What is not written yet is in memory only, and is counted again from the gateways'
 * counters after a restart: see core/usage.h and store_usage.h.
 *
 * Growth counts in the interval in which control heard of it; after an outage of control the first
 * interval has all that came meanwhile. Control's thread.
 */
#pragma once

#include <jansson.h>

#include "control/io/store_usage.h"

#define USAGE_INTERVAL_NS     60000000000ull
#define USAGE_INTERVAL_MIN_NS 100000000ull
#define USAGE_INTERVAL_MAX_NS 86400000000000ull
#define USAGE_KEEP_DAYS	      90

struct usage_table;

/* NULL without memory. */
struct usage_table *usage_table_create(struct loop *loop, struct store *store);
/* interval_ns: in the limits above. */
void usage_table_configure(struct usage_table *table, uint64_t interval_ns, uint32_t keep_days);
/* A sound entry of a report by the gateway at this end of the path. */
void usage_table_report(struct usage_table *table, const struct object *path, unsigned int end,
			const char *gateway, uint64_t boot, const json_t *entry);
/*
 * A gateway is not heard any more: what it told may be in this program's memory alone, so that its
 * paths are written now, or a second after the last write. The same for a path whose gateway is
 * heard to have begun anew.
 */
void usage_table_lost(struct usage_table *table, const char *gateway);
/* Writes what there is; the store must still be open. */
void usage_table_stop(struct usage_table *table);
void usage_table_destroy(struct usage_table *table);
