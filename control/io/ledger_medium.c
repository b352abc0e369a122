#include <stdlib.h>
#include <string.h>

#include "control/io/ledger.h"

struct admission_medium ledger_medium(const struct ledger_link *link, bool is_reversed)
{
	struct admission_medium medium = link->medium;

	medium.lanes[END_A] = link->medium.lanes[is_reversed];
	medium.lanes[END_Z] = link->medium.lanes[!is_reversed];
	return medium;
}

void ledger_note_traits(struct ledger *ledger, const struct ledger_traits *traits)
{
	struct ledger_traits *known = name_index_get(&ledger->traits, traits->name);

	if (known && !memcmp(known, traits, sizeof(*known)))
		return;
	if (!known) {
		known = calloc(1, sizeof(*known));
		if (!known)
			return;
		*known = *traits;
		if (name_index_set(&ledger->traits, known->name, known)) {
			free(known);
			return;
		}
	}
	*known = *traits;
	ledger_note_gateway(ledger, known->name);
}

static uint32_t least_set(uint32_t a, uint32_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* The smaller MTU of both ends counts: of a gateway that said nothing the default's. */
void ledger_note_medium(const struct ledger *ledger, struct ledger_link *row, uint64_t rtt_ns,
			bool is_v6)
{
	struct admission_medium *medium = &row->medium;
	uint32_t packet_bytes = UINT32_MAX;

	medium->rtt_ns = rtt_ns;
	medium->is_v6 = is_v6;
	for (int end = 0; end < 2; end++) {
		const struct ledger_traits *traits =
			name_index_get(&ledger->traits, row->gateways[end]);
		uint32_t lan_mtu =
			traits && traits->lan_mtu ? traits->lan_mtu : ADMISSION_PACKET_BYTES;

		packet_bytes = least_set(packet_bytes, lan_mtu);
		if (!traits)
			continue;
		medium->lanes[end] = (uint8_t)traits->lanes;
		medium->wan_mtu = least_set(medium->wan_mtu, traits->wan_mtu);
	}
	medium->packet_bytes = packet_bytes;
}
