#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/key_table.h"

#define NOW_NS (1000 * KEY_TABLE_NS)

static struct kept_key *add_of(struct key_table *table, uint64_t caller, uint64_t time_ns,
			       const char *text)
{
	struct answer_row row = {
		.number = table->next_number, .caller = caller, .time_ns = time_ns};
	struct kept_key *kept;

	snprintf(row.id, sizeof(row.id), "%032llx", (unsigned long long)row.number);
	kept = key_table_add(table, &row);
	assert_non_null(kept);
	if (text)
		key_table_set_text(table, kept, strdup(text));
	return kept;
}

static struct kept_key *add(struct key_table *table, uint64_t time_ns, const char *text)
{
	return add_of(table, 1, time_ns, text);
}

static void find__by_id_and_number(void **state)
{
	struct key_table table = {.next_number = 1};
	struct kept_key *first = add(&table, NOW_NS, NULL), *second = add(&table, NOW_NS, "x");

	(void)state;
	assert_ptr_equal(key_table_find(&table, first->row.id), first);
	assert_ptr_equal(key_table_find(&table, second->row.id), second);
	assert_null(key_table_find(&table, "00000000000000000000000000000003"));
	assert_ptr_equal(key_table_at(&table, 1), first);
	assert_ptr_equal(key_table_at(&table, 2), second);
	assert_null(key_table_at(&table, 3));
	key_table_drop(&table, first);
	assert_null(key_table_at(&table, 1));
	assert_ptr_equal(table.oldest, second);
	key_table_free(&table);
	assert_int_equal(table.count, 0);
	assert_int_equal(table.bytes, 0);
}

static void trim__by_age(void **state)
{
	struct key_table table = {.next_number = 1};

	(void)state;
	add(&table, NOW_NS - KEY_TABLE_NS - 1, "old");
	add(&table, NOW_NS - KEY_TABLE_NS, "just");
	key_table_trim(&table, NOW_NS);
	assert_int_equal(table.count, 1);
	assert_int_equal(table.gone_count, 1);
	assert_int_equal(table.gone[0], 1);
	assert_int_equal(table.bytes, strlen("just"));
	key_table_free(&table);
}

static void trim__by_count(void **state)
{
	struct key_table table = {.next_number = 1};

	(void)state;
	for (int i = 0; i < KEY_TABLE_MAX + 10; i++)
		add(&table, NOW_NS, NULL);
	key_table_trim(&table, NOW_NS);
	assert_int_equal(table.count, KEY_TABLE_MAX);
	assert_int_equal(table.gone_count, 10);
	assert_int_equal(table.gone[9], 10);
	assert_int_equal(table.oldest->row.number, 11);
	key_table_free(&table);
}

static void trim__by_bytes(void **state)
{
	struct key_table table = {.next_number = 1};
	char *text = malloc(KEY_TABLE_BYTES / 4 + 1);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', KEY_TABLE_BYTES / 4);
	text[KEY_TABLE_BYTES / 4] = 0;
	for (int i = 0; i < 6; i++)
		add(&table, NOW_NS, text);
	key_table_trim(&table, NOW_NS);
	assert_int_equal(table.count, 4);
	assert_int_equal(table.bytes, KEY_TABLE_BYTES);
	key_table_free(&table);
	free(text);
}

/* Who has most loses his own, in number or in bytes; the others' stay, however old. */
static void trim__is_fair(void **state)
{
	struct key_table table = {.next_number = 1};
	char *text = malloc(KEY_TABLE_BYTES / 4 + 1);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', KEY_TABLE_BYTES / 4);
	text[KEY_TABLE_BYTES / 4] = 0;
	add_of(&table, 2, NOW_NS, "theirs");
	for (int i = 0; i < KEY_TABLE_MAX + 5; i++)
		add_of(&table, 1, NOW_NS, NULL);
	key_table_trim(&table, NOW_NS);
	assert_int_equal(table.count, KEY_TABLE_MAX);
	assert_non_null(key_table_at(&table, 1));
	assert_null(key_table_at(&table, 2));
	while (table.count > 10)
		key_table_drop(&table, table.newest);
	for (int i = 0; i < 4; i++)
		add_of(&table, 3, NOW_NS, text);
	key_table_trim(&table, NOW_NS);
	assert_int_equal(table.count, 13);
	assert_non_null(key_table_at(&table, 1));
	assert_true(table.bytes <= KEY_TABLE_BYTES);
	key_table_free(&table);
	free(text);
}

/* What its change will be is not known yet: it must be found when it is. */
static void trim__leaves_what_runs(void **state)
{
	struct key_table table = {.next_number = 1};
	struct kept_key *running = add(&table, 0, NULL);

	(void)state;
	running->is_running = true;
	add(&table, 0, NULL);
	key_table_trim(&table, NOW_NS);
	assert_int_equal(table.count, 2);
	running->is_running = false;
	key_table_trim(&table, NOW_NS);
	assert_int_equal(table.count, 0);
	assert_int_equal(table.gone_count, 2);
	key_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find__by_id_and_number), cmocka_unit_test(trim__by_age),
		cmocka_unit_test(trim__by_count),	  cmocka_unit_test(trim__by_bytes),
		cmocka_unit_test(trim__is_fair),	  cmocka_unit_test(trim__leaves_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
