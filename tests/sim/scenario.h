/*
 * A scenario is data: two sites, a link each way, traffic each way, and steps in time. Made by hand
 * (named.c) or from a seed (generate.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/tunnel.h"
#include "tests/sim/link.h"

#define MS     ((uint64_t)1000000)
#define US     ((uint64_t)1000)
#define SECOND ((uint64_t)1000000000)

enum traffic_pattern {
	TRAFFIC_STEADY,
	TRAFFIC_BURSTS, /* burst_packets at once, then a pause: the same rate on average */
	TRAFFIC_ON_OFF, /* on_ns of traffic, off_ns of silence */
};

struct traffic {
	uint64_t packets;  /* inner ones, in all */
	uint64_t rate_bps; /* offered, inner bytes */
	uint32_t flows;
	uint32_t len_min, len_max;     /* of inner packets */
	uint32_t small_ppm, small_len; /* so many of them are of this size instead */
	enum traffic_pattern pattern;
	uint32_t burst_packets;
	uint64_t on_ns, off_ns;
};

enum step_kind {
	STEP_CUT,	   /* the link from `side`; 2: both ways */
	STEP_LOSS,	   /* value: ppm */
	STEP_CONTROL_LOSS, /* value: ppm, of packets without DATA */
	STEP_JITTER,	   /* value: ns, every packet */
	STEP_DELAY,	   /* value: ns more, every packet */
	STEP_SLOW,	   /* value: ppm of the capacity that is left */
	STEP_PAUSE,	   /* the LAN behind `side` takes nothing */
	STEP_LAN_RATE,	   /* value: bit/s that it takes */
	STEP_STALL,	   /* the worker of `side` does not run */
	STEP_KILL,	   /* the gateway of `side` dies, and is back after for_ns */
	STEP_RESTART,	   /* the same, but it hands over what it holds */
	STEP_REKEY,
	STEP_MOVE, /* from `side` by another link of the delay `value`; then back by the first */
};

struct step {
	enum step_kind kind;
	uint32_t side; /* 0, 1, or 2: both */
	uint64_t at_ns, for_ns, value;
};

#define SCENARIO_STEPS 12

struct scenario {
	const char *name;
	uint64_t seed;
	bool is_steady;	   /* the bounds on resends and goodput hold */
	bool is_large;	   /* takes seconds: for release builds */
	uint64_t path_bps; /* pacer of each site: bytes on the wire */
	uint64_t rtt_ns;   /* of the links, both ways; also what the tunnel is told unless: */
	uint64_t said_rtt_ns;
	double loss_budget;	    /* what the windows are made for */
	struct link_config link[2]; /* from site 0, from site 1 */
	struct traffic traffic[2];  /* from site 0, from site 1 */
	uint64_t lan_bps[2];	    /* what the LAN behind the site takes */
	uint64_t poll_ns[2];	    /* between turns of the worker */
	uint32_t drift_ppm;	    /* of site 1's clock */
	uint32_t wan_mtu;
	struct tunnel_sizes sizes[2]; /* tx_slots 0: from rate and RTT */
	uint32_t slots_max;	      /* windows are cut to this; 0: not */
	uint64_t first_seq, first_packet;
	uint64_t rekey_packets; /* 0: never for packets */
	struct step steps[SCENARIO_STEPS];
	uint32_t step_count;
};

/* Fills what is 0 and follows from the rest. */
void scenario_complete(struct scenario *s);
/* Wire bytes of a packet with one inner packet of len bytes. */
uint32_t scenario_line_bytes(uint32_t len);
/* Inner bytes that fit in one DATA frame alone. */
uint32_t scenario_piece(const struct scenario *s);

/* A random small one: at most 50,000 packets. */
void scenario_generate(uint64_t seed, struct scenario *s);

/* The named ones. NULL: no such. */
const struct scenario *scenario_named(const char *name);
const struct scenario *scenario_at(uint32_t index);

const char *step_name(enum step_kind kind);
