#include "tests/roce/rc_send.h"

#include <errno.h>
#include <string.h>

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

int rc_send_init(struct rc_send *s, const struct rc_send_config *config)
{
	if (!config->mtu || config->mtu > ROCE_MTU_MAX || config->mtu % 4 ||
	    !config->message_bytes || config->message_bytes > RC_MESSAGE_MAX || !config->window ||
	    config->window > RC_WINDOW_MAX || !config->depth || config->depth > RC_DEPTH_MAX ||
	    !config->ack_every || !config->timeout_ns)
		return -EINVAL;
	memset(s, 0, sizeof(*s));
	s->config = *config;
	s->timer_ns = UINT64_MAX;
	s->packets_per_message = (config->message_bytes + (uint64_t)config->mtu - 1) / config->mtu;
	return 0;
}

bool rc_send_post(struct rc_send *s, uint64_t now)
{
	if (s->error || s->posted - s->stats.completed >= s->config.depth)
		return false;
	/* A completed message's time stays until it is reported: no post may take its place. */
	if (s->posted - s->reported >= RC_DEPTH_MAX)
		return false;
	s->posted_ns[s->posted++ % RC_DEPTH_MAX] = now;
	return true;
}

static enum roce_place place_of(uint64_t segment, uint64_t segments)
{
	if (segments == 1)
		return ROCE_PLACE_ONLY;
	if (segment == 0)
		return ROCE_PLACE_FIRST;
	return segment == segments - 1 ? ROCE_PLACE_LAST : ROCE_PLACE_MIDDLE;
}

/* Asked for at a message's end, every so often, and before the window closes: whoever waits for the
 * window must have an acknowledgement under way. */
static bool wants_ack(const struct rc_send *s, uint64_t number, uint64_t segment)
{
	return segment == s->packets_per_message - 1 || (number + 1) % s->config.ack_every == 0 ||
	       number + 1 - s->una >= s->config.window;
}

static void segment_make(const struct rc_send *s, uint64_t number, struct rc_segment *out)
{
	const struct rc_send_config *c = &s->config;
	uint64_t message = number / s->packets_per_message;
	uint64_t segment = number % s->packets_per_message;
	uint32_t offset = (uint32_t)segment * c->mtu;

	memset(out, 0, sizeof(*out));
	out->offset = message * c->message_bytes + offset;
	out->packet.opcode = roce_opcode(place_of(segment, s->packets_per_message), c->is_write);
	out->packet.psn = (uint32_t)(c->start_psn + number) & ROCE_24_BITS;
	out->packet.dest_qp = c->dest_qp;
	out->packet.ack_request = wants_ack(s, number, segment);
	out->packet.payload_bytes = min32(c->mtu, c->message_bytes - offset);
	if (roce_has_reth(out->packet.opcode)) {
		out->packet.va = message * c->message_bytes;
		out->packet.rkey = c->rkey;
		out->packet.dma_bytes = c->message_bytes;
	}
}

uint32_t rc_send_poll(const struct rc_send *s, struct rc_segment *out, uint32_t max)
{
	uint64_t end = s->posted * s->packets_per_message;
	uint32_t n = 0;

	if (s->error)
		return 0;
	if (end > s->una + s->config.window)
		end = s->una + s->config.window;
	while (n < max && s->next + n < end) {
		segment_make(s, s->next + n, &out[n]);
		n++;
	}
	return n;
}

void rc_send_on_sent(struct rc_send *s, uint32_t count, uint64_t now)
{
	if (!count)
		return;
	s->stats.packets += count;
	if (s->next < s->sent)
		s->stats.resent += s->sent - s->next < count ? s->sent - s->next : count;
	s->next += count;
	if (s->next > s->sent)
		s->sent = s->next;
	if (s->timer_ns == UINT64_MAX)
		s->timer_ns = now + s->config.timeout_ns;
}

static void timer_restart(struct rc_send *s, uint64_t now)
{
	s->timer_ns = s->una < s->sent ? now + s->config.timeout_ns : UINT64_MAX;
}

static void send_fail(struct rc_send *s, enum rc_error error)
{
	s->error = error;
	s->timer_ns = UINT64_MAX;
}

/* All packets below `number` have arrived. */
static void progress_to(struct rc_send *s, uint64_t number, uint64_t now)
{
	if (number == s->una)
		return;
	s->una = number;
	if (s->next < number)
		s->next = number;
	s->stats.completed = number / s->packets_per_message;
	s->retries = 0;
	timer_restart(s, now);
}

static void go_back(struct rc_send *s, uint64_t now)
{
	if (s->retries++ >= s->config.retries) {
		send_fail(s, RC_RETRY_EXCEEDED);
		return;
	}
	s->next = s->una;
	timer_restart(s, now);
}

static void on_nak(struct rc_send *s, uint8_t code, uint64_t number, uint64_t now)
{
	static const enum rc_error errors[] = {RC_OK, RC_REMOTE_INVALID, RC_REMOTE_ACCESS,
					       RC_REMOTE_OPERATION};

	if (code > ROCE_NAK_OPERATION) {
		s->stats.bad++;
		return;
	}
	s->stats.naks++;
	progress_to(s, number, now);
	if (code == ROCE_NAK_SEQUENCE)
		go_back(s, now);
	else
		send_fail(s, errors[code]);
}

void rc_send_on_ack(struct rc_send *s, const struct roce_packet *ack, uint64_t now)
{
	uint32_t ahead = (ack->psn - (uint32_t)(s->config.start_psn + s->una)) & ROCE_24_BITS;
	uint64_t number = s->una + ahead;

	if (s->error)
		return;
	if (ahead >= ROCE_PSN_HALF) {
		s->stats.stale++;
	} else if (number >= s->sent) {
		s->stats.bad++;
	} else if ((ack->syndrome & 0xe0) == ROCE_SYNDROME_NAK) {
		on_nak(s, ack->syndrome & 0x1f, number, now);
	} else if (ack->syndrome <= ROCE_SYNDROME_ACK) {
		s->stats.acks++;
		progress_to(s, number + 1, now);
	} else {
		s->stats.bad++;
	}
}

void rc_send_on_time(struct rc_send *s, uint64_t now)
{
	if (now < s->timer_ns)
		return;
	s->stats.timeouts++;
	go_back(s, now);
}

uint64_t rc_send_deadline(const struct rc_send *s)
{
	return s->timer_ns;
}

bool rc_send_completion(struct rc_send *s, uint64_t *posted_ns)
{
	if (s->reported == s->stats.completed)
		return false;
	*posted_ns = s->posted_ns[s->reported++ % RC_DEPTH_MAX];
	return true;
}

const char *rc_error_text(enum rc_error error)
{
	static const char *const texts[RC_ERROR_COUNT] = {
		"none", "retry_exceeded", "remote_invalid_request", "remote_access_error",
		"remote_operation_error"};

	return error < RC_ERROR_COUNT ? texts[error] : "unknown";
}
