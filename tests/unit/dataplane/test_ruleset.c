// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "bpf/classify_match.h"
#include "dataplane/core/ruleset.h"

#define PATHS 8

static max_align_t memory[1 << 16];
static struct intent_path paths[PATHS];
static struct ruleset_claim claims[PATHS];

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

/* Path i with one prefix on each side, to be filled with matches; handle i + 1. */
static struct intent_path *path_make(uint32_t i, const char *near, const char *far)
{
	memset(&paths[i], 0, sizeof(paths[i]));
	paths[i].far_lan_mtu = 1500;
	paths[i].near[0] = prefix(near);
	paths[i].far[0] = prefix(far);
	paths[i].near_count = paths[i].far_count = 1;
	claims[i] = (struct ruleset_claim){&paths[i], i + 1};
	return &paths[i];
}

static struct intent_match *match_add(struct intent_path *path, uint8_t protocol)
{
	struct intent_match *match = &path->match[path->match_count++];

	match->protocol = protocol;
	return match;
}

static void range_add(struct intent_match *match, uint16_t first, uint16_t last)
{
	match->ranges[match->range_count].first = first;
	match->ranges[match->range_count++].last = last;
}

static const struct ruleset *build(uint32_t count)
{
	const struct ruleset *rules;

	assert_int_equal(ruleset_build(memory, sizeof(memory), claims, count, &rules), 0);
	return rules;
}

struct packet {
	struct ip_addr src, dst;
	uint8_t protocol, dscp;
	uint16_t sport, dport, len;
};

static uint32_t group_of(const struct ruleset *rules, enum ruleset_side side,
			 const struct ip_addr *addr)
{
	uint64_t half[2] = {0};

	for (int i = 0; i < 16; i++)
		half[i / 8] = half[i / 8] << 8 | addr->bytes[i];
	return ruleset_group(rules, side, half[0], half[1]);
}

/* As the classifier does it. The handle, or 0; `reason` of a KERNEL verdict. */
static uint32_t judge(const struct ruleset *rules, const struct packet *p, uint32_t *reason)
{
	uint32_t src = group_of(rules, RULESET_SRC, &p->src);
	uint32_t dst = group_of(rules, RULESET_DST, &p->dst);
	const struct classify_rule_set *set =
		ruleset_find(rules, CLASSIFY_KEY(src, dst, p->protocol));
	verdict_t v = KERNEL_NO_RULE;

	if (src && dst && set)
		v = classify_match(set, (uint64_t)p->sport << 16 | p->dport,
				   p->dscp | (uint64_t)p->len << 8);
	*reason = verdict_kind(v) == VERDICT_KERNEL ? verdict_value(v) : 0;
	return verdict_kind(v) == VERDICT_CLAIM ? verdict_value(v) : 0;
}

static uint32_t handle_of(const struct ruleset *rules, const char *src, const char *dst,
			  uint8_t protocol, uint16_t dport)
{
	struct packet p = {.protocol = protocol, .dport = dport, .len = 100};
	uint32_t reason;

	assert_int_equal(ip_addr_parse(src, &p.src), 0);
	assert_int_equal(ip_addr_parse(dst, &p.dst), 0);
	return judge(rules, &p, &reason);
}

static void ruleset_build__nothing(void **state)
{
	const struct ruleset *rules = build(0);

	(void)state;
	assert_int_equal(ruleset_set_count(rules), 0);
	assert_int_equal(ruleset_prefix_count(rules, RULESET_SRC), 0);
	assert_int_equal(handle_of(rules, "10.0.0.1", "10.0.0.2", PROTOCOL_TCP, 1), 0);
}

static void ruleset_build__ports_and_protocols(void **state)
{
	struct intent_path *path = path_make(0, "10.1.0.0/16", "10.2.0.0/16");
	const struct ruleset *rules;

	(void)state;
	range_add(match_add(path, PROTOCOL_TCP), 5000, 5999);
	range_add(&path->match[0], 80, 80);
	match_add(path, PROTOCOL_ROCE);
	rules = build(1);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 5000), 1);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 80), 1);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 81), 0);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 5000), 0);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_ROCE, 0), 1);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_ANY, 0), 0);
	assert_int_equal(handle_of(rules, "10.2.0.1", "10.1.0.1", PROTOCOL_ROCE, 0), 0);
}

static void ruleset_build__any_takes_every_protocol(void **state)
{
	const struct ruleset *rules;

	(void)state;
	match_add(path_make(0, "10.1.0.0/16", "10.2.0.0/16"), PROTOCOL_ANY);
	rules = build(1);
	for (uint8_t protocol = 0; protocol < PROTOCOL_COUNT; protocol++)
		assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", protocol, 7), 1);
}

static void ruleset_build__longer_prefixes_win(void **state)
{
	const struct ruleset *rules;

	(void)state;
	match_add(path_make(0, "10.0.0.0/8", "10.2.0.0/16"), PROTOCOL_TCP);
	/* More specific, although only for ANY, and later. */
	match_add(path_make(1, "10.1.0.0/16", "10.2.0.0/16"), PROTOCOL_ANY);
	/* Shorter near, longer far: the sum decides. */
	range_add(match_add(path_make(2, "10.0.0.0/8", "10.2.3.0/28"), PROTOCOL_TCP), 7, 7);
	rules = build(3);
	assert_int_equal(handle_of(rules, "10.9.0.1", "10.2.0.1", PROTOCOL_TCP, 1), 1);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 1), 2);
	assert_int_equal(handle_of(rules, "10.9.0.1", "10.2.0.1", PROTOCOL_UDP, 1), 0);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.3.1", PROTOCOL_TCP, 7), 3);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.3.1", PROTOCOL_TCP, 8), 2);
	assert_int_equal(handle_of(rules, "10.9.0.1", "10.2.3.1", PROTOCOL_TCP, 8), 1);
}

static void ruleset_build__earlier_wins_ties(void **state)
{
	const struct ruleset *rules;

	(void)state;
	range_add(match_add(path_make(0, "10.1.0.0/16", "10.2.0.0/16"), PROTOCOL_TCP), 1, 10);
	range_add(match_add(path_make(1, "10.1.0.0/16", "10.2.0.0/16"), PROTOCOL_TCP), 5, 20);
	rules = build(2);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 5), 1);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 11), 2);
}

static void ruleset_build__unreachable_rules_take_no_room(void **state)
{
	struct intent_path *wide = path_make(0, "10.0.0.0/8", "10.2.0.0/16");
	uint64_t key;
	const struct ruleset *rules;

	(void)state;
	for (int i = 0; i < INTENT_MATCHES_MAX; i++) {
		struct intent_match *match = match_add(wide, PROTOCOL_TCP);

		for (uint16_t j = 0; j < 2; j++)
			range_add(match, (uint16_t)(i * 100 + j * 10),
				  (uint16_t)(i * 100 + j * 10));
	}
	match_add(path_make(1, "10.0.0.0/8", "10.2.0.0/17"), PROTOCOL_ANY);
	rules = build(2);
	/* 16 alternatives for the wide path's own pair, one for the pair behind the catch-all. */
	for (uint32_t i = 0; i < ruleset_set_count(rules); i++) {
		const struct classify_rule_set *set = ruleset_set(rules, i, &key);

		if (key >> 32 == PROTOCOL_TCP)
			assert_true(set->count == 16 || set->count == 1);
	}
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 100), 2);
	assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.128.1", PROTOCOL_TCP, 100), 1);
}

static void ruleset_build__too_many_alternatives(void **state)
{
	const struct ruleset *rules;
	struct intent_path *path = path_make(0, "10.1.0.0/16", "10.2.0.0/16");

	(void)state;
	for (int i = 0; i < 17; i++) {
		if (i % 8 == 0)
			match_add(path, PROTOCOL_TCP);
		range_add(&path->match[path->match_count - 1], (uint16_t)(i * 10),
			  (uint16_t)(i * 10));
	}
	assert_int_equal(ruleset_build(memory, sizeof(memory), claims, 1, &rules), -ENOSPC);
	path->match[2].range_count = 0;
	path->match_count = 2;
	assert_int_equal(ruleset_build(memory, sizeof(memory), claims, 1, &rules), 0);
}

static void ruleset_build__refuses_nonsense(void **state)
{
	const struct ruleset *rules;
	struct intent_path *path = path_make(0, "10.1.0.0/16", "10.2.0.0/16");

	(void)state;
	range_add(match_add(path, PROTOCOL_ROCE), 1, 2);
	assert_int_equal(ruleset_build(memory, sizeof(memory), claims, 1, &rules), -EINVAL);
	path->match[0].protocol = PROTOCOL_COUNT;
	assert_int_equal(ruleset_build(memory, sizeof(memory), claims, 1, &rules), -EINVAL);
	path->match[0].protocol = PROTOCOL_UDP;
	path->match[0].ranges[0].last = 0;
	assert_int_equal(ruleset_build(memory, sizeof(memory), claims, 1, &rules), -EINVAL);
	path->match[0].range_count = INTENT_RANGES_MAX + 1;
	assert_int_equal(ruleset_build(memory, sizeof(memory), claims, 1, &rules), -EINVAL);
}

/* Every amount of memory either is refused or gives the same answers; ASan guards the rest. */
static void ruleset_build__any_amount_of_memory(void **state)
{
	const struct ruleset *rules;
	uint32_t refused = 0, built = 0;

	(void)state;
	match_add(path_make(0, "10.1.0.0/16", "10.2.0.0/16"), PROTOCOL_ANY);
	match_add(path_make(1, "10.1.1.0/24", "10.2.0.0/16"), PROTOCOL_TCP);
	for (size_t bytes = 0; bytes < 16384; bytes += 16) {
		int error = ruleset_build(memory, bytes, claims, 2, &rules);

		if (error) {
			assert_int_equal(error, -ENOMEM);
			refused++;
			assert_int_equal(built, 0);
			continue;
		}
		built++;
		assert_int_equal(handle_of(rules, "10.1.1.1", "10.2.0.1", PROTOCOL_TCP, 1), 2);
		assert_int_equal(handle_of(rules, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 1), 1);
	}
	assert_true(refused && built);
	assert_int_equal(ruleset_build(memory, ruleset_bytes(claims, 2), claims, 2, &rules), 0);
}

static void ruleset_build__size_and_dscp(void **state)
{
	struct intent_path *path = path_make(0, "10.1.0.0/16", "fd02::/64");
	struct packet p = {.src = prefix("10.1.0.0/32").addr,
			   .dst = prefix("fd02::1/128").addr,
			   .protocol = PROTOCOL_TCP};
	const struct ruleset *rules;
	uint32_t reason;

	(void)state;
	match_add(path, PROTOCOL_TCP)->dscp_mask = 1ull << 63 | 1;
	rules = build(1);
	p.len = 1500;
	p.dscp = 63;
	assert_int_equal(judge(rules, &p, &reason), 1);
	p.dscp = 62;
	assert_int_equal(judge(rules, &p, &reason), 0);
	assert_int_equal(reason, KERNEL_NO_RULE);
	p.dscp = 0;
	p.len = 1501;
	assert_int_equal(judge(rules, &p, &reason), 0);
	assert_int_equal(reason, KERNEL_TOO_BIG);
}

static uint64_t seed = 1;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* A small world: 4 bits of address that matter, prefixes of 124 to 128 bits. */
static struct ip_prefix random_prefix(void)
{
	struct ip_prefix p = {.len = (uint8_t)(124 + pick(5))};

	p.addr.bytes[15] = (uint8_t)(pick(16) & ~(0xfu >> (p.len - 124)));
	return p;
}

static void random_path(uint32_t i)
{
	struct intent_path *path = path_make(i, "::/0", "::/0");

	path->near_count = (uint8_t)(1 + pick(3));
	path->far_count = (uint8_t)(1 + pick(3));
	for (uint32_t j = 0; j < 3; j++) {
		path->near[j] = random_prefix();
		path->far[j] = random_prefix();
	}
	for (uint32_t j = 0; j <= pick(2); j++) {
		struct intent_match *match = match_add(path, (uint8_t)pick(PROTOCOL_COUNT));
		uint16_t first = (uint16_t)pick(8);

		match->dscp_mask = pick(3) ? 0 : 1ull << pick(4);
		if (match->protocol == PROTOCOL_TCP || match->protocol == PROTOCOL_UDP)
			range_add(match, first, (uint16_t)(first + pick(3)));
	}
}

static int longest(const struct ip_prefix *prefixes, uint32_t count, const struct ip_addr *addr)
{
	int best = -1;

	for (uint32_t i = 0; i < count; i++) {
		if (prefixes[i].len > best && ip_prefix_contains(&prefixes[i], addr))
			best = prefixes[i].len;
	}
	return best;
}

static bool path_matches(const struct intent_path *path, const struct packet *p)
{
	for (uint32_t i = 0; i < path->match_count; i++) {
		const struct intent_match *m = &path->match[i];

		if ((m->protocol != p->protocol && m->protocol != PROTOCOL_ANY) ||
		    (m->dscp_mask && !(m->dscp_mask >> p->dscp & 1)))
			continue;
		if (!m->range_count ||
		    (p->sport >= m->ranges[0].first && p->sport <= m->ranges[0].last) ||
		    (p->dport >= m->ranges[0].first && p->dport <= m->ranges[0].last))
			return true;
	}
	return false;
}

/* The same question, answered from the intent without any table. */
static uint32_t judge_slowly(uint32_t count, const struct packet *p)
{
	uint32_t handle = 0;
	int best = -1;

	for (uint32_t i = 0; i < count; i++) {
		int near = longest(paths[i].near, paths[i].near_count, &p->src);
		int far = longest(paths[i].far, paths[i].far_count, &p->dst);

		if (near < 0 || far < 0 || near + far <= best || !path_matches(&paths[i], p))
			continue;
		best = near + far;
		handle = i + 1;
	}
	return handle;
}

static void ruleset_build__agrees_with_the_intent(void **state)
{
	uint32_t claimed = 0;

	(void)state;
	for (uint32_t round = 0; round < 300; round++) {
		uint32_t count = 1 + pick(PATHS);
		const struct ruleset *rules;

		for (uint32_t i = 0; i < count; i++)
			random_path(i);
		rules = build(count);
		for (uint32_t i = 0; i < 300; i++) {
			struct packet p = {.protocol = (uint8_t)pick(PROTOCOL_COUNT),
					   .dscp = (uint8_t)pick(4),
					   .sport = (uint16_t)pick(12),
					   .dport = (uint16_t)pick(12)};
			uint32_t reason, handle;

			p.src.bytes[15] = (uint8_t)pick(17);
			p.dst.bytes[15] = (uint8_t)pick(17);
			handle = judge(rules, &p, &reason);
			assert_int_equal(handle, judge_slowly(count, &p));
			claimed += handle != 0;
		}
	}
	assert_in_range(claimed, 9000, 90000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ruleset_build__nothing),
		cmocka_unit_test(ruleset_build__ports_and_protocols),
		cmocka_unit_test(ruleset_build__any_takes_every_protocol),
		cmocka_unit_test(ruleset_build__longer_prefixes_win),
		cmocka_unit_test(ruleset_build__earlier_wins_ties),
		cmocka_unit_test(ruleset_build__unreachable_rules_take_no_room),
		cmocka_unit_test(ruleset_build__too_many_alternatives),
		cmocka_unit_test(ruleset_build__refuses_nonsense),
		cmocka_unit_test(ruleset_build__any_amount_of_memory),
		cmocka_unit_test(ruleset_build__size_and_dscp),
		cmocka_unit_test(ruleset_build__agrees_with_the_intent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
