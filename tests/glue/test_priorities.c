/* Which priority a class has in a site's LAN: as control says, where the port pauses the class. */
#include "tests/glue/pressure_rig.h"

#include <string.h>

#define PRIO_SITE 6 /* of class lossless or control, by the site's map */

/* What control says of the site's LAN, to each worker of a gateway. */
static void priorities_set(uint32_t gateway, uint8_t lossless, uint8_t control)
{
	struct command command = {.type = COMMAND_PRIORITIES};

	memset(command.priorities, INTENT_NO_PRIORITY, sizeof(command.priorities));
	command.priorities[CLASS_LOSSLESS] = lossless;
	command.priorities[CLASS_CONTROL] = control;
	for (uint32_t side = gateway; side < PAIR_SIDES; side += 2) {
		struct worker *w = pair->side[side].worker;
		struct event event;

		if (!w)
			continue;
		assert_int_equal(command_push(w->commands, &command), 0);
		worker_turn(w);
		while (event_pop(w->events, &event) == 0)
			;
	}
}

/* The LAN's pauses are obeyed by the priority that the site has for the class, in each worker. */
static void priorities__are_obeyed_as_the_site_says(void **state)
{
	uint32_t got;

	(void)state;
	begin(&pausing_two_workers);
	priorities_set(1, PRIO_SITE, INTENT_NO_PRIORITY);
	pause_send(3, PRIO_FIRST, 0xffff); /* nobody's there any more */
	turns_for(2 * MS);
	flow_offer(0, 16, PRIO_FIRST);
	flow_send(1, 1);
	settle();
	expect_all_came(0);
	expect_all_came(1);
	pause_send(1, PRIO_SITE, 0xffff);
	turns_for(2 * MS);
	got = flows[0].got + flows[1].got;
	for (uint32_t i = 0; i < 16; i++) {
		flow_send(0, 0);
		flow_send(1, 1);
	}
	turns_for(10 * MS);
	assert_int_equal(flows[0].got + flows[1].got, got);
	/* As configured again: what is paused now is nobody's, and what was before is the class's.
	 */
	priorities_set(1, INTENT_NO_PRIORITY, INTENT_NO_PRIORITY);
	turns_for(2 * MS);
	pause_send(1, PRIO_FIRST, 0);
	settle();
	expect_all_came(0);
	expect_all_came(1);
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
}

/* Offers more than the path takes until its senders are paused; flow 0 obeys `priority`. */
static void pause_provoke(uint8_t priority)
{
	for (uint64_t until = now() + 400 * MS; now() < until && !seen[0].paused; turn())
		flow_offer(0, 16, priority);
	assert_int_equal(seen[0].paused, 1 << priority);
}

/* Senders are paused by the site's priority; one that becomes obsolete goes on at once. */
static void priorities__pause_as_the_site_says(void **state)
{
	(void)state;
	begin(&pausing_narrow);
	priorities_set(0, PRIO_SITE, INTENT_NO_PRIORITY);
	pause_provoke(PRIO_SITE);
	assert_int_equal(seen[0].xoffs[PRIO_FIRST], 0);
	priorities_set(0, PRIO_FIRST, INTENT_NO_PRIORITY);
	turn();
	assert_int_equal(seen[0].paused >> PRIO_SITE & 1, 0);
	assert_int_equal(seen[0].xons[PRIO_SITE], 1);
	pause_provoke(PRIO_FIRST);
	settle();
	assert_int_equal(seen[0].paused, 0);
	assert_int_equal(seen[0].xoffs[PRIO_SITE], seen[0].xons[PRIO_SITE]);
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	expect_all_came(0);
	assert_int_equal(pair->side[0].port_counters[PAIR_LAN].storms, 0);
}

/* A class that the port does not pause has no buffers for it: a site's priority changes nothing. */
static void priorities__of_a_class_without_pauses(void **state)
{
	const struct lan *at;

	(void)state;
	begin(&pausing_narrow);
	priorities_set(0, INTENT_NO_PRIORITY, PRIO_SITE);
	priorities_set(1, INTENT_NO_PRIORITY, PRIO_SITE);
	pause_send(1, PRIO_SITE, 0xffff);
	turns_for(2 * MS);
	at = &pair->side[1].worker->port[PAIR_LAN].lan;
	assert_int_equal(at->held, 0);
	assert_int_equal(at->lossless, 1 << CLASS_LOSSLESS | 1 << CLASS_BULK);
	pause_provoke(PRIO_FIRST);
	settle();
	expect_all_came(0);
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(priorities__are_obeyed_as_the_site_says, end),
		cmocka_unit_test_teardown(priorities__pause_as_the_site_says, end),
		cmocka_unit_test_teardown(priorities__of_a_class_without_pauses, end),
	};

	if (pair_eal_start(320)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
