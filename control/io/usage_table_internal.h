/*
 * What the files of the usage table share; nobody else includes it. usage_table.c counts and keeps
 * the time, usage_table_batch.c takes out what is to be written.
 */
#pragma once

#include "control/io/name_index.h"
#include "control/io/usage_table.h"

#define NS_PER_S   1000000000ull
#define NS_PER_DAY (86400 * NS_PER_S)

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
	bool is_urgent;	   /* a gateway of it is gone: it must not wait for the interval's end */
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
	uint64_t due_ns, written_ns; /* the timer, and when it came last; of the loop's clock */
	bool is_hurried;	     /* the timer is set before the interval's end */
	bool is_stopped;
};

/* Takes all that was counted, of urgent paths alone when the table is hurried; NULL when there is
 * nothing, or no memory: it is taken next time. */
struct usage_batch *usage_table_take(struct usage_table *table, uint64_t now_ns);
