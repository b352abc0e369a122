/*
 * A sorted index from names to pointers: binary search, iteration in byte order. The name is the
 * caller's memory, usually inside what the pointer leads to. One owner, one thread.
 */
#pragma once

#include <stddef.h>

struct name_entry {
	const char *name;
	void *value;
};

struct name_index {
	struct name_entry *entries;
	size_t count, capacity;
};

/* NULL when there is none. */
void *name_index_get(const struct name_index *index, const char *name);
/* The first value behind a name, NULL at the end. */
void *name_index_next(const struct name_index *index, const char *name);
/* Makes room for so many more: after it the next `more` sets cannot fail. 0 or -ENOMEM. */
int name_index_reserve(struct name_index *index, size_t more);
/* Adds or replaces. 0 or -ENOMEM. */
int name_index_set(struct name_index *index, const char *name, void *value);
/* Returns what was removed, or NULL. */
void *name_index_remove(struct name_index *index, const char *name);
void name_index_free(struct name_index *index);
