/*
 * Which traffic a path claims, compared between paths: two paths that claim the very same packets
 * cannot both be right. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/intent.h"

/* What a path claims, prefixes resolved: those of the site where the path gives none. */
struct selector {
	uint8_t prefix_count[2]; /* by end */
	const struct ip_prefix *prefixes[2];
	uint8_t match_count;
	const struct intent_match *match;
};

/* Is there a packet that both match? */
bool match_overlaps(const struct intent_match *a, const struct intent_match *b);
/* Same sets of prefixes, in any order? */
bool prefix_sets_equal(const struct ip_prefix *a, uint8_t a_count, const struct ip_prefix *b,
		       uint8_t b_count);
/*
 * Identical prefixes at both ends (either way round) and overlapping matches. Prefixes that merely
 * overlap are no conflict: the more specific one wins, and among equals the older path.
 */
bool selector_conflicts(const struct selector *a, const struct selector *b);
