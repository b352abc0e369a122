/*
 * The life of one path: a stage, which decides what its gateways are told, and the one word a
 * client sees. Both follow from facts that the gateways report; each has one table of allowed
 * transitions.
 *
 * Pure and clockless: the caller says which facts are fresh. Owned by the control thread.
 *
 *	stage RECEIVE => the certificates of both ends are known
 *	stage CLAIM  => both ends received and were proved for proof_generation or later; of a path
 *			that moves, for the one that it has moved from
 *	stage REMOVE => every fresh end applied the deletion and claims no more
 *	state ACTIVE => both ends are fresh and claim; of a path that moves, by either tunnel
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/model.h"

enum path_stage {
	STAGE_WAIT,    /* in no intent yet: held, too early, or a certificate is not known */
	STAGE_RECEIVE, /* both ends receive and probe */
	STAGE_CLAIM,   /* and claim traffic */
	STAGE_DRAIN,   /* both ends stop claiming, still receive */
	STAGE_REMOVE,  /* the path is in no intent any more; the ends forget it */
	STAGE_GONE,    /* no end knows it */
	STAGE_COUNT
};

/*
 * What a client sees, the first that holds: released or expired, draining, held, scheduled, then
 * what the gateways make of it.
 */
enum path_state {
	PATH_PENDING,	/* waits for a gateway that is not connected */
	PATH_HELD,	/* admitted, waits for commit */
	PATH_RESERVED,	/* committed; its gateways are there, but were not told of it yet */
	PATH_SCHEDULED, /* committed; its window has not begun */
	PATH_ACTIVATING,
	PATH_ACTIVE,
	PATH_DEGRADED,
	PATH_DRAINING,
	PATH_RELEASED,
	PATH_FAILED,
	PATH_EXPIRED, /* as released, by the clock; it is kept for a while for whoever asks */
	PATH_STATE_COUNT
};

/* Why the state is what it is. With ends: the end that is meant. */
enum path_cause {
	CAUSE_CREATED,
	CAUSE_NOT_CONNECTED,  /* end: no report yet, or silent for too long */
	CAUSE_NO_CERTIFICATE, /* end: its gateway has not reported one */
	CAUSE_NOT_RECEIVING,  /* end */
	CAUSE_NOT_PROVED,     /* end: no probe has come through */
	CAUSE_NOT_CLAIMING,   /* end */
	CAUSE_ERROR,	      /* end: the gateway says why */
	CAUSE_PROVED,	      /* both ends claim */
	CAUSE_CHANGED,	      /* a new spec needs a new proof */
	CAUSE_DELETED,
	CAUSE_REMOVED,
	CAUSE_HELD,
	CAUSE_COMMITTED,
	CAUSE_EARLY,	     /* the window has not begun */
	CAUSE_HOLD_EXPIRED,  /* not committed in time */
	CAUSE_LEASE_EXPIRED, /* not renewed in time */
	CAUSE_WINDOW_OVER,
	CAUSE_MOVING, /* the old tunnel carries until the new one is proved */
	CAUSE_COUNT
};

struct path_end_facts {
	bool is_fresh;	  /* a report of this end's gateway is recent enough */
	bool is_reported; /* and it mentions this path */
	bool is_current;  /* and it was made with the path's last change applied */
	bool is_receiving, is_proved, is_claiming, has_error;
	bool has_certificate; /* known, fresh or not */
	uint32_t generation;  /* that the gateway speaks of */
};

struct path_facts {
	struct path_end_facts ends[2];
	uint32_t proof_generation; /* older reports prove nothing */
	bool is_deleting;
	bool is_early;		  /* its window has not begun */
	bool is_moving;		  /* to another tunnel: until it is proved the old one carries */
	uint32_t move_generation; /* of is_moving: the first that did */
	/* An earlier control may have told its gateways of it, and they may still be on their way
	 * back to this one: who is not heard yet is waited for. */
	bool is_awaited;
	uint8_t life;	/* enum path_life */
	uint8_t expiry; /* enum path_expiry, of LIFE_EXPIRED */
};

struct path_machine {
	enum path_stage stage;
	enum path_state state;
	enum path_cause cause;
	uint8_t cause_end;
	uint32_t proof_generation; /* that `stage` stands on */
};

struct path_trace {
	enum path_state from, to;
	enum path_cause cause;
	uint8_t cause_end;
};

/* Both ends proved and claim the tunnel that a moving path goes to: the old one can go. */
bool path_has_moved(const struct path_facts *facts);
/* Both ends are there and try what is to be proved: that it is not is not their fault. */
bool path_is_tried(const struct path_facts *facts);
/* The far end is not reached: a gateway that is heard gets no probe of the path back. */
bool path_is_lost(const struct path_machine *machine, const struct path_facts *facts);

void path_machine_init(struct path_machine *machine, const struct path_assignment *assigned);
/*
 * Lets facts work on the machine. Writes at most one trace, 1 when it did, else 0; *is_stage_new
 * when the gateways must be told. Facts that move it by several stages need several calls: call
 * until both are 0.
 */
int path_machine_poll(struct path_machine *machine, const struct path_facts *facts,
		      struct path_trace *trace, bool *is_stage_new);

const char *path_state_name(enum path_state state);
/* PATH_STATE_COUNT for an unknown name. */
enum path_state path_state_find(const char *name);
const char *path_cause_text(enum path_cause cause);
/* Does the text want the gateway's name before it? */
bool path_cause_has_end(enum path_cause cause);
bool path_state_may_follow(enum path_state from, enum path_state to);

/* ---- path_verb.c ---- */

/* What a client may do with a path beside changing and deleting it. */
enum path_verb {
	VERB_COMMIT,
	VERB_ABORT,
	VERB_RENEW,
	VERB_COUNT
};

enum path_verb_answer {
	VERB_REFUSED,
	VERB_DONE, /* it was done already: the same request again is no error */
	VERB_TAKEN,
};

const char *path_verb_name(enum path_verb verb);
/* VERB_COUNT for an unknown name. */
enum path_verb path_verb_find(const char *name);
enum path_verb_answer path_verb_check(const struct path *path, enum path_verb verb);
/*
 * Which expiry is due at now_ns (ns since the epoch), EXPIRY_NONE when none is. The hold of a held
 * path, the lease and the end of a committed one; of lease and end the earlier. since_ns: when this
 * control came to take renewals; a lease has its whole time from then on.
 */
enum path_expiry path_expiry_due(const struct path *path, uint64_t now_ns, uint64_t since_ns);
/* When the clock will next change what the path is, after now_ns; UINT64_MAX: never. */
uint64_t path_next_ns(const struct path *path, uint64_t now_ns);
