/*
 * The command line. What both ends must agree on (queue pair numbers, PSN, MTU, seed) has the same
 * defaults at both: a connection manager would exchange it, and this tool has none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/roce/net.h"

#define ROCE_RKEY 0x00c0ffee /* of the receiver's one memory region, which begins at address 0 */

struct options {
	bool is_send, is_write, is_json, has_local, has_peer;
	struct net_address local, peer;
	uint32_t qps, mtu, message_bytes, window, depth, retries, timeout_exponent;
	uint32_t psn, qpn, peer_qpn, source_port, dscp;
	uint32_t ce_every; /* of so many packets mark one "congestion experienced"; 0: none */
	bool is_ect;
	uint64_t messages; /* per queue pair; 0: no number given */
	uint64_t run_ns;   /* post messages for so long; 0: no time given */
	uint64_t quiet_ns; /* 0: not given */
	uint64_t rate_bps; /* of each queue pair */
	uint64_t seed;
};

/* -1: options are read. Else the exit code, and all has been said. */
int options_read(struct options *o, int argc, char **argv);
