/*
 * What a run came to: the same fields for both ends, zero where an end cannot know.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/roce/histogram.h"

struct report {
	const char *role;
	const char *operation; /* "send", "write", or "" where nothing came */
	const char *error;     /* of the first queue pair that failed; "none" */
	char first_wrong[160]; /* the first thing that verification did not like */
	uint32_t queue_pairs;
	uint32_t mtu;
	uint64_t message_bytes;
	uint64_t messages;  /* posted, or begun to arrive */
	uint64_t completed; /* acknowledged, or arrived whole and verified */
	uint64_t bytes;	    /* of completed messages */
	uint64_t duration_ns;
	uint64_t packets, resent, acks, naks, timeouts, stale_acks, bad_acks;
	uint64_t out_of_order, duplicates, invalid;
	uint64_t icrc_errors, malformed, strays;
	uint64_t cnps_sent, cnps_received, ce_seen;
	uint64_t wrong_packets; /* in order and with a good ICRC, yet not what was sent */
	uint64_t socket_drops, send_failures;
	uint64_t rate_bps; /* at the end, of all queue pairs */
	struct histogram completion_us;
	bool is_ok;
};

uint64_t report_goodput_bps(const struct report *r);
void report_print(const struct report *r, FILE *out);
/* One JSON object and a line break. */
void report_print_json(const struct report *r, FILE *out);
