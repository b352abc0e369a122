/*
 * The requesting half of a reliable connection (InfiniBand 1.5, volume 1, 9.7): messages of one
 * size in PSN order, a window of unacknowledged packets, go-back-N on a sequence NAK or a timeout,
 * and an end after too many of these without progress, as a NIC does it. Pure; the sender's loop
 * owns it.
 *
 * Packets have 64-bit numbers from 0 here; PSN = (start + number) mod 2^24. Packet n is segment
 * n % packets of message n / packets, so nothing is kept per packet:
 * una <= next <= sent, and sent - una <= window.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/roce/wire.h"

#define RC_MESSAGE_MAX (1u << 31) /* bytes, of one message (InfiniBand 9.7.7) */
#define RC_WINDOW_MAX  65536
#define RC_DEPTH_MAX   1024

struct rc_send_config {
	uint32_t start_psn;
	uint32_t dest_qp;
	uint32_t rkey;
	uint32_t mtu;		/* payload bytes of a full packet */
	uint32_t message_bytes; /* 1 to RC_MESSAGE_MAX */
	uint32_t window;	/* packets */
	uint32_t depth;		/* messages that are posted and not complete */
	uint32_t ack_every;	/* asks for an acknowledgement in every so many packets, and at a
				   message's end */
	uint32_t retries;	/* without progress; one more ends the connection */
	uint64_t timeout_ns;
	bool is_write;
};

enum rc_error {
	RC_OK,
	RC_RETRY_EXCEEDED,
	RC_REMOTE_INVALID, /* what the far side said */
	RC_REMOTE_ACCESS,
	RC_REMOTE_OPERATION,
	RC_ERROR_COUNT,
};

struct rc_send_stats {
	uint64_t packets; /* with those below */
	uint64_t resent;
	uint64_t acks, naks, timeouts;
	uint64_t stale; /* acknowledgements of what was acknowledged before */
	uint64_t bad;	/* and of what was never sent, or of a kind that is not ours */
	uint64_t completed;
};

struct rc_send {
	struct rc_send_config config;
	struct rc_send_stats stats;
	uint64_t posted_ns[RC_DEPTH_MAX]; /* by message number */
	uint64_t una, next, sent;
	uint64_t posted;   /* messages */
	uint64_t reported; /* completions fetched */
	uint64_t timer_ns; /* UINT64_MAX: off */
	uint64_t packets_per_message;
	uint32_t retries; /* since the last progress */
	enum rc_error error;
};

/* A packet to send: header ready, payload to be filled in from the stream at `offset`. */
struct rc_segment {
	struct roce_packet packet;
	uint64_t offset;
};

/* 0 or -EINVAL. */
int rc_send_init(struct rc_send *s, const struct rc_send_config *config);
/* One more message; false when `depth` are under way. */
bool rc_send_post(struct rc_send *s, uint64_t now);
/* The next packets, as many as may go, at most max. Nothing changes until rc_send_on_sent(). */
uint32_t rc_send_poll(const struct rc_send *s, struct rc_segment *out, uint32_t max);
/* The first `count` of those have gone out. */
void rc_send_on_sent(struct rc_send *s, uint32_t count, uint64_t now);
/* A packet with opcode ROCE_ACK. */
void rc_send_on_ack(struct rc_send *s, const struct roce_packet *ack, uint64_t now);
void rc_send_on_time(struct rc_send *s, uint64_t now);
uint64_t rc_send_deadline(const struct rc_send *s);
/* Messages completed since the last call, in order: true and when it was posted. */
bool rc_send_completion(struct rc_send *s, uint64_t *posted_ns);
const char *rc_error_text(enum rc_error error);

static inline bool rc_send_is_idle(const struct rc_send *s)
{
	return s->una == s->posted * s->packets_per_message;
}
