/* How much of a path there could be between two sites: what a cluster is planned with. */
#include "control/io/validate_place.h"

#define GIGABIT 1000000000ull

/* What could be guaranteed there both ways during all of the path's time. */
static uint64_t option_room_bps(struct place *place, const struct admission_option *option)
{
	const struct admission_ask *ask = &place->request.ask;
	uint64_t wire_bps = admission_wire_bps(&option->medium, GIGABIT), room_bps = UINT64_MAX;

	for (int way = ADMISSION_RATE_A; way <= ADMISSION_RATE_Z; way++) {
		const struct calendar *calendar = option->calendars[way];
		uint64_t peak =
			calendar_peak(calendar, ask->start_ns, ask->end_ns, NULL, place->scratch);
		uint64_t left = peak < calendar->limit ? calendar->limit - peak : 0;
		uint64_t inner = (uint64_t)((unsigned __int128)left * GIGABIT / wire_bps);

		room_bps = inner < room_bps ? inner : room_bps;
	}
	return room_bps;
}

static void rooms_find(struct place *place, uint64_t rooms[ROUTES_MAX])
{
	for (uint32_t i = 0; i < place->count; i++) {
		const struct admission_option *option = &place->options[i];

		rooms[i] = route_check(&option->route, &place->request.rules) == ROUTE_GOOD
				   ? option_room_bps(place, option)
				   : 0;
	}
}

/* May a path have these two? A path without protection has one, twice the same here. */
static bool may_be_two(const struct place *place, uint32_t i, uint32_t j)
{
	if (place->object->path.protection == PROTECTION_NONE)
		return i == j;
	return route_is_disjoint(&place->options[i].route, &place->options[j].route);
}

bool rules_find_way(const struct rules *rules, const struct object *object, uint64_t *rtt_ns,
		    uint64_t *room_bps)
{
	struct place *place = place_make(rules, object, false);
	uint64_t rooms[ROUTES_MAX];

	*rtt_ns = *room_bps = 0;
	if (!place) {
		rules_no_memory(rules);
		return false;
	}
	rooms_find(place, rooms);
	for (uint32_t i = 0; i < place->count; i++) {
		for (uint32_t j = i; j < place->count; j++) {
			uint64_t room = rooms[i] < rooms[j] ? rooms[i] : rooms[j];
			uint64_t rtts[] = {place->options[i].route.rtt_ns,
					   place->options[j].route.rtt_ns};

			if (room <= *room_bps || !may_be_two(place, i, j))
				continue;
			*room_bps = room;
			*rtt_ns = rtts[0] > rtts[1] ? rtts[0] : rtts[1];
		}
	}
	place_free(place);
	return true;
}
