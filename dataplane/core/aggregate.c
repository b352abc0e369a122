#include "dataplane/core/aggregate.h"

/*
 * What one packet alone asks for is copied (ecn_encapsulate). For several the outer field must
 * change none of them when it arrives unmarked: ECT(0) does that for every ECN-capable one (RFC
 * 6040, figure 4), while ECT(1) would turn an inner ECT(0) into ECT(1), and CE would mark packets
 * that met no congestion.
 */
static uint8_t ecn_join(uint8_t outer_ecn, uint8_t inner_ecn)
{
	return outer_ecn == inner_ecn && inner_ecn != ECN_CE ? outer_ecn : ECN_ECT0;
}

uint32_t aggregate_add(struct aggregate *a, uint32_t len, uint8_t ecn, uint64_t now)
{
	uint32_t offset = a->used;

	if (a->count == 0) {
		a->deadline_ns = now + AGGREGATE_FLUSH_NS;
		a->ecn = ecn_encapsulate(ecn);
	} else {
		a->ecn = ecn_join(a->ecn, ecn);
	}
	a->used += WIRE_DATA_BYTES + len;
	a->count++;
	return offset;
}
