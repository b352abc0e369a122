#include "dataplane/core/counter_sum.h"

#include <stddef.h>

#define WORD(type, member)	(uint32_t)(offsetof(struct type, member) / sizeof(uint64_t))
#define LANE_FIELD(member, how) {#member, WORD(cw_lane_counters, member), how},
#define LINK_FIELD(member, how) {#member, WORD(cw_link_counters, member), how},

const struct counter_field lane_fields[LANE_FIELDS] = {LANE_COUNTERS(LANE_FIELD)};
const struct counter_field link_fields[LINK_FIELDS] = {LINK_COUNTERS(LINK_FIELD)};

/* Three words of padding in each. A member that the lists forget is found here. */
#define ONE(member, how) +1
_Static_assert(0 LANE_COUNTERS(ONE) == LANE_FIELDS, "as many as the list has");
_Static_assert(0 LINK_COUNTERS(ONE) == LINK_FIELDS, "as many as the list has");
_Static_assert(sizeof(struct cw_lane_counters) == (LANE_FIELDS + 3) * 8, "the list is whole");
_Static_assert(sizeof(struct cw_link_counters) == (LINK_FIELDS + 3) * 8, "the list is whole");

static void words_add(uint64_t *sum, const uint64_t *part, const struct counter_field *fields,
		      uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t *to = &sum[fields[i].word], from = part[fields[i].word];

		if (fields[i].how == COUNTER_SUM)
			*to += from;
		else if (fields[i].how == COUNTER_MOST)
			*to = from > *to ? from : *to;
		else if (from && (!*to || from < *to))
			*to = from;
	}
}

void counter_add_lane(struct cw_lane_counters *sum, const struct cw_lane_counters *part)
{
	words_add((uint64_t *)sum, (const uint64_t *)part, lane_fields, LANE_FIELDS);
}

void counter_add_link(struct cw_link_counters *sum, const struct cw_link_counters *part)
{
	words_add((uint64_t *)sum, (const uint64_t *)part, link_fields, LINK_FIELDS);
}
