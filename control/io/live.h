/*
 * Facts, as against desired state: what gateways report, which intent streams are open, in which
 * state each path is and how it got there. Kept in memory, rebuilt from reports after a restart.
 *
 * Control's thread. Entries of paths and gateways come when first asked for and go when told.
 */
#pragma once

#include <jansson.h>

#include "control/core/intent_plan.h"
#include "control/core/path_state.h"
#include "control/io/loop.h"
#include "control/io/name_index.h"
#include "control/io/problem.h"

#define LIVE_HISTORY_MAX 16
#define LIVE_TIME_BYTES	 40
#define LIVE_UNKNOWN_MAX 256
/* A gateway reports each second; three missed reports are silence. */
#define LIVE_SILENCE_NS 3000000000ull
/* After a restart gateways come back within this time: an agent's longest back-off, and a report.
 */
#define LIVE_RETURN_NS 6000000000ull
/* One that also says each 200 ms that it lives is missed sooner. */
#define LIVE_ALIVE_SILENCE_NS 800000000ull

/* Two looks at something that counts; NULL: none yet. live_transport.h makes rates of them. */
struct live_samples {
	json_t *before, *after;
	uint64_t before_ns, after_ns;
};

/* A report of so many paths is as large as can be. */
#define LIVE_PARTS_MAX 64

/* The intent, and the control, that a gateway's word is from. */
struct live_applied {
	uint64_t revision, term;
};

struct live_gateway {
	char name[MODEL_NAME_BYTES];
	uint64_t report_count;	   /* the number of the last one that is whole; 0: none yet */
	uint64_t report_begun;	   /* of the one under way, or the same */
	uint32_t parts, part_next; /* of that one, which may come in parts */
	uint64_t refused_count;	   /* reports that did not hold */
	bool is_refused;	   /* the last one was, and that is logged */
	uint64_t report_ns;	   /* monotonic, of the last one */
	uint64_t alive_ns;	   /* of the last word that it lives; 0: it never said so */
	char report_time[LIVE_TIME_BYTES];
	uint64_t applied_revision, applied_term; /* as of the last whole report */
	struct live_applied told;		 /* as of the last part of one */
	struct gateway_traits traits;
	json_t *report;		 /* without its paths */
	json_t *unknown;	 /* names of paths that it carries and is not told of; NULL: none */
	uint64_t unknown_report; /* the report that says so */
	struct live_samples samples;
	bool is_connected;
	struct live *live;
	struct loop_timer silence; /* set as long as it is heard */
};

struct live_path_end {
	uint64_t report_count; /* the gateway's report that told of it */
	struct live_applied applied;
	char gateway[MODEL_NAME_BYTES];
	struct path_end_facts facts;
	json_t *entry; /* of the report */
	struct live_samples samples;
	uint32_t packet_bytes; /* the largest inner packet, or piece of one, in a tunnel packet */
};

struct live_change {
	uint64_t revision;
	char time[LIVE_TIME_BYTES];
	struct path_trace trace;
	char text[192]; /* two names of links, and some words */
};

struct live_path {
	char name[MODEL_NAME_BYTES];
	struct path_machine machine;
	uint64_t first_revision; /* of the object, when this control first saw it */
	uint64_t stage_revision; /* the store's, when its gateways were last to be told otherwise */
	struct live_path_end ends[2];
	struct live_change history[LIVE_HISTORY_MAX]; /* a ring */
	uint32_t change_count;
	bool is_inherited; /* older than this control */
	/* Of its links, as the history has them; and since when (monotonic). */
	char link[MODEL_NAME_BYTES], from[MODEL_NAME_BYTES];
	uint32_t move_generation; /* 0: it does not move */
	bool is_returning;	  /* to where it came from */
	uint64_t move_ns;
	uint32_t returns;   /* from links that were never proved, one after the other */
	uint64_t lost_ns;   /* since when its far end is not reached; 0: it is */
	uint64_t backup_ns; /* not before is a backup looked for again; 0: at once */
	uint32_t searches;  /* for one, without success, one after the other */
	uint64_t link_news; /* api_moves.c had so many when it was looked for */
};

struct live {
	struct name_index gateways, paths;
	uint64_t term;
	uint64_t begin_ns; /* monotonic: since when gateways can come */
	struct loop *loop;
	/* A gateway that reports is heard again, or is not heard any more. */
	void (*on_heard)(const char *gateway, void *arg);
	void *arg;
};

void live_free(struct live *live);
/* NULL without memory. */
struct live_gateway *live_gateway(struct live *live, const char *name);
struct live_path *live_path(struct live *live, const struct object *path);
void live_gateway_forget(struct live *live, const char *name);
void live_path_forget(struct live *live, const char *name);

bool live_gateway_is_fresh(const struct live_gateway *gateway, uint64_t now_ns);
/* A report of it came, or a word that it lives. */
void live_gateway_heard(struct live_gateway *gateway);
/* RFC 3339, UTC, milliseconds. */
void live_time_now(char text[LIVE_TIME_BYTES]);

/* Takes a report; false, and the problem says where, when it is malformed. */
bool live_report(struct live_gateway *gateway, const json_t *report, uint64_t now_ns,
		 struct problem *problem);
/* Notes that the last report tells of a path that control knows nothing of. */
void live_note_unknown(struct live_gateway *gateway, const char *path);
/* Notes what a report says of one path at one end. */
void live_path_report(struct live_path *path, enum model_end end, const struct live_gateway *from,
		      json_t *entry);
/*
 * What the gateways at the path's ends said about themselves. Of one that has not reported, what
 * the other one says that it runs the path with: a control that has just started must not tear
 * down a path because one of its gateways is out of reach. All zero where nobody knows.
 */
void live_path_traits(const struct live *live, const struct live_path *path,
		      const char *const gateways[2], struct gateway_traits traits[2]);
/* gateways: the names at the path's ends; wall_ns: since the epoch, for its window. */
void live_path_facts(struct live *live, const struct live_path *path, const struct object *object,
		     const char *const gateways[2], uint64_t now_ns, uint64_t wall_ns,
		     struct path_facts *facts);
/* A path that expired is wanted again: its machine begins anew, its history goes on. */
void live_path_revive(struct live_path *path, const struct object *object);
void live_path_trace(struct live_path *path, const struct path_trace *trace, uint64_t revision,
		     const char *const gateways[2]);
/* live_move.c: notes in the history that the path goes to another link, or has gone there; false:
 * there is no news. */
bool live_path_note_move(struct live_path *path, const struct object *object, uint64_t revision,
			 uint64_t now_ns);
/* {"from", "cause"}; NULL: it does not move. */
json_t *live_path_move_json(const struct object *object);
/* Why the path is in its state, for people. */
void live_path_reason(const struct live_path *path, const char *const gateways[2], char *text,
		      size_t size);

json_t *live_gateway_json(const struct live_gateway *gateway);
json_t *live_path_json(const struct live *live, const struct live_path *path,
		       const struct object *object, const char *const gateways[2], uint64_t now_ns);
