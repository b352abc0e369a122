/*
 * The ways that one path takes over the WAN: the one that it sends by, the one that its intent
 * wants, and those of before, by which the far end may still send. Pure; owned by one worker, as
 * the path is.
 *
 * A path moves to another link as a QUIC connection migrates (RFC 9000, section 9): both ways are
 * received from, the path sends by the old one, probes the new one, and sends by it when a probe
 * has come back over it. Everything above stays: keys, packet numbers, sequences, credit.
 *
 *	ways_update -> WAYS_MOVE	sends by `at`, probes `to` as well
 *	ways_switch			sends by `to`
 *
 * Tried and dropped: to forget the old way when the new one is proved. The far end proves its own
 * direction later or not at all, and what it sends until then would be refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/intent.h"
#include "dataplane/core/outer.h"

/* Present and next one, and two of before: the far end may be two moves behind. */
#define WAYS_MAX 4

struct way {
	struct ip_addr local, peer;
	uint32_t ports;	      /* outer UDP source << 16 | destination, of lane 0 */
	uint32_t frames_max;  /* bytes of frames in one outer packet */
	uint32_t payload_max; /* of one DATA frame alone in a packet */
	uint8_t wan_port;     /* index of our port */
	uint8_t link_id;
	struct outer_template outer;
};

struct ways {
	uint8_t at; /* the path sends by it */
	uint8_t to; /* and is to; = at: it moves nowhere */
	uint32_t count;
	uint32_t wanted[WAYS_MAX]; /* when last, by count; 0: free */
	struct way way[WAYS_MAX];
};

enum ways_change {
	WAYS_SAME,    /* the same tunnel, whose DSCP, MTU or port may be others */
	WAYS_MOVE,    /* to another one: probe it, then ways_switch */
	WAYS_RESTART, /* it was another path: only the new way is left, and sent by at once */
};

/* Sends by the intent's way. 0, or -EINVAL: its addresses are of two families. */
int ways_init(struct ways *w, const struct intent_path *intent, uint8_t wan_port, uint32_t wan_mtu);
/* The intent changes; both addresses are of one family. */
enum ways_change ways_update(struct ways *w, const struct intent_path *before,
			     const struct intent_path *intent, uint8_t wan_port, uint32_t wan_mtu);
/* The way wanted has proved: it is the one to send by. */
void ways_switch(struct ways *w);

static inline bool way_has(const struct way *way, const struct ip_addr *local,
			   const struct ip_addr *peer, uint8_t link_id)
{
	return way->link_id == link_id && ip_addr_equal(&way->peer, peer) &&
	       ip_addr_equal(&way->local, local);
}

/* For ways_find: not the one that is sent by. */
int ways_search(const struct ways *w, const struct ip_addr *local, const struct ip_addr *peer,
		uint8_t link_id);

/* By which way did a packet come that bears these addresses and this link? -1: none of ours. */
static inline int ways_find(const struct ways *w, const struct ip_addr *local,
			    const struct ip_addr *peer, uint8_t link_id)
{
	/* By what is sent by, mostly. */
	if (way_has(&w->way[w->at], local, peer, link_id))
		return w->at;
	return ways_search(w, local, peer, link_id);
}

static inline struct way *ways_now(struct ways *w)
{
	return &w->way[w->at];
}

static inline struct way *ways_next(struct ways *w)
{
	return &w->way[w->to];
}

static inline bool ways_are_moving(const struct ways *w)
{
	return w->at != w->to;
}

/* Outer UDP source and destination port of a lane. */
static inline uint32_t way_ports(const struct way *way, uint8_t lane)
{
	return way->ports + lane * 0x10001u;
}
