#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "control/io/usage_table.h"
#include "store_rig.h"

#define TURN_NS	  100000000ull
#define LOOK_NS	  1300000000ull
#define TURNS_MAX 100

/* A gateway that began anew as often as epoch says, and sent so much since. */
static void tell(struct usage_table *table, const struct object *path, int epoch, int bytes)
{
	json_t *entry = json_pack("{s:i, s:{s:{s:i}}}", "epoch", epoch, "counters", "out",
				  "rx_bytes", bytes);

	assert_non_null(entry);
	usage_table_report(table, path, 0, "gw-a", 1, entry);
	json_decref(entry);
}

/* A store that does not answer: what is urgent waits for it, and control does not run in circles
 * meanwhile. */
static void report__urgent_while_the_store_is_held_up(void **state)
{
	struct object path = {.kind = KIND_PATH, .name = "job1"};
	char directory[256], file[300];
	struct usage_table *table;
	struct rig *rig;
	sqlite3 *other;
	uint64_t begin_ns;
	int turns = 0;

	(void)state;
	rig_directory_make(directory, sizeof(directory));
	snprintf(file, sizeof(file), "%s/control.db", directory);
	rig = rig_open(file, 0);
	table = usage_table_create(rig->loop, rig->store);
	assert_non_null(table);
	assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	tell(table, &path, 1, 100);
	tell(table, &path, 2, 100);
	assert_int_equal(loop_turn(rig->loop, TURN_NS), 0);
	tell(table, &path, 2, 200);
	tell(table, &path, 3, 100);
	begin_ns = loop_now_ns(rig->loop);
	while (loop_now_ns(rig->loop) - begin_ns < LOOK_NS) {
		assert_int_equal(loop_turn(rig->loop, TURN_NS), 0);
		assert_true(++turns < TURNS_MAX);
	}
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	usage_table_stop(table);
	usage_table_destroy(table);
	rig_close(rig);
	rig_directory_remove(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report__urgent_while_the_store_is_held_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
