// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/core/ruleset.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/core/prefix_table.h"

_Static_assert((int)CLASSIFY_ANY == (int)PROTOCOL_ANY, "one numbering");
_Static_assert((int)CLASSIFY_ROCE == (int)PROTOCOL_ROCE, "one numbering");
_Static_assert((int)CLASSIFY_TCP == (int)PROTOCOL_TCP, "one numbering");
_Static_assert((int)CLASSIFY_UDP == (int)PROTOCOL_UDP, "one numbering");
_Static_assert((int)CLASSIFY_ICMP_ECHO == (int)PROTOCOL_ICMP_ECHO, "one numbering");

#define GROUP_MAX 65535

struct ruleset {
	struct {
		struct prefix_table table;
		uint8_t *covered; /* of the claim being compiled: its prefix length + 1, 0: no */
	} sides[2];
	struct classify_rule_set *sets;
	uint64_t *keys;	 /* of the sets */
	uint32_t *slots; /* open addressing: index of the set + 1 */
	uint32_t set_count, set_max, slot_mask;
	bool blocks; /* some rule does */
};

struct arena {
	uint8_t *next;
	size_t left;
};

static void *arena_take(struct arena *arena, size_t bytes)
{
	void *taken = arena->next;

	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > arena->left)
		return NULL;
	arena->next += bytes;
	arena->left -= bytes;
	return taken;
}

static uint32_t slot_of(const struct ruleset *rules, uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & rules->slot_mask;
}

/* The set for key, made empty where there is none; NULL when the memory is full. */
static struct classify_rule_set *set_get(struct ruleset *rules, uint64_t key)
{
	uint32_t slot = slot_of(rules, key);

	for (; rules->slots[slot]; slot = (slot + 1) & rules->slot_mask) {
		if (rules->keys[rules->slots[slot] - 1] == key)
			return &rules->sets[rules->slots[slot] - 1];
	}
	if (rules->set_count == rules->set_max)
		return NULL;
	rules->keys[rules->set_count] = key;
	memset(&rules->sets[rules->set_count], 0, sizeof(rules->sets[0]));
	rules->slots[slot] = ++rules->set_count;
	return &rules->sets[rules->set_count - 1];
}

/*
 * Does `rule`, standing before `other`, leave it nothing to say? It must match all that the other
 * matches. Then one that claims decides; an idle one says no more than that it blocks.
 */
static bool rule_covers(const struct classify_rule *rule, const struct classify_rule *other)
{
	return rule->port_first <= other->port_first && rule->port_last >= other->port_last &&
	       (rule->dscp_mask & other->dscp_mask) == other->dscp_mask &&
	       (!(rule->flags & CLASSIFY_RULE_IDLE) || (other->flags & CLASSIFY_RULE_IDLE));
}

/* Inserts by precedence, behind its equals; rules that can never be reached are left out. */
static int rule_insert(struct classify_rule_set *set, const struct classify_rule *rule)
{
	struct classify_rule *rules = set->rules;
	uint32_t at = 0, kept;

	for (; at < set->count && rules[at].precedence >= rule->precedence; at++) {
		if (rule_covers(&rules[at], rule))
			return 0;
	}
	kept = at;
	for (uint32_t i = at; i < set->count; i++) {
		if (!rule_covers(rule, &rules[i]))
			rules[kept++] = rules[i];
	}
	if (kept == CLASSIFY_RULES_MAX)
		return -ENOSPC;
	memmove(&rules[at + 1], &rules[at], (kept - at) * sizeof(*rules));
	rules[at] = *rule;
	set->count = kept + 1;
	memset(&rules[set->count], 0, (CLASSIFY_RULES_MAX - set->count) * sizeof(*rules));
	return 0;
}

static int match_insert(struct classify_rule_set *set, struct classify_rule rule,
			const struct intent_match *match)
{
	rule.dscp_mask = match->dscp_mask ? match->dscp_mask : UINT64_MAX;
	rule.port_last = UINT16_MAX;
	if (match->range_count == 0)
		return rule_insert(set, &rule);
	for (uint32_t i = 0; i < match->range_count; i++) {
		int error;

		rule.port_first = match->ranges[i].first;
		rule.port_last = match->ranges[i].last;
		error = rule_insert(set, &rule);
		if (error)
			return error;
	}
	return 0;
}

static bool match_is_valid(const struct intent_match *match)
{
	bool has_ports = match->protocol == PROTOCOL_TCP || match->protocol == PROTOCOL_UDP;

	if (match->protocol >= PROTOCOL_COUNT || match->range_count > INTENT_RANGES_MAX ||
	    (match->range_count && !has_ports))
		return false;
	for (uint32_t i = 0; i < match->range_count; i++) {
		if (match->ranges[i].first > match->ranges[i].last)
			return false;
	}
	return true;
}

/* All of a path's matches for one pair of groups and one protocol. */
static int pair_protocol_add(struct ruleset *rules, const struct intent_path *path, uint64_t key,
			     const struct classify_rule *rule)
{
	uint8_t protocol = (uint8_t)(key >> 32);
	struct classify_rule_set *set = NULL;

	for (uint32_t i = 0; i < path->match_count; i++) {
		const struct intent_match *match = &path->match[i];
		int error;

		if (match->protocol != protocol && match->protocol != PROTOCOL_ANY)
			continue;
		if (!set)
			set = set_get(rules, key);
		if (!set)
			return -ENOMEM;
		error = match_insert(set, *rule, match);
		if (error)
			return error;
	}
	return 0;
}

static uint8_t claim_flags(const struct ruleset_claim *claim)
{
	return (uint8_t)((claim->path->when_down == WHEN_DOWN_BLOCK ? CLASSIFY_RULE_BLOCK : 0) |
			 (claim->is_idle ? CLASSIFY_RULE_IDLE : 0));
}

static int pair_add(struct ruleset *rules, const struct ruleset_claim *claim, uint32_t src,
		    uint32_t dst)
{
	const struct classify_rule rule = {
		.handle = claim->handle,
		.max_len = claim->path->far_lan_mtu,
		.class = claim->path->class,
		.flags = claim_flags(claim),
		.precedence = (uint16_t)(rules->sides[RULESET_SRC].covered[src] +
					 rules->sides[RULESET_DST].covered[dst]),
	};

	for (uint32_t protocol = 0; protocol < PROTOCOL_COUNT; protocol++) {
		int error = pair_protocol_add(rules, claim->path,
					      CLASSIFY_KEY(src + 1, dst + 1, protocol), &rule);
		if (error)
			return error;
	}
	return 0;
}

/* Marks the groups that lie inside the path's prefixes. */
static void covered_mark(struct ruleset *rules, enum ruleset_side side,
			 const struct ip_prefix *prefixes, uint32_t count)
{
	const struct prefix_table *table = &rules->sides[side].table;
	uint8_t *covered = rules->sides[side].covered;

	memset(covered, 0, table->count);
	for (uint32_t i = 0; i < count; i++) {
		struct table_range inside = prefix_table_inside(table, &prefixes[i]);
		uint8_t mark = (uint8_t)(prefixes[i].len + 1);

		for (uint32_t j = inside.first; j < inside.end; j++)
			covered[j] = covered[j] > mark ? covered[j] : mark;
	}
}

static int claim_add(struct ruleset *rules, const struct ruleset_claim *claim)
{
	const struct intent_path *path = claim->path;

	for (uint32_t i = 0; i < path->match_count; i++) {
		if (!match_is_valid(&path->match[i]))
			return -EINVAL;
	}
	if (claim_flags(claim) == CLASSIFY_RULE_IDLE)
		return 0;
	rules->blocks |= (claim_flags(claim) & CLASSIFY_RULE_BLOCK) != 0;
	covered_mark(rules, RULESET_SRC, path->near, path->near_count);
	covered_mark(rules, RULESET_DST, path->far, path->far_count);
	for (uint32_t src = 0; src < rules->sides[RULESET_SRC].table.count; src++) {
		if (!rules->sides[RULESET_SRC].covered[src])
			continue;
		for (uint32_t dst = 0; dst < rules->sides[RULESET_DST].table.count; dst++) {
			int error = 0;

			if (rules->sides[RULESET_DST].covered[dst])
				error = pair_add(rules, claim, src, dst);
			if (error)
				return error;
		}
	}
	return 0;
}

static uint32_t claims_prefixes(const struct ruleset_claim *claims, uint32_t count,
				enum ruleset_side side)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += side == RULESET_SRC ? claims[i].path->near_count : claims[i].path->far_count;
	return sum;
}

static bool side_reserve(struct ruleset *rules, enum ruleset_side side, struct arena *arena,
			 size_t prefixes)
{
	struct table_prefix *table = arena_take(arena, prefixes * sizeof(*table));
	struct table_interval *intervals =
		arena_take(arena, PREFIX_TABLE_INTERVALS(prefixes) * sizeof(*intervals));

	rules->sides[side].covered = arena_take(arena, prefixes);
	prefix_table_init(&rules->sides[side].table, table, intervals);
	return table && intervals && rules->sides[side].covered;
}

/* One set, its key, and two to four slots for it. */
#define SET_BYTES (sizeof(struct classify_rule_set) + sizeof(uint64_t) + 4 * sizeof(uint32_t))

/* What is left goes to the sets. */
static bool sets_reserve(struct ruleset *rules, struct arena *arena)
{
	size_t max = arena->left > 64 ? (arena->left - 64) / SET_BYTES : 0;
	uint32_t slots = 2;

	rules->set_max = max < UINT32_MAX / 4 ? (uint32_t)max : UINT32_MAX / 4;
	while (slots < rules->set_max * 2)
		slots *= 2;
	rules->slot_mask = slots - 1;
	rules->sets = arena_take(arena, rules->set_max * sizeof(*rules->sets));
	rules->keys = arena_take(arena, rules->set_max * sizeof(*rules->keys));
	rules->slots = arena_take(arena, slots * sizeof(*rules->slots));
	if (!rules->sets || !rules->keys || !rules->slots)
		return false;
	memset(rules->slots, 0, slots * sizeof(*rules->slots));
	return true;
}

size_t ruleset_bytes(const struct ruleset_claim *claims, uint32_t count)
{
	size_t prefixes = (size_t)claims_prefixes(claims, count, RULESET_SRC) +
			  claims_prefixes(claims, count, RULESET_DST);

	return sizeof(struct ruleset) + 512 +
	       (prefixes + 2) *
		       (sizeof(struct table_prefix) + 1 + 2 * sizeof(struct table_interval)) +
	       ((size_t)count * 2 * PROTOCOL_COUNT + 1) * SET_BYTES;
}

int ruleset_build(void *memory, size_t bytes, const struct ruleset_claim *claims, uint32_t count,
		  const struct ruleset **rules)
{
	struct arena arena = {.next = memory, .left = bytes};
	struct ruleset *built = arena_take(&arena, sizeof(*built));

	if (!built)
		return -ENOMEM;
	memset(built, 0, sizeof(*built));
	if (!side_reserve(built, RULESET_SRC, &arena,
			  claims_prefixes(claims, count, RULESET_SRC)) ||
	    !side_reserve(built, RULESET_DST, &arena,
			  claims_prefixes(claims, count, RULESET_DST)) ||
	    !sets_reserve(built, &arena))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < claims[i].path->near_count; j++)
			prefix_table_add(&built->sides[RULESET_SRC].table,
					 &claims[i].path->near[j]);
		for (uint32_t j = 0; j < claims[i].path->far_count; j++)
			prefix_table_add(&built->sides[RULESET_DST].table, &claims[i].path->far[j]);
	}
	for (int side = 0; side < 2; side++) {
		if (built->sides[side].table.count > GROUP_MAX)
			return -E2BIG;
		prefix_table_seal(&built->sides[side].table);
	}
	for (uint32_t i = 0; i < count; i++) {
		int error = claim_add(built, &claims[i]);

		if (error)
			return error;
	}
	*rules = built;
	return 0;
}

uint32_t ruleset_group(const struct ruleset *rules, enum ruleset_side side, uint64_t hi,
		       uint64_t lo)
{
	return prefix_table_group(&rules->sides[side].table, hi, lo);
}

const struct classify_rule_set *ruleset_find(const struct ruleset *rules, uint64_t key)
{
	uint32_t slot = slot_of(rules, key);

	for (; rules->slots[slot]; slot = (slot + 1) & rules->slot_mask) {
		if (rules->keys[rules->slots[slot] - 1] == key)
			return &rules->sets[rules->slots[slot] - 1];
	}
	return NULL;
}

bool ruleset_blocks(const struct ruleset *rules)
{
	return rules->blocks;
}

uint32_t ruleset_prefix_count(const struct ruleset *rules, enum ruleset_side side)
{
	return rules->sides[side].table.count;
}

uint32_t ruleset_prefix(const struct ruleset *rules, enum ruleset_side side, uint32_t i,
			struct ip_prefix *prefix)
{
	*prefix = prefix_table_get(&rules->sides[side].table, i);
	return i + 1;
}

uint32_t ruleset_set_count(const struct ruleset *rules)
{
	return rules->set_count;
}

const struct classify_rule_set *ruleset_set(const struct ruleset *rules, uint32_t i, uint64_t *key)
{
	*key = rules->keys[i];
	return &rules->sets[i];
}
