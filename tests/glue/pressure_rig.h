/*
 * A gateway pair between two LANs that can pause and be paused, for the tests of back-pressure.
 * Site a's hosts send numbered frames of several flows to site b's; what leaves by a LAN is looked
 * at frame by frame: order, marks, pauses, CNPs.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/core/cnp.h"
#include "tests/harness/gateway_pair.h"

#define FLOWS	    8
#define FLOW_PORT   6000 /* + flow: UDP or TCP source port */
#define BULK_FLOW   4	 /* from here on to the bulk path, where there is one */
#define BULK_PORT   7000 /* destination port of such */
#define PAYLOAD	    1400
#define MS	    1000000ull
#define PRIO_FIRST  3 /* of class lossless */
#define PRIO_SECOND 4 /* bulk */

enum {
	UDP = 17,
	TCP = 6
};

struct flow {
	uint8_t protocol, tos;
	uint32_t sent, next, got, ce;
	bool may_skip; /* numbers may be missing */
};

struct lan_seen { /* what left by a gateway's LAN port */
	uint64_t pfc_frames, xoffs[8], xons[8];
	uint8_t paused;			   /* priorities, as the last frame says */
	uint64_t cnps, cnp_ns, cnp_gap_ns; /* the least gap */
	uint8_t cnp[CNP_FRAME_BYTES];
	uint32_t cnp_len;
};

extern struct pair *pair;
extern struct flow flows[FLOWS];
extern struct lan_seen seen[2]; /* by gateway */
extern struct cw_path_counters bulk_counters[2];

/* LANs of 500 Mb/s that pause and are paused; a path of a fifth of it, and wider ones. */
extern const struct pair_options pausing_narrow, pausing_wide, pausing_two_workers;

void begin(const struct pair_options *options);
int end(void **state);
uint64_t now(void);

/* A frame of a flow of site a, at its worker `worker`. false: no room. */
bool flow_send(uint32_t flow, uint32_t worker);
/* As many, unless the flow's priority is paused. */
void flow_offer(uint32_t flow, uint32_t frames, uint8_t priority);
/* One turn; everything that has left by a LAN is looked at. */
void turn(void);
void turns_for(uint64_t ns);
/* Until nothing is held; what entered and was not dropped has come out. */
void settle(void);

/* A frame of gateway's LAN that pauses a priority for so many quanta (0: no more). */
void pause_send(uint32_t side, uint8_t priority, uint16_t quanta);
/* A second path beside the pair's own, of class bulk, for destination port BULK_PORT. */
void bulk_path_make(void);
struct path *bulk_path(uint32_t side);

uint64_t drops_of(const struct cw_flow_counters *flow);
/* But for these reasons (DROP_COUNT: none), nothing was dropped anywhere. */
void expect_no_drop_but(enum drop one, enum drop other);
void expect_all_came(uint32_t flow);
