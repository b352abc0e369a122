/*
 * The reader's side of the counter pages: finds a gateway's file, maps it read-only, checks that it
 * is one that we understand, and takes snapshots.
 *
 * One thread. Costs the gateway nothing: only reads of shared pages. A file is checked against its
 * own size before anything in it is believed, so that a broken one is an error line, not a crash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "perf/snapshot.h"

struct counter_reader;

/* NULL with errno set - ENOENT, EACCES, EPROTO (other ABI or broken) - and one line in error. */
struct counter_reader *counter_reader_open(const char *path, char *error, size_t size);
void counter_reader_close(struct counter_reader *reader);
/* Is the file at the path still the one that was opened? Not after a restart of the gateway. */
bool counter_reader_is_current(const struct counter_reader *reader);

/* NULL: out of memory. */
struct snapshot *counter_reader_take(const struct counter_reader *reader);
void counter_snapshot_free(struct snapshot *snapshot);

/* Gateways that have a counter file under run_dir, sorted by name. */
struct gateway_list {
	uint32_t count;
	char (*names)[CW_NAME_BYTES];
};

/* 0 or -errno; an absent run_dir is an empty list. */
int counter_gateways_list(const char *run_dir, struct gateway_list *list);
void counter_gateways_free(struct gateway_list *list);
