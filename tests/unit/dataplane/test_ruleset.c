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
	paths[i].when_down = WHEN_DOWN_BEST_EFFORT;
	paths[i].near[0] = prefix(near);
	paths[i].far[0] = prefix(far);
	paths[i].near_count = paths[i].far_count = 1;
	claims[i] = (struct ruleset_claim){.path = &paths[i], .handle = i + 1};
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

/* As the classifier does it. */
static verdict_t verdict_of(const struct ruleset *rules, const struct packet *p)
{
	uint32_t src = group_of(rules, RULESET_SRC, &p->src);
	uint32_t dst = group_of(rules, RULESET_DST, &p->dst);
	const struct classify_rule_set *set =
		ruleset_find(rules, CLASSIFY_KEY(src, dst, p->protocol));

	if (!src || !dst || !set)
		return KERNEL_NO_RULE;
	return classify_match(set, (uint64_t)p->sport << 16 | p->dport,
			      p->dscp | (uint64_t)p->len << 8);
}

/* The handle, or 0; `reason` of a KERNEL verdict. */
static uint32_t judge(const struct ruleset *rules, const struct packet *p, uint32_t *reason)
{
	verdict_t v = verdict_of(rules, p);

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

static verdict_t tcp_verdict(const struct ruleset *rules, const char *src, uint16_t dport,
			     uint16_t len)
{
	struct packet p = {.protocol = PROTOCOL_TCP, .dport = dport, .len = len};

	assert_int_equal(ip_addr_parse(src, &p.src), 0);
	assert_int_equal(ip_addr_parse("10.2.0.1", &p.dst), 0);
	return verdict_of(rules, &p);
}

#define CLAIMED(handle, flags) VERDICT_MAKE(VERDICT_CLAIM, 0, flags, 0, handle)
#define BLOCKED(handle)	       VERDICT_MAKE(VERDICT_BLOCK, 0, 0, 0, handle)

/* One path in each of its four conditions. */
static void ruleset_build__when_down(void **state)
{
	static const struct {
		uint8_t when_down;
		bool is_idle, blocks;
		verdict_t fits, too_big;
	} table[] = {
		{WHEN_DOWN_BLOCK, false, true, CLAIMED(1, VERDICT_F_BLOCK), BLOCKED(1)},
		{WHEN_DOWN_BLOCK, true, true, BLOCKED(1), BLOCKED(1)},
		{WHEN_DOWN_BEST_EFFORT, false, false, CLAIMED(1, 0), KERNEL_TOO_BIG},
		{WHEN_DOWN_BEST_EFFORT, true, false, KERNEL_NO_RULE, KERNEL_NO_RULE},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct ruleset *rules;

		match_add(path_make(0, "10.1.0.0/16", "10.2.0.0/16"), PROTOCOL_TCP);
		paths[0].when_down = table[i].when_down;
		claims[0].is_idle = table[i].is_idle;
		rules = build(1);
		assert_int_equal(ruleset_blocks(rules), table[i].blocks);
		assert_true(tcp_verdict(rules, "10.1.0.1", 7, 1500) == table[i].fits);
		assert_true(tcp_verdict(rules, "10.1.0.1", 7, 1501) == table[i].too_big);
		assert_true(tcp_verdict(rules, "10.9.0.1", 7, 1500) == KERNEL_NO_RULE);
	}
}

/* What is idle takes nothing from what claims, but says what becomes of it without a gateway. */
static void ruleset_build__idle_takes_nothing(void **state)
{
	const struct ruleset *rules;

	(void)state;
	range_add(match_add(path_make(0, "10.0.0.0/8", "10.2.0.0/16"), PROTOCOL_TCP), 1, 99);
	match_add(path_make(1, "10.1.0.0/16", "10.2.0.0/16"), PROTOCOL_ANY);
	paths[1].when_down = WHEN_DOWN_BLOCK;
	claims[1].is_idle = true;
	/* Wider than both, and idle: behind a claim it has no say. */
	match_add(path_make(2, "0.0.0.0/0", "10.2.0.0/16"), PROTOCOL_ANY);
	paths[2].when_down = WHEN_DOWN_BLOCK;
	claims[2].is_idle = true;
	rules = build(3);
	assert_true(tcp_verdict(rules, "10.1.0.1", 7, 100) == CLAIMED(1, VERDICT_F_BLOCK));
	assert_true(tcp_verdict(rules, "10.9.0.1", 7, 100) == CLAIMED(1, 0));
	assert_true(tcp_verdict(rules, "10.1.0.1", 100, 100) == BLOCKED(2));
	assert_true(tcp_verdict(rules, "10.9.0.1", 100, 100) == BLOCKED(3));
	assert_true(tcp_verdict(rules, "10.1.0.1", 7, 1501) == BLOCKED(2));
	assert_true(tcp_verdict(rules, "10.9.0.1", 7, 1501) == KERNEL_TOO_BIG);
	/* Of rules that only block, one that covers the rest is enough. */
	for (uint32_t i = 0; i < ruleset_set_count(rules); i++) {
		uint64_t key;

		assert_in_range(ruleset_set(rules, i, &key)->count, 1, 2);
	}
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

	path->when_down = (uint8_t)pick(2);
	claims[i].is_idle = pick(2);
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

/* How well path i fits, less than 0: not at all. */
static int path_fit(uint32_t i, const struct packet *p)
{
	int near = longest(paths[i].near, paths[i].near_count, &p->src);
	int far = longest(paths[i].far, paths[i].far_count, &p->dst);

	return near < 0 || far < 0 || !path_matches(&paths[i], p) ? -1 : near + far;
}

/* The same question, answered from the intent without any table. */
static verdict_t judge_slowly(uint32_t count, const struct packet *p)
{
	uint32_t claim = 0, block = 0;
	int claim_fit = -1, block_fit = -1;

	for (uint32_t i = 0; i < count; i++) {
		int fit = path_fit(i, p);

		if (!claims[i].is_idle && fit > claim_fit) {
			claim_fit = fit;
			claim = i + 1;
		}
		if (paths[i].when_down == WHEN_DOWN_BLOCK && fit > block_fit) {
			block_fit = fit;
			block = i + 1;
		}
	}
	if (!claim)
		return block ? BLOCKED(block) : KERNEL_NO_RULE;
	/* Equals go by their order. */
	return CLAIMED(claim, block && (block_fit > claim_fit ||
					(block_fit == claim_fit && block <= claim))
				      ? VERDICT_F_BLOCK
				      : 0);
}

static void ruleset_build__agrees_with_the_intent(void **state)
{
	uint32_t claimed = 0, blocked = 0;

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
			verdict_t v;

			p.src.bytes[15] = (uint8_t)pick(17);
			p.dst.bytes[15] = (uint8_t)pick(17);
			v = verdict_of(rules, &p);
			assert_true(v == judge_slowly(count, &p));
			claimed += verdict_kind(v) == VERDICT_CLAIM;
			blocked += verdict_kind(v) == VERDICT_BLOCK;
		}
	}
	assert_in_range(claimed, 9000, 90000);
	assert_in_range(blocked, 2000, 90000);
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
		cmocka_unit_test(ruleset_build__when_down),
		cmocka_unit_test(ruleset_build__idle_takes_nothing),
		cmocka_unit_test(ruleset_build__agrees_with_the_intent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
