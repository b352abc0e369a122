#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/io/key_index.h"

#define NODES 5000
#define KEYS  1237

static size_t count_of(const struct key_index *index, uint64_t key)
{
	size_t count = 0;

	for (const struct key_node *node = key_index_first(index, key); node;
	     node = key_index_next(node))
		count++;
	return count;
}

static void index__empty(void **state)
{
	struct key_index index = {0};
	struct key_node node = {0};

	(void)state;
	assert_null(key_index_first(&index, 7));
	key_index_remove(&index, &node);
	key_index_free(&index);
}

/* Several nodes of one key, through many sizes of the table, and away again. */
static void index__many(void **state)
{
	static struct key_node nodes[NODES];
	struct key_index index = {0};

	(void)state;
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(key_index_add(&index, &nodes[i], i % KEYS), 0);
	for (size_t key = 0; key < KEYS; key++)
		assert_int_equal(count_of(&index, key), (NODES - key + KEYS - 1) / KEYS);
	assert_null(key_index_first(&index, KEYS));
	for (size_t i = 0; i < NODES; i += 2)
		key_index_remove(&index, &nodes[i]);
	key_index_remove(&index, &nodes[0]);
	assert_int_equal(index.count, NODES / 2);
	for (size_t i = 1; i < NODES; i += 2) {
		const struct key_node *node = key_index_first(&index, i % KEYS);

		while (node && node != &nodes[i])
			node = key_index_next(node);
		assert_ptr_equal(node, &nodes[i]);
	}
	key_index_free(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index__empty),
		cmocka_unit_test(index__many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
