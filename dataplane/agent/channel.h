/*
 * The gateway's line to control: holds the intent stream open, hands each new intent on, posts
 * reports.
 *
 * Agent thread, on its loop. Promises: intents reach on_intent whole, checked, for this gateway and
 * never of a lower term than one before; silence of 15 s or a loss leads to a new connection after
 * a back-off with jitter of 200 ms to 5 s (backoff.h); at most one part of a report is on its way,
 * and of the reports that wait only the newest is kept. State changes are logged once, not each
 * attempt.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/io/loop.h"
#include "control/io/tls_context.h"
#include "dataplane/agent/intent_json.h"

struct channel;

enum channel_state {
	CHANNEL_DOWN = 1, /* no connection, or none that delivers */
	CHANNEL_UNKNOWN,  /* control answers, but does not know this gateway */
	CHANNEL_UP,	  /* the stream is open and has delivered */
};

struct channel_config {
	const char *url;
	const struct tls_files *tls; /* for https; read at each connection; NULL: none */
	const char *gateway;
	uint64_t min_term;    /* of the intent restored from disk; 0: none */
	uint64_t random_seed; /* of the jitter */
	uint64_t silence_ns;  /* after which the connection counts as lost; 0: 15 s */
	/*
	 * A new intent: the callee's from here on (intent_free). line is its text (len bytes, no
	 * line end), for the state file, valid during the call.
	 */
	void (*on_intent)(struct intent *intent, const char *line, size_t len, void *arg);
	/* May be NULL. The state changed. */
	void (*on_state)(enum channel_state state, void *arg);
	void *arg;
};

/*
 * Starts at once. NULL with errno: EINVAL the url is malformed, ENOENT its host does not resolve,
 * ENOMEM. The strings of config are copied.
 */
struct channel *channel_create(struct loop *loop, const struct channel_config *config);
/* May be called from a callback. NULL is fine. */
void channel_destroy(struct channel *channel);
enum channel_state channel_state(const struct channel *channel);
/*
 * Posts the report (copied) now or after the one under way. Its parts are lines, and each is posted
 * when the one before was taken. While not up it is dropped. 0 or -ENOMEM.
 */
int channel_report(struct channel *channel, const char *json);
/*
 * Says that the gateway lives, unless a report or such a word is on its way. Often and cheap, so
 * that control misses a dead gateway within a second.
 */
void channel_alive(struct channel *channel);
