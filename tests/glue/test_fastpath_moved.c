/* What the agent's side of the fast path makes of the workers' words about a move: a generation is
 * proved once every worker sends by the new link, whatever answer is lost. */
#include "tests/glue/fastpath_rig.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/dpdk/fastpath_internal.h"

#define INDEX 3

static const struct pair_options two_workers = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 500000000, .mbufs = 4095, .workers = {2, 1}};

static struct fastpath *f;
static uint32_t told; /* generation */

static void on_proved(void *arg, uint32_t index, uint32_t generation, uint64_t rtt_ns)
{
	(void)arg;
	assert_int_equal(index, INDEX);
	assert_int_equal(rtt_ns, 1000);
	told = generation;
}

static const struct fastpath_events events = {.on_proved = on_proved};

/* The workers take no turn: the test says what they would. */
static int fastpath_begin_test(void **state)
{
	struct event event;

	(void)state;
	begin(&two_workers);
	f = calloc(1, sizeof(*f));
	f->events = &events;
	f->workers[0] = pair->side[0].worker;
	f->workers[1] = pair->side[2].worker;
	f->worker_count = 2;
	f->clock = pair->clock;
	f->event_fd = eventfd(0, EFD_NONBLOCK);
	f->paths[INDEX].moved.wanted = 2;
	for (uint32_t i = 0; i < 2; i++)
		while (event_pop(f->workers[i]->events, &event) == 0)
			;
	told = 0;
	return 0;
}

static int fastpath_end_test(void **state)
{
	close(f->event_fd);
	free(f);
	return end(state);
}

static void say(uint32_t worker, enum event_type type, uint32_t generation)
{
	struct event event = {.type = type, .index = INDEX};

	if (type == EVENT_MOVED) {
		event.moved.generation = generation;
		event.moved.worker = worker;
	} else {
		event.proved.generation = generation;
		event.proved.rtt_ns = 1000;
	}
	assert_int_equal(event_push(f->workers[worker]->events, &event), 0);
	fastpath_poll(f);
}

/* To move as this generation; 0: nothing. */
static uint32_t hears(uint32_t worker)
{
	struct command command;

	if (command_pop(f->workers[worker]->commands, &command))
		return 0;
	assert_int_equal(command.type, COMMAND_PATH_MOVE);
	assert_int_equal(command.index, INDEX);
	return command.move.generation;
}

static void moved__when_all_workers_have(void **state)
{
	(void)state;
	say(0, EVENT_CROSSED, 2);
	assert_int_equal(hears(0), 2);
	assert_int_equal(hears(1), 2);
	say(0, EVENT_MOVED, 2);
	assert_int_equal(told, 0);
	say(1, EVENT_MOVED, 2);
	assert_int_equal(told, 2);
}

/* Worker 0 sends by the new link, so that its echoes cross no more: they prove. */
static void moved__asks_again_when_an_answer_was_lost(void **state)
{
	(void)state;
	say(0, EVENT_CROSSED, 2);
	say(0, EVENT_MOVED, 2);
	assert_int_equal(hears(0), 2);
	assert_int_equal(hears(1), 2);
	say(0, EVENT_PROVED, 2);
	assert_int_equal(told, 0);
	assert_int_equal(hears(1), 2);
	say(1, EVENT_MOVED, 2);
	assert_int_equal(told, 2);
	say(0, EVENT_PROVED, 2);
	assert_int_equal(hears(0), 2);
	assert_int_equal(hears(0), 0);
	assert_int_equal(hears(1), 0);
}

/* Some workers may have the next intent already: others must not move by this one. */
static void moved__not_by_an_intent_of_before(void **state)
{
	(void)state;
	f->paths[INDEX].moved.wanted = 3;
	say(0, EVENT_CROSSED, 2);
	assert_int_equal(hears(0), 0);
	assert_int_equal(hears(1), 0);
}

static int run_group(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moved__when_all_workers_have, fastpath_begin_test,
						fastpath_end_test),
		cmocka_unit_test_setup_teardown(moved__asks_again_when_an_answer_was_lost,
						fastpath_begin_test, fastpath_end_test),
		cmocka_unit_test_setup_teardown(moved__not_by_an_intent_of_before,
						fastpath_begin_test, fastpath_end_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return rig_main(run_group);
}
