/*
 * Admission: may a path have what it asks, on which route, and if not: why, and what could it have
 * instead? Pure; any thread. All state is the caller's: it brings the routes between the two sites
 * and, for each, the calendars of what the other paths have booked there.
 *
 * Promised by every path for all of its time, and so kept at every instant:
 *
 *	each direction of a link:
 *		sum(guaranteed rate x wire bytes per inner byte) <= reservable share x capacity
 *	each gateway:
 *		sum(retention of what it sends + receive window of what it gets) <= buffer bytes
 *
 * Wire bytes are those of full packets at the LAN's MTU, with everything that the WAN port's line
 * carries for them (admission_wire_bps). Buffers are what the data plane sets aside when it makes
 * the path (dataplane/core/tunnel_sizes.c): those of the path's *maximal* rate, not of the
 * guaranteed one, since a gateway sizes its windows for the most that may go.
 *
 * ACKs, probes, repairs and smaller packets are not in the sum: they live in the share of the
 * capacity that is not reservable.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/calendar.h"
#include "control/core/model.h"
#include "control/core/route.h"

#define ADMISSION_PACKET_BYTES 1500	      /* of inner packets, when gateways did not tell */
#define ADMISSION_RTT_MAX_NS   10000000000ull /* a longer round trip is taken for this */
#define ADMISSION_OFFERS_MAX   3
#define ADMISSION_OFFER_BPS    1000000ull    /* offered rates are multiples of this, and starts */
#define ADMISSION_OFFER_NS     1000000000ull /* and ends of this, if they were not asked for */

/* What a path asks. Index of rates: enum model_end, the direction that leaves this end. */
struct admission_ask {
	uint64_t rate_bps[2]; /* guaranteed, of inner packets */
	uint64_t max_bps[2];  /* at least rate_bps; 0: the same */
	uint64_t start_ns;    /* now, when the path names none */
	uint64_t end_ns;      /* after start_ns; CALENDAR_FOREVER: none */
	/* 0: whenever. Else offers start no later than this, and end no later than one that starts
	 * then and is as long as asked. */
	uint64_t latest_ns;
};

/* What decides how much a path takes on its way; zero is a good default for all but rtt_ns. */
struct admission_medium {
	uint64_t rtt_ns;
	uint32_t packet_bytes; /* inner packet at the LAN's MTU; 0: ADMISSION_PACKET_BYTES */
	uint32_t wan_mtu;      /* larger ones are cut to fit; 0: none is */
	bool is_v6;
	uint8_t lanes[2]; /* workers of each end's gateway, which all have windows; 0: one */
};

enum admission_resource {
	ADMISSION_RATE_A,   /* of the link, leaving the path's end A */
	ADMISSION_RATE_Z,   /* leaving its end Z */
	ADMISSION_BUFFER_A, /* of the gateway at its end A */
	ADMISSION_BUFFER_Z,
	ADMISSION_TENANT_RATE,	 /* quota: inner rate, the larger direction */
	ADMISSION_TENANT_BUFFER, /* quota: at both gateways together */
	ADMISSION_RESOURCES,
};

/* What a path takes of each: what the caller books for paths that there are. */
struct admission_claim {
	uint64_t amounts[ADMISSION_RESOURCES];
};

/* A route and what is booked there by the *other* paths, seen from the path's end A. */
struct admission_option {
	struct route route; /* its room_bps is ours */
	/* Caller's numbers of the gateways at the path's ends; needed for two options only. */
	uint32_t gateways[2];
	struct admission_medium medium;
	/*
	 * NULL: without limit, as the buffers of a gateway that does not tell, or a tenant without
	 * quota. The caller has one calendar for each direction of a link, gateway, and quota,
	 * whichever options point to it.
	 */
	const struct calendar *calendars[ADMISSION_RESOURCES];
};

/* Refusals in the order of how far the best option got; it is the refusal of the path. */
enum admission_code {
	ADMISSION_NO_ROUTE,	/* no link joins the sites, or all are drained or down */
	ADMISSION_LATENCY,	/* none is fast enough */
	ADMISSION_NO_DISJOINT,	/* none is disjoint from the path that it must not share with */
	ADMISSION_NO_BANDWIDTH, /* none has that much left */
	ADMISSION_NO_BUFFERS,	/* one has, but a gateway has not that much memory left */
	ADMISSION_QUOTA,	/* all is there, but the tenant may not have it */
	ADMISSION_OK,
};

enum admission_offer_kind {
	ADMISSION_OFFER_RATE,	/* less, but in the time asked for */
	ADMISSION_OFFER_START,	/* all of it and as long, but later */
	ADMISSION_OFFER_WINDOW, /* all of it and from the start asked for, but not as long */
};

/* A whole ask: taken as it is, it is admitted, on this option at least. */
struct admission_offer {
	enum admission_offer_kind kind;
	uint32_t option;
	struct admission_ask ask;
};

struct admission_verdict {
	enum admission_code code;
	uint32_t option;	      /* OK: the route to take. Else: the one that got furthest */
	struct admission_claim claim; /* there; with an option only */

	bool lacks_second; /* one link there is, but not two (admission_pair.c) */
	/* NO_BANDWIDTH, NO_BUFFERS, QUOTA: what binds at that option. wanted > limit - booked. */
	enum admission_resource resource;
	uint64_t wanted, booked, limit;
	uint64_t at_ns; /* the first instant of the asked time when so much is booked */

	uint32_t offer_count;
	struct admission_offer offers[ADMISSION_OFFERS_MAX];
};

#define ADMISSION_NO_OPTION UINT32_MAX

struct admission_request {
	struct admission_ask ask;
	struct route_rules rules;
	/* ADMISSION_NO_OPTION, or where the path is: it stays there as long as it fits, whatever
	 * the admin state of the links is, which only keeps new ones away. */
	uint32_t current;
};

/* "insufficient-bandwidth" ...; "ok". For API and log. */
const char *admission_code_name(enum admission_code code);
/* "rate", "start", "window". */
const char *admission_offer_name(enum admission_offer_kind kind);

/* What paths may be guaranteed together, in each direction. */
uint64_t admission_reservable_bps(uint64_t capacity_bps, uint32_t reservable_percent);
/* What a rate of inner packets takes on the line: outer Ethernet, IP, UDP, tunnel and frame headers
 * and tag, and the 24 bytes of preamble, FCS and gap. Rounded up. */
uint64_t admission_wire_bps(const struct admission_medium *medium, uint64_t rate_bps);
void admission_claim_make(const struct admission_ask *ask, const struct admission_medium *medium,
			  struct admission_claim *claim);

/* Events that the functions below need: of the option with the most bookings. */
uint32_t admission_scratch_count(const struct admission_option *options, uint32_t count);

/* Does it fit on this option, with no regard to rules? Fills code, claim and what binds. */
bool admission_fits(const struct admission_ask *ask, struct admission_option *option,
		    struct calendar_event *scratch, struct admission_verdict *verdict);

/*
 * Decides over at most ROUTES_MAX options; the route is the current one, or the best that fits. A
 * refusal carries offers: the most rate of all options, the earliest start, the longest window.
 * An offer of rate lowers both directions only as far as needed: each to what its link has; where
 * buffers bind, first the maximal rates down to the guaranteed ones, then both in proportion.
 */
enum admission_code admission_decide(const struct admission_request *request,
				     struct admission_option *options, uint32_t count,
				     struct calendar_event *scratch,
				     struct admission_verdict *verdict);

/*
 * admission_pair.c: a path that is booked on two disjoint options at the same time. Each has the
 * rates; buffers are those of the one that carries, so a gateway at which both end keeps the larger
 * ones ready. A tenant's rate counts once, its buffers at all of the gateways.
 *
 * The cheapest two, the better one first.
 */
bool admission_pair(const struct admission_request *request, struct admission_option *options,
		    uint32_t count, struct calendar_event *scratch, uint32_t pair[2]);
/* The best one beside `first`; `second`, ADMISSION_NO_OPTION or where it is booked, when it still
 * will do. ADMISSION_NO_OPTION: there is none. */
uint32_t admission_second(const struct admission_request *request, struct admission_option *options,
			  uint32_t count, uint32_t first, uint32_t second,
			  struct calendar_event *scratch);
/*
 * As admission_decide, for two: verdict->option is the first. *second: in, as in admission_second;
 * out, the one that is taken. Offers are of two options as well, and name the first.
 */
enum admission_code admission_decide_pair(const struct admission_request *request,
					  struct admission_option *options, uint32_t count,
					  struct calendar_event *scratch, uint32_t *second,
					  struct admission_verdict *verdict);
/* What a path takes of its second option beside the first: `other` becomes less, by what is taken
 * already. is_shared: the gateways at the path's ends. */
void admission_claim_beside(const struct admission_claim *first, const bool is_shared[2],
			    struct admission_claim *other);
