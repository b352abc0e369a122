/*
 * What admission must know of all paths and links, found by key instead of by looking at everything
 * that there is: who is booked on a link, which links join a site or end at a gateway, whose path
 * claims the same prefixes, which numbers are taken. It says nothing that the store does not say:
 * it is derived from head, brought up to date when it is used, and can be dropped at any time.
 *
 * Keys are hashes of names. Two names with one hash would be counted as one: too much booked, never
 * too little. Control's thread.
 */
#pragma once

#include "control/core/admission.h"
#include "control/io/draft.h"
#include "control/io/key_index.h"

struct ledger_link {
	struct key_node by_site[2], by_gateway[2];
	char name[MODEL_NAME_BYTES];
	char sites[2][MODEL_NAME_BYTES];
	char gateways[2][MODEL_NAME_BYTES];
	struct admission_medium medium; /* lanes: by the link's end */
};

/* What a gateway said of itself that decides how much a path takes there; 0: not said. */
struct ledger_traits {
	char name[MODEL_NAME_BYTES];
	uint32_t lan_mtu, wan_mtu;
	uint32_t lanes; /* up to 255 */
	uint64_t buffer_bytes;
};

/*
 * What a path has booked on one link. Its buffers are those of the link that carries: of a gateway
 * at which two of its links end each booking after the first counts only what is more.
 */
struct ledger_booking {
	struct key_node by_link; /* owner: this */
	const struct ledger_path *path;
	bool is_reversed; /* the path's end A is at the link's end Z */
	uint64_t end_ns;  /* as of the path, or sooner */
	struct admission_claim claim;
};

enum ledger_role {
	LEDGER_LINK, /* that it has, or moves to */
	LEDGER_BACKUP,
	LEDGER_FROM, /* it moves away from there */
	LEDGER_ROLES,
};

struct ledger_path {
	struct ledger_booking bookings[LEDGER_ROLES];
	struct key_node by_selector, by_id, by_tenant, by_diverse;
	char name[MODEL_NAME_BYTES];
	uint32_t id;
	uint64_t start_ns, end_ns;    /* end_ns: CALENDAR_FOREVER without one */
	uint64_t rate_bps;	      /* the larger direction */
	struct admission_claim claim; /* in all: what counts against its tenant */
	uint8_t match_count;
	struct intent_match first_match; /* most have one: others are looked up */
};

static inline enum ledger_role ledger_booking_role(const struct ledger_booking *booking)
{
	return (enum ledger_role)(booking - booking->path->bookings);
}

struct ledger {
	struct store *store; /* NULL: of one draft only */
	bool is_stale;	     /* to be made anew */
	struct name_index links, paths;
	struct name_index traits; /* outlives what is derived */
	struct key_index site_links, gateway_links;
	struct key_index link_paths, selector_paths, id_paths, tenant_paths, diverse_paths;
	/* Paths that changed in head since the ledger was brought up to date. */
	char (*dirty)[MODEL_NAME_BYTES];
	size_t dirty_count, dirty_capacity;
};

/* Begins to follow the head of a store, as its observer, until ledger_free. */
void ledger_follow(struct ledger *ledger, struct store *store);
void ledger_free(struct ledger *ledger);
/* The one that follows the store, or NULL. */
struct ledger *ledger_of(const struct store *store);
/* Brings it up to what the draft is based on, and lays the draft over it. 0 or -ENOMEM. */
int ledger_open(struct ledger *ledger, const struct draft *draft);
/* The draft's path is what it is now; nothing but a link in its place is needed. 0 or -ENOMEM. */
int ledger_put(struct ledger *ledger, const struct draft *draft, const struct object *path);
/* Takes what the draft laid over it away again. */
void ledger_close(struct ledger *ledger, const struct draft *draft);

/* Of ledger_put: what the row books of which links; NULL where it books none. */
void ledger_book(const struct ledger *ledger, const struct path *path, struct ledger_path *row,
		 const struct ledger_link *links[LEDGER_ROLES]);

uint64_t ledger_key(const char *name);
const struct ledger_path *ledger_path(const struct ledger *ledger, const char *name);
const struct ledger_link *ledger_link(const struct ledger *ledger, const char *name);
/* What decides how much of a link a path takes; is_reversed: its end A is at the link's end Z. */
struct admission_medium ledger_medium(const struct ledger_link *link, bool is_reversed);
/* Fills in the medium of a link from what its gateways said. */
void ledger_note_medium(const struct ledger *ledger, struct ledger_link *link, uint64_t rtt_ns,
			bool is_v6);
/* What paths take at its links may be another amount now: that is reckoned anew. */
void ledger_note_gateway(struct ledger *ledger, const char *gateway);
/* Takes over what a gateway reports; an unknown one keeps the defaults. Without memory, too. */
void ledger_note_traits(struct ledger *ledger, const struct ledger_traits *traits);
/*
 * What paths take of a link at an instant. Index: the link's end that it leaves. Guaranteed and
 * counted are those that have it; booked is what the line carries for them, headers included, and
 * for those that keep it as their backup or move away from it: never more than is reservable. Of
 * a ledger that follows a store.
 */
struct ledger_load {
	uint64_t guaranteed_bps[2], booked_bps[2];
	uint32_t paths;
};
void ledger_link_load(const struct ledger *ledger, const char *link, uint64_t at_ns,
		      struct ledger_load *load);
/* Prefixes resolved: those of the sites where the path gives none. */
struct selector selector_of(const struct draft *draft, const struct path *path);
/* The same for all selectors whose prefixes are the same ones, in any order, either way round. */
uint64_t selector_key(const struct selector *selector);
/* The time that a path is booked for. */
uint64_t path_end_ns(const struct path *path);
