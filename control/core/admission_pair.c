#include "control/core/admission_internal.h"

static const struct route_rules no_rules;

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void admission_claim_beside(const struct admission_claim *first, const bool is_shared[2],
			    struct admission_claim *other)
{
	uint64_t *amounts = other->amounts;

	for (int end = 0; end < 2; end++) {
		if (is_shared[end])
			amounts[ADMISSION_BUFFER_A + end] =
				less(amounts[ADMISSION_BUFFER_A + end],
				     first->amounts[ADMISSION_BUFFER_A + end]);
	}
	amounts[ADMISSION_TENANT_RATE] = 0;
	amounts[ADMISSION_TENANT_BUFFER] =
		amounts[ADMISSION_BUFFER_A] + amounts[ADMISSION_BUFFER_Z];
}

/* Each of them fits; only what the tenant has of buffers is more for two. */
static bool tenant_fits(const struct admission_ask *ask, const struct admission_option *a,
			const struct admission_option *b, struct calendar_event *scratch)
{
	const struct calendar *calendar = a->calendars[ADMISSION_TENANT_BUFFER];
	bool is_shared[2];
	struct admission_claim claims[2];
	uint64_t first, second;

	if (!calendar)
		return true;
	for (int end = 0; end < 2; end++)
		is_shared[end] = a->gateways[end] == b->gateways[end];
	admission_claim_make(ask, &a->medium, &claims[0]);
	admission_claim_make(ask, &b->medium, &claims[1]);
	admission_claim_beside(&claims[0], is_shared, &claims[1]);
	first = claims[0].amounts[ADMISSION_TENANT_BUFFER];
	second = claims[1].amounts[ADMISSION_TENANT_BUFFER];
	return first <= UINT64_MAX - second &&
	       calendar_fits(calendar, first + second, ask->start_ns, ask->end_ns, scratch);
}

/* The routes of the options; open are those that will do, each for itself. */
static void routes_find(const struct admission_request *request, struct admission_option *options,
			uint32_t count, struct calendar_event *scratch, struct route routes[])
{
	for (uint32_t i = 0; i < count; i++) {
		struct admission_verdict verdict;

		admission_option_decide(request, options, i, scratch, &verdict);
		routes[i] = options[i].route;
		routes[i].is_open = verdict.code == ADMISSION_OK;
	}
}

bool admission_pair(const struct admission_request *request, struct admission_option *options,
		    uint32_t count, struct calendar_event *scratch, uint32_t pair[2])
{
	struct route routes[ROUTES_MAX];
	uint64_t unfit[ROUTES_MAX] = {0};

	if (count > ROUTES_MAX)
		count = ROUTES_MAX;
	routes_find(request, options, count, scratch, routes);
	while (route_pair(routes, count, &no_rules, unfit, pair)) {
		if (tenant_fits(&request->ask, &options[pair[0]], &options[pair[1]], scratch))
			return true;
		unfit[pair[0]] |= 1ull << pair[1];
	}
	return false;
}

uint32_t admission_second(const struct admission_request *request, struct admission_option *options,
			  uint32_t count, uint32_t first, uint32_t second,
			  struct calendar_event *scratch)
{
	struct admission_request beside = *request;
	struct route routes[ROUTES_MAX];
	uint32_t best = ADMISSION_NO_OPTION;

	beside.current = second;
	if (count > ROUTES_MAX)
		count = ROUTES_MAX;
	routes_find(&beside, options, count, scratch, routes);
	for (uint32_t i = 0; i < count; i++) {
		if (!routes[i].is_open || !route_is_disjoint(&routes[first], &routes[i]) ||
		    !tenant_fits(&request->ask, &options[first], &options[i], scratch))
			continue;
		if (i == second)
			return i;
		if (best == ADMISSION_NO_OPTION || route_compare(&routes[i], &routes[best]) < 0)
			best = i;
	}
	return best;
}

/* Would there be two if all had room? */
static bool two_may_go(const struct admission_request *request,
		       const struct admission_option *options, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (admission_check_rules(request, options, i) != ROUTE_GOOD)
			continue;
		for (uint32_t j = i + 1; j < count; j++) {
			if (admission_check_rules(request, options, j) == ROUTE_GOOD &&
			    route_is_disjoint(&options[i].route, &options[j].route))
				return true;
		}
	}
	return false;
}

/* Guaranteed rates down to cap_bps, in proportion; and nothing above them. None becomes 0. */
static void ask_cap(const struct admission_ask *asked, uint64_t cap_bps, struct admission_ask *ask)
{
	uint64_t high_bps = admission_max(asked->rate_bps[0], asked->rate_bps[1]);

	*ask = *asked;
	for (int end = 0; end < 2; end++) {
		uint64_t bps = asked->rate_bps[end];

		if (cap_bps < high_bps) {
			bps = (uint64_t)((admission_u128)bps * cap_bps / high_bps);
			bps -= bps % ADMISSION_OFFER_BPS;
			bps = admission_max(
				bps, admission_min(asked->rate_bps[end], ADMISSION_OFFER_BPS));
		}
		ask->rate_bps[end] = ask->max_bps[end] = bps;
	}
}

static bool pair_at(const struct admission_request *request, struct admission_option *options,
		    uint32_t count, const struct admission_ask *ask, struct calendar_event *scratch,
		    uint32_t pair[2])
{
	struct admission_request lower = *request;

	lower.ask = *ask;
	return admission_pair(&lower, options, count, scratch, pair);
}

/* What fits at some rate fits at every lower one. */
static bool offer_rate(const struct admission_request *request, struct admission_option *options,
		       uint32_t count, struct calendar_event *scratch,
		       struct admission_offer *offer)
{
	const struct admission_ask *asked = &request->ask;
	uint64_t high_bps = admission_max(asked->rate_bps[0], asked->rate_bps[1]);
	uint64_t low = 0, high = high_bps / ADMISSION_OFFER_BPS + 1;
	uint32_t pair[2];

	while (low < high) {
		uint64_t middle = (low + high + 1) / 2;

		ask_cap(asked, middle * ADMISSION_OFFER_BPS, &offer->ask);
		if (pair_at(request, options, count, &offer->ask, scratch, pair))
			low = middle;
		else
			high = middle - 1;
	}
	ask_cap(asked, low * ADMISSION_OFFER_BPS, &offer->ask);
	if (!low || !pair_at(request, options, count, &offer->ask, scratch, pair))
		return false;
	offer->option = pair[0];
	return true;
}

/* The first start that suits both: each in turn puts it off until neither does. */
static bool both_start(const struct admission_ask *asked, const struct admission_option *a,
		       const struct admission_option *b, struct calendar_event *scratch,
		       struct admission_ask *ask)
{
	struct admission_ask at = *asked;

	do {
		if (!admission_offer_one(ADMISSION_OFFER_START, &at, a, scratch, ask) ||
		    !admission_offer_one(ADMISSION_OFFER_START, ask, b, scratch, &at))
			return false;
	} while (at.start_ns != ask->start_ns);
	return true;
}

static bool both_last(const struct admission_ask *asked, const struct admission_option *a,
		      const struct admission_option *b, struct calendar_event *scratch,
		      struct admission_ask *ask)
{
	struct admission_ask first;

	return admission_offer_one(ADMISSION_OFFER_WINDOW, asked, a, scratch, &first) &&
	       admission_offer_one(ADMISSION_OFFER_WINDOW, &first, b, scratch, ask);
}

/* The best of all pairs that the rules allow. */
static bool offer_time(const struct admission_request *request, struct admission_option *options,
		       uint32_t count, enum admission_offer_kind kind,
		       struct calendar_event *scratch, struct admission_offer *offer)
{
	bool is_found = false;

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = i + 1; j < count; j++) {
			struct admission_option *a = &options[i], *b = &options[j];
			struct admission_ask ask;

			if (admission_check_rules(request, options, i) != ROUTE_GOOD ||
			    admission_check_rules(request, options, j) != ROUTE_GOOD ||
			    !route_is_disjoint(&a->route, &b->route))
				continue;
			if (!(kind == ADMISSION_OFFER_START ? both_start : both_last)(
				    &request->ask, a, b, scratch, &ask) ||
			    !tenant_fits(&ask, a, b, scratch))
				continue;
			if (is_found && !admission_offer_is_better(kind, &ask, &offer->ask))
				continue;
			*offer = (struct admission_offer){.kind = kind, .option = i, .ask = ask};
			is_found = true;
		}
	}
	return is_found;
}

static void offers_make(const struct admission_request *request, struct admission_option *options,
			uint32_t count, struct calendar_event *scratch,
			struct admission_verdict *verdict)
{
	struct admission_offer *offer = verdict->offers;

	*offer = (struct admission_offer){.kind = ADMISSION_OFFER_RATE};
	offer += offer_rate(request, options, count, scratch, offer);
	offer += offer_time(request, options, count, ADMISSION_OFFER_START, scratch, offer);
	offer += offer_time(request, options, count, ADMISSION_OFFER_WINDOW, scratch, offer);
	verdict->offer_count = (uint32_t)(offer - verdict->offers);
}

/* Each has room of its own, but the tenant may not have the buffers of two. */
static void refuse_buffers(const struct admission_request *request,
			   const struct admission_option *option, struct calendar_event *scratch,
			   struct admission_verdict *verdict)
{
	const struct calendar *calendar = option->calendars[ADMISSION_TENANT_BUFFER];

	verdict->code = ADMISSION_QUOTA;
	verdict->resource = ADMISSION_TENANT_BUFFER;
	verdict->wanted = 2 * verdict->claim.amounts[ADMISSION_TENANT_BUFFER];
	if (!calendar)
		return;
	verdict->limit = calendar->limit;
	verdict->booked = calendar_peak(calendar, request->ask.start_ns, request->ask.end_ns,
					&verdict->at_ns, scratch);
}

/* Why there are no two: the refusal of the option that lacks least. */
static void refuse(const struct admission_request *request, struct admission_option *options,
		   uint32_t count, struct calendar_event *scratch,
		   struct admission_verdict *verdict)
{
	uint32_t fitting = verdict->option;

	if (!two_may_go(request, options, count)) {
		verdict->code = ADMISSION_NO_DISJOINT;
		verdict->lacks_second = true;
		return;
	}
	refuse_buffers(request, &options[fitting], scratch, verdict);
	for (uint32_t i = 0; i < count; i++) {
		struct admission_verdict at;

		admission_option_decide(request, options, i, scratch, &at);
		if (i == fitting || at.code == ADMISSION_OK || at.code < ADMISSION_NO_BANDWIDTH)
			continue;
		*verdict = at;
		break;
	}
	verdict->lacks_second = true;
	offers_make(request, options, count, scratch, verdict);
}

enum admission_code admission_decide_pair(const struct admission_request *request,
					  struct admission_option *options, uint32_t count,
					  struct calendar_event *scratch, uint32_t *second,
					  struct admission_verdict *verdict)
{
	uint32_t found = ADMISSION_NO_OPTION, pair[2];

	if (count > ROUTES_MAX)
		count = ROUTES_MAX;
	admission_decide(request, options, count, scratch, verdict);
	if (verdict->code == ADMISSION_OK && verdict->option == request->current)
		found = admission_second(request, options, count, verdict->option, *second,
					 scratch);
	if (found == ADMISSION_NO_OPTION &&
	    admission_pair(request, options, count, scratch, pair)) {
		admission_option_decide(request, options, pair[0], scratch, verdict);
		verdict->option = pair[0];
		found = pair[1];
	}
	*second = found;
	if (found != ADMISSION_NO_OPTION)
		return verdict->code;
	verdict->offer_count = 0;
	if (verdict->code == ADMISSION_OK)
		refuse(request, options, count, scratch, verdict);
	else if (verdict->code >= ADMISSION_NO_BANDWIDTH)
		offers_make(request, options, count, scratch, verdict);
	return verdict->code;
}
