#include "control/io/key_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64

/* Fibonacci hashing: keys may be small numbers. */
static struct key_node **slot_of(const struct key_index *index, uint64_t key)
{
	return &index->slots[(key * 0x9e3779b97f4a7c15ull >> 32) & (index->slot_count - 1)];
}

static void link_node(struct key_node **slot, struct key_node *node)
{
	node->next = *slot;
	node->at = slot;
	if (node->next)
		node->next->at = &node->next;
	*slot = node;
}

static int grow(struct key_index *index)
{
	struct key_index wider = {
		.slot_count = index->slot_count ? index->slot_count * 2 : SLOTS_MIN,
	};

	wider.slots = calloc(wider.slot_count, sizeof(*wider.slots));
	if (!wider.slots)
		return -ENOMEM;
	for (size_t i = 0; i < index->slot_count; i++) {
		struct key_node *next;

		for (struct key_node *node = index->slots[i]; node; node = next) {
			next = node->next;
			link_node(slot_of(&wider, node->key), node);
		}
	}
	wider.count = index->count;
	free(index->slots);
	*index = wider;
	return 0;
}

int key_index_add(struct key_index *index, struct key_node *node, uint64_t key)
{
	if (index->count >= index->slot_count && grow(index) && !index->slots)
		return -ENOMEM;
	node->key = key;
	link_node(slot_of(index, key), node);
	index->count++;
	return 0;
}

void key_index_remove(struct key_index *index, struct key_node *node)
{
	if (!node->at)
		return;
	*node->at = node->next;
	if (node->next)
		node->next->at = node->at;
	node->at = NULL;
	index->count--;
}

struct key_node *key_index_first(const struct key_index *index, uint64_t key)
{
	struct key_node *node = index->slots ? *slot_of(index, key) : NULL;

	while (node && node->key != key)
		node = node->next;
	return node;
}

struct key_node *key_index_next(const struct key_node *node)
{
	struct key_node *next = node->next;

	while (next && next->key != node->key)
		next = next->next;
	return next;
}

void key_index_free(struct key_index *index)
{
	free(index->slots);
	memset(index, 0, sizeof(*index));
}
