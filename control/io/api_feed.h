/*
 * Open streams of lines to clients: GET /v1/watch and GET /v1/events, as ndjson or as server-sent
 * events. A hub numbers its entries and knows the text of each; a feed is one client with the
 * number of the entry that it is to be told next, and what of all entries it asked for.
 *
 * Control's thread. Promises: a client gets entries in their order, each one that its filter lets
 * through, and behind the last one a bookmark; or a last line with the error. Nothing is queued for
 * a client but FEED_PENDING_MAX bytes that wait for its window (FEED_PENDING_MIN where all feeds
 * together have more than FEED_PENDING_TOTAL) and one line: a slow one reads from the hub later,
 * until what it needs is no longer there.
 */
#pragma once

#include <jansson.h>

#include "control/io/api_query.h"
#include "control/io/h2_server.h"

#define FEED_COUNT_MAX	   4096
#define FEED_PENDING_MAX   (64u << 10)
#define FEED_PENDING_MIN   (4u << 10)
#define FEED_PENDING_TOTAL (32u << 20)
#define FEED_CURSOR_BYTES  48

struct feed;
struct feed_hub;
struct watch_page;

enum feed_next {
	FEED_LINE,  /* *type and *text are set */
	FEED_SKIP,  /* what came next does not concern this feed: ask again */
	FEED_LATER, /* there is more, but not now */
	FEED_END,   /* there is no more until something happens */
};

/* What a hub does for its feeds; hub and feed as the caller made them. */
struct feed_ops {
	/* The next thing for this feed, as one JSON text (borrowed until the next call). */
	enum feed_next (*next)(struct feed_hub *hub, struct feed *feed, const char **type,
			       const char **text);
	/* Where the feed stands: what a client gives as "since" to go on from here. */
	void (*cursor)(struct feed_hub *hub, const struct feed *feed,
		       char cursor[FEED_CURSOR_BYTES]);
	/* Is what it needs gone? */
	bool (*is_behind)(struct feed_hub *hub, const struct feed *feed);
	/* The feed goes; NULL: the hub keeps nothing for it. */
	void (*on_free)(struct feed_hub *hub, struct feed *feed);
};

struct feed_hub {
	const struct feed_ops *ops;
	struct loop *loop;
	struct feed *feeds;
	uint32_t count;
	size_t pending_bytes; /* of all feeds, as of the last publish */
};

struct feed {
	struct feed_hub *hub;
	struct h2_exchange *exchange;
	struct feed *prev, *next;
	struct loop_timer timer; /* heartbeat, or another try */
	uint64_t position;	 /* the hub's */
	uint64_t written_bytes, drained_bytes;
	uint64_t drained_ns; /* when the client was last seen to take something */
	uint64_t heartbeat_ns;
	uint64_t bookmark_ns; /* due then */
	bool is_sse, is_once, is_dirty;
	bool is_behind; /* what it needs is gone: the hub found out */
	struct api_filter filter;
	/* Of the watch, api_watch.c: what is read before position. */
	uint8_t phase;
	enum model_kind walk_kind;
	char walk_name[MODEL_NAME_BYTES];
	struct watch_page *page;
};

/*
 * Begins the answer. NULL and a problem, or NULL where there is no more to do (HEAD). Set
 * position, then call feed_pull.
 */
struct feed *feed_open(struct feed_hub *hub, struct h2_exchange *exchange,
		       const struct api_query *query, struct problem *problem);
/* Tells the feed what there is. It may be gone afterwards. */
void feed_pull(struct feed *feed);
/* All of them: after the hub got new entries. */
void feed_publish(struct feed_hub *hub);
/* Ends all feeds, so that the server can drain. */
void feed_stop(struct feed_hub *hub);
