/*
 * The control plane on a virtual clock: real cores (control/core, and dataplane/core/plan.c as the
 * agent's), and around them what control/io and the agent do thinly, as small machines. One thread.
 * Time moves in steps; the same seed gives the same run.
 *
 *	store.c    desired state: admission, terms, verbs, expiry; survives a restart of control
 *	control.c  facts from reports, machines, intents; all lost at a restart
 *	moves.c    what control does when links are drained, down or lost
 *	gateway.c  an agent: stream, reports, plan, fail static
 *	events.c   what goes wrong, and what clients ask
 *	check.c    what must hold whatever happens
 */
#pragma once

#include "control/core/admission.h"
#include "control/core/intent_plan.h"
#include "control/core/path_state.h"
#include "tests/sim/random.h"

#define MS 1000000ull
#define S  (1000 * MS)

#define STEP_NS 50 * MS
/* As control/io/live.h and control/io/api_intent.c have them. */
#define SILENCE_NS	   (3 * S)
#define PEER_WAIT_NS	   (6 * S)
#define RETRY_NS	   (250 * MS)
#define REPORT_NS	   (1 * S)
#define CHANNEL_SILENCE_NS (15 * S)

#define NONE UINT32_MAX

struct size {
	uint32_t sites, links, paths;
	uint32_t seconds; /* of trouble */
};

struct entry { /* of a report */
	uint32_t path, id, generation;
	bool is_receiving, is_proved, is_claiming, has_error;
};

struct slot { /* of a path at a gateway */
	uint32_t path, proved_generation;
	struct intent_path intent;
	bool is_claiming;
	bool is_moving;	    /* to the link of its intent, which is not proved yet */
	uint8_t sends_link; /* number of the link that it sends by */
	uint64_t answer_ns; /* of the last probe */
	uint64_t sound_ns;  /* the last time that what it claims had somewhere to go */
};

struct report {
	uint64_t at_ns; /* when it arrives; 0: none is on its way */
	uint64_t revision, term;
	uint32_t count;
	struct entry *entries;
};

struct line {
	uint64_t at_ns, sent_ns;
	struct intent intent;
};

/* What control remembers of a gateway. */
struct memory {
	uint64_t report_count, report_ns, applied_revision, applied_term;
	bool has_stream, has_sent, is_dirty;
	uint64_t opened_ns, retry_ns;
	struct intent sent;
};

struct gateway_box {
	char name[MODEL_NAME_BYTES];
	struct site site;
	struct gateway spec;
	uint32_t *links, link_count;
	/* The agent. */
	bool is_alive, is_cut, is_connected;
	uint64_t lossy_until_ns, slow_until_ns, back_ns, heard_ns;
	uint64_t attempt_ns, report_ns, term;
	uint32_t attempt;
	bool is_due;
	struct intent applied, saved;
	struct slot *slots;
	uint32_t slot_count, slot_room;
	struct line line;
	struct report report;
	struct memory memory;
	uint64_t away_ns; /* the last time it was dead or out of reach */
	uint64_t died_ns;
	uint64_t told_ns;  /* of the last intent that it took */
	uint64_t reach_ns; /* since when it and control could talk */
};

enum role {
	ROLE_LINK,
	ROLE_BACKUP,
	ROLE_FROM,
	ROLES
};

struct booked {
	uint32_t path;
	enum role role;
};

struct link_box {
	char name[MODEL_NAME_BYTES];
	struct link spec;
	uint32_t gateways[2];
	bool is_cut;
	uint64_t back_ns;
	uint32_t *paths, path_count, path_room; /* that it carries, or is to carry */
	struct booked *booked;			/* by all of them, also as backup */
	uint32_t booked_count, booked_room;
	/* Control's memory. */
	uint64_t suspect_ns; /* until then */
	uint64_t drain_ns;   /* the next look */
	uint32_t drained;    /* the path that went last in this round; NONE: none yet */
};

struct news { /* what a gateway said of a path's end */
	uint64_t report_count;
	uint32_t gateway;
	bool has_echo;
	struct path_end_facts facts;
};

struct path_box {
	char name[MODEL_NAME_BYTES];
	bool exists;
	uint64_t revision;
	struct path spec;
	uint32_t link;
	uint32_t links[ROLES]; /* that are booked; NONE: none */
	/* What is booked there: of buffers what is more than what the roles before it have. */
	struct admission_claim claims[ROLES];
	uint32_t restart_generation; /* since then it only moved */
	/* Control's memory. */
	bool has_machine;
	uint64_t move_ns, lost_ns, backup_ns;
	uint32_t move_generation, returns;
	uint64_t first_revision; /* that this life of control saw of it */
	uint64_t stage_revision; /* when its gateways were last to be told something else */
	struct path_machine machine;
	struct news news[2];
	/* The checks'. */
	uint64_t ready_ns, ending_ns;
	uint64_t still_ns; /* the last time that it did not move, or could not be expected to */
	uint64_t wanted_revision; /* since when its gateways may be told of it */
	struct path_facts facts;  /* that the machine saw last */
};

struct counts {
	uint64_t created, refused, modified, moved, released, expired, restarts, deaths, cuts;
	uint64_t failovers, drained, returned, unprotected;
	uint64_t unreachable, lines, reports, traces, slowest_ms;
};

struct world {
	struct size size;
	uint64_t seed, now_ns, start_ns;
	struct gateway_box *gateways; /* one each site */
	struct link_box *links;
	struct path_box *paths;
	uint64_t revision, term;
	bool is_up;
	uint64_t up_revision; /* when it came up */
	uint64_t up_ns;	      /* since when control is, or when it will be */
	bool is_quiet;	      /* no new trouble */
	struct random events, delays;
	struct counts counts;
	uint32_t traced; /* path, NONE: none */
	bool is_failed;
	char message[300];
};

/* The first failure is the one that is told. */
__attribute__((format(printf, 2, 3))) void world_fail(struct world *w, const char *format, ...);
/* Printed when the path is the traced one. */
__attribute__((format(printf, 3, 4))) void world_trace(const struct world *w, uint32_t path,
						       const char *format, ...);
void world_make(struct world *w, uint64_t seed, const struct size *size);
void world_free(struct world *w);
void *array_grow(void *array, uint32_t count, uint32_t *room, size_t size);

/* store.c. All false: refused. */
bool store_create(struct world *w, uint32_t path, const struct path *spec);
bool store_modify(struct world *w, uint32_t path, const struct path *spec);
bool store_verb(struct world *w, uint32_t path, enum path_verb verb);
void store_delete(struct world *w, uint32_t path);
void store_follow(struct world *w, uint32_t path);
/* Control gives it another link: as control/io/validate_move.c. */
enum store_move {
	STORE_ASKED, /* no move: what the spec asks for */
	STORE_AWAY,
	STORE_TO_BACKUP,
	STORE_RETURN,
	STORE_NEW_BACKUP,
};
/* place.c: the link and the backup (or NONE) for what the spec asks; may_lack: a backup. */
bool place_path(struct world *w, uint32_t path, const struct path *spec, enum store_move kind,
		bool may_lack, uint32_t links[2]);
uint32_t site_of(const struct path *spec, int end);
struct admission_medium medium_of(const struct link_box *link);
bool store_move(struct world *w, uint32_t path, enum store_move kind, enum path_move cause);
/* Both ends proved it. */
void store_moved(struct world *w, uint32_t path);
static inline bool path_is_ending(const struct path_box *p)
{
	return p->spec.assigned.is_deleting || p->spec.assigned.life == LIFE_EXPIRED;
}
/* The gateway at a path's end; the path has a link. */
static inline uint32_t path_gateway(const struct world *w, const struct path_box *p, int end)
{
	return w->links[p->link].gateways[path_link_end(&p->spec, (enum model_end)end)];
}

/* control.c */
void control_step(struct world *w);
void control_restart(struct world *w, uint64_t away_ns);
void control_open(struct world *w, struct gateway_box *g);
void control_take(struct world *w, uint32_t gateway);
void control_touch(struct world *w, const struct path_box *p);

/* moves.c */
void moves_look(struct world *w, uint32_t path);
void moves_step(struct world *w);
void moves_forget(struct world *w);

/* gateway.c */
void gateway_step(struct world *w, uint32_t gateway);
void gateway_die(struct world *w, struct gateway_box *g);
void gateway_live(struct world *w, struct gateway_box *g);
void gateway_drop_stream(struct world *w, struct gateway_box *g);
struct slot *slot_find(const struct gateway_box *g, uint32_t path);
void intent_copy(struct intent *to, const struct intent *from);
void intent_clear(struct intent *intent);

/* events.c */
void events_step(struct world *w);
void events_heal(struct world *w);

/* check.c */
void check_step(struct world *w);
void check_booked(struct world *w);
void check_action(struct world *w, uint32_t gateway, const struct slot *slot, bool is_removed);
void check_claim(struct world *w, const struct path_box *p);
void check_line(struct world *w, const struct intent *intent);
void check_healed(struct world *w);
void check_empty(struct world *w);
