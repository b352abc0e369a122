/*
 * What limits a path right now, in words for whoever has to do something about it. Pure; any
 * thread.
 *
 * Outbound, the gateway counts for how long something waited to be sent and why; the largest of
 * these shares of time is the answer once it is worth a word (LIMIT_SHARE). Waiting for the pace is
 * told apart by what is used up: the path's max_bps, the link's rate, the port, or none. Inbound,
 * the one thing that this end can hold up is the delivery to its LAN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "perf/transport.h"

#define LIMIT_SHARE	 0.10 /* of the time: less is no limit */
#define LIMIT_USED	 0.90 /* of a rate: more is used up */
#define LIMIT_FULL	 0.90 /* of the retention */
#define LIMIT_IDLE	 0.03 /* of a worker's time: less, and it has too much to do */
#define LIMIT_TEXT_BYTES 200

enum limit {
	LIMIT_NONE,	/* it carries what is offered */
	LIMIT_KEY,	/* no key to seal with */
	LIMIT_UNPROVED, /* the far end answers no probe of the path */
	LIMIT_CREDIT,	/* the far end takes no more */
	LIMIT_WINDOW,	/* as much unacknowledged as may be */
	LIMIT_LOWERED,	/* the link is slower than it was said to be */
	LIMIT_LINK,	/* the link's rate is used up */
	LIMIT_RATE,	/* the path's max_bps is used up */
	LIMIT_PORT,	/* the WAN port does not keep up with the pace */
	LIMIT_BURST,	/* what comes at once is more than the pace; on average it is not */
	LIMIT_WORKER,	/* a worker has no idle time left */
	LIMIT_PAUSE,	/* inbound: the LAN here takes nothing */
	LIMIT_COUNT
};

struct limit_input {
	const struct snapshot_path *path;
	struct transport_stalls stalls;
	uint64_t sent_bps;		  /* inner bits that the path sends now */
	const struct snapshot_link *link; /* NULL: not known */
	struct link_rates link_rates;
	uint64_t port_queue; /* frames that wait for the driver of a WAN port */
	double idle_share;   /* of the busiest worker; < 0: not known */
};

struct limits {
	enum limit out, in;
	double out_share, in_share; /* of the time; 0: not a matter of time */
};

/* "credit". "" for LIMIT_NONE. */
const char *limit_name(enum limit limit);
struct limits limits_find(const struct limit_input *input);
/* "credit 42 %" for a column of a table; "-" for LIMIT_NONE. */
void limit_brief(enum limit limit, double share, char *out, size_t size);
/* One sentence: what limits, how it shows, what to do. */
void limit_text(enum limit limit, double share, const struct limit_input *input, char *out,
		size_t size);
