/*
 * What the files of the channel share; nobody else includes it. channel.c holds the intent stream
 * and the state, channel_report.c posts what the gateway says. Agent thread.
 */
#pragma once

#include "control/io/h2_client.h"
#include "dataplane/agent/channel.h"
#include "dataplane/agent/line_buffer.h"

struct channel {
	struct loop *loop;
	struct h2_client *client;
	char *url, *gateway;
	void (*on_intent)(struct intent *intent, const char *line, size_t len, void *arg);
	void (*on_state)(enum channel_state state, void *arg);
	void *arg;

	enum channel_state state; /* 0: nothing is known yet */
	char why[320];		  /* the state is what it is */
	uint64_t term;		  /* the highest seen */
	uint64_t random;
	uint64_t silence_ns;
	uint32_t attempt; /* failures in a row */

	struct h2_request *stream;
	struct line_buffer lines;
	struct loop_timer retry_timer, silence_timer;

	struct h2_request *report, *alive;
	char *sent_report;  /* the one under way, a part of it a line */
	size_t report_at;   /* where its next part begins */
	char *next_report;  /* waits for it to end */
	bool report_failed; /* logged, until one succeeds */

	/* Callbacks may destroy the channel: the outermost leave frees it. */
	uint32_t depth;
	bool destroyed;
};

/* One line on standard error, for the journal. */
__attribute__((format(printf, 1, 2))) void channel_log(const char *format, ...);
