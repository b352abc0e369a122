#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/core/path_state.h"

/*
 * What an end reports, as letters: F fresh, R receiving, P proved, C claiming, E error, K current,
 * N no certificate is known.
 */
static struct path_end_facts end(const char *letters, uint32_t generation)
{
	return (struct path_end_facts){
		.is_fresh = strchr(letters, 'F'),
		.is_reported = strchr(letters, 'R') || strchr(letters, 'C') || strchr(letters, 'E'),
		.is_receiving = strchr(letters, 'R'),
		.is_proved = strchr(letters, 'P'),
		.is_claiming = strchr(letters, 'C'),
		.has_error = strchr(letters, 'E'),
		.is_current = strchr(letters, 'K'),
		.has_certificate = !strchr(letters, 'N'),
		.generation = generation,
	};
}

struct step {
	const char *a, *z;
	uint32_t generation, proof_generation;
	bool is_deleting;
	enum path_stage stage;
	enum path_state state;
	enum path_cause cause;
	uint8_t cause_end;
};

static void settle(struct path_machine *machine, const struct path_facts *facts)
{
	struct path_trace trace;
	bool is_stage_new;
	int calls = 0;

	while (path_machine_poll(machine, facts, &trace, &is_stage_new) || is_stage_new) {
		if (trace.from != trace.to)
			assert_true(path_state_may_follow(trace.from, trace.to));
		assert_true(++calls < 8);
	}
}

static void run(const struct step *steps, size_t count)
{
	struct path_machine machine;

	path_machine_init(&machine, 1);
	for (size_t i = 0; i < count; i++) {
		struct path_facts facts = {
			.ends = {end(steps[i].a, steps[i].generation),
				 end(steps[i].z, steps[i].generation)},
			.proof_generation = steps[i].proof_generation,
			.is_deleting = steps[i].is_deleting,
		};

		settle(&machine, &facts);
		assert_int_equal(machine.stage, steps[i].stage);
		assert_int_equal(machine.state, steps[i].state);
		assert_int_equal(machine.cause, steps[i].cause);
		assert_int_equal(machine.cause_end, steps[i].cause_end);
	}
}

#define RUN(steps) run(steps, sizeof(steps) / sizeof((steps)[0]))

static void poll__to_active_and_released(void **state)
{
	static const struct step steps[] = {
		{"", "", 0, 1, false, STAGE_RECEIVE, PATH_PENDING, CAUSE_NOT_CONNECTED, 0},
		{"F", "", 0, 1, false, STAGE_RECEIVE, PATH_PENDING, CAUSE_NOT_CONNECTED, 1},
		{"F", "F", 0, 1, false, STAGE_RECEIVE, PATH_ACTIVATING, CAUSE_NOT_RECEIVING, 0},
		{"FR", "FRP", 1, 1, false, STAGE_RECEIVE, PATH_ACTIVATING, CAUSE_NOT_PROVED, 0},
		{"FRP", "FRP", 1, 1, false, STAGE_CLAIM, PATH_ACTIVATING, CAUSE_NOT_CLAIMING, 0},
		{"FRPC", "FRP", 1, 1, false, STAGE_CLAIM, PATH_ACTIVATING, CAUSE_NOT_CLAIMING, 1},
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		{"FRPCK", "FRPCK", 1, 1, true, STAGE_DRAIN, PATH_DRAINING, CAUSE_DELETED, 0},
		{"FRPK", "FRPC", 1, 1, true, STAGE_DRAIN, PATH_DRAINING, CAUSE_DELETED, 0},
		{"FRPK", "FRPK", 1, 1, true, STAGE_REMOVE, PATH_DRAINING, CAUSE_DELETED, 0},
		{"FK", "FRPK", 1, 1, true, STAGE_REMOVE, PATH_DRAINING, CAUSE_DELETED, 0},
		{"FK", "FK", 1, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0},
	};

	(void)state;
	RUN(steps);
}

static void poll__silence_degrades_and_heals(void **state)
{
	static const struct step steps[] = {
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		{"FRPC", "", 1, 1, false, STAGE_CLAIM, PATH_DEGRADED, CAUSE_NOT_CONNECTED, 1},
		{"", "", 1, 1, false, STAGE_CLAIM, PATH_DEGRADED, CAUSE_NOT_CONNECTED, 0},
		{"FRPC", "FR", 1, 1, false, STAGE_CLAIM, PATH_DEGRADED, CAUSE_NOT_PROVED, 1},
		{"FRPC", "FRPCE", 1, 1, false, STAGE_CLAIM, PATH_DEGRADED, CAUSE_ERROR, 1},
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
	};

	(void)state;
	RUN(steps);
}

static void poll__new_proof_and_old_generation(void **state)
{
	static const struct step steps[] = {
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		/* A later generation that needs no proof changes nothing. */
		{"FRPC", "FRPC", 2, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		/* One that does: what the ends say of generation 2 does not count. */
		{"FRPC", "FRPC", 2, 3, false, STAGE_RECEIVE, PATH_ACTIVATING, CAUSE_NOT_RECEIVING,
		 0},
		{"FRPC", "FRPC", 3, 3, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
	};

	(void)state;
	RUN(steps);
}

static void poll__error_fails_until_it_clears(void **state)
{
	static const struct step steps[] = {
		{"FRP", "FE", 1, 1, false, STAGE_RECEIVE, PATH_FAILED, CAUSE_ERROR, 1},
		{"FRP", "", 1, 1, false, STAGE_RECEIVE, PATH_PENDING, CAUSE_NOT_CONNECTED, 1},
		{"FRP", "FRE", 1, 1, false, STAGE_RECEIVE, PATH_FAILED, CAUSE_ERROR, 1},
		{"FRP", "FRP", 1, 1, false, STAGE_CLAIM, PATH_ACTIVATING, CAUSE_NOT_CLAIMING, 0},
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
	};

	(void)state;
	RUN(steps);
}

static void poll__silent_end_cannot_hold_a_deletion(void **state)
{
	static const struct step steps[] = {
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		{"FRPC", "", 1, 1, true, STAGE_DRAIN, PATH_DRAINING, CAUSE_DELETED, 0},
		/* Not claiming, but by a report from before the deletion. */
		{"FRP", "", 1, 1, true, STAGE_DRAIN, PATH_DRAINING, CAUSE_DELETED, 0},
		{"FRPK", "", 1, 1, true, STAGE_REMOVE, PATH_DRAINING, CAUSE_DELETED, 0},
		{"FK", "", 1, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0},
	};

	(void)state;
	RUN(steps);
}

static void poll__waits_for_both_certificates(void **state)
{
	static const struct step steps[] = {
		{"N", "N", 0, 1, false, STAGE_WAIT, PATH_PENDING, CAUSE_NOT_CONNECTED, 0},
		{"FN", "N", 0, 1, false, STAGE_WAIT, PATH_PENDING, CAUSE_NOT_CONNECTED, 1},
		{"FN", "FN", 0, 1, false, STAGE_WAIT, PATH_PENDING, CAUSE_NO_CERTIFICATE, 0},
		{"F", "FN", 0, 1, false, STAGE_WAIT, PATH_PENDING, CAUSE_NO_CERTIFICATE, 1},
		/* Another proof is wanted before the first could begin. */
		{"F", "FN", 0, 2, false, STAGE_WAIT, PATH_PENDING, CAUSE_NO_CERTIFICATE, 1},
		{"F", "F", 0, 2, false, STAGE_RECEIVE, PATH_ACTIVATING, CAUSE_NOT_RECEIVING, 0},
		{"FRPC", "FRPC", 2, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
	};

	(void)state;
	RUN(steps);
}

/* An end may be silent while its certificate is known from the other one. */
static void poll__known_certificate_of_a_silent_end(void **state)
{
	static const struct step steps[] = {
		{"FN", "", 1, 1, false, STAGE_WAIT, PATH_PENDING, CAUSE_NOT_CONNECTED, 1},
		{"FRPC", "", 1, 1, false, STAGE_RECEIVE, PATH_PENDING, CAUSE_NOT_CONNECTED, 1},
	};

	(void)state;
	RUN(steps);
}

static void poll__waiting_path_goes_without_a_drain(void **state)
{
	static const struct step steps[] = {
		{"F", "FN", 0, 1, false, STAGE_WAIT, PATH_PENDING, CAUSE_NO_CERTIFICATE, 1},
		{"F", "FN", 0, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0},
	};

	(void)state;
	RUN(steps);
}

static void poll__pending_path_goes_at_once(void **state)
{
	static const struct step steps[] = {
		{"", "", 0, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0},
	};

	(void)state;
	RUN(steps);
}

static void names__both_ways(void **state)
{
	(void)state;
	for (int i = 0; i < PATH_STATE_COUNT; i++)
		assert_int_equal(path_state_find(path_state_name((enum path_state)i)), i);
	assert_int_equal(path_state_find("up"), PATH_STATE_COUNT);
	for (int i = 0; i < CAUSE_COUNT; i++)
		assert_non_null(path_cause_text((enum path_cause)i));
}

/* No facts at all, in any order, may lead outside the table: the invariants of the header hold. */
static void poll__random_facts_keep_invariants(void **state)
{
	struct path_machine machine;
	uint32_t seed = 1, proof = 1;

	(void)state;
	path_machine_init(&machine, proof);
	for (int i = 0; i < 20000; i++) {
		struct path_facts facts = {0};

		seed = seed * 1664525u + 1013904223u;
		proof += (seed >> 28) == 0;
		facts.proof_generation = proof;
		facts.is_deleting = (seed >> 27) == 3;
		for (int e = 0; e < 2; e++) {
			uint32_t bits = seed >> (8 + 8 * e);

			facts.ends[e] = (struct path_end_facts){
				.is_fresh = bits & 3,
				.is_reported = bits & 4,
				.is_receiving = bits & 8,
				.is_proved = bits & 16,
				.is_claiming = bits & 32,
				.is_current = bits & 64,
				.has_error = !(bits & 0x87),
				.has_certificate = (bits & 0x90) != 0x90,
				.generation = proof - (bits >> 7 & 1),
			};
		}
		settle(&machine, &facts);
		for (int e = 0; machine.state == PATH_ACTIVE && e < 2; e++)
			assert_true(facts.ends[e].is_fresh && facts.ends[e].is_claiming);
		assert_int_equal(machine.state == PATH_RELEASED, machine.stage == STAGE_GONE);
		if (machine.stage == STAGE_GONE)
			path_machine_init(&machine, proof);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poll__to_active_and_released),
		cmocka_unit_test(poll__silence_degrades_and_heals),
		cmocka_unit_test(poll__new_proof_and_old_generation),
		cmocka_unit_test(poll__error_fails_until_it_clears),
		cmocka_unit_test(poll__silent_end_cannot_hold_a_deletion),
		cmocka_unit_test(poll__waits_for_both_certificates),
		cmocka_unit_test(poll__known_certificate_of_a_silent_end),
		cmocka_unit_test(poll__waiting_path_goes_without_a_drain),
		cmocka_unit_test(poll__pending_path_goes_at_once),
		cmocka_unit_test(names__both_ways),
		cmocka_unit_test(poll__random_facts_keep_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
