/*
 * One line of a gateway's intent, in pieces: it may be larger than what should wait for a client at
 * a time. It holds the texts of its paths as they are when it begins, however long it takes to
 * write them. Control's thread.
 */
#pragma once

#include <stdbool.h>

#include "control/core/model.h"
#include "control/io/shared_text.h"

/* Of a line, written in one go; at least one path is, whatever its size. */
#define INTENT_PIECE_BYTES (1u << 20)

struct intent_line {
	struct shared_text **texts; /* those from `next` on are still to be written */
	size_t count, next;
	bool is_begun;
	bool is_open; /* some of it is still to be written */
};

/* Whose word it is. */
struct intent_head {
	uint64_t revision, term;
	const char *gateway;
};

/* Room for so many paths; zeroed before, or freed. 0 or -ENOMEM. */
int intent_line_begin(struct intent_line *line, size_t paths);
/* One more; in the order of names. */
void intent_line_add(struct intent_line *line, struct shared_text *text);
/*
 * The next piece of an open line, the caller's to free; the one that ends with a newline is the
 * last. head counts for the first piece. NULL without memory.
 */
char *intent_line_piece(struct intent_line *line, const struct intent_head *head, size_t *len);
void intent_line_free(struct intent_line *line);
