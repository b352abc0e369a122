/*
 * Where each path is, on which link and between which gateways; which paths are to be looked at,
 * because something happened to them or because their time has come; and what each gateway is told
 * of its paths, as far as that is known to be still so. With it a change costs what it touches,
 * however many paths there are.
 *
 * It is told of changes and says nothing that the store and the gateways' reports do not say.
 * Control's thread. Promises: a path that was noted is taken once, in the order of noting, however
 * often it was noted meanwhile; a gateway that is told otherwise is taken once likewise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/model.h"
#include "control/io/key_index.h"
#include "control/io/name_index.h"
#include "control/io/shared_text.h"
#include "control/io/timer_heap.h"

#define ROSTER_NEVER UINT64_MAX

struct roster_gateway {
	char name[MODEL_NAME_BYTES];
	struct name_index paths; /* struct roster_path, those with an end here */
	uint64_t version;	 /* counts the changes of what it is told; its keeper's */
	bool is_stale;		 /* it may have to be told otherwise */
	bool is_over;		 /* it was said that it has too many paths; its keeper's */
	struct roster_gateway *next_stale;
};

/* What the gateway at one end is told of the path; NULL: nothing. */
struct roster_told {
	struct shared_text *text;
	bool is_stale;
};

struct roster_path {
	struct key_node by_link;
	char name[MODEL_NAME_BYTES];
	char link[MODEL_NAME_BYTES];
	struct roster_gateway *at[2]; /* by the path's end; NULL: it is nowhere */
	struct roster_told told[2];
	struct loop_timer alarm; /* not the loop's: by the wall clock */
	struct roster_path *prev_due, *next_due;
	bool is_due;
};

/* Zero it before use. */
struct roster {
	struct name_index paths, gateways;
	struct key_index link_paths;
	struct roster_path *first_due, *last_due;
	struct roster_gateway *first_stale, **last_stale;
	struct timer_heap alarms;
	uint64_t woken_ns; /* when roster_wake looked last */
	size_t due_count;
};

void roster_free(struct roster *roster);

/*
 * The path is there now; gateways: "" where there is none. A new one, and one that is elsewhere
 * now, is noted, and its gateways are told otherwise. 0 or -ENOMEM: it may be known as nowhere.
 */
int roster_place(struct roster *roster, const char *path, const char *link,
		 const char *const gateways[2]);
void roster_forget(struct roster *roster, const char *path);
/* The paths of a link, in no order; NULL at the end. */
struct roster_path *roster_on_link(const struct roster *roster, const char *link);
struct roster_path *roster_next_on_link(const struct roster_path *path);
/* NULL without memory. It stays until it is forgotten. */
struct roster_gateway *roster_gateway(struct roster *roster, const char *name);
/* One that has paths stays. */
void roster_gateway_forget(struct roster *roster, const char *name);
/* The path's end at the gateway. */
enum model_end roster_end(const struct roster_path *path, const struct roster_gateway *gateway);

/* Something happened to the path, or to all paths of the gateway, or to all. Unknown names are
 * ignored. */
void roster_note(struct roster *roster, const char *path);
void roster_note_gateway(struct roster *roster, const char *gateway);
void roster_note_all(struct roster *roster);
/* So that its gateways are perhaps told otherwise; or, of a gateway, those of all of its paths. */
void roster_tell(struct roster *roster, const char *path);
void roster_tell_gateway(struct roster *roster, const char *gateway);

/* The name of the next path to look at; false when there is none. */
bool roster_take(struct roster *roster, char name[MODEL_NAME_BYTES]);
/* The next gateway to tell otherwise, or NULL. */
struct roster_gateway *roster_take_stale(struct roster *roster);

/* Notes the path when the wall clock gets there; instead of what was set. Without memory now. */
void roster_set_alarm(struct roster *roster, const char *path, uint64_t at_ns);
/* Notes those whose time has come; all, where the clock was put back: they would be late. */
void roster_wake(struct roster *roster, uint64_t now_ns);
/* Of the next alarm; ROSTER_NEVER: there is none. */
uint64_t roster_next_ns(const struct roster *roster);
