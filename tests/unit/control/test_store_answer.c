#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/draft.h"
#include "control/io/store_answer.h"
#include "store_rig.h"

#define ROWS_MAX 8

struct place {
	char directory[256], path[300];
};

struct rows {
	size_t count;
	struct answer_row rows[ROWS_MAX];
	char texts[ROWS_MAX][64];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	rig_directory_make(place->directory, sizeof(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/control.db", place->directory);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	rig_directory_remove(place->directory);
	free(place);
	return 0;
}

static struct answer_batch *batch_of(uint64_t number, int status, const char *text)
{
	struct answer_batch *batch = answer_batch_create(1);
	struct answer_row *row = &batch->rows[0];

	*row = (struct answer_row){.number = number,
				   .time_ns = 100 + number,
				   .caller = UINT64_MAX - number,
				   .status = status};
	snprintf(row->id, sizeof(row->id), "%032llx", (unsigned long long)number);
	snprintf(row->request, sizeof(row->request), "%032llx", (unsigned long long)~number);
	row->text = text ? strdup(text) : NULL;
	return batch;
}

/* The site is put, and its key; base_revision as if it were new. */
static int commit(struct rig *rig, const char *name, struct answer_batch *batch,
		  struct rig_ticket *ticket)
{
	struct draft draft = draft_begin(rig->store);
	int ret;

	if (name)
		site_fill(draft_edit(&draft, KIND_SITE, name), 1);
	rig_ticket_init(ticket);
	ticket->ticket.answers = batch;
	ret = draft_commit(&draft, &ticket->ticket);
	draft_free(&draft);
	return ret;
}

static void on_row(const struct answer_row *row, void *arg)
{
	struct rows *rows = arg;

	assert_true(rows->count < ROWS_MAX);
	rows->rows[rows->count] = *row;
	snprintf(rows->texts[rows->count], sizeof(rows->texts[0]), "%s",
		 row->text ? row->text : "(none)");
	rows->count++;
}

static struct rows load(struct rig *rig)
{
	struct rows rows = {0};

	assert_int_equal(store_answers_load(rig->store, on_row, &rows), 0);
	return rows;
}

static void commit__key_comes_with_the_change(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct rig_ticket ticket;
	struct rows rows;

	assert_int_equal(commit(rig, "a", batch_of(7, 0, "note"), &ticket), 0);
	assert_null(ticket.ticket.answers);
	rig_wait(rig, &ticket);
	rig_close(rig);
	rig = rig_open(place->path, 0);
	rows = load(rig);
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.rows[0].number, 7);
	assert_int_equal(rows.rows[0].time_ns, 107);
	assert_true(rows.rows[0].caller == UINT64_MAX - 7);
	assert_int_equal(rows.rows[0].revision, ticket.revision);
	assert_string_equal(rows.rows[0].id, "00000000000000000000000000000007");
	assert_string_equal(rows.texts[0], "note");
	assert_non_null(store_get(rig->store, KIND_SITE, "a"));
	rig_close(rig);
}

/* A request that finds done what it asks for: the revision stays, the key is kept. */
static void commit__without_a_change(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct rig_ticket ticket;
	uint64_t before = rig_put(rig, "a", 1);
	struct rows rows;

	assert_int_equal(commit(rig, NULL, batch_of(1, 0, NULL), &ticket), 0);
	rig_wait(rig, &ticket);
	assert_int_equal(ticket.revision, before);
	rows = load(rig);
	assert_int_equal(rows.count, 1);
	assert_string_equal(rows.texts[0], "(none)");
	rig_close(rig);
}

static void commit__refused_keeps_no_key(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct object object = {.kind = KIND_SITE};
	struct store_change change = {
		.kind = KIND_SITE, .name = "a", .object = &object, .base_revision = 99};
	struct rig_ticket ticket;

	rig_ticket_init(&ticket);
	ticket.ticket.answers = batch_of(1, 0, NULL);
	assert_int_equal(store_commit(rig->store, &change, 1, &ticket.ticket), -EAGAIN);
	assert_non_null(ticket.ticket.answers);
	answer_batch_free(ticket.ticket.answers);
	rig_put(rig, "b", 1);
	assert_int_equal(load(rig).count, 0);
	rig_close(rig);
}

static void put__replaces_and_forgets(void **state)
{
	const struct place *place = *state;
	struct rig *rig = rig_open(place->path, 0);
	struct answer_batch *batch;
	struct rows rows;

	for (uint64_t number = 1; number <= 4; number++)
		assert_int_equal(store_answers_put(rig->store, batch_of(number, 0, NULL)), 0);
	batch = batch_of(3, 200, "{}");
	batch->gone = calloc(2, sizeof(batch->gone[0]));
	batch->gone[0] = 1;
	batch->gone[1] = 2;
	batch->gone_count = 2;
	assert_int_equal(store_answers_put(rig->store, batch), 0);
	rig_put(rig, "b", 1);
	rows = load(rig);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.rows[0].number, 3);
	assert_int_equal(rows.rows[0].status, 200);
	assert_string_equal(rows.texts[0], "{}");
	assert_int_equal(rows.rows[1].number, 4);
	rig_close(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commit__key_comes_with_the_change, setup, teardown),
		cmocka_unit_test_setup_teardown(commit__without_a_change, setup, teardown),
		cmocka_unit_test_setup_teardown(commit__refused_keeps_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(put__replaces_and_forgets, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
