#include "control/core/admission_internal.h"
#include "dataplane/core/outer.h"
#include "dataplane/core/pacer.h"
#include "dataplane/core/tunnel.h"
#include "dataplane/core/wire.h"

/* Of a fragment: what is left of a WAN MTU that is too small for anything. */
#define PIECE_BYTES_MIN 64u

#define IPV6_MORE_BYTES (OUTER_IPV6_BYTES - OUTER_IPV4_BYTES)
#define ETHER_BYTES	14u

static const char *const code_names[] = {
	[ADMISSION_NO_ROUTE] = "no-route",
	[ADMISSION_LATENCY] = "latency-infeasible",
	[ADMISSION_NO_DISJOINT] = "no-disjoint-route",
	[ADMISSION_NO_BANDWIDTH] = "insufficient-bandwidth",
	[ADMISSION_NO_BUFFERS] = "insufficient-buffers",
	[ADMISSION_QUOTA] = "quota-exceeded",
	[ADMISSION_OK] = "ok",
};

static const char *const offer_names[] = {
	[ADMISSION_OFFER_RATE] = "rate",
	[ADMISSION_OFFER_START] = "start",
	[ADMISSION_OFFER_WINDOW] = "window",
};

const char *admission_code_name(enum admission_code code)
{
	return code_names[code];
}

const char *admission_offer_name(enum admission_offer_kind kind)
{
	return offer_names[kind];
}

uint64_t admission_reservable_bps(uint64_t capacity_bps, uint32_t reservable_percent)
{
	return (uint64_t)((admission_u128)capacity_bps * reservable_percent / 100);
}

uint64_t admission_inner_bytes(const struct admission_medium *medium)
{
	return medium->packet_bytes ? medium->packet_bytes : ADMISSION_PACKET_BYTES;
}

uint64_t admission_line_bytes(const struct admission_medium *medium)
{
	uint64_t inner = admission_inner_bytes(medium), pieces = 1;
	uint64_t headers = OUTER_IPV4_BYTES + WIRE_OVERHEAD_BYTES + WIRE_DATA_BYTES;

	if (medium->is_v6)
		headers += IPV6_MORE_BYTES;
	if (medium->wan_mtu) {
		uint64_t around = headers - ETHER_BYTES, most = PIECE_BYTES_MIN;

		if (medium->wan_mtu > around + most)
			most = medium->wan_mtu - around;
		pieces = (inner + most - 1) / most;
	}
	return inner + pieces * (headers + PACER_FRAMING_BYTES);
}

uint64_t admission_wire_bps(const struct admission_medium *medium, uint64_t rate_bps)
{
	uint64_t inner = admission_inner_bytes(medium);
	admission_u128 bps =
		((admission_u128)rate_bps * admission_line_bytes(medium) + inner - 1) / inner;

	return bps > UINT64_MAX ? UINT64_MAX : (uint64_t)bps;
}

/* As the data plane does: a path without a rate worth the name has windows, too. */
static uint64_t window_bps(const struct admission_ask *ask, int direction)
{
	uint64_t bps = admission_max(ask->max_bps[direction], ask->rate_bps[direction]);

	return admission_min(admission_max(bps, SHAPER_RATE_MIN_BPS), SHAPER_RATE_MAX_BPS);
}

static uint64_t lane_count(const struct admission_medium *medium, int end)
{
	return medium->lanes[end] ? medium->lanes[end] : 1;
}

/* Of the gateway at this end: each of its workers retains for a lane of its own, and holds for each
 * lane of the other end. */
static uint64_t buffer_bytes(const struct admission_ask *ask, const struct admission_medium *medium,
			     int end)
{
	struct tunnel_demand demand = {
		.tx_bps = window_bps(ask, end),
		.rx_bps = window_bps(ask, !end),
		.rtt_ns = admission_min(medium->rtt_ns, ADMISSION_RTT_MAX_NS),
		.loss = TUNNEL_LOSS_BUDGET,
	};
	struct tunnel_sizes sizes;

	tunnel_sizes_for(&demand, &sizes);
	return sizes.retain_bytes * lane_count(medium, end) +
	       sizes.rx_bytes * lane_count(medium, !end);
}

void admission_claim_make(const struct admission_ask *ask, const struct admission_medium *medium,
			  struct admission_claim *claim)
{
	uint64_t *amounts = claim->amounts;

	for (int end = 0; end < 2; end++) {
		amounts[ADMISSION_RATE_A + end] = admission_wire_bps(medium, ask->rate_bps[end]);
		amounts[ADMISSION_BUFFER_A + end] = buffer_bytes(ask, medium, end);
	}
	amounts[ADMISSION_TENANT_RATE] = admission_max(ask->rate_bps[0], ask->rate_bps[1]);
	amounts[ADMISSION_TENANT_BUFFER] =
		amounts[ADMISSION_BUFFER_A] + amounts[ADMISSION_BUFFER_Z];
}

uint32_t admission_scratch_count(const struct admission_option *options, uint32_t count)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t bookings = 0;

		for (uint32_t r = 0; r < ADMISSION_RESOURCES; r++) {
			if (options[i].calendars[r])
				bookings += options[i].calendars[r]->count;
		}
		if (bookings > most)
			most = bookings;
	}
	return 2 * most;
}

static const enum admission_code resource_codes[ADMISSION_RESOURCES] = {
	[ADMISSION_RATE_A] = ADMISSION_NO_BANDWIDTH, [ADMISSION_RATE_Z] = ADMISSION_NO_BANDWIDTH,
	[ADMISSION_BUFFER_A] = ADMISSION_NO_BUFFERS, [ADMISSION_BUFFER_Z] = ADMISSION_NO_BUFFERS,
	[ADMISSION_TENANT_RATE] = ADMISSION_QUOTA,   [ADMISSION_TENANT_BUFFER] = ADMISSION_QUOTA,
};

/* One resource, and how much of it would be left; false: `verdict` says what binds. */
static bool resource_fits(const struct admission_ask *ask, const struct calendar *calendar,
			  enum admission_resource resource, struct calendar_event *scratch,
			  struct admission_verdict *verdict, uint64_t *left)
{
	uint64_t amount = verdict->claim.amounts[resource], booked, room, at_ns;

	booked = calendar_peak(calendar, ask->start_ns, ask->end_ns, &at_ns, scratch);
	room = calendar->limit - admission_min(booked, calendar->limit);
	*left = room - admission_min(amount, room);
	if (amount <= room)
		return true;
	verdict->code = resource_codes[resource];
	verdict->resource = resource;
	verdict->wanted = amount;
	verdict->booked = booked;
	verdict->limit = calendar->limit;
	verdict->at_ns = at_ns;
	return false;
}

bool admission_fits(const struct admission_ask *ask, struct admission_option *option,
		    struct calendar_event *scratch, struct admission_verdict *verdict)
{
	uint64_t left;

	admission_claim_make(ask, &option->medium, &verdict->claim);
	option->route.room_bps = UINT64_MAX;
	for (uint32_t r = 0; r < ADMISSION_RESOURCES; r++) {
		if (!option->calendars[r])
			continue;
		if (!resource_fits(ask, option->calendars[r], (enum admission_resource)r, scratch,
				   verdict, &left))
			return false;
		if (r <= ADMISSION_RATE_Z)
			option->route.room_bps = admission_min(option->route.room_bps, left);
	}
	verdict->code = ADMISSION_OK;
	return true;
}

enum route_refusal admission_check_rules(const struct admission_request *request,
					 const struct admission_option *options, uint32_t index)
{
	struct route route = options[index].route;

	route.is_open |= index == request->current;
	return route_check(&route, &request->rules);
}

static enum admission_code refusal_code(enum route_refusal refusal)
{
	static const enum admission_code codes[] = {
		[ROUTE_CLOSED] = ADMISSION_NO_ROUTE,
		[ROUTE_SLOW] = ADMISSION_LATENCY,
		[ROUTE_SHARED] = ADMISSION_NO_DISJOINT,
	};

	return codes[refusal];
}

void admission_option_decide(const struct admission_request *request,
			     struct admission_option *options, uint32_t index,
			     struct calendar_event *scratch, struct admission_verdict *verdict)
{
	enum route_refusal refusal = admission_check_rules(request, options, index);

	*verdict = (struct admission_verdict){.option = index};
	if (refusal == ROUTE_GOOD)
		admission_fits(&request->ask, &options[index], scratch, verdict);
	else
		verdict->code = refusal_code(refusal);
}

static uint64_t verdict_lack(const struct admission_verdict *verdict)
{
	uint64_t room = verdict->limit - admission_min(verdict->booked, verdict->limit);

	return verdict->wanted - room;
}

/* Of two options: which is taken, or which tells better why none is. */
static bool is_better(const struct admission_request *request,
		      const struct admission_option *options, const struct admission_verdict *a,
		      const struct admission_verdict *b)
{
	if (a->code != b->code)
		return a->code > b->code;
	if (a->code == ADMISSION_OK && a->option == request->current)
		return true;
	if (a->code == ADMISSION_OK && b->option == request->current)
		return false;
	if (a->code == ADMISSION_OK)
		return route_compare(&options[a->option].route, &options[b->option].route) < 0;
	return a->code >= ADMISSION_NO_BANDWIDTH && verdict_lack(a) < verdict_lack(b);
}

enum admission_code admission_decide(const struct admission_request *request,
				     struct admission_option *options, uint32_t count,
				     struct calendar_event *scratch,
				     struct admission_verdict *verdict)
{
	*verdict = (struct admission_verdict){.code = ADMISSION_NO_ROUTE,
					      .option = ADMISSION_NO_OPTION};
	for (uint32_t i = 0; i < count; i++) {
		struct admission_verdict at;

		admission_option_decide(request, options, i, scratch, &at);
		if (verdict->option == ADMISSION_NO_OPTION ||
		    is_better(request, options, &at, verdict))
			*verdict = at;
	}
	if (verdict->code >= ADMISSION_NO_BANDWIDTH && verdict->code != ADMISSION_OK)
		admission_offers_make(request, options, count, scratch, verdict);
	return verdict->code;
}
