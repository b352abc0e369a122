/*
 * Which way a path may go. A route is a list of links from the site of the path's end A to that of
 * its end Z; today it has one link, of those that join the two sites. Routes are filtered (admin
 * state, round-trip time, shared risk) and ordered: least cost, then least RTT, then most room,
 * then the caller's number. Pure; any thread.
 *
 * Two routes are disjoint when they share no link and no shared-risk link group (SRLG, RFC 4202).
 * They may share gateways: a site often has one only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/model.h"

#define ROUTE_LINKS_MAX 1  /* transit comes later */
#define ROUTES_MAX	64 /* between two sites */

struct route {
	uint32_t link_count;
	uint32_t links[ROUTE_LINKS_MAX];   /* caller's numbers, unique per link */
	bool is_reversed[ROUTE_LINKS_MAX]; /* the route enters the link at the link's end Z */
	bool is_open;			   /* all of its links are up: neither drained nor down */
	uint64_t rtt_ns;
	uint64_t cost;
	uint32_t srlg_count; /* of all of its links */
	const char (*srlgs)[MODEL_NAME_BYTES];
	uint64_t room_bps; /* what would still be free; 0 when it does not matter */
};

/* What a path demands of its route. */
struct route_rules {
	uint64_t rtt_max_ns;		  /* 0: any */
	const struct route *diverse_from; /* of the paths that it must not share a fate with: */
	uint32_t diverse_count;		  /* those it names, and those that name it */
};

/* Ordered by how far a route got. */
enum route_refusal {
	ROUTE_CLOSED, /* drained or down: takes nothing new */
	ROUTE_SLOW,
	ROUTE_SHARED, /* not disjoint from all of rules->diverse_from */
	ROUTE_GOOD,
};

enum route_refusal route_check(const struct route *route, const struct route_rules *rules);
bool route_is_disjoint(const struct route *a, const struct route *b);
/* Below 0: a is to be preferred. 0 only for the same links. */
int route_compare(const struct route *a, const struct route *b);
/* Indices of the at most `max` best good routes, best first; returns how many. */
uint32_t route_best(const struct route *routes, uint32_t count, const struct route_rules *rules,
		    uint32_t best[], uint32_t max);
/*
 * Two good routes that are disjoint, of the least cost together, then the least RTT together; the
 * better one first. false: there are no two. unfit: NULL, or for each route the set (as bits) of
 * those that cannot be taken beside it for other reasons. At most ROUTES_MAX.
 */
bool route_pair(const struct route *routes, uint32_t count, const struct route_rules *rules,
		const uint64_t unfit[], uint32_t pair[2]);
