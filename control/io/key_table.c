#include "control/io/key_table.h"

#include <stdlib.h>
#include <string.h>

/* Somebody who has keys. There are few of them: they are looked through. */
struct key_caller {
	struct key_caller *prev, *next;
	uint64_t caller;
	struct kept_key *oldest, *newest;
	size_t count, bytes;
};

static uint64_t key_of(const char id[ANSWER_DIGEST_BYTES])
{
	uint64_t key = 0;

	memcpy(&key, id, sizeof(key));
	return key;
}

struct kept_key *key_table_find(const struct key_table *table, const char *id)
{
	struct key_node *node = key_index_first(&table->index, key_of(id));

	while (node && strcmp(((struct kept_key *)node->owner)->row.id, id) != 0)
		node = key_index_next(node);
	return node ? node->owner : NULL;
}

struct kept_key *key_table_at(const struct key_table *table, uint64_t number)
{
	struct kept_key *kept = table->newest;

	while (kept && kept->row.number > number)
		kept = kept->older;
	return kept && kept->row.number == number ? kept : NULL;
}

/* ---- callers ---- */

static struct key_caller *caller_get(struct key_table *table, uint64_t number)
{
	struct key_caller *caller = table->callers;

	while (caller && caller->caller != number)
		caller = caller->next;
	if (caller)
		return caller;
	caller = calloc(1, sizeof(*caller));
	if (!caller)
		return NULL;
	caller->caller = number;
	caller->next = table->callers;
	if (caller->next)
		caller->next->prev = caller;
	table->callers = caller;
	return caller;
}

static void caller_drop_if_empty(struct key_table *table, struct key_caller *caller)
{
	if (caller->count)
		return;
	if (caller->prev)
		caller->prev->next = caller->next;
	else
		table->callers = caller->next;
	if (caller->next)
		caller->next->prev = caller->prev;
	free(caller);
}

static void caller_add(struct key_caller *caller, struct kept_key *kept)
{
	kept->caller = caller;
	kept->own_older = caller->newest;
	if (caller->newest)
		caller->newest->own_newer = kept;
	else
		caller->oldest = kept;
	caller->newest = kept;
	caller->count++;
}

static void caller_remove(struct key_caller *caller, struct kept_key *kept)
{
	if (kept->own_older)
		kept->own_older->own_newer = kept->own_newer;
	else
		caller->oldest = kept->own_newer;
	if (kept->own_newer)
		kept->own_newer->own_older = kept->own_older;
	else
		caller->newest = kept->own_older;
	caller->count--;
}

/* Who has most keys, or most bytes. */
static struct key_caller *caller_most(const struct key_table *table, bool by_bytes)
{
	struct key_caller *most = table->callers;

	for (struct key_caller *at = most; at; at = at->next) {
		if (by_bytes ? at->bytes > most->bytes : at->count > most->count)
			most = at;
	}
	return most;
}

/* ---- keys ---- */

struct kept_key *key_table_add(struct key_table *table, const struct answer_row *row)
{
	struct kept_key *kept = calloc(1, sizeof(*kept));
	struct key_caller *caller = kept ? caller_get(table, row->caller) : NULL;

	if (!caller) {
		free(kept);
		return NULL;
	}
	kept->row = *row;
	kept->row.text = NULL;
	kept->node.owner = kept;
	if (key_index_add(&table->index, &kept->node, key_of(row->id))) {
		caller_drop_if_empty(table, caller);
		free(kept);
		return NULL;
	}
	caller_add(caller, kept);
	kept->older = table->newest;
	if (table->newest)
		table->newest->newer = kept;
	else
		table->oldest = kept;
	table->newest = kept;
	table->count++;
	table->next_number = row->number + 1;
	return kept;
}

void key_table_set_text(struct key_table *table, struct kept_key *kept, char *text)
{
	size_t before = kept->row.text ? strlen(kept->row.text) : 0;
	size_t after = text ? strlen(text) : 0;

	table->bytes += after - before;
	kept->caller->bytes += after - before;
	free(kept->row.text);
	kept->row.text = text;
}

void key_table_drop(struct key_table *table, struct kept_key *kept)
{
	key_index_remove(&table->index, &kept->node);
	key_table_set_text(table, kept, NULL);
	caller_remove(kept->caller, kept);
	caller_drop_if_empty(table, kept->caller);
	if (kept->older)
		kept->older->newer = kept->newer;
	else
		table->oldest = kept->newer;
	if (kept->newer)
		kept->newer->older = kept->older;
	else
		table->newest = kept->older;
	table->count--;
	table->dirty_count -= kept->is_dirty;
	free(kept);
}

/* Without memory the store has it until a restart. */
static void forget(struct key_table *table, struct kept_key *kept)
{
	if (table->gone_count == table->gone_capacity) {
		size_t capacity = table->gone_capacity ? table->gone_capacity * 2 : 16;
		uint64_t *gone = realloc(table->gone, capacity * sizeof(*gone));

		if (gone) {
			table->gone = gone;
			table->gone_capacity = capacity;
		}
	}
	if (table->gone_count < table->gone_capacity)
		table->gone[table->gone_count++] = kept->row.number;
	key_table_drop(table, kept);
}

void key_table_trim(struct key_table *table, uint64_t now_ns)
{
	while (table->oldest && !table->oldest->is_running &&
	       table->oldest->row.time_ns + KEY_TABLE_NS < now_ns)
		forget(table, table->oldest);
	while (table->count > KEY_TABLE_MAX || table->bytes > KEY_TABLE_BYTES) {
		struct key_caller *most = caller_most(table, table->count <= KEY_TABLE_MAX);

		/* What runs is done within milliseconds. */
		if (most->oldest->is_running)
			return;
		forget(table, most->oldest);
	}
}

void key_table_free(struct key_table *table)
{
	while (table->oldest)
		key_table_drop(table, table->oldest);
	key_index_free(&table->index);
	free(table->gone);
}
