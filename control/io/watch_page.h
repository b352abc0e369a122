/*
 * A piece of the store's log as the lines that one client of the watch is told: for those who come
 * back after longer than the watch remembers by itself. Control's thread.
 */
#pragma once

#include "control/io/api_query.h"
#include "control/io/store.h"

struct watch_line {
	bool is_delete;
	char *text;
};

struct watch_page {
	uint64_t revision; /* read up to here, it included */
	bool is_last;	   /* and there is no more in the log */
	struct watch_line *lines;
	size_t count, at, capacity;
	size_t bytes; /* of the texts */
	bool is_broken;
};

/* NULL without memory. */
struct watch_page *watch_page_create(uint64_t since);
/* Lets the lines go. */
void watch_page_clear(struct watch_page *page);
void watch_page_free(struct watch_page *page);
/*
 * The lines of the next revisions, as far as they match, in the place of those before. 0; -ESTALE
 * when the log does not reach back that far; -EIO, -ENOMEM.
 */
int watch_page_read(struct watch_page *page, struct store *store, const struct api_filter *filter);
/* False at the page's end. Text borrowed until the next read. */
bool watch_page_next(struct watch_page *page, const char **type, const char **text);
