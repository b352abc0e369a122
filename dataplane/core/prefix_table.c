// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/core/prefix_table.h"

#include <string.h>

static int number_compare(struct number128 a, struct number128 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	if (a.lo != b.lo)
		return a.lo < b.lo ? -1 : 1;
	return 0;
}

static uint64_t number_load(const uint8_t bytes[8])
{
	uint64_t x = 0;

	for (int i = 0; i < 8; i++)
		x = x << 8 | bytes[i];
	return x;
}

static void number_store(uint64_t x, uint8_t bytes[8])
{
	for (int i = 7; i >= 0; i--, x >>= 8)
		bytes[i] = (uint8_t)x;
}

static struct table_prefix table_prefix_make(const struct ip_prefix *ip)
{
	unsigned int len = ip->len < 128 ? ip->len : 128;
	uint64_t host_hi = len >= 64 ? 0 : UINT64_MAX >> len;
	uint64_t host_lo = len <= 64 ? UINT64_MAX : len == 128 ? 0 : UINT64_MAX >> (len - 64);
	struct table_prefix prefix = {.len = (uint8_t)len};

	prefix.first.hi = number_load(ip->addr.bytes) & ~host_hi;
	prefix.first.lo = number_load(ip->addr.bytes + 8) & ~host_lo;
	prefix.last.hi = prefix.first.hi | host_hi;
	prefix.last.lo = prefix.first.lo | host_lo;
	return prefix;
}

static int table_prefix_compare(const struct table_prefix *a, const struct table_prefix *b)
{
	int order = number_compare(a->first, b->first);

	return order ? order : (int)a->len - (int)b->len;
}

/* Index of the prefix, or where it belongs. */
static uint32_t table_position(const struct prefix_table *table, const struct table_prefix *prefix)
{
	uint32_t low = 0, high = table->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table_prefix_compare(&table->prefixes[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void prefix_table_init(struct prefix_table *table, struct table_prefix *prefixes,
		       struct table_interval *intervals)
{
	*table = (struct prefix_table){.prefixes = prefixes, .intervals = intervals};
}

void prefix_table_add(struct prefix_table *table, const struct ip_prefix *ip)
{
	struct table_prefix prefix = table_prefix_make(ip);
	struct table_prefix *all = table->prefixes;
	uint32_t at = table_position(table, &prefix);

	if (at < table->count && table_prefix_compare(&all[at], &prefix) == 0)
		return;
	memmove(&all[at + 1], &all[at], (table->count - at) * sizeof(*all));
	all[at] = prefix;
	table->count++;
}

static void interval_add(struct prefix_table *table, struct number128 start, uint32_t group)
{
	uint32_t count = table->interval_count;

	if (count && number_compare(table->intervals[count - 1].start, start) == 0)
		count--;
	table->intervals[count] = (struct table_interval){.start = start, .group = group};
	table->interval_count = count + 1;
}

/* Ends the innermost open prefix: behind it, the one around it holds. */
static void interval_close(struct prefix_table *table, const uint32_t *open, uint32_t depth)
{
	struct number128 next = table->prefixes[open[depth - 1] - 1].last;

	if (next.hi == UINT64_MAX && next.lo == UINT64_MAX)
		return;
	next.lo++;
	next.hi += next.lo == 0;
	interval_add(table, next, depth > 1 ? open[depth - 2] : 0);
}

/* One sweep over the sorted prefixes; those that nest are a stack of at most 129. */
void prefix_table_seal(struct prefix_table *table)
{
	const struct table_prefix *all = table->prefixes;
	uint32_t open[129], depth = 0;

	table->interval_count = 0;
	interval_add(table, (struct number128){0}, 0);
	for (uint32_t i = 0; i < table->count; i++) {
		while (depth && number_compare(all[open[depth - 1] - 1].last, all[i].first) < 0)
			interval_close(table, open, depth--);
		open[depth++] = i + 1;
		interval_add(table, all[i].first, i + 1);
	}
	while (depth)
		interval_close(table, open, depth--);
}

uint32_t prefix_table_group(const struct prefix_table *table, uint64_t hi, uint64_t lo)
{
	const struct number128 address = {hi, lo};
	uint32_t low = 0, high = table->interval_count;

	/* intervals[low] starts at or below the address: the first one starts at 0. */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (number_compare(table->intervals[middle].start, address) <= 0)
			low = middle;
		else
			high = middle;
	}
	return table->intervals[low].group;
}

struct table_range prefix_table_inside(const struct prefix_table *table, const struct ip_prefix *ip)
{
	struct table_prefix prefix = table_prefix_make(ip);
	struct table_range range = {.first = table_position(table, &prefix)};

	range.end = range.first;
	while (range.end < table->count &&
	       number_compare(table->prefixes[range.end].first, prefix.last) <= 0)
		range.end++;
	return range;
}

struct ip_prefix prefix_table_get(const struct prefix_table *table, uint32_t index)
{
	const struct table_prefix *from = &table->prefixes[index];
	struct ip_prefix prefix = {.len = from->len};

	number_store(from->first.hi, prefix.addr.bytes);
	number_store(from->first.lo, prefix.addr.bytes + 8);
	return prefix;
}
