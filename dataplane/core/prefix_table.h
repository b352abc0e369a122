/*
 * Prefixes to groups: a sorted table of distinct prefixes, and the disjoint intervals that they cut
 * the address space into, for a look-up by binary search. Part of a rule set (ruleset.h): filled,
 * then sealed, then read by any thread. Arrays come from the caller. Pure.
 */
#pragma once

#include <stdint.h>

#include "dataplane/core/prefix.h"

/* An address as a 128-bit number. */
struct number128 {
	uint64_t hi, lo;
};

struct table_prefix {
	struct number128 first, last; /* addresses inside */
	uint8_t len;
};

/* Addresses from start up to the next interval's belong to group. */
struct table_interval {
	struct number128 start;
	uint32_t group;
};

struct prefix_table {
	struct table_prefix *prefixes; /* by first address, wider first; group = index + 1 */
	struct table_interval *intervals;
	uint32_t count, interval_count;
};

/* Room for n prefixes: that many, and PREFIX_TABLE_INTERVALS(n). */
#define PREFIX_TABLE_INTERVALS(n) ((n)*2 + 1)
void prefix_table_init(struct prefix_table *table, struct table_prefix *prefixes,
		       struct table_interval *intervals);
/* Adds a prefix; one that is there already is not added again. */
void prefix_table_add(struct prefix_table *table, const struct ip_prefix *prefix);
/* After the last add, before the first look-up. */
void prefix_table_seal(struct prefix_table *table);

/* Group of the longest prefix around the address; 0: none. O(log n). */
uint32_t prefix_table_group(const struct prefix_table *table, uint64_t hi, uint64_t lo);

/* The prefixes inside `prefix`, itself included, are [first, end) of the table. */
struct table_range {
	uint32_t first, end;
};
struct table_range prefix_table_inside(const struct prefix_table *table,
				       const struct ip_prefix *prefix);
/* The index-th prefix. */
struct ip_prefix prefix_table_get(const struct prefix_table *table, uint32_t index);
