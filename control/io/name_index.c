#include "control/io/name_index.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The position of the first entry that is not before name. */
static size_t find(const struct name_index *index, const char *name, bool *is_there)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(index->entries[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*is_there = low < index->count && !strcmp(index->entries[low].name, name);
	return low;
}

void *name_index_get(const struct name_index *index, const char *name)
{
	bool is_there;
	size_t at = find(index, name, &is_there);

	return is_there ? index->entries[at].value : NULL;
}

void *name_index_next(const struct name_index *index, const char *name)
{
	bool is_there;
	size_t at = find(index, name, &is_there) + is_there;

	return at < index->count ? index->entries[at].value : NULL;
}

int name_index_reserve(struct name_index *index, size_t more)
{
	size_t capacity = index->capacity ? index->capacity : 16;
	struct name_entry *entries;

	if (index->count + more <= index->capacity)
		return 0;
	while (capacity < index->count + more)
		capacity *= 2;
	entries = realloc(index->entries, capacity * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	index->entries = entries;
	index->capacity = capacity;
	return 0;
}

int name_index_set(struct name_index *index, const char *name, void *value)
{
	bool is_there;
	size_t at = find(index, name, &is_there);

	if (!is_there) {
		if (name_index_reserve(index, 1))
			return -ENOMEM;
		memmove(&index->entries[at + 1], &index->entries[at],
			(index->count - at) * sizeof(index->entries[0]));
		index->count++;
	}
	index->entries[at] = (struct name_entry){.name = name, .value = value};
	return 0;
}

void *name_index_remove(struct name_index *index, const char *name)
{
	bool is_there;
	size_t at = find(index, name, &is_there);
	void *value;

	if (!is_there)
		return NULL;
	value = index->entries[at].value;
	index->count--;
	memmove(&index->entries[at], &index->entries[at + 1],
		(index->count - at) * sizeof(index->entries[0]));
	return value;
}

void name_index_free(struct name_index *index)
{
	free(index->entries);
	*index = (struct name_index){0};
}
