/*
 * The rules that hold between resources, checked on a draft before it is committed; and what
 * control assigns on the way: link numbers, path numbers, generations and links of paths. Control's
 * thread.
 */
#pragma once

#include "control/core/intent_plan.h"
#include "control/io/draft.h"
#include "control/io/problem.h"

struct ledger;

/*
 * Keeps at hand, as the observer of the store's head, what rules look for, so that one request need
 * not look at all objects. Without it they do. NULL without memory.
 */
struct ledger *validate_begin(struct store *store);
void validate_end(struct ledger *ledger);
/* What a gateway reports of itself counts in admission: its workers, MTUs, and, where its spec has
 * none, its buffers. */
void validate_note_gateway(struct ledger *ledger, const char *name,
			   const struct gateway_traits *traits, uint32_t wan_mtu,
			   uint64_t buffer_bytes);
/* False, and the problem says why, when the draft must not be committed. */
/*
 * Also makes the paths of clusters that the draft puts, and lets those go of clusters that it
 * deletes.
 */
bool validate_draft(struct draft *draft, struct problem *problem);
/*
 * What a path stands on, as the draft has it; traits are left zero. False when something is missing
 * or its link does not join its sites (any more).
 */
bool path_context_find(const struct draft *draft, const struct object *path,
		       struct path_context *context);
/* ---- validate_move.c: control itself gives paths other links ---- */

enum move_kind {
	MOVE_AWAY,	 /* to another link, the same gateways first; a new backup with it */
	MOVE_TO_BACKUP,	 /* which is booked already; and a new backup where there is one */
	MOVE_RETURN,	 /* of a path that moves: to where it came from */
	MOVE_ONWARD,	 /* of one that neither link carries: to its backup, instead */
	MOVE_NEW_BACKUP, /* that alone */
};

struct move_request {
	enum move_kind kind;
	enum path_move cause;
	/* Links that are not to be trusted now; may be NULL. */
	bool (*is_barred)(const char *link, void *arg);
	void *arg;
};

/* What became of one path, or would. */
struct path_moved {
	char path[MODEL_NAME_BYTES];
	char to[MODEL_NAME_BYTES]; /* its link then; that of before when only its backup moves */
	char backup[MODEL_NAME_BYTES];
	bool is_moved;	     /* false: it stays, code and detail say why */
	bool is_backup_only; /* it has its backup there, not its traffic */
	bool is_interrupted; /* other gateways: its traffic stops until they have proved it */
	char code[32];
	char detail[400];
};

/* In the draft; false: it stays as it is, or there was no memory. */
bool validate_move(struct draft *draft, const char *path, const struct move_request *request,
		   struct path_moved *moved);

/* Of the paths that are booked on a link, by name; those that it carries before those that only
 * have their backup there. */
struct link_drain {
	struct path_moved *items; /* the caller frees them */
	size_t count;
	size_t moving; /* away from it already: they are not among the items */
};

/*
 * In the draft: all of them that can, or but the next one when is_single; none while one is moving
 * then. after: the one that moved before, NULL or without a name for the first. False without
 * memory.
 */
bool validate_drain(struct draft *draft, const char *link, const struct path_moved *after,
		    bool is_single, const struct move_request *request, struct link_drain *drain);

/* How many paths have booked the link, by enum ledger_role. False without memory. */
bool validate_link_uses(struct store *store, const char *link, size_t counts[]);

/* Room for the name of any cluster's path; it may turn out to be too long for a path. */
#define CLUSTER_PATH_NAME_BYTES (3 * MODEL_NAME_BYTES)
/* Of the path between members a and z (a < z): "train.a-b". */
void cluster_path_name(const struct object *cluster, uint8_t a, uint8_t z,
		       char name[CLUSTER_PATH_NAME_BYTES]);
/* Makes it a committed one, with a lease from now on where it has one. */
void path_commit(struct path *path, uint64_t now_ns);
/*
 * How a path of head stands to the links between its sites: {"candidates": each with a verdict,
 * "booked": what it takes of what, "binding": that of which least is left}. NULL without memory.
 */
json_t *validate_explain(struct store *store, const char *path);
/* The clock of windows, holds and leases: ns since the epoch. */
uint64_t validate_now_ns(void);
