/*
 * Usage in the store's file: records by path and interval, and how far each gateway's counters are
 * counted. Both go in one transaction, so that after kill -9 the file's records are exactly what
 * its meters say was counted. It is no part of desired state: no revision, no log, no watch.
 *
 * Control's thread, but for store_usage_write.
 */
#pragma once

#include "control/io/store.h"
#include "control/io/usage_json.h"

/* What is known of one gateway's counters of one path. */
struct usage_reading_row {
	char path[MODEL_NAME_BYTES];
	char gateway[MODEL_NAME_BYTES];
	struct usage_meter meter;
};

/* One write. */
struct usage_batch {
	uint64_t time_ns;    /* now, since the epoch */
	uint64_t records_ns; /* records that begin before go; 0: none */
	uint64_t meters_ns;  /* and meters that were not written since */
	size_t row_count, reading_count;
	struct usage_row *rows; /* added to what is there of the same path and interval */
	struct usage_reading_row *readings;
};

/* NULL without memory. */
struct usage_batch *usage_batch_create(size_t row_max, size_t reading_max);
void usage_batch_free(struct usage_batch *batch);

/*
 * Writes the batch as a transaction of its own or together with commits; takes it over, in any
 * case. ticket as in store_commit. 0, -EIO storage failed, -ENOMEM.
 */
int store_usage_put(struct store *store, struct usage_batch *batch, struct store_ticket *ticket);

/* 0; -ENOENT nothing was counted yet; -EIO. */
int store_usage_meter(struct store *store, const char *path, const char *gateway,
		      struct usage_meter *meter);

struct usage_query {
	char path[MODEL_NAME_BYTES];   /* empty: all */
	char tenant[MODEL_NAME_BYTES]; /* empty: all */
	uint64_t from_ns, to_ns;       /* records that begin in [from, to) */
	/* Behind this one, which the page before ended with; its path empty: from the start. */
	uint64_t after_ns;
	char after_path[MODEL_NAME_BYTES], after_tenant[MODEL_NAME_BYTES];
	size_t limit;
};

/*
 * Records by time, then path. It looks at no more than some thousands, so that the loop does not
 * stand still: *has_more says that there may be more behind the query's `after`, which it moves on.
 * 0 or -EIO.
 */
int store_usage_page(struct store *store, struct usage_query *query,
		     void (*on_row)(const struct usage_row *row, void *arg), void *arg,
		     bool *has_more);
