// SPDX-License-Identifier: BSD-3-Clause
/*
 * The XDP and tc programs against the classifier in user space, by BPF_PROG_TEST_RUN: for the
 * corpus, for mutations of it, and while the rules change. Needs root.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "dataplane/agent/grace.h"
#include "dataplane/agent/ruleset_heap.h"
#include "dataplane/core/user_classifier.h"
#include "tests/unit/bpf/corpus.h"
#include "tests/unit/bpf/kernel_home.h"

#define MUTANTS 3000
#define FLIPS	200

/* Paths of 256 pairs of prefixes each: more than the tables have room for at first. */
#define WIDE_PATHS (KERNEL_SLOT_ROOM / 256 + 1)

static struct kernel_home xdp, tc;
static struct grace *grace;
static const struct ruleset *rules;

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void homes_configure(uint8_t role)
{
	static uint8_t configured;
	struct classify_port port;

	assert_int_equal(kernel_rules_heartbeat(&tc.rules, monotonic_ns()), 0);
	if (configured == role)
		return;
	configured = role;
	corpus_port(&port, role);
	assert_int_equal(kernel_rules_configure(&xdp.rules, &port), 0);
	assert_int_equal(kernel_rules_configure(&tc.rules, &port), 0);
}

static verdict_t reference(const uint8_t *frame, uint32_t len, uint8_t role)
{
	struct classify_input in = {.rules = (uint64_t)(uintptr_t)rules};

	corpus_port(&in.port, role);
	classify_input_fill(&in, frame, len);
	return user_classifier_run(&in);
}

/* No socket is in the map: the fallbacks. */
static uint32_t xdp_action(verdict_t verdict)
{
	switch (verdict_kind(verdict)) {
	case VERDICT_TUNNEL:
	case VERDICT_BLOCK:
		return XDP_DROP;
	case VERDICT_CLAIM:
		return verdict_flags(verdict) & VERDICT_F_BLOCK ? XDP_DROP : XDP_PASS;
	default:
		return XDP_PASS;
	}
}

/* What XDP drops without a word it only counts. */
static verdict_t xdp_verdict(verdict_t verdict)
{
	return verdict_kind(verdict) == VERDICT_BLOCK ? VERDICT_MAKE(VERDICT_BLOCK, 0, 0, 0, 0)
						      : verdict;
}

static uint32_t tc_action(verdict_t verdict)
{
	return verdict_kind(verdict) == VERDICT_KERNEL ? (uint32_t)TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* How many homes could be asked, 0 to 2. The kernel tests no frame without an Ethernet header. */
static uint32_t homes_compare(const char *name, const uint8_t *frame, uint32_t len, uint8_t role)
{
	verdict_t expected = reference(frame, len, role), v = 0;
	uint32_t action = 0, asked = 0;

	homes_configure(role);
	if (kernel_home_run_xdp(&xdp, frame, len, &v, &action)) {
		asked++;
		if (v != xdp_verdict(expected) || action != xdp_action(expected))
			fail_msg("%s: XDP says %016llx (%u), user space %016llx", name,
				 (unsigned long long)v, action, (unsigned long long)expected);
	}
	if (kernel_home_run_tc(&tc, frame, len, &v, &action)) {
		asked++;
		if (v != expected || action != tc_action(expected))
			fail_msg("%s: tc says %016llx (%u), user space %016llx", name,
				 (unsigned long long)v, action, (unsigned long long)expected);
	}
	return asked;
}

static void classify__kernel_agrees_on_corpus(void **state)
{
	uint32_t asked = 0;

	(void)state;
	for (uint32_t i = 0; i < corpus_count; i++) {
		uint8_t frame[PACKET_BYTES];
		uint32_t len = packet_build(&corpus[i].spec, frame);

		/* A stripped tag is seen by no test frame. */
		if (corpus[i].vlan_tci)
			continue;
		asked += homes_compare(corpus[i].name, frame, len,
				       corpus[i].role ? corpus[i].role : CLASSIFY_LAN);
	}
	/* All but the frames of less than an Ethernet header, and of just one for tc. */
	assert_in_range(asked, 2 * corpus_count - 16, 2 * corpus_count);
}

static void mutants_compare(uint64_t seed)
{
	uint32_t asked = 0;
	char name[64];

	for (uint32_t i = 0; i < MUTANTS; i++) {
		struct corpus_mutant mutant;

		snprintf(name, sizeof(name), "mutant %u", i);
		corpus_mutate(&seed, &mutant);
		asked += homes_compare(name, mutant.frame, mutant.len, mutant.role);
	}
	assert_in_range(asked, MUTANTS, 2 * MUTANTS);
}

static void classify__kernel_agrees_on_mutants(void **state)
{
	uint64_t seed = corpus_random_seed();

	(void)state;
	mutants_compare(CORPUS_SEED);
	printf("random seed %llu\n", (unsigned long long)seed);
	mutants_compare(seed);
}

static atomic_bool flipping;

/* Runs one packet over and over; NULL, or the verdict that neither rule set gives. */
static void *flip_runner(void *arg)
{
	uint64_t seen[2] = {0};
	const struct corpus_case *c = &corpus[0];
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&c->spec, frame);

	(void)arg;
	while (atomic_load(&flipping)) {
		verdict_t v = 0;
		uint32_t action;

		kernel_home_run_xdp(&xdp, frame, len, &v, &action);
		if (verdict_kind(v) != VERDICT_CLAIM)
			return (void *)"not claimed";
		if (verdict_value(v) == PATH_A && verdict_class(v) == 0)
			seen[0]++;
		else if (verdict_value(v) == PATH_A + 1 && verdict_class(v) == 2)
			seen[1]++;
		else
			return (void *)"a mixture";
	}
	return seen[0] && seen[1] ? NULL : (void *)"only one of two rule sets";
}

/* Every packet is judged by the old rules or by the new ones, and never by none. */
static void kernel_rules__flip_under_traffic(void **state)
{
	const struct ruleset *moved = corpus_rules(1);
	pthread_t thread;
	void *complaint;

	(void)state;
	homes_configure(CLASSIFY_LAN);
	atomic_store(&flipping, true);
	assert_int_equal(pthread_create(&thread, NULL, flip_runner, NULL), 0);
	for (uint32_t i = 0; i < FLIPS; i++)
		assert_int_equal(kernel_rules_apply(&xdp.rules, i % 2 ? rules : moved), 0);
	atomic_store(&flipping, false);
	pthread_join(thread, &complaint);
	if (complaint)
		fail_msg("%s", (const char *)complaint);
	free((void *)(uintptr_t)moved);
}

static void kernel_rules__empty_rules_claim_nothing(void **state)
{
	static max_align_t memory[256];
	const struct ruleset *none;
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&corpus[0].spec, frame), action;
	verdict_t v;

	(void)state;
	homes_configure(CLASSIFY_LAN);
	assert_int_equal(ruleset_build(memory, sizeof(memory), NULL, 0, &none), 0);
	assert_int_equal(kernel_rules_apply(&xdp.rules, none), 0);
	assert_true(kernel_home_run_xdp(&xdp, frame, len, &v, &action));
	assert_int_equal(v, KERNEL_NO_RULE);
	assert_int_equal(kernel_rules_apply(&xdp.rules, rules), 0);
	assert_true(kernel_home_run_xdp(&xdp, frame, len, &v, &action));
	assert_int_equal(verdict_value(v), PATH_A);
}

static void path_make_wide(struct intent_path *path, uint8_t number)
{
	*path = (struct intent_path){.near_count = INTENT_PREFIXES_MAX,
				     .far_count = INTENT_PREFIXES_MAX,
				     .match_count = 1,
				     .match = {{.protocol = PROTOCOL_ANY}}};
	for (uint8_t i = 0; i < INTENT_PREFIXES_MAX; i++) {
		const uint8_t near[4] = {172, 16, number, i}, far[4] = {172, 17, number, i};

		path->near[i].len = path->far[i].len = 128;
		path->near[i].addr = ip_addr_from_v4(near);
		path->far[i].addr = ip_addr_from_v4(far);
	}
}

/* In each slot once: what is written there for good must not depend on how large it was. */
static void kernel_rules__grow(void **state)
{
	static struct intent_path paths[WIDE_PATHS];
	struct ruleset_claim claims[WIDE_PATHS] = {0};
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&corpus[0].spec, frame), action;
	const struct ruleset *wide;
	verdict_t v;

	(void)state;
	homes_configure(CLASSIFY_LAN);
	for (uint8_t i = 0; i < WIDE_PATHS; i++) {
		path_make_wide(&paths[i], i);
		claims[i] = (struct ruleset_claim){.path = &paths[i], .handle = 0x07000000u + i};
	}
	assert_int_equal(ruleset_heap_build(claims, WIDE_PATHS, &wide), 0);
	assert_true(ruleset_set_count(wide) > KERNEL_SLOT_ROOM);
	for (uint32_t i = 0; i < KERNEL_SLOTS; i++) {
		assert_int_equal(kernel_rules_apply(&xdp.rules, wide), 0);
		assert_true(kernel_home_run_xdp(&xdp, frame, len, &v, &action));
		assert_int_equal(v, KERNEL_NO_RULE);
		assert_int_equal(kernel_rules_apply(&xdp.rules, rules), 0);
		assert_true(kernel_home_run_xdp(&xdp, frame, len, &v, &action));
		assert_int_equal(verdict_value(v), PATH_A);
	}
	ruleset_heap_free(wide);
}

/* A slot of which one table was replaced and the other could not be. */
static void kernel_rules__recover_from_half_a_slot(void **state)
{
	uint32_t next = (xdp.rules.slot + 1) % KERNEL_SLOTS, action;
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&corpus[0].spec, frame);
	verdict_t v;

	(void)state;
	homes_configure(CLASSIFY_LAN);
	assert_true(kernel_slot_open(&xdp.rules.slots[next], next, xdp.rules.tries_fd, -1, 0, 0));
	assert_int_equal(kernel_rules_apply(&xdp.rules, rules), 0);
	assert_true(kernel_home_run_xdp(&xdp, frame, len, &v, &action));
	assert_int_equal(verdict_value(v), PATH_A);
}

/* A gateway that died (its heartbeat is old) leaves the claimed traffic to the kernel again. */
static void kernel_rules__old_heartbeat_claims_nothing(void **state)
{
	struct kernel_rules_counters before, after;
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&corpus[0].spec, frame), action;
	verdict_t v;

	(void)state;
	homes_configure(CLASSIFY_LAN);
	assert_true(kernel_home_run_tc(&tc, frame, len, &v, &action));
	assert_int_equal(action, TC_ACT_SHOT);
	assert_int_equal(kernel_rules_read(&tc.rules, &before), 0);
	assert_int_equal(
		kernel_rules_heartbeat(&tc.rules, monotonic_ns() - 2 * KERNEL_RULES_ALIVE_NS), 0);
	assert_true(kernel_home_run_tc(&tc, frame, len, &v, &action));
	assert_int_equal(action, (uint32_t)TC_ACT_UNSPEC);
	assert_int_equal(kernel_rules_read(&tc.rules, &after), 0);
	assert_int_equal(after.unserved, before.unserved + 1);
	assert_int_equal(after.dropped, before.dropped);
}

static uint32_t corpus_frame(const char *name, uint8_t *frame)
{
	for (uint32_t i = 0; i < corpus_count; i++)
		if (strcmp(corpus[i].name, name) == 0)
			return packet_build(&corpus[i].spec, frame);
	fail_msg("no case %s", name);
	return 0;
}

/* The gateway is dead: of two claimed packets one goes by the kernel, the other nowhere. */
static void kernel_rules__a_dead_gateway_blocks(void **state)
{
	static const struct {
		const char *name;
		uint32_t xdp_action, tc_action;
		uint64_t unserved, blocked;
	} cases[] = {
		{"tcp4", XDP_PASS, (uint32_t)TC_ACT_UNSPEC, 1, 0},
		{"first fragment", XDP_DROP, TC_ACT_SHOT, 0, 1},
		{"idle path", XDP_DROP, TC_ACT_SHOT, 0, 1},
		{"idle path within a claiming one", XDP_DROP, TC_ACT_SHOT, 0, 1},
	};

	(void)state;
	homes_configure(CLASSIFY_LAN);
	assert_int_equal(
		kernel_rules_heartbeat(&tc.rules, monotonic_ns() - 2 * KERNEL_RULES_ALIVE_NS), 0);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kernel_home *homes[] = {&xdp, &tc};
		uint8_t frame[PACKET_BYTES];
		uint32_t len = corpus_frame(cases[i].name, frame), action;
		verdict_t v;

		for (int home = 0; home < 2; home++) {
			struct kernel_rules_counters before, after;

			assert_int_equal(kernel_rules_read(&homes[home]->rules, &before), 0);
			assert_true((home ? kernel_home_run_tc : kernel_home_run_xdp)(
				homes[home], frame, len, &v, &action));
			assert_int_equal(action, home ? cases[i].tc_action : cases[i].xdp_action);
			assert_int_equal(kernel_rules_read(&homes[home]->rules, &after), 0);
			assert_int_equal(after.unserved - before.unserved, cases[i].unserved);
			assert_int_equal(after.blocked - before.blocked, cases[i].blocked);
			assert_int_equal(after.dropped, before.dropped);
		}
	}
}

/* Before it knows its port, a program touches nothing. */
static void kernel_rules__unconfigured_passes(void **state)
{
	struct kernel_home fresh;
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&corpus[0].spec, frame), action;
	verdict_t v;

	(void)state;
	assert_int_equal(kernel_home_open_xdp(&fresh), 0);
	assert_true(kernel_home_run_xdp(&fresh, frame, len, &v, &action));
	assert_int_equal(action, XDP_PASS);
	assert_int_equal(v, KERNEL_REASON_COUNT);
	kernel_home_close(&fresh);
}

static int setup(void **state)
{
	(void)state;
	rules = corpus_rules(0);
	if (kernel_home_open_xdp(&xdp) || kernel_home_open_tc(&tc))
		return -1;
	grace = grace_create();
	if (!grace || kernel_rules_warm(&xdp.rules, grace) || kernel_rules_warm(&tc.rules, grace))
		return -1;
	return kernel_rules_apply(&xdp.rules, rules) || kernel_rules_apply(&tc.rules, rules);
}

static int teardown(void **state)
{
	(void)state;
	kernel_home_close(&xdp);
	kernel_home_close(&tc);
	grace_destroy(grace);
	free((void *)(uintptr_t)rules);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(classify__kernel_agrees_on_corpus),
		cmocka_unit_test(classify__kernel_agrees_on_mutants),
		cmocka_unit_test(kernel_rules__flip_under_traffic),
		cmocka_unit_test(kernel_rules__empty_rules_claim_nothing),
		cmocka_unit_test(kernel_rules__grow),
		cmocka_unit_test(kernel_rules__recover_from_half_a_slot),
		cmocka_unit_test(kernel_rules__old_heartbeat_claims_nothing),
		cmocka_unit_test(kernel_rules__a_dead_gateway_blocks),
		cmocka_unit_test(kernel_rules__unconfigured_passes),
	};

	if (geteuid() != 0) {
		fprintf(stderr, "SKIP: loading BPF programs needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
