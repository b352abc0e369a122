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
	uint8_t life, expiry;
	bool is_early, is_awaited, is_moving;
	uint32_t move_generation; /* 0: that of the proof */
};

static void settle(struct path_machine *machine, const struct path_facts *facts)
{
	struct path_trace trace = {0};
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
	const struct path_assignment assigned = {.proof_generation = 1,
						 .life = steps[0].life,
						 .expiry = steps[0].expiry,
						 .link = "l1"};
	struct path_machine machine;

	path_machine_init(&machine, &assigned);
	for (size_t i = 0; i < count; i++) {
		struct path_facts facts = {
			.ends = {end(steps[i].a, steps[i].generation),
				 end(steps[i].z, steps[i].generation)},
			.proof_generation = steps[i].proof_generation,
			.is_deleting = steps[i].is_deleting,
			.life = steps[i].life,
			.expiry = steps[i].expiry,
			.is_early = steps[i].is_early,
			.is_awaited = steps[i].is_awaited,
			.is_moving = steps[i].is_moving,
			.move_generation = steps[i].move_generation ? steps[i].move_generation
								    : steps[i].proof_generation,
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

/* The old tunnel carries until both ends have proved the new one. */
static void poll__moves_while_it_carries(void **state)
{
	static const struct step steps[] = {
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		/* Told, but not heard of it yet; then applied, one after the other. */
		{"FRPC", "FRPC", 1, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true},
		{"FRC", "FRC", 2, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true},
		{"FRPC", "FRC", 2, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true},
		/* Neither tunnel, or nobody there: nothing carries. */
		{"FRC", "FRPC", 1, 2, false, STAGE_CLAIM, PATH_DEGRADED, CAUSE_NOT_RECEIVING, 0,
		 .is_moving = true},
		{"FRCE", "FRC", 2, 2, false, STAGE_CLAIM, PATH_DEGRADED, CAUSE_ERROR, 0,
		 .is_moving = true},
		{"FRC", "", 2, 2, false, STAGE_CLAIM, PATH_DEGRADED, CAUSE_NOT_CONNECTED, 1,
		 .is_moving = true},
		{"FRPC", "FRPC", 2, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true},
		{"FRPC", "FRPC", 2, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
	};
	/* Sent back: a gateway that has not heard of it is still carried by the old tunnel. */
	static const struct step back[] = {
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		{"FRC", "FRC", 2, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true},
		{"FRC", "FRC", 2, 3, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true, .move_generation = 2},
		{"FRPC", "FRC", 3, 3, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true, .move_generation = 2},
	};
	/* Its gateways claim by the word of an earlier control. */
	static const struct step restarted[] = {
		{"FRC", "FRC", 2, 2, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_MOVING, 0,
		 .is_moving = true},
	};

	(void)state;
	RUN(steps);
	RUN(back);
	RUN(restarted);
}

static void moved__when_both_proved(void **state)
{
	struct path_facts facts = {.proof_generation = 2, .is_moving = true};

	(void)state;
	facts.ends[0] = facts.ends[1] = end("FRPC", 2);
	assert_true(path_has_moved(&facts));
	facts.ends[1] = end("FRPC", 1);
	assert_false(path_has_moved(&facts) || path_is_tried(&facts));
	facts.ends[1] = end("FRC", 2);
	assert_false(path_has_moved(&facts));
	assert_true(path_is_tried(&facts));
	facts.ends[1] = end("FRPC", 2);
	facts.is_moving = false;
	assert_false(path_has_moved(&facts));
}

static void lost__when_an_end_gets_no_probe(void **state)
{
	struct path_facts facts = {.proof_generation = 1};
	struct path_machine machine = {.stage = STAGE_CLAIM};

	(void)state;
	facts.ends[0] = facts.ends[1] = end("FRPC", 1);
	assert_false(path_is_lost(&machine, &facts));
	facts.ends[1] = end("FRC", 1);
	assert_true(path_is_lost(&machine, &facts));
	/* A gateway that control does not hear may well carry: the other one knows. */
	facts.ends[1] = end("", 1);
	assert_false(path_is_lost(&machine, &facts));
	facts.ends[0] = end("FRC", 1);
	assert_true(path_is_lost(&machine, &facts));
	/* Control has just started, and its gateways go on. */
	machine.stage = STAGE_RECEIVE;
	assert_true(path_is_lost(&machine, &facts));
	facts.ends[0] = end("FR", 1);
	assert_false(path_is_lost(&machine, &facts));
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
		{"FN", "FN", 0, 1, false, STAGE_WAIT, PATH_RESERVED, CAUSE_NO_CERTIFICATE, 0},
		{"F", "FN", 0, 1, false, STAGE_WAIT, PATH_RESERVED, CAUSE_NO_CERTIFICATE, 1},
		/* Another proof is wanted before the first could begin. */
		{"F", "FN", 0, 2, false, STAGE_WAIT, PATH_RESERVED, CAUSE_NO_CERTIFICATE, 1},
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
		{"F", "FN", 0, 1, false, STAGE_WAIT, PATH_RESERVED, CAUSE_NO_CERTIFICATE, 1},
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

/* Held: no gateway hears of it; committed: they do. */
static void poll__held_then_committed(void **state)
{
	static const struct step steps[] = {
		{"F", "F", 0, 1, false, STAGE_WAIT, PATH_HELD, CAUSE_HELD, 0, .life = LIFE_HELD},
		{"", "", 0, 1, false, STAGE_WAIT, PATH_HELD, CAUSE_HELD, 0, .life = LIFE_HELD},
		{"F", "F", 0, 1, false, STAGE_RECEIVE, PATH_ACTIVATING, CAUSE_NOT_RECEIVING, 0},
	};

	(void)state;
	RUN(steps);
}

static void poll__held_ends(void **state)
{
	static const struct step expired[] = {
		{"F", "F", 0, 1, false, STAGE_WAIT, PATH_HELD, CAUSE_HELD, 0, .life = LIFE_HELD},
		{"F", "F", 0, 1, false, STAGE_GONE, PATH_EXPIRED, CAUSE_HOLD_EXPIRED, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_HOLD},
		{"F", "F", 0, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_HOLD},
	};
	static const struct step aborted[] = {
		{"F", "F", 0, 1, false, STAGE_WAIT, PATH_HELD, CAUSE_HELD, 0, .life = LIFE_HELD},
		{"F", "F", 0, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0,
		 .life = LIFE_HELD},
	};

	(void)state;
	RUN(expired);
	RUN(aborted);
}

static void poll__window(void **state)
{
	static const struct step steps[] = {
		{"F", "F", 0, 1, false, STAGE_WAIT, PATH_SCHEDULED, CAUSE_EARLY, 0,
		 .is_early = true},
		{"", "", 0, 1, false, STAGE_WAIT, PATH_SCHEDULED, CAUSE_EARLY, 0, .is_early = true},
		{"FRPC", "FRPC", 1, 1, false, STAGE_CLAIM, PATH_ACTIVE, CAUSE_PROVED, 0},
		{"FRPCK", "FRPCK", 1, 1, false, STAGE_DRAIN, PATH_DRAINING, CAUSE_WINDOW_OVER, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_END},
		{"FRPK", "FRPK", 1, 1, false, STAGE_REMOVE, PATH_DRAINING, CAUSE_WINDOW_OVER, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_END},
		{"FK", "FK", 1, 1, false, STAGE_GONE, PATH_EXPIRED, CAUSE_WINDOW_OVER, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_END},
	};

	(void)state;
	RUN(steps);
}

/* A lease was lost while control was away: what gateways still do ends in good order. */
static void poll__expired_before_a_restart(void **state)
{
	static const struct step steps[] = {
		{"", "", 1, 1, false, STAGE_GONE, PATH_EXPIRED, CAUSE_LEASE_EXPIRED, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_LEASE},
	};
	static const struct step running[] = {
		{"FRPCK", "FRPCK", 1, 1, false, STAGE_DRAIN, PATH_DRAINING, CAUSE_LEASE_EXPIRED, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_LEASE},
		{"FK", "FK", 1, 1, false, STAGE_GONE, PATH_EXPIRED, CAUSE_LEASE_EXPIRED, 0,
		 .life = LIFE_EXPIRED, .expiry = EXPIRY_LEASE},
	};

	(void)state;
	RUN(steps);
	RUN(running);
}

static void verb__table(void **state)
{
	static const struct {
		enum path_life life;
		bool has_lease, is_deleting;
		enum path_verb_answer answers[VERB_COUNT];
	} rows[] = {
		{LIFE_COMMITTED, false, false, {VERB_DONE, VERB_REFUSED, VERB_REFUSED}},
		{LIFE_COMMITTED, true, false, {VERB_DONE, VERB_REFUSED, VERB_TAKEN}},
		{LIFE_COMMITTED, true, true, {VERB_REFUSED, VERB_REFUSED, VERB_REFUSED}},
		{LIFE_HELD, true, false, {VERB_TAKEN, VERB_TAKEN, VERB_REFUSED}},
		{LIFE_HELD, false, true, {VERB_REFUSED, VERB_REFUSED, VERB_REFUSED}},
		{LIFE_EXPIRED, true, false, {VERB_REFUSED, VERB_REFUSED, VERB_REFUSED}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct path path = {.lease_ns = rows[i].has_lease};

		path.assigned.life = (uint8_t)rows[i].life;
		path.assigned.is_deleting = rows[i].is_deleting;
		for (int verb = 0; verb < VERB_COUNT; verb++)
			assert_int_equal(path_verb_check(&path, (enum path_verb)verb),
					 rows[i].answers[verb]);
	}
	for (int verb = 0; verb < VERB_COUNT; verb++)
		assert_int_equal(path_verb_find(path_verb_name((enum path_verb)verb)), verb);
	assert_int_equal(path_verb_find("provision"), VERB_COUNT);
}

static void expiry__due(void **state)
{
	static const struct {
		enum path_life life;
		uint64_t end_ns, lease_until_ns, hold_until_ns, now_ns;
		enum path_expiry due;
	} rows[] = {
		{LIFE_COMMITTED, 0, 0, 0, 100, EXPIRY_NONE},
		{LIFE_COMMITTED, 101, 0, 0, 100, EXPIRY_NONE},
		{LIFE_COMMITTED, 100, 0, 0, 100, EXPIRY_END},
		{LIFE_COMMITTED, 0, 100, 0, 100, EXPIRY_LEASE},
		{LIFE_COMMITTED, 0, 101, 0, 100, EXPIRY_NONE},
		{LIFE_COMMITTED, 90, 100, 0, 100, EXPIRY_END},
		{LIFE_COMMITTED, 100, 90, 0, 100, EXPIRY_LEASE},
		{LIFE_HELD, 90, 0, 101, 100, EXPIRY_NONE},
		{LIFE_HELD, 0, 0, 100, 100, EXPIRY_HOLD},
		{LIFE_EXPIRED, 90, 90, 90, 100, EXPIRY_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct path path = {.end_ns = rows[i].end_ns};

		path.assigned.life = (uint8_t)rows[i].life;
		path.assigned.lease_until_ns = rows[i].lease_until_ns;
		path.assigned.hold_until_ns = rows[i].hold_until_ns;
		assert_int_equal(path_expiry_due(&path, rows[i].now_ns, 0), rows[i].due);
		path.assigned.is_deleting = true;
		assert_int_equal(path_expiry_due(&path, rows[i].now_ns, 0), EXPIRY_NONE);
	}
}

/* Nobody could renew it while there was no control. */
/*
 * Its gateways may still claim by the word of an earlier control: those that are not back yet are
 * waited for, as long as they may be on their way.
 */
static void poll__deleted_before_a_restart(void **state)
{
	static const struct step steps[] = {
		{"N", "N", 0, 1, true, STAGE_WAIT, PATH_DRAINING, CAUSE_DELETED, 0, 0, 0, false,
		 true},
		{"FRPC", "", 1, 1, true, STAGE_DRAIN, PATH_DRAINING, CAUSE_DELETED, 0, 0, 0, false,
		 true},
		{"FRPK", "", 1, 1, true, STAGE_DRAIN, PATH_DRAINING, CAUSE_DELETED, 0, 0, 0, false,
		 true},
		{"FRPK", "FRPC", 1, 1, true, STAGE_DRAIN, PATH_DRAINING, CAUSE_DELETED, 0, 0, 0,
		 false, true},
		{"FRPK", "FRPK", 1, 1, true, STAGE_REMOVE, PATH_DRAINING, CAUSE_DELETED, 0},
	};
	static const struct step nobody_comes[] = {
		{"N", "N", 0, 1, true, STAGE_WAIT, PATH_DRAINING, CAUSE_DELETED, 0, 0, 0, false,
		 true},
		{"N", "N", 0, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0},
	};
	static const struct step never_told[] = {
		{"N", "N", 0, 1, true, STAGE_GONE, PATH_RELEASED, CAUSE_REMOVED, 0, LIFE_HELD, 0,
		 false, true},
	};

	(void)state;
	RUN(steps);
	RUN(nobody_comes);
	RUN(never_told);
}

static void expiry__lease_after_a_restart(void **state)
{
	struct path path = {.lease_ns = 50};

	(void)state;
	path.assigned.lease_until_ns = 100;
	assert_int_equal(path_expiry_due(&path, 149, 100), EXPIRY_NONE);
	assert_int_equal(path_expiry_due(&path, 150, 100), EXPIRY_LEASE);
	path.assigned.lease_until_ns = 190;
	assert_int_equal(path_expiry_due(&path, 189, 100), EXPIRY_NONE);
}

static void next__table(void **state)
{
	static const struct {
		enum path_life life;
		uint64_t start_ns, end_ns, lease_until_ns, hold_until_ns, next_ns;
	} rows[] = {
		{LIFE_COMMITTED, 0, 0, 0, 0, UINT64_MAX},
		{LIFE_COMMITTED, 50, 100, 0, 0, UINT64_MAX},
		{LIFE_COMMITTED, 150, 300, 0, 0, 150},
		{LIFE_COMMITTED, 50, 300, 200, 0, 200},
		{LIFE_HELD, 300, 400, 0, 101, 101},
		{LIFE_HELD, 300, 400, 0, 90, 300},
		{LIFE_EXPIRED, 300, 400, 200, 200, UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct path path = {.start_ns = rows[i].start_ns, .end_ns = rows[i].end_ns};

		path.assigned.life = (uint8_t)rows[i].life;
		path.assigned.lease_until_ns = rows[i].lease_until_ns;
		path.assigned.hold_until_ns = rows[i].hold_until_ns;
		assert_int_equal(path_next_ns(&path, 100), rows[i].next_ns);
	}
}

/* No facts at all, in any order, may lead outside the table: the invariants of the header hold. */
static void poll__random_facts_keep_invariants(void **state)
{
	struct path_assignment assigned = {.proof_generation = 1, .life = LIFE_HELD};
	struct path_machine machine;
	uint32_t seed = 1, proof = 1;

	(void)state;
	path_machine_init(&machine, &assigned);
	for (int i = 0; i < 20000; i++) {
		struct path_facts facts = {0};

		seed = seed * 1664525u + 1013904223u;
		proof += (seed >> 28) == 0;
		facts.proof_generation = proof;
		facts.is_deleting = (seed >> 27) == 3;
		facts.is_early = (seed >> 26 & 31) == 7;
		if (assigned.life == LIFE_HELD && (seed >> 9 & 3) == 0)
			assigned.life = LIFE_COMMITTED;
		else if ((seed >> 5 & 63) == 0)
			assigned.life = LIFE_EXPIRED;
		facts.life = assigned.life;
		facts.expiry = facts.life == LIFE_EXPIRED ? EXPIRY_END : EXPIRY_NONE;
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
		if (facts.life == LIFE_HELD && machine.stage == STAGE_WAIT)
			assert_int_equal(machine.state, PATH_HELD);
		assert_int_equal(machine.state == PATH_RELEASED || machine.state == PATH_EXPIRED,
				 machine.stage == STAGE_GONE);
		if (machine.stage != STAGE_GONE)
			continue;
		assert_int_equal(machine.state, facts.is_deleting ? PATH_RELEASED : PATH_EXPIRED);
		assigned.life = LIFE_HELD;
		assigned.proof_generation = proof;
		path_machine_init(&machine, &assigned);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poll__to_active_and_released),
		cmocka_unit_test(poll__silence_degrades_and_heals),
		cmocka_unit_test(poll__new_proof_and_old_generation),
		cmocka_unit_test(poll__moves_while_it_carries),
		cmocka_unit_test(moved__when_both_proved),
		cmocka_unit_test(lost__when_an_end_gets_no_probe),
		cmocka_unit_test(poll__error_fails_until_it_clears),
		cmocka_unit_test(poll__silent_end_cannot_hold_a_deletion),
		cmocka_unit_test(poll__waits_for_both_certificates),
		cmocka_unit_test(poll__known_certificate_of_a_silent_end),
		cmocka_unit_test(poll__waiting_path_goes_without_a_drain),
		cmocka_unit_test(poll__pending_path_goes_at_once),
		cmocka_unit_test(names__both_ways),
		cmocka_unit_test(poll__held_then_committed),
		cmocka_unit_test(poll__held_ends),
		cmocka_unit_test(poll__window),
		cmocka_unit_test(poll__expired_before_a_restart),
		cmocka_unit_test(poll__deleted_before_a_restart),
		cmocka_unit_test(verb__table),
		cmocka_unit_test(expiry__due),
		cmocka_unit_test(expiry__lease_after_a_restart),
		cmocka_unit_test(next__table),
		cmocka_unit_test(poll__random_facts_keep_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
