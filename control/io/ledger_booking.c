#include <string.h>

#include "control/io/ledger.h"

/* The links that it is booked on; NULL where there is none, or it is named twice. */
static void path_links(const struct ledger *ledger, const struct path *path,
		       const struct ledger_link *links[LEDGER_ROLES])
{
	const struct path_assignment *assigned = &path->assigned;

	links[LEDGER_LINK] = ledger_link(ledger, assigned->link);
	links[LEDGER_BACKUP] = ledger_link(ledger, assigned->backup);
	links[LEDGER_FROM] = ledger_link(ledger, assigned->from);
	if (links[LEDGER_BACKUP] == links[0])
		links[LEDGER_BACKUP] = NULL;
	if (links[LEDGER_FROM] == links[0] || links[LEDGER_FROM] == links[1])
		links[LEDGER_FROM] = NULL;
}

/* Takes from it what the same gateway has set aside for the path already. */
static void buffers_share(const struct ledger_path *row, const struct admission_claim whole[],
			  const struct ledger_link *const links[], int at)
{
	struct admission_claim *claim = (struct admission_claim *)&row->bookings[at].claim;

	for (int i = 0; i < at; i++) {
		struct admission_claim other = whole[at];
		bool is_shared[2];

		if (!links[i])
			continue;
		for (int end = 0; end < 2; end++) {
			const char *here = links[at]->gateways[end ^ row->bookings[at].is_reversed];
			const char *there = links[i]->gateways[end ^ row->bookings[i].is_reversed];

			is_shared[end] = !strcmp(here, there);
		}
		admission_claim_beside(&whole[i], is_shared, &other);
		for (int r = ADMISSION_BUFFER_A; r <= ADMISSION_BUFFER_Z; r++) {
			if (other.amounts[r] < claim->amounts[r])
				claim->amounts[r] = other.amounts[r];
		}
	}
}

/* Nothing before it has a link and once it is expired. */
static void claims_make(const struct path *path, struct ledger_path *row,
			const struct ledger_link *const links[LEDGER_ROLES])
{
	struct admission_claim whole[LEDGER_ROLES] = {0};

	memset(&row->claim, 0, sizeof(row->claim));
	for (int i = 0; i < LEDGER_ROLES; i++) {
		struct ledger_booking *booking = &row->bookings[i];
		struct admission_ask ask = {0};
		struct admission_medium medium;

		memset(&booking->claim, 0, sizeof(booking->claim));
		if (!links[i])
			continue;
		memcpy(ask.rate_bps, i == LEDGER_FROM ? path_rates_now(path) : path->rate_bps,
		       sizeof(ask.rate_bps));
		memcpy(ask.max_bps, i == LEDGER_FROM ? path_max_now(path) : path->max_bps,
		       sizeof(ask.max_bps));
		booking->is_reversed = strcmp(links[i]->sites[END_A], path->ends[END_A].site) != 0;
		medium = ledger_medium(links[i], booking->is_reversed);
		admission_claim_make(&ask, &medium, &whole[i]);
		booking->claim = whole[i];
		buffers_share(row, whole, links, i);
		for (int r = ADMISSION_BUFFER_A; r <= ADMISSION_BUFFER_Z; r++)
			row->claim.amounts[r] += booking->claim.amounts[r];
	}
	row->claim.amounts[ADMISSION_TENANT_RATE] = whole[0].amounts[ADMISSION_TENANT_RATE];
	row->claim.amounts[ADMISSION_TENANT_BUFFER] =
		row->claim.amounts[ADMISSION_BUFFER_A] + row->claim.amounts[ADMISSION_BUFFER_Z];
}

void ledger_book(const struct ledger *ledger, const struct path *path, struct ledger_path *row,
		 const struct ledger_link *links[LEDGER_ROLES])
{
	const struct path_assignment *assigned = &path->assigned;
	struct ledger_booking *from = &row->bookings[LEDGER_FROM];

	for (int i = 0; i < LEDGER_ROLES; i++)
		row->bookings[i].end_ns = row->end_ns;
	if (assigned->move_end_ns && assigned->move_end_ns < from->end_ns)
		from->end_ns = assigned->move_end_ns;
	path_links(ledger, path, links);
	claims_make(path, row, links);
}
