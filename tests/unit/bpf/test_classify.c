// SPDX-License-Identifier: BSD-3-Clause
/*
 * The classifier in user space against the corpus' expectations, and in rte_bpf (JIT and
 * interpreter) against user space: for the corpus and for mutations of it. The homes in the kernel
 * do the same in test_classify_kernel.c, so all agree with all.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>

#include "dataplane/dpdk/classifier.h"
#include "tests/unit/bpf/corpus.h"

#define MUTANTS 20000

static struct classifier classifier;
static const struct ruleset *rules;
static uint64_t load_ns;

static void input_make(struct classify_input *in, const struct corpus_case *c)
{
	uint8_t frame[PACKET_BYTES];

	memset(in, 0, sizeof(*in));
	corpus_port(&in->port, c->role);
	in->rules = (uint64_t)(uintptr_t)rules;
	classify_input_fill(in, frame, packet_build(&c->spec, frame));
	in->vlan_tci = c->vlan_tci;
}

static void classify__corpus(void **state)
{
	(void)state;
	assert_true(corpus_count >= 60);
	for (uint32_t i = 0; i < corpus_count; i++) {
		const struct corpus_case *c = &corpus[i];
		struct classify_input in;
		verdict_t v, expected;

		input_make(&in, c);
		v = user_classifier_run(&in);
		/* The bucket is the hash's own; that it is the same everywhere is tested below. */
		expected = VERDICT_MAKE(c->kind, c->class, c->flags, verdict_bucket(v), c->value);
		if (v != expected)
			fail_msg("%s: %016llx, not %016llx", c->name, (unsigned long long)v,
				 (unsigned long long)expected);
		if (c->kind != VERDICT_CLAIM)
			assert_int_equal(verdict_bucket(v), 0);
	}
}

static void classify__rte_bpf_agrees_on_corpus(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < corpus_count; i++) {
		struct classify_input in;
		verdict_t v;

		input_make(&in, &corpus[i]);
		v = user_classifier_run(&in);
		if (classifier_run(&classifier, &in) != v ||
		    classifier_interpret(&classifier, &in) != v)
			fail_msg("%s: rte_bpf disagrees", corpus[i].name);
	}
}

static void mutants_compare(uint64_t seed)
{
	uint64_t start = seed;
	uint32_t claimed = 0;

	for (uint32_t i = 0; i < MUTANTS; i++) {
		struct corpus_mutant mutant;
		struct classify_input in = {.rules = (uint64_t)(uintptr_t)rules};
		verdict_t v;

		corpus_mutate(&seed, &mutant);
		corpus_port(&in.port, mutant.role);
		classify_input_fill(&in, mutant.frame, mutant.len);
		v = user_classifier_run(&in);
		claimed += verdict_kind(v) != VERDICT_KERNEL;
		if (classifier_run(&classifier, &in) != v ||
		    classifier_interpret(&classifier, &in) != v)
			fail_msg("seed %llu, mutant %u: rte_bpf disagrees",
				 (unsigned long long)start, i);
	}
	assert_in_range(claimed, MUTANTS / 20, MUTANTS);
}

static void classify__rte_bpf_agrees_on_mutants(void **state)
{
	uint64_t seed = corpus_random_seed();

	(void)state;
	mutants_compare(CORPUS_SEED);
	printf("random seed %llu\n", (unsigned long long)seed);
	mutants_compare(seed);
}

static verdict_t verdict_of(const struct packet_spec *spec)
{
	const struct corpus_case c = {.spec = *spec};
	struct classify_input in;

	input_make(&in, &c);
	return user_classifier_run(&in);
}

/* What belongs to one flow shares a bucket; what does not, does not (of these, by the fixed hash).
 */
static void classify__bucket_is_the_flow(void **state)
{
	static const struct {
		const char *name;
		struct packet_spec a, b;
		bool same;
	} cases[] = {
		{"roce by qp, not by source port",
		 {.dport = 4791, .qp = 5, .sport = 1},
		 {.dport = 4791, .qp = 5, .sport = 2, .payload = 90},
		 true},
		{"roce other qp", {.dport = 4791, .qp = 5}, {.dport = 4791, .qp = 6}, false},
		{"roce data and cnp",
		 {.dport = 4791, .qp = 5},
		 {.dport = 4791, .qp = 5, .opcode = 0x81},
		 true},
		{"tcp ports",
		 {.protocol = 6, .dport = 5001, .sport = 1},
		 {.protocol = 6, .dport = 5001, .sport = 2},
		 false},
		{"tcp same",
		 {.protocol = 6, .dport = 5001, .sport = 1},
		 {.protocol = 6, .dport = 5001, .sport = 1, .payload = 7, .tos = 2},
		 true},
		{"tcp and udp", {.protocol = 6, .dport = 5001}, {.dport = 5001}, false},
		{"fragments",
		 {.dst = "10.103.0.1", .dport = 1, .fragment = 0x2000},
		 {.dst = "10.103.0.1", .dport = 2, .fragment = 0x20},
		 true},
		{"fragments of two hosts",
		 {.dst = "10.103.0.1", .fragment = 0x2000},
		 {.dst = "10.103.0.2", .fragment = 0x2000},
		 false},
		{"others and fragments",
		 {.dst = "10.103.0.1", .protocol = 132},
		 {.dst = "10.103.0.1", .fragment = 0x20},
		 true},
		{"tagged", {.dport = 5001}, {.dport = 5001, .tag_count = 2}, true},
		{"path and class",
		 {.protocol = 6, .src = "10.101.7.1", .dport = 5001},
		 {.protocol = 6, .src = "10.101.7.1", .dport = 5001, .tos = 46 << 2},
		 false},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		verdict_t a = verdict_of(&cases[i].a), b = verdict_of(&cases[i].b);

		if (verdict_kind(a) != VERDICT_CLAIM || verdict_kind(b) != VERDICT_CLAIM ||
		    (verdict_bucket(a) == verdict_bucket(b)) != cases[i].same)
			fail_msg("%s", cases[i].name);
	}
}

/* 4,096 flows over 64 queues: none gets more than three times its share. */
static void classify__buckets_spread(void **state)
{
	uint32_t queues[64] = {0};

	(void)state;
	for (uint32_t i = 0; i < 4096; i++) {
		struct packet_spec spec = {.dport = 4791, .qp = i};

		queues[verdict_bucket(verdict_of(&spec)) % 64]++;
	}
	for (uint32_t i = 0; i < 64; i++)
		assert_in_range(queues[i], 1, 192);
}

/* A worker swaps rules by one store into its input. */
static void classify__rules_swap(void **state)
{
	const struct ruleset *moved = corpus_rules(1);
	struct classify_input in;

	(void)state;
	input_make(&in, &corpus[0]);
	assert_int_equal(verdict_value(classifier_run(&classifier, &in)), PATH_A);
	in.rules = (uint64_t)(uintptr_t)moved;
	assert_int_equal(verdict_value(classifier_run(&classifier, &in)), PATH_A + 1);
	in.rules = 0;
	assert_int_equal(classifier_run(&classifier, &in), KERNEL_NO_RULE);
	free((void *)(uintptr_t)moved);
}

static void classifier__loads_in_time(void **state)
{
	(void)state;
	printf("rte_bpf load, verify and JIT: %.2f ms\n", (double)load_ns / 1e6);
	assert_true(load_ns < 100000000);
	assert_non_null(classifier.jit);
}

static int setup(void **state)
{
	struct timespec before, after;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	if (classifier_init(&classifier))
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &after);
	load_ns = (uint64_t)(after.tv_sec - before.tv_sec) * 1000000000u +
		  (uint64_t)(after.tv_nsec - before.tv_nsec);
	rules = corpus_rules(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	classifier_fini(&classifier);
	free((void *)(uintptr_t)rules);
	return 0;
}

int main(void)
{
	static char *eal[] = {
		"test_classify",  "--no-huge",	      "-m", "64", "--no-pci", "--no-shconf",
		"--no-telemetry", "--log-level=error"};
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(classifier__loads_in_time),
		cmocka_unit_test(classify__corpus),
		cmocka_unit_test(classify__rte_bpf_agrees_on_corpus),
		cmocka_unit_test(classify__rte_bpf_agrees_on_mutants),
		cmocka_unit_test(classify__bucket_is_the_flow),
		cmocka_unit_test(classify__buckets_spread),
		cmocka_unit_test(classify__rules_swap),
	};
	int failed;

	if (rte_eal_init(sizeof(eal) / sizeof(eal[0]), eal) < 0) {
		fprintf(stderr, "SKIP: DPDK's EAL does not start here\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, setup, teardown);
	rte_eal_cleanup();
	return failed;
}
