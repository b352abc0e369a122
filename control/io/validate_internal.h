/*
 * What the files of validate.h share; nobody else includes it. validate.c goes over the draft and
 * checks what is not a path, validate_path.c and validate_terms.c check paths,
 * validate_dependents.c finds those that must be looked at too, validate_place.c gives them a link,
 * which validate_choose.c chooses; validate_move.c does so without a request,
 * validate_quota.c knows the tenants' limits, refusal.c says why not and what instead,
 * validate_cluster.c makes paths of clusters, validate_try.c tries other plans and what is offered.
 */
#pragma once

#include "control/io/ledger.h"
#include "control/io/validate.h"

/* Two members that no plan of their cluster may join. */
struct closed_pair {
	char cluster[MODEL_NAME_BYTES];
	char sites[2][MODEL_NAME_BYTES];
};

#define CLOSED_PAIRS_MAX 12

/* What lies between a cluster's members in a window: the same whatever they ask. */
struct known_pairs {
	char cluster[MODEL_NAME_BYTES]; /* empty: nothing is known yet */
	uint64_t start_ns, end_ns;
	struct cluster_pairs pairs;
};

struct closed_pairs {
	uint32_t count;
	struct closed_pair pairs[CLOSED_PAIRS_MAX];
	struct known_pairs *known; /* of the tries of one request; NULL: not kept */
};

/* What the first refusal of a draft was for, as far as it could be got round. All zero: nothing. */
struct refused {
	enum {
		REFUSED_OTHER,
		REFUSED_ROOM, /* some link, gateway or quota has not enough left */
		REFUSED_HORIZON,
	} why;
	enum model_kind kind; /* of the one that asked: a path, or the cluster that keeps it */
	char name[MODEL_NAME_BYTES];
	bool has_pair; /* REFUSED_ROOM: the path between these members of the cluster */
	char sites[2][MODEL_NAME_BYTES];
	uint64_t rate_bps; /* and its rate */
	/* When that path could be had: from then on, and until when from the asked start on; 0:
	 * never. REFUSED_HORIZON: end_ns is as far as the tenant may book. */
	uint64_t later_ns, later_end_ns, end_ns;
};

struct rules {
	struct draft *draft;
	struct ledger *ledger;
	struct problem *problem;
	uint64_t now_ns; /* since the epoch */
	const struct closed_pairs *closed;
	struct refused *refused; /* NULL: nobody wants to know */
};

/* validate.c: goes over the draft once. */
bool rules_run(struct draft *draft, const struct closed_pairs *closed, struct refused *refused,
	       struct problem *problem);
/* May the one who asks hear of this path by its name? */
bool rules_may_name(const struct rules *rules, const char *path);

/* Reports a fault at a member of the item's spec, e.g. "/rate_bps". */
void rules_fail(const struct rules *rules, const struct draft_item *item, const char *code,
		const char *member, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Refuses (409) because of a member of the item's spec. */
void rules_refuse(const struct rules *rules, const struct draft_item *item, const char *code,
		  const char *member, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void rules_no_memory(const struct rules *rules);

/* validate_path.c: is_asked: the request names it; else it only stands on changed ground. */
void rules_check_path(const struct rules *rules, struct draft_item *item, bool is_asked);
/* The name of a path that claims the same traffic at the same time, or NULL. */
const char *rules_find_conflict(const struct rules *rules, const struct object *path);
/* validate_dependents.c: paths that the request does not name but whose ground it changes. */
void rules_check_dependents(const struct rules *rules);
/* Does the draft change the path's sites, its link or that one's gateways? */
bool rules_ground_is_touched(const struct rules *rules, const struct path *path);

/* validate_gateway.c: the gateway at an end of the link that carries no more paths in the path's
 * time, or NULL. */
const char *rules_find_full(const struct rules *rules, const struct object *path,
			    const struct ledger_link *link);

/* validate_place.c: gives the path its link, and a backup where it asks for one, or reports why
 * there is none; is_asked: by a request, so within what is left to its tenant. */
bool rules_place_path(const struct rules *rules, struct draft_item *item, bool is_asked);

/* validate_path.c: what follows for the gateways from the link that it has now; move: why, if it
 * moves while the old tunnel carries. False: reported. */
bool rules_assign(const struct rules *rules, struct draft_item *item, enum path_move move);

/*
 * Of the links that would do for this path, whatever its rates, the one with the most room each
 * way: its round trip, and that room; 1:1, of two that share no risk what both have, and the longer
 * round trip. 0 for both when there is none. False: reported, no memory.
 */
bool rules_find_way(const struct rules *rules, const struct object *path, uint64_t *rtt_ns,
		    uint64_t *room_bps);
/* Notes down for offers when a path that no link has room for could be had. */
void rules_note_times(const struct rules *rules, const struct object *path);

/* validate_cluster.c: before anything else is looked at. */
void rules_expand_clusters(const struct rules *rules);

/* validate_terms.c: window, lease, hold, tenant, what of its quota admission does not look at, and
 * diversity, as far as the request changes them. Before admission; and what follows after it. */
bool rules_check_terms(const struct rules *rules, const struct draft_item *item);
void rules_take_terms(const struct rules *rules, struct draft_item *item);
/* Whatever a tenant has, it may keep, and give back in parts: is this more? */
bool rules_wants_more(const struct draft_item *item);

/*
 * validate_quota.c: the tenant's number of paths and how far ahead it may book; its rate and
 * buffers are admission's. NULL when it may have the path, else text with the limit that is in the
 * way and *member, what of the spec it is about; *last_ns: as far ahead as it may, 0 where that is
 * not it.
 */
const char *rules_find_quota(const struct rules *rules, const struct object *path, char *text,
			     size_t size, const char **member, uint64_t *last_ns);

/* refusal.c */
void rules_refuse_path(const struct rules *rules, const struct draft_item *item,
		       const struct admission_verdict *verdict,
		       const struct ledger_link *const links[]);
/* Notes down what a path was refused for, unless something was before. */
void rules_note_refused(const struct rules *rules, const struct object *path,
			const struct admission_verdict *verdict);
