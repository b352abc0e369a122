/*
 * Idempotency keys that stand for changes, in the order in which they came: found by whose they
 * are, or by number. Bounded in number, bytes of answers and age. Above a bound the oldest key goes
 * of whoever has most, so that nobody makes the keys of others be forgotten. api_idempotency.c owns
 * it, on control's thread.
 */
#pragma once

#include "control/io/key_index.h"
#include "control/io/store_answer.h"

#define KEY_TABLE_MAX	16384
#define KEY_TABLE_BYTES (16u << 20)
#define KEY_TABLE_NS	(24 * 3600 * 1000000000ull)

struct key_caller;

struct kept_key {
	struct key_node node;			/* by id */
	struct kept_key *older, *newer;		/* by number */
	struct kept_key *own_older, *own_newer; /* likewise, of its caller */
	struct key_caller *caller;
	struct answer_row row;
	bool is_running; /* its change is not durable yet: it is not forgotten */
	bool is_dirty;	 /* its answer is not in the store */
};

/* Zero it before use, next_number 1. */
struct key_table {
	struct key_index index;
	struct kept_key *oldest, *newest;
	struct key_caller *callers;
	size_t count, bytes, dirty_count;
	uint64_t next_number;
	/* Forgotten, and to be forgotten by the store: whoever takes the list frees it. */
	uint64_t *gone;
	size_t gone_count, gone_capacity;
};

void key_table_free(struct key_table *table);
struct kept_key *key_table_find(const struct key_table *table, const char *id);
/* Cheap for those that came last. */
struct kept_key *key_table_at(const struct key_table *table, uint64_t number);
/* Its number is above all that there are. Without the row's text. NULL without memory. */
struct kept_key *key_table_add(struct key_table *table, const struct answer_row *row);
/* Takes text over; NULL: none. */
void key_table_set_text(struct key_table *table, struct kept_key *kept, char *text);
void key_table_drop(struct key_table *table, struct kept_key *kept);
/* Forgets what is too old or too much. */
void key_table_trim(struct key_table *table, uint64_t now_ns);
