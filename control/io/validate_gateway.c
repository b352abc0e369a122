/*
 * How many paths a gateway carries: no more than INTENT_PATHS_MAX at an instant, so that its intent
 * is never larger than what it takes (INTENT_LINE_MAX).
 */
#include <stdlib.h>
#include <string.h>

#include "control/io/validate_internal.h"

/*
 * The times of the gateway's other paths that meet the path's own, where there is room. A path is
 * in the intent of the gateways of its link only, whatever else is booked for it.
 */
static uint32_t collect(const struct rules *rules, const struct object *object, const char *gateway,
			struct booking *bookings)
{
	const struct ledger *ledger = rules->ledger;
	uint64_t end_ns = path_end_ns(&object->path);
	const struct key_node *links = key_index_first(&ledger->gateway_links, ledger_key(gateway));
	uint32_t count = 0;

	for (; links; links = key_index_next(links)) {
		const struct ledger_link *link = links->owner;
		const struct key_node *node =
			key_index_first(&ledger->link_paths, ledger_key(link->name));

		for (; node; node = key_index_next(node)) {
			const struct ledger_booking *booking = node->owner;
			const struct ledger_path *row = booking->path;

			if (ledger_booking_role(booking) != LEDGER_LINK ||
			    row->start_ns >= row->end_ns || row->start_ns >= end_ns ||
			    object->path.start_ns >= row->end_ns ||
			    !strcmp(row->name, object->name))
				continue;
			if (bookings)
				bookings[count] = (struct booking){row->start_ns, row->end_ns, 1};
			count++;
		}
	}
	return count;
}

static bool is_full(const struct rules *rules, const struct object *object, const char *gateway)
{
	uint64_t start_ns =
		object->path.start_ns > rules->now_ns ? object->path.start_ns : rules->now_ns;
	uint32_t count = collect(rules, object, gateway, NULL);
	struct calendar_event *scratch;
	struct booking *bookings;
	uint64_t peak = UINT64_MAX;

	/* However they lie in time. */
	if (count < INTENT_PATHS_MAX)
		return false;
	bookings = calloc(count, sizeof(*bookings));
	scratch = calloc(2 * (size_t)count, sizeof(*scratch));
	if (bookings && scratch) {
		struct calendar calendar = {INTENT_PATHS_MAX, count, bookings};

		collect(rules, object, gateway, bookings);
		peak = calendar_peak(&calendar, start_ns, path_end_ns(&object->path), NULL,
				     scratch);
	}
	free(bookings);
	free(scratch);
	return peak >= INTENT_PATHS_MAX;
}

const char *rules_find_full(const struct rules *rules, const struct object *object,
			    const struct ledger_link *link)
{
	if (rules->ledger->paths.count <= INTENT_PATHS_MAX)
		return NULL;
	for (int end = 0; end < 2; end++) {
		if (is_full(rules, object, link->gateways[end]))
			return link->gateways[end];
	}
	return NULL;
}
