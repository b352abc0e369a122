/*
 * What a gateway remembers over a restart, in <state_dir>/<gateway>/: its last intent line
 * (intent.json), its restart count (boot) and who it is (identity.pem; certificate.h).
 *
 * Agent thread, blocking file I/O of a few kilobytes. A file is replaced whole: written beside,
 * synced, renamed, and the directory synced, so that after a crash either the old or the new text
 * is there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dataplane/agent/intent_json.h"

struct state_file {
	char dir[256]; /* <state_dir>/<gateway> */
};

/* Makes the directory where it is missing. 0 or -errno (-ENAMETOOLONG, -EACCES, ...). */
int state_file_open(struct state_file *state, const char *state_dir, const char *gateway);
/* Any file of the directory, readable by its owner only. 0 or -errno; the old one stays then. */
int state_file_write(const struct state_file *state, const char *name, const char *data,
		     size_t len);
/* The whole file, at most 16 MiB, with a 0 behind it; the caller's to free. 0 or -errno. */
int state_file_read(const struct state_file *state, const char *name, char **data, size_t *len);
/* 0 or -errno; the earlier line stays when this fails. */
int state_file_save_intent(const struct state_file *state, const char *line, size_t len);
/*
 * 1: *intent is the saved one (intent_free). 0: none is saved. -errno: unreadable, or -EINVAL: not
 * a valid intent of this gateway; warning (INTENT_JSON_ERROR_BYTES) says what, and the caller
 * starts empty.
 */
int state_file_load_intent(const struct state_file *state, struct intent **intent, char *warning);
/*
 * Counts this start: *boot = stored + 1, stored before the call returns. 0 or -errno. An
 * unreadable count restarts from the clock's seconds, which lies above any real count, so that
 * the peer still sees a new boot; warning says so, else it is empty.
 */
int state_file_next_boot(const struct state_file *state, uint32_t *boot, char *warning);
