/*
 * What both ends share: packets in and out with their ICRC, and the loop's clock and sleep. One
 * thread owns a struct endpoint.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/roce/net.h"
#include "tests/roce/options.h"
#include "tests/roce/report.h"
#include "tests/roce/wire.h"

#define ENDPOINT_CE 3 /* both ECN bits */

struct endpoint_in {
	struct roce_packet packet;
	struct net_address from;
	bool is_ce;
};

struct endpoint {
	struct net net;
	struct icrc icrc;
	uint8_t tos_data, tos_ack;
	uint64_t icrc_errors, malformed, received;
	/* a burst in preparation, for one queue pair */
	uint8_t (*slots)[ROCE_PACKET_MAX];
	struct net_out out[NET_BURST];
	uint32_t out_count;
	/* a burst that has come */
	struct net_in in[NET_BURST];
	uint32_t in_count, in_next;
};

/* Says what went wrong. 0 or -errno. */
int endpoint_open(struct endpoint *e, const struct options *options);
void endpoint_close(struct endpoint *e);

/* The next good packet, from the kernel when need be; false: no more in this burst. A burst ends
 * after NET_BURST, so that acknowledgements are not put off for ever. */
bool endpoint_receive(struct endpoint *e, struct endpoint_in *in);

/* Adds a packet to the burst, at most NET_BURST: returns where its payload goes. */
uint8_t *endpoint_add(struct endpoint *e, const struct net_address *to,
		      const struct roce_packet *packet, uint8_t tos);
/* Sends the burst from queue pair `qp`. How many went out (the rest is forgotten), or -EMSGSIZE. */
int endpoint_flush(struct endpoint *e, uint32_t qp);

uint64_t endpoint_now(void);
/* Call once before the loop; SIGTERM and SIGINT then end it. */
void endpoint_signals(void);
bool endpoint_is_stopped(void);
/* Until a packet or the deadline. busy: packets moved in this turn; then a pause in which the next
 * ones gather, as a NIC's interrupt moderation makes it. */
void endpoint_sleep(struct endpoint *e, uint64_t now, uint64_t deadline, bool busy);

/* The endpoint's own counters into the report. */
void endpoint_report(const struct endpoint *e, struct report *report);
