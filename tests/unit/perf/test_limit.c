/* What limits a path: found from shares of time and rates, and said in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "perf/limit.h"

#define GBPS 1000000000ull

static const struct snapshot_path path = {
	.facts = {.name = "job1", .peer = "gw-b", .max_bps = GBPS, .link = 23, .proved = 1},
	.lane = {.keys_installed = 2},
};
static const struct snapshot_link link = {.number = 23,
					  .sum = {.nominal_bps = 10 * GBPS, .rate_bps = 10 * GBPS}};
static const struct snapshot_link lowered = {
	.number = 23, .sum = {.nominal_bps = 10 * GBPS, .rate_bps = 7 * GBPS, .lowered = 1}};

static void find__table(void **state)
{
	static const struct {
		struct limit_input input;
		enum limit out, in;
		double share;
	} cases[] = {
		/* Nothing, or not worth a word. */
		{{.stalls = {0}}, LIMIT_NONE, LIMIT_NONE, 0},
		{{.stalls = {.credit = 0.09, .pause = 0.09}}, LIMIT_NONE, LIMIT_NONE, 0},
		/* One cause, and the larger of two. */
		{{.stalls = {.key = 0.1}}, LIMIT_KEY, LIMIT_NONE, 0.1},
		{{.stalls = {.credit = 0.5}}, LIMIT_CREDIT, LIMIT_NONE, 0.5},
		{{.stalls = {.window = 0.5}}, LIMIT_WINDOW, LIMIT_NONE, 0.5},
		{{.stalls = {.credit = 0.3, .window = 0.4}}, LIMIT_WINDOW, LIMIT_NONE, 0.4},
		{{.stalls = {.credit = 0.4, .pace = 0.3}}, LIMIT_CREDIT, LIMIT_NONE, 0.4},
		/* Inbound has a cause of its own. */
		{{.stalls = {.pause = 0.2}}, LIMIT_NONE, LIMIT_PAUSE, 0},
		{{.stalls = {.credit = 1, .pause = 1}}, LIMIT_CREDIT, LIMIT_PAUSE, 1},
		/* The pace: which rate is used up? */
		{{.stalls = {.pace = 1}, .sent_bps = GBPS * 95 / 100}, LIMIT_RATE, LIMIT_NONE, 1},
		{{.stalls = {.pace = 1}, .link = &link, .link_rates = {.tx_share = 0.95}},
		 LIMIT_LINK,
		 LIMIT_NONE,
		 1},
		{{.stalls = {.pace = 1},
		  .link = &link,
		  .link_rates = {.tx_share = 0.95},
		  .sent_bps = GBPS},
		 LIMIT_RATE,
		 LIMIT_NONE,
		 1},
		{{.stalls = {.pace = 1},
		  .link = &lowered,
		  .link_rates = {.tx_share = 0.95},
		  .sent_bps = GBPS},
		 LIMIT_LOWERED,
		 LIMIT_NONE,
		 1},
		{{.stalls = {.pace = 1}, .link = &lowered, .link_rates = {.tx_share = 0.5}},
		 LIMIT_LOWERED,
		 LIMIT_NONE,
		 1},
		{{.stalls = {.pace = 1}, .link_rates = {.tx_share = -1}},
		 LIMIT_BURST,
		 LIMIT_NONE,
		 1},
		{{.stalls = {.pace = 1},
		  .link = &link,
		  .link_rates = {.tx_share = 0.5},
		  .sent_bps = GBPS / 2,
		  .port_queue = 7},
		 LIMIT_PORT,
		 LIMIT_NONE,
		 1},
		{{.stalls = {.pace = 1}, .port_queue = 7, .idle_share = 0.01},
		 LIMIT_WORKER,
		 LIMIT_NONE,
		 1},
		/* Nothing waits, but there is no time left to take more. */
		{{.idle_share = 0.01, .sent_bps = 1}, LIMIT_WORKER, LIMIT_NONE, 0},
		{{.idle_share = 0.01}, LIMIT_NONE, LIMIT_NONE, 0},
		{{.idle_share = 0.5, .sent_bps = 1}, LIMIT_NONE, LIMIT_NONE, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct limit_input input = cases[i].input;
		struct limits found;

		input.path = &path;
		if (input.idle_share == 0)
			input.idle_share = -1;
		found = limits_find(&input);
		if (found.out != cases[i].out || found.in != cases[i].in ||
		    found.out_share != cases[i].share)
			fail_msg("case %zu: out '%s' %f, in '%s'", i, limit_name(found.out),
				 found.out_share, limit_name(found.in));
	}
}

static void find__no_key_yet(void **state)
{
	const struct snapshot_path keyless = {.facts = {.peer = "gw-b"}};
	const struct limit_input input = {
		.path = &keyless, .stalls = {.pace = 1}, .idle_share = -1};

	(void)state;
	assert_int_equal(limits_find(&input).out, LIMIT_KEY);
	assert_true(limits_find(&input).out_share == 0);
}

/* A far gateway that is gone lets nothing wait for long: that alone must not look well. */
static void find__not_proved(void **state)
{
	struct snapshot_path silent = path;
	const struct limit_input input = {
		.path = &silent, .stalls = {.window = 1}, .idle_share = -1};

	(void)state;
	assert_int_equal(limits_find(&input).out, LIMIT_WINDOW);
	silent.facts.proved = 0;
	assert_int_equal(limits_find(&input).out, LIMIT_UNPROVED);
}

static void text__says_what_to_do(void **state)
{
	struct snapshot_path full = path, keyless = path, holes = path;
	struct snapshot_path shrunk;
	const struct {
		enum limit limit;
		const struct snapshot_path *path;
		const struct snapshot_link *link;
		const char *text;
	} cases[] = {
		{LIMIT_NONE, &path, NULL, "nothing: all that is offered goes"},
		{LIMIT_KEY, &keyless, NULL, "key: none agreed with gw-b"},
		{LIMIT_KEY, &path, NULL, "key 40%: waits for a new one: does gw-b answer?"},
		{LIMIT_UNPROVED, &path, NULL, "unproved: gw-b answers no probe"},
		{LIMIT_CREDIT, &path, NULL, "credit 40%: gw-b grants no more"},
		{LIMIT_WINDOW, &full, NULL, "100% full at 20 ms: raise the link's rtt"},
		{LIMIT_WINDOW, &shrunk, NULL,
		 "100% full, 256 of 1024 buffers wanted: raise memory"},
		{LIMIT_WINDOW, &holes, NULL, "until repairs of what was lost arrive"},
		{LIMIT_LOWERED, &path, &lowered, "link 23 lowered to 7 Gb/s of 10 Gb/s"},
		{LIMIT_LINK, &path, &link, "link 23: its 10 Gb/s are used up"},
		{LIMIT_RATE, &path, NULL, "max_bps of 1 Gb/s is used up"},
		{LIMIT_PORT, &path, NULL, "WAN port"},
		{LIMIT_BURST, &path, NULL, "on average nothing is used up"},
		{LIMIT_WORKER, &path, NULL, "no idle time left"},
		{LIMIT_PAUSE, &path, NULL, "pause 40%: the LAN here takes nothing"},
	};

	(void)state;
	keyless.lane.keys_installed = 0;
	full.lane.retained_bytes = full.lane.retain_bytes_max = 1000;
	full.lane.rtt_ns = 20000000;
	shrunk = full;
	shrunk.facts.retain_granted = 256;
	shrunk.facts.retain_wanted = 1024;
	holes.lane.retain_packets_max = 100;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct limit_input input = {.path = cases[i].path, .link = cases[i].link};
		char text[LIMIT_TEXT_BYTES];

		limit_text(cases[i].limit, 0.4, &input, text, sizeof(text));
		if (!strstr(text, cases[i].text))
			fail_msg("case %zu: '%s'", i, text);
		/* With "  inbound limited by " it fits a screen of 100 columns and some. */
		assert_true(strlen(text) <= 90);
	}
}

static void text__fits_whatever_the_names(void **state)
{
	struct snapshot_path worst = path;
	const struct limit_input input = {.path = &worst, .link = &lowered};
	char text[LIMIT_TEXT_BYTES], brief[32];

	(void)state;
	memset(worst.facts.peer, 'x', CW_NAME_BYTES - 1);
	worst.facts.max_bps = worst.facts.retain_wanted = UINT64_MAX;
	worst.lane.retained_packets = worst.lane.retain_packets_max = UINT64_MAX;
	worst.lane.rtt_ns = UINT64_MAX;
	for (enum limit limit = LIMIT_NONE; limit < LIMIT_COUNT; limit++) {
		limit_text(limit, 1, &input, text, sizeof(text));
		assert_true(strlen(text) < sizeof(text) - 1);
		limit_brief(limit, 1, brief, sizeof(brief));
		assert_true(strlen(brief) <= 11);
		assert_true(limit_name(limit) && (limit == LIMIT_NONE || limit_name(limit)[0]));
	}
	limit_brief(LIMIT_NONE, 0, brief, sizeof(brief));
	assert_string_equal(brief, "-");
	limit_brief(LIMIT_CREDIT, 0.424, brief, sizeof(brief));
	assert_string_equal(brief, "credit 42%");
	limit_brief(LIMIT_KEY, 0, brief, sizeof(brief));
	assert_string_equal(brief, "key");
	limit_brief(LIMIT_RATE, 1, brief, sizeof(brief));
	assert_string_equal(brief, "rate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find__table),
		cmocka_unit_test(find__no_key_yet),
		cmocka_unit_test(find__not_proved),
		cmocka_unit_test(text__says_what_to_do),
		cmocka_unit_test(text__fits_whatever_the_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
