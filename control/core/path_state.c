#include "control/core/path_state.h"

#include <string.h>

#define BIT(n) (1u << (n))

static const char *const state_names[PATH_STATE_COUNT] = {
	[PATH_PENDING] = "pending",   [PATH_HELD] = "held",
	[PATH_RESERVED] = "reserved", [PATH_SCHEDULED] = "scheduled",
	[PATH_EXPIRED] = "expired",   [PATH_ACTIVATING] = "activating",
	[PATH_ACTIVE] = "active",     [PATH_DEGRADED] = "degraded",
	[PATH_DRAINING] = "draining", [PATH_RELEASED] = "released",
	[PATH_FAILED] = "failed",
};

static const struct {
	const char *text;
	bool has_end;
} causes[CAUSE_COUNT] = {
	[CAUSE_CREATED] = {"created", false},
	[CAUSE_NOT_CONNECTED] = {"sends no reports", true},
	[CAUSE_NO_CERTIFICATE] = {"has not reported its certificate", true},
	[CAUSE_NOT_RECEIVING] = {"has not applied the path yet", true},
	[CAUSE_NOT_PROVED] = {"gets no probe of the path back", true},
	[CAUSE_NOT_CLAIMING] = {"does not claim traffic yet", true},
	[CAUSE_ERROR] = {"reports an error", true},
	[CAUSE_PROVED] = {"both gateways proved and claim it", false},
	[CAUSE_CHANGED] = {"changed, proving anew", false},
	[CAUSE_DELETED] = {"deleted, gateways stop claiming", false},
	[CAUSE_REMOVED] = {"no gateway holds it any more", false},
	[CAUSE_HELD] = {"held, waits for commit", false},
	[CAUSE_COMMITTED] = {"committed", false},
	[CAUSE_EARLY] = {"its window has not begun", false},
	[CAUSE_HOLD_EXPIRED] = {"was not committed in time", false},
	[CAUSE_LEASE_EXPIRED] = {"its lease was not renewed", false},
	[CAUSE_WINDOW_OVER] = {"its window is over", false},
	[CAUSE_MOVING] = {"moves to another link, the old one carries meanwhile", false},
};

#define BIT_ENDS (BIT(PATH_DRAINING) | BIT(PATH_RELEASED) | BIT(PATH_EXPIRED))
#define BIT_SETUP                                                                        \
	(BIT(PATH_PENDING) | BIT(PATH_HELD) | BIT(PATH_RESERVED) | BIT(PATH_SCHEDULED) | \
	 BIT(PATH_ACTIVATING) | BIT(PATH_ACTIVE) | BIT(PATH_FAILED))

/*
 * Which states may follow each. While gateways set it up nothing is in order: a report may be late,
 * a spec may change. The only way out of RELEASED and EXPIRED is a new path of the same name, which
 * has a new machine.
 */
static const uint32_t state_table[PATH_STATE_COUNT] = {
	[PATH_PENDING] = BIT_SETUP | BIT_ENDS,
	[PATH_HELD] = BIT_SETUP | BIT_ENDS,
	[PATH_RESERVED] = BIT_SETUP | BIT_ENDS,
	[PATH_SCHEDULED] = BIT_SETUP | BIT_ENDS,
	[PATH_ACTIVATING] = BIT(PATH_PENDING) | BIT(PATH_ACTIVE) | BIT(PATH_FAILED) | BIT_ENDS,
	[PATH_ACTIVE] = BIT(PATH_DEGRADED) | BIT(PATH_ACTIVATING) | BIT_ENDS,
	[PATH_DEGRADED] = BIT(PATH_ACTIVE) | BIT(PATH_ACTIVATING) | BIT_ENDS,
	[PATH_DRAINING] = BIT(PATH_RELEASED) | BIT(PATH_EXPIRED),
	[PATH_RELEASED] = 0,
	[PATH_FAILED] = BIT(PATH_PENDING) | BIT(PATH_ACTIVATING) | BIT(PATH_ACTIVE) | BIT_ENDS,
	/* It may be deleted before its time. */
	[PATH_EXPIRED] = BIT(PATH_RELEASED),
};

static const uint32_t stage_table[STAGE_COUNT] = {
	[STAGE_WAIT] = BIT(STAGE_RECEIVE) | BIT(STAGE_REMOVE),
	[STAGE_RECEIVE] = BIT(STAGE_CLAIM) | BIT(STAGE_DRAIN),
	[STAGE_CLAIM] = BIT(STAGE_RECEIVE) | BIT(STAGE_DRAIN),
	[STAGE_DRAIN] = BIT(STAGE_REMOVE),
	[STAGE_REMOVE] = BIT(STAGE_GONE),
	[STAGE_GONE] = 0,
};

static const enum path_cause expiry_causes[EXPIRY_COUNT] = {
	[EXPIRY_NONE] = CAUSE_REMOVED,
	[EXPIRY_HOLD] = CAUSE_HOLD_EXPIRED,
	[EXPIRY_LEASE] = CAUSE_LEASE_EXPIRED,
	[EXPIRY_END] = CAUSE_WINDOW_OVER,
};

struct verdict {
	enum path_state state;
	enum path_cause cause;
	uint8_t end;
};

const char *path_state_name(enum path_state state)
{
	return state_names[state];
}

enum path_state path_state_find(const char *name)
{
	for (unsigned int i = 0; i < PATH_STATE_COUNT; i++) {
		if (!strcmp(state_names[i], name))
			return (enum path_state)i;
	}
	return PATH_STATE_COUNT;
}

const char *path_cause_text(enum path_cause cause)
{
	return causes[cause].text;
}

bool path_cause_has_end(enum path_cause cause)
{
	return causes[cause].has_end;
}

bool path_state_may_follow(enum path_state from, enum path_state to)
{
	return state_table[from] & BIT(to);
}

void path_machine_init(struct path_machine *machine, const struct path_assignment *assigned)
{
	static const enum path_state states[LIFE_COUNT] = {
		[LIFE_COMMITTED] = PATH_PENDING,
		[LIFE_HELD] = PATH_HELD,
		[LIFE_EXPIRED] = PATH_DRAINING,
	};
	bool is_over = assigned->life == LIFE_EXPIRED && !assigned->link[0];

	*machine = (struct path_machine){
		.stage = is_over ? STAGE_GONE : STAGE_WAIT,
		.state = is_over ? PATH_EXPIRED : states[assigned->life],
		.cause = assigned->life == LIFE_EXPIRED ? expiry_causes[assigned->expiry]
							: CAUSE_CREATED,
		.proof_generation = assigned->proof_generation,
	};
}

/* The one function that assigns the state. */
static int state_set(struct path_machine *machine, const struct verdict *to,
		     struct path_trace *trace)
{
	bool is_change = to->state != machine->state;

	if (is_change && !path_state_may_follow(machine->state, to->state))
		return 0;
	*trace = (struct path_trace){
		.from = machine->state,
		.to = to->state,
		.cause = to->cause,
		.cause_end = to->end,
	};
	machine->state = to->state;
	machine->cause = to->cause;
	machine->cause_end = to->end;
	return is_change;
}

/* The one function that assigns the stage. */
static bool stage_set(struct path_machine *machine, enum path_stage to)
{
	if (machine->stage == to || !(stage_table[machine->stage] & BIT(to)))
		return false;
	machine->stage = to;
	return true;
}

static bool end_counts(const struct path_facts *facts, int end)
{
	const struct path_end_facts *fact = &facts->ends[end];

	return fact->is_fresh && fact->is_reported && fact->generation >= facts->proof_generation;
}

static bool both_are_proved(const struct path_facts *facts)
{
	for (int end = 0; end < 2; end++) {
		const struct path_end_facts *fact = &facts->ends[end];

		if (!end_counts(facts, end) || !fact->is_receiving || !fact->is_proved)
			return false;
	}
	return true;
}

/*
 * Whatever tunnel it is that carries. An end that has heard of the move reports an error when
 * neither does; one that has not proves the old one, or does not.
 */
static bool end_carries(const struct path_facts *facts, int end)
{
	const struct path_end_facts *fact = &facts->ends[end];

	return fact->is_fresh && fact->is_reported && fact->is_claiming && !fact->has_error &&
	       (fact->is_proved || fact->generation >= facts->move_generation);
}

static bool is_carried(const struct path_facts *facts)
{
	return facts->is_moving && end_carries(facts, 0) && end_carries(facts, 1);
}

bool path_has_moved(const struct path_facts *facts)
{
	return is_carried(facts) && both_are_proved(facts);
}

bool path_is_tried(const struct path_facts *facts)
{
	for (int end = 0; end < 2; end++) {
		if (!end_counts(facts, end) || !facts->ends[end].is_receiving)
			return false;
	}
	return true;
}

bool path_is_lost(const struct path_machine *machine, const struct path_facts *facts)
{
	bool is_known = machine->stage == STAGE_CLAIM || machine->stage == STAGE_RECEIVE;

	for (int end = 0; end < 2 && is_known; end++) {
		const struct path_end_facts *fact = &facts->ends[end];
		bool is_carrying = machine->stage == STAGE_CLAIM || fact->is_claiming;

		if (end_counts(facts, end) && is_carrying &&
		    (!fact->is_receiving || !fact->is_proved))
			return true;
	}
	return false;
}

/*
 * An end that is silent cannot be waited for: it would keep a path from ever going away. It hears
 * of the removal when it comes back, and its peer has stopped receiving by then.
 */
static bool nobody_claims(const struct path_facts *facts)
{
	for (int end = 0; end < 2; end++) {
		const struct path_end_facts *fact = &facts->ends[end];

		if (!fact->is_fresh && facts->is_awaited)
			return false;
		if (fact->is_fresh &&
		    (!fact->is_current || (fact->is_reported && fact->is_claiming)))
			return false;
	}
	return true;
}

static bool nobody_holds(const struct path_facts *facts)
{
	for (int end = 0; end < 2; end++) {
		if (facts->ends[end].is_fresh && facts->ends[end].is_reported)
			return false;
	}
	return true;
}

static bool is_ending(const struct path_facts *facts)
{
	return facts->is_deleting || facts->life == LIFE_EXPIRED;
}

/* Held paths and those whose window has not begun are in no intent. */
static bool may_be_told(const struct path_facts *facts)
{
	return !facts->is_early && facts->life != LIFE_HELD && facts->expiry != EXPIRY_HOLD;
}

/*
 * May its gateways be told of it; or have been, by an earlier control? Then it ends as it would
 * have ended there: they stop claiming before they stop receiving.
 */
static bool is_told(const struct path_facts *facts)
{
	return may_be_told(facts) && facts->ends[0].has_certificate &&
	       facts->ends[1].has_certificate;
}

static bool stage_poll(struct path_machine *machine, const struct path_facts *facts)
{
	switch (machine->stage) {
	case STAGE_WAIT:
		machine->proof_generation = facts->proof_generation;
		if (is_told(facts))
			return stage_set(machine, STAGE_RECEIVE);
		/* Some other control may have told of it: not before its gateways had time to say.
		 */
		if (facts->is_awaited && may_be_told(facts))
			return false;
		/* Nobody was told of it, so there is nothing to drain. */
		return is_ending(facts) && stage_set(machine, STAGE_REMOVE);
	case STAGE_RECEIVE:
	case STAGE_CLAIM:
		if (is_ending(facts))
			return stage_set(machine, STAGE_DRAIN);
		if (machine->proof_generation != facts->proof_generation) {
			machine->proof_generation = facts->proof_generation;
			return !facts->is_moving && stage_set(machine, STAGE_RECEIVE);
		}
		/* Never back from CLAIM for lost proof: claiming goes on, the state says degraded.
		 * A path that moves and is claimed was proved by an earlier control. */
		return (both_are_proved(facts) || is_carried(facts)) &&
		       stage_set(machine, STAGE_CLAIM);
	case STAGE_DRAIN:
		return nobody_claims(facts) && stage_set(machine, STAGE_REMOVE);
	case STAGE_REMOVE:
		return nobody_holds(facts) && stage_set(machine, STAGE_GONE);
	default:
		return false;
	}
}

static enum path_cause end_cause(const struct path_facts *facts, int end)
{
	const struct path_end_facts *fact = &facts->ends[end];

	if (!fact->is_fresh)
		return CAUSE_NOT_CONNECTED;
	if (!fact->has_certificate)
		return CAUSE_NO_CERTIFICATE;
	if (!end_counts(facts, end))
		return CAUSE_NOT_RECEIVING;
	if (fact->has_error)
		return CAUSE_ERROR;
	if (!fact->is_receiving)
		return CAUSE_NOT_RECEIVING;
	if (!fact->is_proved)
		return CAUSE_NOT_PROVED;
	return fact->is_claiming ? CAUSE_PROVED : CAUSE_NOT_CLAIMING;
}

/* The end that is worst off: silence before errors before what only takes time. */
static struct verdict ends_verdict(const struct path_facts *facts)
{
	static const enum path_cause order[] = {CAUSE_NOT_CONNECTED, CAUSE_NO_CERTIFICATE,
						CAUSE_ERROR,	     CAUSE_NOT_RECEIVING,
						CAUSE_NOT_PROVED,    CAUSE_NOT_CLAIMING};
	enum path_cause found[2] = {end_cause(facts, 0), end_cause(facts, 1)};

	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		for (uint8_t end = 0; end < 2; end++) {
			if (found[end] == order[i])
				return (struct verdict){.cause = order[i], .end = end};
		}
	}
	return (struct verdict){.cause = CAUSE_PROVED};
}

static struct verdict state_verdict(const struct path_machine *machine,
				    const struct path_facts *facts)
{
	bool was_active = machine->state == PATH_ACTIVE || machine->state == PATH_DEGRADED;
	struct verdict verdict;

	if (machine->stage == STAGE_GONE && facts->is_deleting)
		return (struct verdict){PATH_RELEASED, CAUSE_REMOVED, 0};
	if (machine->stage == STAGE_GONE)
		return (struct verdict){PATH_EXPIRED, expiry_causes[facts->expiry], 0};
	if (machine->stage == STAGE_DRAIN || machine->stage == STAGE_REMOVE ||
	    (machine->stage == STAGE_WAIT && is_ending(facts)))
		return (struct verdict){
			PATH_DRAINING,
			facts->is_deleting ? CAUSE_DELETED : expiry_causes[facts->expiry], 0};
	if (facts->life == LIFE_HELD)
		return (struct verdict){PATH_HELD, CAUSE_HELD, 0};
	if (machine->stage == STAGE_WAIT && facts->is_early)
		return (struct verdict){PATH_SCHEDULED, CAUSE_EARLY, 0};
	verdict = ends_verdict(facts);
	if (machine->stage == STAGE_CLAIM && is_carried(facts))
		return (struct verdict){PATH_ACTIVE, CAUSE_MOVING, 0};
	if (machine->stage == STAGE_RECEIVE && verdict.cause == CAUSE_PROVED)
		verdict.cause = CAUSE_NOT_CLAIMING;
	if (verdict.cause == CAUSE_PROVED)
		verdict.state = PATH_ACTIVE;
	else if (was_active && machine->stage == STAGE_CLAIM)
		verdict.state = PATH_DEGRADED;
	else if (was_active)
		verdict = (struct verdict){PATH_ACTIVATING, CAUSE_CHANGED, 0};
	else if (verdict.cause == CAUSE_NOT_CONNECTED)
		verdict.state = PATH_PENDING;
	else if (machine->stage == STAGE_WAIT)
		verdict.state = PATH_RESERVED;
	else
		verdict.state = verdict.cause == CAUSE_ERROR ? PATH_FAILED : PATH_ACTIVATING;
	return verdict;
}

int path_machine_poll(struct path_machine *machine, const struct path_facts *facts,
		      struct path_trace *trace, bool *is_stage_new)
{
	struct verdict verdict;

	*is_stage_new = stage_poll(machine, facts);
	verdict = state_verdict(machine, facts);
	return state_set(machine, &verdict, trace);
}
