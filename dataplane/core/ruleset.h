/*
 * The rule compiler: intent in, the classifier's tables out, and the tables' user-space look-up.
 *
 * A rule set is built once into memory that the caller gives, is never changed after that, and
 * holds no pointer to the intent it was built from. So any thread may read it; a new one replaces
 * it by one pointer. Pure.
 *
 * Every distinct near prefix is a source group, every distinct far prefix a destination group
 * (packets flow near -> far). A path is a rule for its own groups and for every group whose prefix
 * lies inside its own. For one packet the path with the longer near + far prefix wins, then the
 * claim that stands earlier in the array.
 *
 * What a path's traffic does while nobody carries it (when_down) is in the same tables, so one
 * look-up answers both questions. A path that blocks marks its rules (CLASSIFY_RULE_BLOCK): the
 * verdict bears VERDICT_F_BLOCK, and whichever home finds no gateway behind it drops the packet.
 * From the moment that a blocking path is known until it is forgotten it has rules, idle ones
 * (CLASSIFY_RULE_IDLE) while it does not claim. An idle rule never takes a packet away from another
 * path that claims it; where no path does, the verdict is VERDICT_BLOCK, gateway or not. Where one
 * does that is only best effort when down, the better idle rule's mark goes with the claim. A
 * packet that is larger than the far LAN takes is no exception: of a blocking path it is blocked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/classify_input.h"
#include "dataplane/core/intent.h"

/* A path to be claimed now, under the handle that its packets get; or one that is only known. */
struct ruleset_claim {
	const struct intent_path *path;
	uint32_t handle;
	bool is_idle; /* claims nothing; without when_down block it has no rules at all */
};

enum ruleset_side {
	RULESET_SRC = 0,
	RULESET_DST = 1
};

struct ruleset;

/* Enough memory for most claims; ruleset_build says -ENOMEM when it was not: try twice as much. */
size_t ruleset_bytes(const struct ruleset_claim *claims, uint32_t count);

/*
 * Compiles claims into memory (aligned for any type); count may be 0. *rules is the start of
 * memory. -ENOMEM   memory too small -ENOSPC   more than CLASSIFY_RULES_MAX alternatives for one
 * pair of prefixes -E2BIG    more than 65,535 distinct prefixes on one side -EINVAL   a match with
 * port ranges for a protocol without ports, an unknown protocol, an empty range
 */
int ruleset_build(void *memory, size_t bytes, const struct ruleset_claim *claims, uint32_t count,
		  const struct ruleset **rules);

/* Group of an address given as a 128-bit number; 0: in no prefix. O(log prefixes). */
uint32_t ruleset_group(const struct ruleset *rules, enum ruleset_side side, uint64_t hi,
		       uint64_t lo);
/* The rules for a CLASSIFY_KEY, or NULL. O(1). */
const struct classify_rule_set *ruleset_find(const struct ruleset *rules, uint64_t key);

/* Is there anything that must not leave in clear? */
bool ruleset_blocks(const struct ruleset *rules);

/* Walks over the tables, to copy them into a kernel's: index 0 <= i < count. */
uint32_t ruleset_prefix_count(const struct ruleset *rules, enum ruleset_side side);
/* The i-th prefix in order of address; returns its group, which is not 0. */
uint32_t ruleset_prefix(const struct ruleset *rules, enum ruleset_side side, uint32_t i,
			struct ip_prefix *prefix);
uint32_t ruleset_set_count(const struct ruleset *rules);
const struct classify_rule_set *ruleset_set(const struct ruleset *rules, uint32_t i, uint64_t *key);
