/*
 * One gateway in miniature: what the DPDK worker does around a lane, with the clock and the
 * interfaces of the simulator. A turn receives what is due, delivers to the LAN as fast as that
 * takes it, sends ACKs, repairs and new packets as the pacer allows, and says when the next turn
 * is due.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/link_delay.h"
#include "dataplane/core/pacer.h"
#include "dataplane/core/tunnel.h"
#include "tests/sim/cookie.h"
#include "tests/sim/packet.h"
#include "tests/sim/source.h"

struct world;

struct site_lan {
	uint64_t rate_bps;
	uint64_t busy_ps;
	bool is_paused;
};

struct site_stats {
	uint64_t turns, idle_turns; /* idle ones in a row */
	uint64_t packets_sent, control_sent, first_packets;
	uint64_t corrupt, foreign, replays;	      /* refused packets */
	uint64_t first_inner_bytes, first_line_bytes; /* of first transmissions */
	uint64_t control_line_bytes;
	uint64_t stalls[TUNNEL_STALL_CREDIT + 1]; /* turns that ended with one */
	uint64_t resets;
};

struct site {
	struct world *world;
	uint32_t who;
	struct tunnel tunnel;
	void *memory;
	struct cookies cookies;
	struct source *source;
	struct site_lan lan;
	struct pacer pacer;
	struct link_rate link_rate;
	uint64_t tx_key, rx_key[KEYS_PHASES];
	uint64_t control_ns; /* by its clock: the share of ACKs and PINGs is used up until then */
	bool is_down, is_stalled;
	uint8_t link; /* moves so far: the number of the one that it sends by */
	/* the inner packet that is being cut */
	struct payload piece;
	uint32_t pieces_sent, pieces;
	/* turns */
	uint64_t wake_ns, ran_ns;
	uint64_t clock_offset;
	uint32_t drift_ppm;
	/* for link_rate: line bytes acknowledged since */
	uint64_t rate_since, rate_packets, rate_bps;
	struct site_stats stats;
};

void site_init(struct site *site, struct world *world, uint32_t who);
void site_free(struct site *site);
/* A new lane, as at the start of a process; without keys. */
void site_tunnel_start(struct site *site);

/* The site's own clock: it shares neither zero nor pace with the other's. */
uint64_t site_clock(const struct site *site, uint64_t now);
/* The virtual time when the site's clock shows at least this. */
uint64_t site_time(const struct site *site, uint64_t clock);

/* A turn at `when` unless there is one earlier. */
void site_wake(struct site *site, uint64_t when);
void site_turn(struct site *site);

/* receive.c */
bool site_receive(struct site *site);
bool site_deliver(struct site *site);
/* One unit or train of fragments, given to the LAN. */
void site_deliver_unit(struct site *site, const struct tunnel_unit *unit, bool is_broken,
		       bool is_flush);
/* transmit.c */
bool site_transmit(struct site *site);
/* ACK and PING, where they are due. */
bool site_control(struct site *site);
/* When they may go. */
uint64_t site_control_due(const struct site *site);
uint64_t site_transmit_due(const struct site *site);
