#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>

#include "dataplane/agent/intent_json.h"

#define DIGITS	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
#define CERTIFICATE "\"certificate\":\"" DIGITS "01\""

static const char good[] =
	"{\"revision\":12,\"term\":9,\"gateway\":\"gw-a\",\"new\":{},\"paths\":["
	"{\"name\":\"job2\",\"id\":8,\"generation\":3,\"phase\":\"claim\",\"class\":1,\"dscp\":10,"
	"\"link\":2,\"port\":\"wan0\",\"local\":\"fd00:200::1\",\"peer\":{\"gateway\":\"gw-b\","
	"\"address\":\"fd00:200::2\",\"udp_port\":47700,\"max_bps\":7,\"lanes\":4," CERTIFICATE
	"},\"far_lan_mtu\":9000,\"link_rtt_ns\":5,\"link_bps\":9,"
	"\"rate_bps\":0,\"max_bps\":5,\"near\":[\"fd01::/64\"],\"far\":[\"fd02::/64\"],"
	"\"match\":[{\"protocol\":\"any\"}]},"
	"{\"name\":\"job1\",\"id\":7,\"generation\":1,\"phase\":\"receive\",\"class\":0,"
	"\"dscp\":34,\"link\":1,\"port\":\"wan0\",\"local\":\"10.200.0.1\","
	"\"peer\":{\"gateway\":\"gw-b\",\"address\":\"10.200.0.2\",\"udp_port\":47700,"
	"\"max_bps\":3000000000,\"lanes\":1,\"certificate\":\"" DIGITS
	"02\",\"later\":true},\"link_rtt_ns\":20000000,\"link_bps\":10000000000,\"far_lan_mtu\":1500,\"rate_bps\":1000000000,"
	"\"when_down\":\"best_effort\",\"deliver\":{\"dscp\":26,\"pfc_priority\":5,\"new\":0},"
	"\"max_bps\":2000000000,\"near\":[\"10.101.0.0/16\",\"fd01::/64\"],"
	"\"far\":[\"10.102.0.0/16\"],\"unknown\":1,"
	"\"match\":[{\"protocol\":\"tcp\",\"ports\":[\"5000-5999\",\"80\"],\"dscp\":[0,26,63]},"
	"{\"protocol\":\"rocev2\"},{\"protocol\":\"udp\"},{\"protocol\":\"icmp-echo\"}]}]}";

static void intent_json_parse__good(void **state)
{
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;
	const struct intent_path *path;

	(void)state;
	assert_int_equal(intent_json_parse(good, strlen(good), &line, error), 0);
	assert_int_equal(line.type, INTENT_LINE_INTENT);
	assert_string_equal(line.gateway, "gw-a");
	assert_int_equal(line.intent->revision, 12);
	assert_int_equal(line.intent->term, 9);
	assert_int_equal(line.intent->path_count, 2);
	path = &line.intent->paths[0]; /* sorted by name */
	assert_string_equal(path->name, "job1");
	assert_int_equal(path->id, 7);
	assert_int_equal(path->phase, PHASE_RECEIVE);
	assert_int_equal(path->dscp, 34);
	assert_int_equal(path->link_id, 1);
	assert_string_equal(path->peer, "gw-b");
	assert_string_equal(path->port, "wan0");
	assert_true(ip_addr_is_v4(&path->peer_addr));
	assert_int_equal(path->rate_bps, 1000000000);
	assert_int_equal(path->max_bps, 2000000000);
	assert_int_equal(path->when_down, WHEN_DOWN_BEST_EFFORT);
	assert_true(path->deliver.has_dscp && path->deliver.has_priority);
	assert_int_equal(path->deliver.dscp, 26);
	assert_int_equal(path->deliver.priority, 5);
	assert_int_equal(path->link_rtt_ns, 20000000);
	assert_int_equal(path->link_bps, 10000000000);
	assert_int_equal(path->peer_max_bps, 3000000000);
	assert_string_equal(path->peer_certificate, DIGITS "02");
	assert_int_equal(path->near_count, 2);
	assert_int_equal(path->near[0].len, 112);
	assert_int_equal(path->far_count, 1);
	assert_int_equal(path->match_count, 4);
	assert_int_equal(path->match[0].protocol, PROTOCOL_TCP);
	assert_int_equal(path->match[0].range_count, 2);
	assert_int_equal(path->match[0].ranges[0].first, 5000);
	assert_int_equal(path->match[0].ranges[0].last, 5999);
	assert_int_equal(path->match[0].ranges[1].first, 80);
	assert_int_equal(path->match[0].ranges[1].last, 80);
	assert_true(path->match[0].dscp_mask == (1ull | 1ull << 26 | 1ull << 63));
	assert_int_equal(path->match[1].protocol, PROTOCOL_ROCE);
	assert_int_equal(path->match[3].protocol, PROTOCOL_ICMP_ECHO);
	path = &line.intent->paths[1];
	assert_int_equal(path->phase, PHASE_CLAIM);
	assert_int_equal(path->peer_lanes, 4);
	assert_int_equal(path->far_lan_mtu, 9000);
	/* Not said: the safe one. */
	assert_int_equal(path->when_down, WHEN_DOWN_BLOCK);
	assert_false(path->deliver.has_dscp || path->deliver.has_priority);
	intent_free(line.intent);
}

static void intent_json_parse__heartbeat(void **state)
{
	static const char text[] = "{\"heartbeat\":44}";
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;

	(void)state;
	assert_int_equal(intent_json_parse(text, strlen(text), &line, error), 0);
	assert_int_equal(line.type, INTENT_LINE_HEARTBEAT);
	assert_int_equal(line.revision, 44);
	assert_null(line.intent);
}

/* The good line with one piece replaced. */
static void intent_json_parse__each_fault(void **state)
{
	static const struct {
		const char *piece, *instead, *error;
	} table[] = {
		{"{\"revision\":12,", "[", "not JSON: "},
		{"\"revision\":12", "\"revision\":-1", "revision is out of range"},
		{"\"revision\":12", "\"revision\":\"12\"", "revision is not an integer"},
		{"\"revision\":12,", "", "revision is missing"},
		{"\"term\":9,", "", "term is missing"},
		{"\"term\":9,", "\"term\":9,\"term\":9,", "not JSON: duplicate"},
		{"\"gateway\":\"gw-a\",", "", "gateway is missing"},
		{"\"gateway\":\"gw-a\"", "\"gateway\":\"\"", "gateway is empty"},
		{"\"paths\":[", "\"paths\":[7,", "paths[0]: not an object"},
		{"\"paths\":[", "\"p\":[", "paths is missing"},
		{"\"name\":\"job1\",", "", "paths[1]: name is missing"},
		{"\"name\":\"job1\"", "\"name\":\"job2\"", "path job2: the path's name is not"},
		{"\"id\":7", "\"id\":8", "path job2: the path id is 0 or"},
		{"\"id\":7", "\"id\":0", "path job1: the path id is 0 or"},
		{"\"id\":7", "\"id\":4294967296", "path job1: id is out of range"},
		{"\"id\":7", "\"id\":7.5", "path job1: id is not an integer"},
		{"\"generation\":1,", "", "path job1: generation is missing"},
		{"\"receive\"", "\"fly\"", "path job1: phase \"fly\" is unknown"},
		{"\"receive\"", "3", "path job1: phase is not a string"},
		{"\"best_effort\"", "\"leak\"", "path job1: when_down \"leak\" is unknown"},
		{"\"best_effort\"", "1", "path job1: when_down is not a string"},
		{"{\"dscp\":26", "7,\"x\":{\"dscp\":26", "path job1: deliver is not an object"},
		{"{\"dscp\":26", "{\"dscp\":64", "path job1: dscp is out of range"},
		{"{\"dscp\":26", "{\"dscp\":null", "path job1: dscp is not an integer"},
		{"y\":5", "y\":8", "path job1: pfc_priority is out of range"},
		{"y\":5", "y\":\"5\"", "path job1: pfc_priority is not an integer"},
		{"\"class\":1", "\"class\":0", "path job2: deliver is out of range, or not"},
		{"\"class\":0", "\"class\":200", "path job1: class is out of range"},
		{"\"dscp\":34", "\"dscp\":64", "path job1: dscp is out of range"},
		{"\"link\":1", "\"link\":256", "path job1: link is out of range"},
		{"\"10.200.0.1\"", "\"10.200.0\"", "path job1: local is not an IP address"},
		{"\"10.200.0.2\"", "\"fd00::2\"", "path job1: local and peer address"},
		{"\"address\":\"10.200.0.2\",", "", "path job1: address is missing"},
		{"\"peer\":{\"gateway\":\"gw-b\",\"address\":\"10",
		 "\"p\":{\"gateway\":\"gw-b\","
		 "\"address\":\"10",
		 "path job1: peer is missing"},
		{"\"lanes\":1", "\"lanes\":0", "path job1: the peer's UDP ports"},
		{"\"udp_port\":47700,\"max_bps\":3", "\"udp_port\":70000,\"max_bps\":3",
		 "path job1: udp_port is out of range"},
		{"\"max_bps\":2000000000", "\"max_bps\":2", "path job1: the maximal rate"},
		{"cd02\"", "cd0\"", "path job1: certificate is not 64 digits long"},
		{"cd02\"", "cd0A\"", "path job1: the peer's certificate is no SHA-256"},
		{"cd02\"", "cd0/\"", "path job1: the peer's certificate is no SHA-256"},
		{"\"certificate\":\"" DIGITS "02\",", "", "path job1: certificate is missing"},
		{"\"link_rtt_ns\":20000000,", "", "path job1: link_rtt_ns is missing"},
		{"\"link_rtt_ns\":20000000", "\"link_rtt_ns\":0", "path job1: the link's round"},
		{"\"link_rtt_ns\":20000000", "\"link_rtt_ns\":20000000000",
		 "path job1: the link's round"},
		{"\"link_bps\":10000000000", "\"link_bps\":0", "path job1: the link's round"},
		{"\"10.101.0.0/16\"", "\"10.101.0.1/16\"", "path job1: near[0] is not a prefix"},
		{"\"10.101.0.0/16\"", "5", "path job1: near[0] is not a string"},
		{"[\"10.102.0.0/16\"]", "[]", "path job1: prefixes are missing"},
		{"[\"10.102.0.0/16\"]", "{}", "path job1: far is not an array"},
		{"\"tcp\"", "\"sctp\"", "path job1: protocol \"sctp\" is unknown"},
		{"\"tcp\"", "\"any\"", "path job1: matches are missing, too many, or have ports"},
		{"\"5000-5999\"", "\"5999-5000\"", "path job1: a port range is reversed"},
		{"\"5000-5999\"", "\"5000-\"", "path job1: ports[0] is not a range"},
		{"\"5000-5999\"", "\"-5\"", "path job1: ports[0] is not a range"},
		{"\"5000-5999\"", "\"1-2-3\"", "path job1: ports[0] is not a range"},
		{"\"5000-5999\"", "\"65536\"", "path job1: ports[0] is not a range"},
		{"\"5000-5999\"", "\"\"", "path job1: ports[0] is not a range"},
		{"\"5000-5999\"", "80", "path job1: ports[0] is not a range"},
		{"[0,26,63]", "[64]", "path job1: dscp[0] is not a number"},
		{"{\"protocol\":\"rocev2\"}", "7", "path job1: match[1] is not an object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *at = strstr(good, table[i].piece);
		char text[sizeof(good) + 256], error[INTENT_JSON_ERROR_BYTES];
		struct intent_line line;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, table[i].instead,
			 at + strlen(table[i].piece));
		if (intent_json_parse(text, strlen(text), &line, error) != -EINVAL ||
		    strncmp(error, table[i].error, strlen(table[i].error)) != 0)
			fail_msg("%s instead of %s: \"%s\", not \"%s\"", table[i].instead,
				 table[i].piece, error, table[i].error);
		assert_null(line.intent);
	}
}

static void intent_json_parse__not_an_object(void **state)
{
	static const char *const table[] = {"",	    "[]",
					    "7",    "null",
					    "{}",   "{\"heartbeat\":\"x\"}",
					    "\xff", "{\"heartbeat\":1} x"};
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(intent_json_parse(table[i], strlen(table[i]), &line, error),
				 -EINVAL);
		assert_true(error[0]);
	}
}

static void intent_json_parse__each_truncation(void **state)
{
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;

	(void)state;
	for (size_t len = 0; len < strlen(good); len++) {
		char *text = malloc(len + 1); /* exact, for the sanitizer */

		memcpy(text, good, len);
		assert_int_equal(intent_json_parse(text, len, &line, error), -EINVAL);
		free(text);
	}
}

static long allocations_left = -1;

static void *limited_malloc(size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return malloc(size);
}

static void intent_json_parse__each_allocation_fails(void **state)
{
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;
	long n = 0;
	int err;

	(void)state;
	json_set_alloc_funcs(limited_malloc, free);
	do {
		allocations_left = n++;
		err = intent_json_parse(good, strlen(good), &line, error);
		if (err)
			assert_null(line.intent);
	} while (err && n < 10000);
	allocations_left = -1;
	json_set_alloc_funcs(malloc, free);
	assert_int_equal(err, 0);
	assert_true(n > 10);
	intent_free(line.intent);
}

static void intent_new__empty(void **state)
{
	struct intent *intent = intent_new();

	(void)state;
	assert_non_null(intent);
	assert_int_equal(intent->path_count, 0);
	intent_free(intent);
	intent_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intent_json_parse__good),
		cmocka_unit_test(intent_json_parse__heartbeat),
		cmocka_unit_test(intent_json_parse__each_fault),
		cmocka_unit_test(intent_json_parse__not_an_object),
		cmocka_unit_test(intent_json_parse__each_truncation),
		cmocka_unit_test(intent_json_parse__each_allocation_fails),
		cmocka_unit_test(intent_new__empty),
	};

	return cmocka_run_group_tests_name("intent_json", tests, NULL, NULL);
}
