/*
 * A copy of one moment of a running store, for whoever sends it away: made by a thread of its own,
 * so that neither the loop nor commits wait for it, in a file that loses its name at once. One at a
 * time.
 *
 * Control's thread.
 */
#pragma once

#include "control/io/store.h"

struct store_snapshot;

/*
 * on_done comes once, from the loop: a descriptor of the copy, the caller's to close, or -1 and one
 * line in error. NULL with errno when it cannot begin; EBUSY: there is another one.
 */
struct store_snapshot *store_snapshot_begin(struct store *store,
					    void (*on_done)(int fd, const char *error, void *arg),
					    void *arg);
/*
 * Nobody wants it any more: on_done does not come. Its thread goes on to its end, and until then
 * there is no other one. NULL is fine.
 */
void store_snapshot_cancel(struct store_snapshot *snapshot);
/* Before the store is closed: cancels the one under way, if there is one, and waits for its thread.
 */
void store_snapshot_stop(struct store *store);
/* Removes what a program left that was killed while it copied; the store's lock is ours. */
void store_snapshot_sweep(const struct store *store);
