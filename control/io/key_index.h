/*
 * An index from 64-bit keys to whatever carries a node: several nodes may have the same key, and
 * adding and removing one costs the same however many do. The nodes are the caller's memory and
 * stay where they are; zero them before use. One owner, one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct key_node {
	uint64_t key;
	struct key_node *next, **at; /* at: what points to it; NULL: it is in no index */
	void *owner;		     /* what carries it; the caller's to set */
};

struct key_index {
	struct key_node **slots;
	size_t slot_count; /* a power of two, or 0 */
	size_t count;
};

/* 0 or -ENOMEM (only for the first one: later it goes on with what it has). */
int key_index_add(struct key_index *index, struct key_node *node, uint64_t key);
/* One that is not in it is left alone. */
void key_index_remove(struct key_index *index, struct key_node *node);
/* The first node of a key, and the next one of the same key; NULL at the end. */
struct key_node *key_index_first(const struct key_index *index, uint64_t key);
struct key_node *key_index_next(const struct key_node *node);
void key_index_free(struct key_index *index);
