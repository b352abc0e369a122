#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "dataplane/agent/channel.h"
#include "tests/unit/control/h2_peer.h"

#define MS	1000000ull
#define FOREVER (20000 * MS)

#define LINE(revision, term) \
	"{\"revision\":" #revision ",\"term\":" #term ",\"gateway\":\"gw-a\",\"paths\":[]}\n"

struct fixture {
	struct loop *loop;
	struct h2_peer peer;
	uint16_t port;
	struct channel *channel;
	struct peer_stream *stream; /* the intent stream at the peer */
	struct peer_stream *report;
	int streams, reports, intents, states;
	bool unknown, hold_reports, destroys_on_intent, destroys_on_state;
	enum channel_state state;
	uint64_t revision, silence_ns;
	char line[256], last_report[64];
};

static void on_request(struct peer_stream *stream, void *arg)
{
	struct fixture *fixture = arg;

	if (strcmp(stream->path, "/v1/gateways/gw-a/report") == 0) {
		fixture->reports++;
		fixture->report = stream;
		snprintf(fixture->last_report, sizeof(fixture->last_report), "%s", stream->body);
		if (!fixture->hold_reports)
			peer_respond(stream, 204, true);
		return;
	}
	assert_string_equal(stream->path, "/v1/gateways/gw-a/intent");
	fixture->streams++;
	peer_respond(stream, fixture->unknown ? 404 : 200, fixture->unknown);
	if (!fixture->unknown)
		fixture->stream = stream;
}

static void destroy(struct fixture *fixture)
{
	channel_destroy(fixture->channel);
	fixture->channel = NULL;
}

static void on_intent(struct intent *intent, const char *line, size_t len, void *arg)
{
	struct fixture *fixture = arg;

	fixture->intents++;
	fixture->revision = intent->revision;
	snprintf(fixture->line, sizeof(fixture->line), "%.*s", (int)len, line);
	intent_free(intent);
	if (fixture->destroys_on_intent)
		destroy(fixture);
}

static void on_state(enum channel_state state, void *arg)
{
	struct fixture *fixture = arg;

	fixture->states++;
	fixture->state = state;
	if (fixture->destroys_on_state)
		destroy(fixture);
}

static void open_channel(struct fixture *fixture, uint64_t min_term)
{
	struct channel_config config = {
		.url = fixture->peer.url,
		.gateway = "gw-a",
		.min_term = min_term,
		.random_seed = 1,
		.silence_ns = fixture->silence_ns,
		.on_intent = on_intent,
		.on_state = on_state,
		.arg = fixture,
	};

	fixture->channel = channel_create(fixture->loop, &config);
	assert_non_null(fixture->channel);
}

static void open_peer(struct fixture *fixture)
{
	peer_start(&fixture->peer, fixture->loop, fixture->port);
	fixture->port = peer_port(&fixture->peer);
	fixture->peer.on_request = on_request;
	fixture->peer.arg = fixture;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->loop = loop_create();
	assert_non_null(fixture->loop);
	open_peer(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	channel_destroy(fixture->channel);
	peer_stop(&fixture->peer);
	loop_destroy(fixture->loop);
	free(fixture);
	return 0;
}

static void turn_until(struct fixture *fixture, const int *value, int wanted)
{
	uint64_t end = loop_now_ns(fixture->loop) + FOREVER;

	while (*value < wanted) {
		assert_true(loop_now_ns(fixture->loop) < end);
		assert_int_equal(loop_turn(fixture->loop, 50 * MS), 0);
	}
}

static void turn_some(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_turn(fixture->loop, MS), 0);
}

static void push(struct fixture *fixture, const char *text)
{
	peer_push(fixture->stream, text, strlen(text), false);
}

static void stream__intents_in_pieces(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 0);
	assert_int_equal(channel_state(fixture->channel), CHANNEL_DOWN);
	turn_until(fixture, &fixture->streams, 1);
	push(fixture, "{\"revision\":7,\"term\":3,");
	turn_some(fixture);
	assert_int_equal(fixture->intents, 0);
	push(fixture, "\"gateway\":\"gw-a\",\"paths\":[]}\n{\"heartbeat\":7}\n" LINE(8, 3));
	turn_until(fixture, &fixture->intents, 2);
	assert_int_equal(fixture->revision, 8);
	assert_int_equal(fixture->state, CHANNEL_UP);
	assert_int_equal(fixture->states, 1);
	assert_string_equal(fixture->line,
			    "{\"revision\":8,\"term\":3,\"gateway\":\"gw-a\",\"paths\":[]}");
}

static void stream__bad_lines_change_nothing(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 1);
	push(fixture,
	     LINE(1, 3) "{nonsense}\n\n"
			"{\"revision\":2,\"term\":3,\"gateway\":\"gw-b\",\"paths\":[]}\n"
			"{\"revision\":3,\"term\":3,\"gateway\":\"gw-a\",\"paths\":[{}]}\n");
	turn_some(fixture);
	assert_int_equal(fixture->intents, 1);
	assert_int_equal(channel_state(fixture->channel), CHANNEL_UP);
	push(fixture, LINE(4, 3));
	turn_until(fixture, &fixture->intents, 2);
	assert_int_equal(fixture->streams, 1);
}

static void stream__lower_term_is_refused(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 5);
	turn_until(fixture, &fixture->streams, 1);
	push(fixture, LINE(9, 4) LINE(10, 6));
	turn_until(fixture, &fixture->streams, 2);
	assert_int_equal(fixture->intents, 0); /* what follows on that stream neither */
	assert_int_equal(channel_state(fixture->channel), CHANNEL_DOWN);
	push(fixture, LINE(1, 5));
	turn_until(fixture, &fixture->intents, 1);
	push(fixture, LINE(1, 7));
	turn_until(fixture, &fixture->intents, 2);
	push(fixture, LINE(1, 6));
	turn_until(fixture, &fixture->streams, 3);
	assert_int_equal(fixture->intents, 2);
}

static void stream__control_killed_and_restarted(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 1);
	push(fixture, LINE(1, 1));
	turn_until(fixture, &fixture->intents, 1);
	peer_stop(&fixture->peer);
	turn_until(fixture, &fixture->states, 2);
	assert_int_equal(fixture->state, CHANNEL_DOWN);
	for (int i = 0; i < 30; i++) /* some attempts fail */
		assert_int_equal(loop_turn(fixture->loop, 20 * MS), 0);
	open_peer(fixture);
	turn_until(fixture, &fixture->streams, 2);
	push(fixture, LINE(1, 2));
	turn_until(fixture, &fixture->intents, 2);
	assert_int_equal(fixture->state, CHANNEL_UP);
	assert_int_equal(fixture->states, 3);
}

static void stream__unknown_gateway_is_retried(void **state)
{
	struct fixture *fixture = *state;

	fixture->unknown = true;
	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 2);
	turn_some(fixture);
	assert_int_equal(fixture->state, CHANNEL_UNKNOWN);
	assert_int_equal(fixture->states, 1);
	fixture->unknown = false;
	turn_until(fixture, &fixture->streams, 3);
	push(fixture, LINE(1, 1));
	turn_until(fixture, &fixture->intents, 1);
	assert_int_equal(fixture->state, CHANNEL_UP);
}

static void stream__ended_by_server(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 1);
	peer_push(fixture->stream, LINE(1, 1), strlen(LINE(1, 1)), true);
	turn_until(fixture, &fixture->streams, 2);
	assert_int_equal(fixture->intents, 1);
	assert_int_equal(fixture->state, CHANNEL_DOWN);
}

static void stream__silence_leads_to_a_new_connection(void **state)
{
	struct fixture *fixture = *state;

	fixture->silence_ns = 50 * MS;
	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 1);
	push(fixture, LINE(1, 1));
	turn_until(fixture, &fixture->states, 2);
	assert_int_equal(fixture->state, CHANNEL_DOWN);
	turn_until(fixture, &fixture->streams, 2);
	assert_int_equal(fixture->peer.accepted, 2);
}

static void report__one_at_a_time_newest_next(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 0);
	assert_int_equal(channel_report(fixture->channel, "early"), 0); /* dropped: not up */
	turn_until(fixture, &fixture->streams, 1);
	push(fixture, LINE(1, 1));
	turn_until(fixture, &fixture->intents, 1);
	assert_int_equal(fixture->reports, 0);
	fixture->hold_reports = true;
	assert_int_equal(channel_report(fixture->channel, "one"), 0);
	assert_int_equal(channel_report(fixture->channel, "two"), 0);
	assert_int_equal(channel_report(fixture->channel, "three"), 0);
	turn_until(fixture, &fixture->reports, 1);
	turn_some(fixture);
	assert_int_equal(fixture->reports, 1);
	assert_string_equal(fixture->last_report, "one");
	fixture->hold_reports = false;
	peer_respond(fixture->report, 204, true);
	push(fixture, "\n"); /* sends the answer, too */
	turn_until(fixture, &fixture->reports, 2);
	turn_some(fixture);
	assert_int_equal(fixture->reports, 2);
	assert_string_equal(fixture->last_report, "three");
}

static void answer_report(struct fixture *fixture, int status)
{
	peer_respond(fixture->report, status, true);
	push(fixture, "\n"); /* sends the answer, too */
}

/* A line each, when the one before was taken; what follows one that was refused is dropped. */
static void report__in_parts(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 1);
	push(fixture, LINE(1, 1));
	turn_until(fixture, &fixture->intents, 1);
	fixture->hold_reports = true;
	assert_int_equal(channel_report(fixture->channel, "one\ntwo\nthree"), 0);
	for (int part = 1; part <= 3; part++) {
		static const char *const parts[] = {"one", "two", "three"};

		turn_until(fixture, &fixture->reports, part);
		turn_some(fixture);
		assert_int_equal(fixture->reports, part);
		assert_string_equal(fixture->last_report, parts[part - 1]);
		answer_report(fixture, 204);
	}
	turn_some(fixture);
	assert_int_equal(channel_report(fixture->channel, "four\nfive"), 0);
	turn_until(fixture, &fixture->reports, 4);
	assert_int_equal(channel_report(fixture->channel, "six"), 0);
	answer_report(fixture, 409);
	turn_until(fixture, &fixture->reports, 5);
	assert_string_equal(fixture->last_report, "six");
}

static void destroy__inside_callbacks(void **state)
{
	struct fixture *fixture = *state;

	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 1);
	fixture->destroys_on_intent = true;
	push(fixture, LINE(1, 1) LINE(2, 1));
	turn_until(fixture, &fixture->intents, 1);
	turn_some(fixture);
	assert_int_equal(fixture->intents, 1);
	fixture->destroys_on_intent = false;

	open_channel(fixture, 0);
	turn_until(fixture, &fixture->streams, 2);
	fixture->destroys_on_state = true;
	push(fixture, LINE(1, 1));
	turn_until(fixture, &fixture->states, 2);
	turn_some(fixture);
	assert_null(fixture->channel);
	assert_int_equal(fixture->intents, 1);

	fixture->unknown = true;
	open_channel(fixture, 0);
	turn_until(fixture, &fixture->states, 3);
	assert_null(fixture->channel);
}

static void create__bad_url(void **state)
{
	struct fixture *fixture = *state;
	struct channel_config config = {.url = "nowhere", .gateway = "gw-a"};

	assert_null(channel_create(fixture->loop, &config));
	assert_int_equal(errno, EINVAL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(stream__intents_in_pieces),
		CASE(stream__bad_lines_change_nothing),
		CASE(stream__lower_term_is_refused),
		CASE(stream__control_killed_and_restarted),
		CASE(stream__unknown_gateway_is_retried),
		CASE(stream__ended_by_server),
		CASE(stream__silence_leads_to_a_new_connection),
		CASE(report__one_at_a_time_newest_next),
		CASE(report__in_parts),
		CASE(destroy__inside_callbacks),
		CASE(create__bad_url),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
