#include "control/io/ledger.h"

void ledger_link_load(const struct ledger *ledger, const char *link, uint64_t at_ns,
		      struct ledger_load *load)
{
	const struct key_node *node = key_index_first(&ledger->link_paths, ledger_key(link));

	*load = (struct ledger_load){0};
	for (; node; node = key_index_next(node)) {
		const struct ledger_booking *booking = node->owner;
		const struct ledger_path *row = booking->path;
		bool is_carrying = ledger_booking_role(booking) == LEDGER_LINK;
		const struct object *path = store_get(ledger->store, KIND_PATH, row->name);

		if (at_ns < row->start_ns || at_ns >= row->end_ns)
			continue;
		load->paths += is_carrying;
		for (int end = 0; end < 2; end++) {
			int from = end ^ booking->is_reversed;

			load->booked_bps[end] += booking->claim.amounts[ADMISSION_RATE_A + from];
			if (path && is_carrying)
				load->guaranteed_bps[end] += path->path.rate_bps[from];
		}
	}
}
