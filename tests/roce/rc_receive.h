/*
 * The responding half of a reliable connection (InfiniBand 1.5, volume 1, 9.7): takes packets in
 * PSN order only. One that is ahead is dropped and answered by one sequence NAK, the only one until
 * the missing packet is there; one that was here before is dropped and acknowledged again; a
 * message whose packets do not fit together ends the connection. Acknowledgements wait for the end
 * of a burst, the newest stands for all. Congestion marks are answered by notifications, at most
 * one per interval. Pure; the receiver's loop owns it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/roce/wire.h"

#define RC_CNP_INTERVAL_NS 50000
#define RC_REPLIES_MAX	   2

struct rc_receive_config {
	uint32_t start_psn;
	uint32_t peer_qp;
	uint32_t rkey;
	uint32_t mtu;
	uint32_t message_bytes_max;
};

struct rc_receive_stats {
	uint64_t packets, out_of_order, duplicates, invalid;
	uint64_t messages, bytes; /* taken; bytes also of messages that are not yet complete */
	uint64_t acks_sent, naks_sent, cnps_sent, ce_seen;
};

struct rc_receive {
	struct rc_receive_config config;
	struct rc_receive_stats stats;
	uint32_t expected_psn;
	uint64_t message_bytes; /* of the present message, so far */
	uint64_t message_va;
	uint32_t message_dma_bytes;
	uint64_t cnp_ns; /* not before */
	bool in_message, is_write;
	bool ack_due, nak_due, cnp_due;
	bool nak_sent; /* the only one until the expected packet is there */
	uint8_t nak_code;
	bool is_error;
};

enum rc_verdict {
	RC_TAKEN,
	RC_DUPLICATE,
	RC_AHEAD,
	RC_INVALID
};

/* A packet that was taken: its payload is bytes [offset, offset + payload_bytes) of message number
 * `message`. */
struct rc_taken {
	uint64_t message;
	uint64_t offset;
	uint64_t va; /* of the message, when it is an RDMA WRITE */
	bool is_write, is_last;
};

/* 0 or -EINVAL. */
int rc_receive_init(struct rc_receive *r, const struct rc_receive_config *config);
/* A packet that belongs to a message. is_ce: its IP header says "congestion experienced". */
enum rc_verdict rc_receive_on_packet(struct rc_receive *r, const struct roce_packet *packet,
				     bool is_ce, uint64_t now, struct rc_taken *out);
/* What is due after a burst, at most RC_REPLIES_MAX. Returns how many; then nothing is due. */
uint32_t rc_receive_poll(struct rc_receive *r, struct roce_packet *out);
