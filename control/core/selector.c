#include "control/core/selector.h"

static bool protocols_overlap(uint8_t a, uint8_t b)
{
	return a == b || a == PROTOCOL_ANY || b == PROTOCOL_ANY;
}

static bool ranges_overlap(const struct intent_match *a, const struct intent_match *b)
{
	/* A range matches either port of a packet, so that two disjoint ranges can still meet in
	 * one packet; only a packet that both name with the same port counts as a conflict. */
	if (!a->range_count || !b->range_count)
		return true;
	for (uint8_t i = 0; i < a->range_count; i++) {
		for (uint8_t j = 0; j < b->range_count; j++) {
			if (a->ranges[i].first <= b->ranges[j].last &&
			    b->ranges[j].first <= a->ranges[i].last)
				return true;
		}
	}
	return false;
}

bool match_overlaps(const struct intent_match *a, const struct intent_match *b)
{
	if (!protocols_overlap(a->protocol, b->protocol))
		return false;
	if (a->dscp_mask && b->dscp_mask && !(a->dscp_mask & b->dscp_mask))
		return false;
	return ranges_overlap(a, b);
}

static bool set_contains(const struct ip_prefix *set, uint8_t count, const struct ip_prefix *prefix)
{
	for (uint8_t i = 0; i < count; i++) {
		if (ip_prefix_equal(&set[i], prefix))
			return true;
	}
	return false;
}

bool prefix_sets_equal(const struct ip_prefix *a, uint8_t a_count, const struct ip_prefix *b,
		       uint8_t b_count)
{
	for (uint8_t i = 0; i < a_count; i++) {
		if (!set_contains(b, b_count, &a[i]))
			return false;
	}
	for (uint8_t i = 0; i < b_count; i++) {
		if (!set_contains(a, a_count, &b[i]))
			return false;
	}
	return true;
}

static bool ends_equal(const struct selector *a, const struct selector *b, int turned)
{
	for (int end = 0; end < 2; end++) {
		int other = end ^ turned;

		if (!prefix_sets_equal(a->prefixes[end], a->prefix_count[end], b->prefixes[other],
				       b->prefix_count[other]))
			return false;
	}
	return true;
}

bool selector_conflicts(const struct selector *a, const struct selector *b)
{
	if (!ends_equal(a, b, 0) && !ends_equal(a, b, 1))
		return false;
	for (uint8_t i = 0; i < a->match_count; i++) {
		for (uint8_t j = 0; j < b->match_count; j++) {
			if (match_overlaps(&a->match[i], &b->match[j]))
				return true;
		}
	}
	return false;
}
