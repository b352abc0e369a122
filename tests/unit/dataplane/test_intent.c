#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/abi/verdict.h"
#include "dataplane/core/intent.h"
#include "tests/unit/dataplane/intent_sample.h"

static struct ip_addr addr(const char *text)
{
	struct ip_addr parsed;

	assert_int_equal(ip_addr_parse(text, &parsed), 0);
	return parsed;
}

static void intent_path_permits__table(void **state)
{
	static const struct {
		const char *near, *far;
		bool permits;
	} table[] = {
		{"10.101.0.10", "10.102.0.10", true},  {"10.101.255.255", "10.102.0.0", true},
		{"10.103.0.1", "10.102.0.10", false},  /* near outside */
		{"10.101.0.10", "10.103.0.10", false}, /* far outside */
		{"10.102.0.10", "10.101.0.10", false}, /* the wrong way round */
		{"fd01::1", "fd02::1", true},	       {"fd01::1", "fd03::1", false},
	};
	struct intent_path path = intent_sample("job1", 7);

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ip_addr near = addr(table[i].near), far = addr(table[i].far);

		if (intent_path_permits(&path, &near, &far) != table[i].permits)
			fail_msg("%s -> %s", table[i].near, table[i].far);
	}
	path.near_count = 0;
	assert_false(intent_path_permits(&path, &path.local_addr, &path.peer_addr));
}

static void spoil_name(struct intent_path *path)
{
	path->name[0] = '\0';
}
static void spoil_long_name(struct intent_path *path)
{
	memset(path->port, 'x', sizeof(path->port));
}
static void spoil_peer(struct intent_path *path)
{
	path->peer[0] = '\0';
}
static void spoil_id(struct intent_path *path)
{
	path->id = 0;
}
static void spoil_same_id(struct intent_path *path)
{
	path->id = 1;
}
static void spoil_order(struct intent_path *path)
{
	strcpy(path->name, "aaa");
}
static void spoil_same_name(struct intent_path *path)
{
	strcpy(path->name, "job1");
}
static void spoil_generation(struct intent_path *path)
{
	path->generation = 0;
}
static void spoil_phase(struct intent_path *path)
{
	path->phase = 0;
}
static void spoil_phase_high(struct intent_path *path)
{
	path->phase = PHASE_DRAIN + 1;
}
static void spoil_class(struct intent_path *path)
{
	path->class = 200;
}
static void spoil_dscp(struct intent_path *path)
{
	path->dscp = 64;
}
static void spoil_udp_port(struct intent_path *path)
{
	path->peer_udp_port = 0;
}
static void spoil_lanes(struct intent_path *path)
{
	path->peer_lanes = 0;
}
static void spoil_lanes_high(struct intent_path *path)
{
	path->peer_udp_port = 65535;
	path->peer_lanes = 2;
}
static void spoil_family(struct intent_path *path)
{
	path->peer_addr = addr("fd00:200::2");
}
static void spoil_rate(struct intent_path *path)
{
	path->max_bps = path->rate_bps - 1;
}
static void spoil_max(struct intent_path *path)
{
	path->rate_bps = 0;
	path->max_bps = 0;
}
static void spoil_rtt(struct intent_path *path)
{
	path->link_rtt_ns = 0;
}
static void spoil_long_rtt(struct intent_path *path)
{
	path->link_rtt_ns = INTENT_RTT_MAX_NS + 1;
}
static void spoil_link(struct intent_path *path)
{
	path->link_bps = 0;
}
static void spoil_certificate(struct intent_path *path)
{
	path->peer_certificate[0] = 0;
}
static void spoil_certificate_digit(struct intent_path *path)
{
	path->peer_certificate[63] = 'A';
}
static void spoil_certificate_end(struct intent_path *path)
{
	path->peer_certificate[64] = '0';
}
static void spoil_near(struct intent_path *path)
{
	path->near_count = 0;
}
static void spoil_far(struct intent_path *path)
{
	path->far_count = INTENT_PREFIXES_MAX + 1;
}
static void spoil_host_bits(struct intent_path *path)
{
	path->far[0].addr.bytes[15] = 1;
}
static void spoil_prefix_len(struct intent_path *path)
{
	path->far[0].len = 129;
}
static void spoil_match_none(struct intent_path *path)
{
	path->match_count = 0;
}
static void spoil_protocol(struct intent_path *path)
{
	path->match[0].protocol = PROTOCOL_COUNT;
}
static void spoil_ports(struct intent_path *path)
{
	path->match[0].protocol = PROTOCOL_ROCE;
}
static void spoil_range(struct intent_path *path)
{
	path->match[0].ranges[0].first = 6000;
}
static void spoil_range_count(struct intent_path *path)
{
	path->match[0].range_count = INTENT_RANGES_MAX + 1;
}

static void spoil_when_down(struct intent_path *path)
{
	path->when_down = WHEN_DOWN_COUNT;
}

static void spoil_deliver_dscp(struct intent_path *path)
{
	path->deliver = (struct intent_deliver){.has_dscp = true, .dscp = 64};
}
static void spoil_deliver_priority(struct intent_path *path)
{
	path->deliver = (struct intent_deliver){.has_priority = true, .priority = 8};
}
/* The other path of the class has none. */
static void spoil_deliver_alone(struct intent_path *path)
{
	path->deliver = (struct intent_deliver){.has_priority = true, .priority = 3};
}

static void intent_check__each_fault(void **state)
{
	static const struct {
		const char *what;
		void (*spoil)(struct intent_path *path);
		enum intent_fault fault;
	} table[] = {
		{"empty name", spoil_name, INTENT_NAME},
		{"unterminated name", spoil_long_name, INTENT_NAME},
		{"no peer name", spoil_peer, INTENT_NAME},
		{"id 0", spoil_id, INTENT_ID},
		{"id of another", spoil_same_id, INTENT_ID},
		{"not sorted", spoil_order, INTENT_ORDER},
		{"same name", spoil_same_name, INTENT_ORDER},
		{"generation 0", spoil_generation, INTENT_GENERATION},
		{"phase 0", spoil_phase, INTENT_PHASE},
		{"phase 4", spoil_phase_high, INTENT_PHASE},
		{"class", spoil_class, INTENT_CLASS},
		{"dscp", spoil_dscp, INTENT_CLASS},
		{"port 0", spoil_udp_port, INTENT_PEER},
		{"no lanes", spoil_lanes, INTENT_PEER},
		{"lanes past 65535", spoil_lanes_high, INTENT_PEER},
		{"families", spoil_family, INTENT_FAMILY},
		{"max below rate", spoil_rate, INTENT_RATE},
		{"max 0", spoil_max, INTENT_RATE},
		{"no round trip", spoil_rtt, INTENT_LINK},
		{"round trip above 10 s", spoil_long_rtt, INTENT_LINK},
		{"no capacity", spoil_link, INTENT_LINK},
		{"no certificate", spoil_certificate, INTENT_CERTIFICATE},
		{"upper-case digit", spoil_certificate_digit, INTENT_CERTIFICATE},
		{"unterminated certificate", spoil_certificate_end, INTENT_CERTIFICATE},
		{"no near", spoil_near, INTENT_PREFIXES},
		{"too many far", spoil_far, INTENT_PREFIXES},
		{"host bits", spoil_host_bits, INTENT_PREFIXES},
		{"length 129", spoil_prefix_len, INTENT_PREFIXES},
		{"no match", spoil_match_none, INTENT_MATCH},
		{"protocol", spoil_protocol, INTENT_MATCH},
		{"ports of RoCE", spoil_ports, INTENT_MATCH},
		{"too many ranges", spoil_range_count, INTENT_MATCH},
		{"reversed range", spoil_range, INTENT_RANGE},
		{"when_down", spoil_when_down, INTENT_WHEN_DOWN},
		{"delivered dscp", spoil_deliver_dscp, INTENT_DELIVER},
		{"priority", spoil_deliver_priority, INTENT_DELIVER},
		{"one path's alone", spoil_deliver_alone, INTENT_DELIVER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct intent_path paths[2] = {intent_sample("job1", 1), intent_sample("job2", 2)};
		struct intent intent = {.path_count = 2, .paths = paths};
		uint32_t index = 99;

		table[i].spoil(&paths[1]);
		if (intent_check(&intent, &index) != table[i].fault || index != 1)
			fail_msg("%s: fault %d at %u", table[i].what, intent_check(&intent, &index),
				 index);
	}
}

static void intent_check__good(void **state)
{
	struct intent_path paths[2] = {intent_sample("job1", 1), intent_sample("job2", 2)};
	struct intent intent = {.path_count = 2, .paths = paths};
	uint32_t index;

	(void)state;
	assert_int_equal(intent_check(&intent, &index), INTENT_OK);
	intent.path_count = 0;
	assert_int_equal(intent_check(&intent, &index), INTENT_OK);
}

/* One LAN, one priority for a class; but each class has its own. */
static void intent_check__deliver_by_class(void **state)
{
	static const struct intent_deliver lossless = {true, true, 26, 5},
					   bulk = {true, true, 8, 1};
	struct intent_path paths[3] = {intent_sample("job1", 1), intent_sample("job2", 2),
				       intent_sample("job3", 3)};
	struct intent intent = {.path_count = 3, .paths = paths};
	uint32_t index;

	(void)state;
	paths[0].deliver = paths[2].deliver = lossless;
	paths[1].class = CLASS_BULK;
	paths[1].deliver = bulk;
	assert_int_equal(intent_check(&intent, &index), INTENT_OK);
	paths[2].deliver.dscp = 24;
	assert_int_equal(intent_check(&intent, &index), INTENT_DELIVER);
	assert_int_equal(index, 2);
	/* What is not given is not compared. */
	paths[0].deliver.has_dscp = paths[2].deliver.has_dscp = false;
	assert_int_equal(intent_check(&intent, &index), INTENT_OK);
}

static void intent_priorities__of_classes_with_paths(void **state)
{
	struct intent_path paths[2] = {intent_sample("job1", 1), intent_sample("job2", 2)};
	struct intent intent = {.path_count = 2, .paths = paths};
	uint8_t priorities[CLASS_COUNT];

	(void)state;
	memset(priorities, 7, sizeof(priorities));
	paths[0].deliver = (struct intent_deliver){.has_priority = true, .priority = 5};
	paths[1].class = CLASS_BULK;
	intent_priorities(&intent, priorities);
	assert_int_equal(priorities[CLASS_LOSSLESS], 5);
	assert_int_equal(priorities[CLASS_BULK], INTENT_NO_PRIORITY);
	assert_int_equal(priorities[CLASS_CONTROL], 7);
	intent.path_count = 0;
	intent_priorities(&intent, priorities);
	assert_int_equal(priorities[CLASS_LOSSLESS], 5);
}

static void intent_fault_text__all_named(void **state)
{
	(void)state;
	for (unsigned int fault = 0; fault < INTENT_FAULT_COUNT; fault++)
		assert_non_null(intent_fault_text(fault));
	assert_string_equal(intent_fault_text(INTENT_FAULT_COUNT), "unknown fault");
}

static void intent_find__by_name_and_id(void **state)
{
	struct intent_path paths[20];
	struct intent intent = {.path_count = 20, .paths = paths};

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%02u", i);
		paths[i] = intent_sample(name, 100 - i);
	}
	for (uint32_t i = 0; i < 20; i++) {
		assert_ptr_equal(intent_find(&intent, paths[i].name), &paths[i]);
		assert_ptr_equal(intent_find_id(&intent, 100 - i, paths[i].name), &paths[i]);
		assert_ptr_equal(intent_find_id(&intent, 100 - i, "elsewhere"), &paths[i]);
	}
	assert_null(intent_find(&intent, "p"));
	assert_null(intent_find(&intent, "p99"));
	assert_null(intent_find_id(&intent, 7, "p01"));
	intent.path_count = 0;
	assert_null(intent_find(&intent, "p01"));
}

static void change_generation(struct intent_path *path)
{
	path->generation++;
}
static void change_rate(struct intent_path *path)
{
	path->max_bps *= 2;
}
static void change_mtu(struct intent_path *path)
{
	path->far_lan_mtu = 9000;
}
static void change_rtt(struct intent_path *path)
{
	path->link_rtt_ns++;
}
static void change_link(struct intent_path *path)
{
	path->link_bps++;
}
static void change_certificate(struct intent_path *path)
{
	path->peer_certificate[0] = 'f';
}
static void change_peer(struct intent_path *path)
{
	path->peer_addr = addr("10.200.0.9");
}
static void change_udp_port(struct intent_path *path)
{
	path->peer_udp_port++;
}
static void change_link_id(struct intent_path *path)
{
	path->link_id++;
}
static void change_gateway(struct intent_path *path)
{
	strcpy(path->peer, "gw-c");
}
static void change_lanes(struct intent_path *path)
{
	path->peer_lanes++;
}
static void change_local(struct intent_path *path)
{
	path->local_addr = addr("10.200.0.9");
}
static void change_near(struct intent_path *path)
{
	path->near_count--;
}
static void change_far(struct intent_path *path)
{
	path->far[0].len++;
}
static void change_port(struct intent_path *path)
{
	strcpy(path->port, "wan1");
}
static void change_match(struct intent_path *path)
{
	path->match[0].dscp_mask = 1;
}
static void change_range(struct intent_path *path)
{
	path->match[0].ranges[0].last = 5001;
}
static void change_class(struct intent_path *path)
{
	path->class = 1;
}
static void change_phase(struct intent_path *path)
{
	path->phase = PHASE_DRAIN;
}
/* Behind the counts nothing is compared. */
static void change_unused(struct intent_path *path)
{
	path->match[0].ranges[5].first = 9;
	path->near[9].len = 9;
	path->match[7].protocol = 3;
}

static void change_when_down(struct intent_path *path)
{
	path->when_down = WHEN_DOWN_BEST_EFFORT;
}

static void change_deliver(struct intent_path *path)
{
	path->deliver = (struct intent_deliver){.has_dscp = true};
}
static void change_priority(struct intent_path *path)
{
	path->deliver = (struct intent_deliver){.has_priority = true};
}

static void intent_path_same__table(void **state)
{
	static const struct {
		const char *what;
		void (*change)(struct intent_path *path);
		bool identity, settings, moves;
	} table[] = {
		{"generation", change_generation, true, false},
		{"rate", change_rate, true, false},
		{"far MTU", change_mtu, true, false},
		{"when down", change_when_down, true, false},
		{"delivered DSCP", change_deliver, true, false},
		{"priority", change_priority, true, false},
		{"link round trip", change_rtt, true, false},
		{"link capacity", change_link, true, false},
		{"certificate", change_certificate, true, false},
		{"peer", change_peer, false, false, true},
		{"UDP port", change_udp_port, false, false, true},
		{"link", change_link_id, false, false, true},
		{"gateway", change_gateway, false, false},
		{"lanes", change_lanes, false, false},
		{"local", change_local, false, false, true},
		{"near", change_near, false, false},
		{"far", change_far, false, false},
		{"port", change_port, false, false, true},
		{"match", change_match, false, false},
		{"range", change_range, false, false},
		{"class", change_class, false, false},
		{"phase", change_phase, true, true},
		{"unused", change_unused, true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct intent_path a = intent_sample("job1", 1), b = a;

		table[i].change(&b);
		if (intent_path_same_identity(&a, &b) != table[i].identity ||
		    intent_path_same_settings(&a, &b) != table[i].settings)
			fail_msg("%s", table[i].what);
		/* Not without a word of its own. */
		assert_false(intent_path_moves(&a, &b));
		b.generation = a.generation + 1;
		if (intent_path_moves(&a, &b) != table[i].moves)
			fail_msg("%s: moves", table[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intent_path_permits__table),
		cmocka_unit_test(intent_check__each_fault),
		cmocka_unit_test(intent_check__good),
		cmocka_unit_test(intent_check__deliver_by_class),
		cmocka_unit_test(intent_priorities__of_classes_with_paths),
		cmocka_unit_test(intent_fault_text__all_named),
		cmocka_unit_test(intent_find__by_name_and_id),
		cmocka_unit_test(intent_path_same__table),
	};

	return cmocka_run_group_tests_name("intent", tests, NULL, NULL);
}
