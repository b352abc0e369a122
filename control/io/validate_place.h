/*
 * One path among the links between its sites: what admission looks at to place it. Made of a draft
 * and the ledger, for one look. validate_place.c decides with it, validate_explain.c tells of it.
 */
#pragma once

#include "control/io/validate_internal.h"

/* Of links, gateways and the tenant. */
#define CALENDARS_MAX (2 * ROUTES_MAX + 2 * ROUTES_MAX + 2)

/* All that admission looks at for one path. */
struct place {
	const struct rules *rules;
	const struct object *object;
	const struct ledger_path *self; /* its own row, if it has one */
	uint32_t count;			/* of options */
	struct admission_option options[ROUTES_MAX];
	const struct ledger_link *links[ROUTES_MAX];
	struct route *diverse; /* of paths that this one must not share a risk with */
	struct admission_request request;
	uint32_t second; /* the option where it has its backup, or ADMISSION_NO_OPTION */
	/* Two of each option's link, then those of gateways and of the tenant. */
	struct calendar calendars[CALENDARS_MAX];
	const char *gateways[CALENDARS_MAX];
	uint32_t calendar_count;
	struct calendar_entry *entries;
	uint32_t entry_count, entry_capacity;
	struct booking *bookings;
	struct calendar_event *scratch;
	const char *full; /* a gateway that carries no more paths, and its links are no options */
	bool is_short;	  /* of memory */
};

/* has_quota: within what is left to its tenant. NULL without memory. */
struct place *place_make(const struct rules *rules, const struct object *object, bool has_quota);
void place_free(struct place *place);

/* validate_choose.c: which link, and which one beside it. */
struct choice {
	uint32_t first, second; /* options, or ADMISSION_NO_OPTION */
};

/*
 * What the path's spec asks for, beside what it has; is_asked: by a request. False: refused,
 * verdict says why.
 */
bool place_choose(struct place *place, bool is_asked, struct choice *choice,
		  struct admission_verdict *verdict);
/* The option of the link, or ADMISSION_NO_OPTION. */
uint32_t place_option(const struct place *place, const char *link);
/* Writes it down. */
void place_take(const struct place *place, const struct choice *choice,
		struct path_assignment *assigned);
