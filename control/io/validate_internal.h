/*
 * What the files of validate.h share; nobody else includes it. validate.c goes over the draft and
 * checks what is not a path, validate_path.c and validate_terms.c check paths,
 * validate_dependents.c finds those that must be looked at too, validate_place.c gives them a link,
 * validate_quota.c knows the tenants' limits, refusal.c says why not and what instead.
 */
#pragma once

#include "control/io/ledger.h"
#include "control/io/validate.h"

struct rules {
	struct draft *draft;
	struct ledger *ledger;
	struct problem *problem;
	uint64_t now_ns; /* since the epoch */
};

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

/* validate_place.c: gives the path a link, or reports why there is none; has_quota: within what is
 * left to its tenant. */
bool rules_place_path(const struct rules *rules, struct draft_item *item, bool has_quota);

/*
 * Of the links that would do for this path, whatever its rates, the one with the most room each
 * way: its round trip, and that room. 0 for both when there is none. False: reported, no memory.
 */
bool rules_find_way(const struct rules *rules, const struct object *path, uint64_t *rtt_ns,
		    uint64_t *room_bps);

/* validate_cluster.c: before anything else is looked at. */
void rules_expand_clusters(const struct rules *rules);

/* validate_terms.c: window, lease, hold, tenant and diversity, as far as the request changes them.
 * Before admission; what follows from them after it; and the tenant's quota. */
bool rules_check_terms(const struct rules *rules, const struct draft_item *item);
void rules_take_terms(const struct rules *rules, struct draft_item *item);
void rules_check_quota(const struct rules *rules, const struct draft_item *item);
/* Whatever a tenant has, it may keep, and give back in parts: is this more? */
bool rules_wants_more(const struct draft_item *item);

/* validate_quota.c: NULL when the tenant may have it, else text with the limit that is in the way;
 * *member is what of the spec it is about. */
const char *rules_find_quota(const struct rules *rules, const struct object *path,
			     const struct admission_claim *claim, char *text, size_t size,
			     const char **member);

/* refusal.c */
void rules_refuse_path(const struct rules *rules, const struct draft_item *item,
		       const struct admission_verdict *verdict,
		       const struct ledger_link *const links[]);
