#include <stddef.h>

#include "control/core/admission_internal.h"
#include "dataplane/core/shaper.h"

/* What an option has left at the worst instant of the asked time. */
struct room {
	uint64_t amounts[ADMISSION_RESOURCES];
};

static void room_find(const struct admission_ask *ask, const struct admission_option *option,
		      struct calendar_event *scratch, struct room *room)
{
	for (uint32_t r = 0; r < ADMISSION_RESOURCES; r++) {
		const struct calendar *calendar = option->calendars[r];
		uint64_t booked;

		room->amounts[r] = UINT64_MAX;
		if (!calendar)
			continue;
		booked = calendar_peak(calendar, ask->start_ns, ask->end_ns, NULL, scratch);
		room->amounts[r] = calendar->limit - admission_min(booked, calendar->limit);
	}
}

static bool room_fits(const struct room *room, const struct admission_ask *ask,
		      const struct admission_medium *medium)
{
	struct admission_claim claim;

	admission_claim_make(ask, medium, &claim);
	for (uint32_t r = 0; r < ADMISSION_RESOURCES; r++) {
		if (claim.amounts[r] > room->amounts[r])
			return false;
	}
	return true;
}

static uint64_t offer_bps(uint64_t bps)
{
	return bps - bps % ADMISSION_OFFER_BPS;
}

/* The most of the asked rate that the link has left. */
static uint64_t rate_in(uint64_t wire_bps, uint64_t asked_bps,
			const struct admission_medium *medium)
{
	admission_u128 bps = (admission_u128)wire_bps * admission_inner_bytes(medium) /
			     admission_line_bytes(medium);

	return bps >= asked_bps ? asked_bps : offer_bps((uint64_t)bps);
}

/* Maximal rates down to cap_bps, or to the guaranteed ones where these are higher. */
static void max_cap(struct admission_ask *ask, uint64_t cap_bps)
{
	for (int end = 0; end < 2; end++)
		ask->max_bps[end] = admission_min(ask->max_bps[end],
						  admission_max(ask->rate_bps[end], cap_bps));
}

/* Both rates in proportion, the larger one becomes cap_bps. None is lowered to 0. */
static void rate_cap(struct admission_ask *ask, uint64_t cap_bps)
{
	uint64_t high_bps = admission_max(ask->rate_bps[0], ask->rate_bps[1]);

	for (int end = 0; end < 2 && cap_bps < high_bps; end++) {
		admission_u128 bps = (admission_u128)ask->rate_bps[end] * cap_bps / high_bps;
		uint64_t least_bps = admission_min(ask->rate_bps[end], ADMISSION_OFFER_BPS);

		ask->rate_bps[end] = admission_max(offer_bps((uint64_t)bps), least_bps);
	}
	max_cap(ask, ADMISSION_OFFER_BPS);
}

/* The ask with the highest cap, a multiple of ADMISSION_OFFER_BPS, that fits. false: none does. */
static bool cap_find(const struct room *room, const struct admission_medium *medium,
		     void (*cap)(struct admission_ask *, uint64_t), struct admission_ask *ask)
{
	uint64_t low = 0, high = SHAPER_RATE_MAX_BPS / ADMISSION_OFFER_BPS;
	struct admission_ask most = *ask;

	while (low < high) {
		uint64_t middle = (low + high + 1) / 2;

		*ask = most;
		cap(ask, middle * ADMISSION_OFFER_BPS);
		if (room_fits(room, ask, medium))
			low = middle;
		else
			high = middle - 1;
	}
	*ask = most;
	cap(ask, low * ADMISSION_OFFER_BPS);
	return low > 0;
}

/* Less, in the asked time. */
static bool offer_rate(const struct admission_ask *asked, const struct admission_option *option,
		       struct calendar_event *scratch, struct admission_ask *ask)
{
	struct room room;

	*ask = *asked;
	room_find(asked, option, scratch, &room);
	for (int end = 0; end < 2; end++) {
		ask->rate_bps[end] = rate_in(room.amounts[ADMISSION_RATE_A + end],
					     asked->rate_bps[end], &option->medium);
		if (ask->rate_bps[end] > room.amounts[ADMISSION_TENANT_RATE])
			ask->rate_bps[end] = offer_bps(room.amounts[ADMISSION_TENANT_RATE]);
		if (asked->rate_bps[end] && !ask->rate_bps[end])
			return false;
	}
	return room_fits(&room, ask, &option->medium) ||
	       cap_find(&room, &option->medium, max_cap, ask) ||
	       cap_find(&room, &option->medium, rate_cap, ask);
}

static uint32_t wants_make(const struct admission_ask *ask, const struct admission_option *option,
			   struct calendar_want wants[ADMISSION_RESOURCES])
{
	struct admission_claim claim;
	uint32_t count = 0;

	admission_claim_make(ask, &option->medium, &claim);
	for (uint32_t r = 0; r < ADMISSION_RESOURCES; r++) {
		if (option->calendars[r])
			wants[count++] = (struct calendar_want){.calendar = option->calendars[r],
								.amount = claim.amounts[r]};
	}
	return count;
}

static uint64_t whole_seconds(uint64_t ns)
{
	uint64_t over = ns % ADMISSION_OFFER_NS;

	return over && ns <= UINT64_MAX - ADMISSION_OFFER_NS ? ns - over + ADMISSION_OFFER_NS : ns;
}

/* The same, later. Rounded up, so the end is bounded, too: somebody may count from there. */
static bool offer_start(const struct admission_ask *asked, const struct admission_option *option,
			struct calendar_event *scratch, struct admission_ask *ask)
{
	struct calendar_want wants[ADMISSION_RESOURCES];
	uint32_t count = wants_make(asked, option, wants);
	uint64_t duration_ns = CALENDAR_FOREVER, longer_ns = 0;

	if (asked->end_ns != CALENDAR_FOREVER) {
		duration_ns = whole_seconds(asked->end_ns - asked->start_ns);
		longer_ns = duration_ns - (asked->end_ns - asked->start_ns);
	}
	*ask = *asked;
	ask->start_ns = calendar_earliest(wants, count, duration_ns, asked->start_ns,
					  ADMISSION_OFFER_NS, scratch);
	if (ask->start_ns == CALENDAR_FOREVER)
		return false;
	if (duration_ns != CALENDAR_FOREVER)
		ask->end_ns = ask->start_ns + duration_ns;
	return !asked->latest_ns || ask->start_ns + longer_ns <= asked->latest_ns;
}

/* The same, from the same start, but shorter. */
static bool offer_window(const struct admission_ask *asked, const struct admission_option *option,
			 struct calendar_event *scratch, struct admission_ask *ask)
{
	struct calendar_want wants[ADMISSION_RESOURCES];
	uint32_t count = wants_make(asked, option, wants);

	*ask = *asked;
	ask->end_ns = calendar_longest(wants, count, asked->start_ns, asked->end_ns, scratch);
	ask->end_ns -= ask->end_ns % ADMISSION_OFFER_NS;
	return ask->end_ns > asked->start_ns && ask->end_ns - asked->start_ns >= ADMISSION_OFFER_NS;
}

/* A ring is as fast as its slower direction: that one counts first. */
static bool rate_is_more(const struct admission_ask *a, const struct admission_ask *b)
{
	uint64_t slow_a = admission_min(a->rate_bps[0], a->rate_bps[1]);
	uint64_t slow_b = admission_min(b->rate_bps[0], b->rate_bps[1]);
	uint64_t fast_a = admission_max(a->rate_bps[0], a->rate_bps[1]);
	uint64_t fast_b = admission_max(b->rate_bps[0], b->rate_bps[1]);

	return slow_a != slow_b ? slow_a > slow_b : fast_a > fast_b;
}

bool admission_offer_is_better(enum admission_offer_kind kind, const struct admission_ask *a,
			       const struct admission_ask *b)
{
	switch (kind) {
	case ADMISSION_OFFER_RATE:
		return rate_is_more(a, b);
	case ADMISSION_OFFER_START:
		return a->start_ns < b->start_ns;
	case ADMISSION_OFFER_WINDOW:
		return a->end_ns > b->end_ns;
	}
	return false;
}

typedef bool offer_function(const struct admission_ask *asked,
			    const struct admission_option *option, struct calendar_event *scratch,
			    struct admission_ask *ask);

static offer_function *const functions[] = {
	[ADMISSION_OFFER_RATE] = offer_rate,
	[ADMISSION_OFFER_START] = offer_start,
	[ADMISSION_OFFER_WINDOW] = offer_window,
};

bool admission_offer_one(enum admission_offer_kind kind, const struct admission_ask *asked,
			 const struct admission_option *option, struct calendar_event *scratch,
			 struct admission_ask *ask)
{
	return functions[kind](asked, option, scratch, ask);
}

/* The best of all options that the rules allow. */
static bool offer_make(const struct admission_request *request,
		       const struct admission_option *options, uint32_t count,
		       enum admission_offer_kind kind, struct calendar_event *scratch,
		       struct admission_offer *offer)
{
	bool is_found = false;

	for (uint32_t i = 0; i < count; i++) {
		struct admission_ask ask;

		if (admission_check_rules(request, options, i) != ROUTE_GOOD ||
		    !functions[kind](&request->ask, &options[i], scratch, &ask))
			continue;
		if (is_found && !admission_offer_is_better(kind, &ask, &offer->ask))
			continue;
		*offer = (struct admission_offer){.kind = kind, .option = i, .ask = ask};
		is_found = true;
	}
	return is_found;
}

void admission_offers_make(const struct admission_request *request,
			   const struct admission_option *options, uint32_t count,
			   struct calendar_event *scratch, struct admission_verdict *verdict)
{
	verdict->offer_count = 0;
	for (int kind = 0; kind < ADMISSION_OFFERS_MAX; kind++) {
		struct admission_offer *offer = &verdict->offers[verdict->offer_count];

		if (offer_make(request, options, count, (enum admission_offer_kind)kind, scratch,
			       offer))
			verdict->offer_count++;
	}
}
