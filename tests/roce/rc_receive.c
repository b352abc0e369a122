#include "tests/roce/rc_receive.h"

#include <errno.h>
#include <string.h>

int rc_receive_init(struct rc_receive *r, const struct rc_receive_config *config)
{
	if (!config->mtu || config->mtu > ROCE_MTU_MAX || config->mtu % 4 ||
	    !config->message_bytes_max)
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	r->config = *config;
	r->expected_psn = config->start_psn & ROCE_24_BITS;
	return 0;
}

static void on_ce(struct rc_receive *r, uint64_t now)
{
	r->stats.ce_seen++;
	if (now < r->cnp_ns)
		return;
	r->cnp_due = true;
	r->cnp_ns = now + RC_CNP_INTERVAL_NS;
}

static enum rc_verdict refuse(struct rc_receive *r, enum roce_nak code)
{
	r->stats.invalid++;
	r->is_error = true;
	r->nak_due = true;
	r->nak_code = (uint8_t)code;
	return RC_INVALID;
}

/* FIRST and ONLY begin a message, MIDDLE and LAST go on with one of the same kind; all but the last
 * packet are full, and no packet is empty. */
static bool fits_message(const struct rc_receive *r, const struct roce_packet *packet)
{
	enum roce_place place = roce_place(packet->opcode);
	bool begins = place == ROCE_PLACE_FIRST || place == ROCE_PLACE_ONLY;
	bool is_full_only = place == ROCE_PLACE_FIRST || place == ROCE_PLACE_MIDDLE;

	if (place == ROCE_PLACE_NONE || begins == r->in_message)
		return false;
	if (!begins && r->is_write != roce_is_write(packet->opcode))
		return false;
	if (is_full_only ? packet->payload_bytes != r->config.mtu
			 : !packet->payload_bytes || packet->payload_bytes > r->config.mtu)
		return false;
	return (begins ? 0 : r->message_bytes) + packet->payload_bytes <=
	       r->config.message_bytes_max;
}

/* An RDMA WRITE has exactly the length that its RETH said. */
static bool fits_reth(const struct rc_receive *r, uint32_t payload_bytes, bool is_last)
{
	uint64_t bytes = r->message_bytes + payload_bytes;

	return !r->is_write ||
	       (is_last ? bytes == r->message_dma_bytes : bytes < r->message_dma_bytes);
}

static void message_begin(struct rc_receive *r, const struct roce_packet *packet)
{
	r->message_bytes = 0;
	r->is_write = roce_is_write(packet->opcode);
	r->message_va = packet->va;
	r->message_dma_bytes = packet->dma_bytes;
	r->in_message = true;
}

static enum rc_verdict take(struct rc_receive *r, const struct roce_packet *packet,
			    struct rc_taken *out)
{
	enum roce_place place = roce_place(packet->opcode);
	bool is_last = place == ROCE_PLACE_LAST || place == ROCE_PLACE_ONLY;

	if (!fits_message(r, packet))
		return refuse(r, ROCE_NAK_INVALID);
	if (roce_has_reth(packet->opcode) && packet->rkey != r->config.rkey)
		return refuse(r, ROCE_NAK_ACCESS);
	if (place == ROCE_PLACE_FIRST || place == ROCE_PLACE_ONLY)
		message_begin(r, packet);
	if (!fits_reth(r, packet->payload_bytes, is_last))
		return refuse(r, ROCE_NAK_INVALID);
	*out = (struct rc_taken){.message = r->stats.messages,
				 .offset = r->message_bytes,
				 .va = r->message_va,
				 .is_write = r->is_write,
				 .is_last = is_last};
	r->message_bytes += packet->payload_bytes;
	r->stats.bytes += packet->payload_bytes;
	r->stats.messages += is_last;
	r->in_message = !is_last;
	r->expected_psn = (r->expected_psn + 1) & ROCE_24_BITS;
	r->nak_sent = r->nak_due = false;
	r->ack_due |= packet->ack_request;
	return RC_TAKEN;
}

enum rc_verdict rc_receive_on_packet(struct rc_receive *r, const struct roce_packet *packet,
				     bool is_ce, uint64_t now, struct rc_taken *out)
{
	uint32_t ahead = (packet->psn - r->expected_psn) & ROCE_24_BITS;

	if (r->is_error)
		return RC_INVALID;
	r->stats.packets++;
	if (is_ce)
		on_ce(r, now);
	if (ahead == 0)
		return take(r, packet, out);
	if (ahead >= ROCE_PSN_HALF) {
		r->stats.duplicates++;
		r->ack_due = true;
		return RC_DUPLICATE;
	}
	r->stats.out_of_order++;
	if (!r->nak_sent) {
		r->nak_due = r->nak_sent = true;
		r->nak_code = ROCE_NAK_SEQUENCE;
	}
	return RC_AHEAD;
}

static void reply_make(const struct rc_receive *r, struct roce_packet *out)
{
	memset(out, 0, sizeof(*out));
	out->opcode = ROCE_ACK;
	out->dest_qp = r->config.peer_qp;
	out->msn = (uint32_t)r->stats.messages & ROCE_24_BITS;
}

/* A NAK acknowledges all before it, so an ACK beside it would say nothing. */
static bool acknowledge(struct rc_receive *r, struct roce_packet *out)
{
	if (!r->nak_due && !r->ack_due)
		return false;
	reply_make(r, out);
	if (r->nak_due) {
		out->psn = r->expected_psn;
		out->syndrome = (uint8_t)(ROCE_SYNDROME_NAK | r->nak_code);
		r->stats.naks_sent++;
	} else {
		out->psn = (r->expected_psn - 1) & ROCE_24_BITS;
		out->syndrome = ROCE_SYNDROME_ACK;
		r->stats.acks_sent++;
	}
	r->nak_due = r->ack_due = false;
	return true;
}

uint32_t rc_receive_poll(struct rc_receive *r, struct roce_packet *out)
{
	uint32_t n = 0;

	if (r->cnp_due) {
		memset(out, 0, sizeof(*out));
		out->opcode = ROCE_CNP;
		out->becn = true;
		out->dest_qp = r->config.peer_qp;
		r->cnp_due = false;
		r->stats.cnps_sent++;
		n++;
	}
	n += acknowledge(r, &out[n]);
	return n;
}
