#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/io/roster.h"

static void place(struct roster *roster, const char *path, const char *link, const char *a,
		  const char *z)
{
	const char *gateways[2] = {a, z};

	assert_int_equal(roster_place(roster, path, link, gateways), 0);
}

/* All that are due, in their order, as "a b c". */
static const char *taken(struct roster *roster)
{
	static char text[512];
	char name[MODEL_NAME_BYTES];

	text[0] = 0;
	while (roster_take(roster, name)) {
		if (text[0])
			strcat(text, " ");
		strcat(text, name);
	}
	assert_int_equal(roster->due_count, 0);
	return text;
}

static const char *stale(struct roster *roster)
{
	static char text[512];
	struct roster_gateway *gateway;

	text[0] = 0;
	while ((gateway = roster_take_stale(roster))) {
		if (text[0])
			strcat(text, " ");
		strcat(text, gateway->name);
	}
	return text;
}

static bool is_stale(const struct roster *roster, const char *path, int end)
{
	const struct roster_path *at = name_index_get(&roster->paths, path);

	return at->told[end].is_stale;
}

/* As a keeper does when it has told both ends. */
static void tell(struct roster *roster, const char *path, const char *text)
{
	struct roster_path *at = name_index_get(&roster->paths, path);

	for (int end = 0; end < 2; end++) {
		shared_text_drop(at->told[end].text);
		at->told[end].text = shared_text_make(text, strlen(text));
		at->told[end].is_stale = false;
	}
}

static void roster__place(void **state)
{
	struct roster roster = {0};

	(void)state;
	assert_string_equal(taken(&roster), "");
	place(&roster, "p2", "l1", "ga", "gb");
	place(&roster, "p1", "l1", "ga", "gb");
	place(&roster, "p3", "l2", "gc", "gb");
	place(&roster, "p2", "l1", "ga", "gb");
	assert_string_equal(taken(&roster), "p2 p1 p3");
	assert_string_equal(stale(&roster), "ga gb gc");
	assert_string_equal(stale(&roster), "");
	assert_int_equal(roster_gateway(&roster, "gb")->paths.count, 3);
	assert_int_equal(
		roster_end(name_index_get(&roster.paths, "p3"), roster_gateway(&roster, "gb")),
		END_Z);
	roster_free(&roster);
}

static void roster__note(void **state)
{
	struct roster roster = {0};

	(void)state;
	place(&roster, "p1", "l1", "ga", "gb");
	place(&roster, "p2", "l2", "ga", "gc");
	place(&roster, "p3", "l3", "gb", "gc");
	taken(&roster);
	stale(&roster);
	roster_note(&roster, "p3");
	roster_note(&roster, "p1");
	roster_note(&roster, "p3");
	roster_note(&roster, "none");
	assert_string_equal(taken(&roster), "p3 p1");
	roster_note_gateway(&roster, "ga");
	roster_note_gateway(&roster, "none");
	assert_string_equal(taken(&roster), "p1 p2");
	roster_note_all(&roster);
	roster_forget(&roster, "p2");
	assert_string_equal(taken(&roster), "p1 p3");
	/* Noting tells nobody; forgetting does. */
	assert_string_equal(stale(&roster), "ga gc");
	roster_free(&roster);
}

static void roster__tell(void **state)
{
	struct roster roster = {0};

	(void)state;
	place(&roster, "p1", "l1", "ga", "gb");
	place(&roster, "p2", "l2", "ga", "gc");
	tell(&roster, "p1", "one");
	tell(&roster, "p2", "two");
	taken(&roster);
	stale(&roster);
	roster_tell(&roster, "p2");
	assert_string_equal(stale(&roster), "ga gc");
	assert_true(is_stale(&roster, "p2", 0) && is_stale(&roster, "p2", 1));
	assert_false(is_stale(&roster, "p1", 0));
	roster_tell_gateway(&roster, "ga");
	assert_string_equal(stale(&roster), "ga gb gc");
	assert_true(is_stale(&roster, "p1", 1));
	/* Telling is no reason to look at it. */
	assert_string_equal(taken(&roster), "");
	roster_free(&roster);
}

/* The gateway that it leaves is told that it is gone there. */
static void roster__move(void **state)
{
	struct roster roster = {0};
	uint64_t version;

	(void)state;
	place(&roster, "p1", "l1", "ga", "gb");
	tell(&roster, "p1", "one");
	taken(&roster);
	stale(&roster);
	version = roster_gateway(&roster, "gb")->version;
	place(&roster, "p1", "l2", "ga", "gc");
	assert_int_equal(roster_gateway(&roster, "gb")->version, version + 1);
	assert_int_equal(roster_gateway(&roster, "gb")->paths.count, 0);
	assert_int_equal(roster_gateway(&roster, "gc")->paths.count, 1);
	assert_string_equal(stale(&roster), "gb gc ga");
	assert_string_equal(taken(&roster), "p1");
	assert_null(roster_on_link(&roster, "l1"));
	assert_string_equal(roster_on_link(&roster, "l2")->name, "p1");
	assert_null(roster_next_on_link(roster_on_link(&roster, "l2")));
	/* Expired and drained: it is nowhere. */
	place(&roster, "p1", "", "", "");
	assert_int_equal(roster_gateway(&roster, "ga")->paths.count, 0);
	assert_string_equal(taken(&roster), "p1");
	roster_gateway_forget(&roster, "ga");
	assert_null(name_index_get(&roster.gateways, "ga"));
	place(&roster, "p1", "l3", "gb", "gc");
	roster_gateway_forget(&roster, "gb");
	assert_non_null(name_index_get(&roster.gateways, "gb"));
	roster_free(&roster);
}

static void roster__forget_while_due(void **state)
{
	struct roster roster = {0};

	(void)state;
	for (int i = 0; i < 4; i++) {
		char name[8];

		snprintf(name, sizeof(name), "p%d", i);
		place(&roster, name, "l1", "ga", "gb");
	}
	roster_forget(&roster, "p0");
	roster_forget(&roster, "p3");
	roster_forget(&roster, "p3");
	assert_int_equal(roster.due_count, 2);
	assert_string_equal(taken(&roster), "p1 p2");
	roster_note(&roster, "p2");
	roster_forget(&roster, "p2");
	assert_string_equal(taken(&roster), "");
	roster_note(&roster, "p1");
	assert_string_equal(taken(&roster), "p1");
	roster_free(&roster);
}

static void roster__alarms(void **state)
{
	struct roster roster = {0};

	(void)state;
	place(&roster, "p1", "l1", "ga", "gb");
	place(&roster, "p2", "l1", "ga", "gb");
	place(&roster, "p3", "l1", "ga", "gb");
	taken(&roster);
	assert_true(roster_next_ns(&roster) == ROSTER_NEVER);
	roster_set_alarm(&roster, "p1", 300);
	roster_set_alarm(&roster, "p2", 100);
	roster_set_alarm(&roster, "p3", 200);
	roster_set_alarm(&roster, "none", 1);
	assert_int_equal(roster_next_ns(&roster), 100);
	roster_wake(&roster, 99);
	assert_string_equal(taken(&roster), "");
	roster_wake(&roster, 200);
	assert_string_equal(taken(&roster), "p2 p3");
	roster_set_alarm(&roster, "p1", 400);
	roster_set_alarm(&roster, "p2", 350);
	assert_int_equal(roster_next_ns(&roster), 350);
	roster_set_alarm(&roster, "p2", ROSTER_NEVER);
	assert_int_equal(roster_next_ns(&roster), 400);
	roster_forget(&roster, "p1");
	assert_true(roster_next_ns(&roster) == ROSTER_NEVER);
	roster_free(&roster);
}

static void roster__clock_put_back(void **state)
{
	struct roster roster = {0};

	(void)state;
	place(&roster, "p1", "l1", "ga", "gb");
	place(&roster, "p2", "l1", "ga", "gb");
	taken(&roster);
	roster_set_alarm(&roster, "p1", 1100);
	roster_wake(&roster, 1000);
	roster_wake(&roster, 1000);
	assert_string_equal(taken(&roster), "");
	/* 100 from then on was meant, whatever the clock says. */
	roster_wake(&roster, 500);
	assert_string_equal(taken(&roster), "p1 p2");
	roster_wake(&roster, 501);
	assert_string_equal(taken(&roster), "");
	roster_free(&roster);
}

static void text__shared(void **state)
{
	struct shared_text *a = shared_text_make("one", 3), *b = shared_text_make("one!", 3);

	(void)state;
	assert_true(shared_text_equal(a, b) && shared_text_equal(NULL, NULL));
	assert_false(shared_text_equal(a, NULL));
	assert_ptr_equal(shared_text_hold(a), a);
	shared_text_drop(a);
	assert_string_equal(a->text, "one");
	shared_text_drop(a);
	shared_text_drop(b);
	shared_text_drop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roster__place),
		cmocka_unit_test(roster__note),
		cmocka_unit_test(roster__tell),
		cmocka_unit_test(roster__move),
		cmocka_unit_test(roster__forget_while_due),
		cmocka_unit_test(roster__alarms),
		cmocka_unit_test(roster__clock_put_back),
		cmocka_unit_test(text__shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
