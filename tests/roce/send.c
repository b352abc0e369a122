#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/shaper.h"
#include "tests/roce/dcqcn.h"
#include "tests/roce/endpoint.h"
#include "tests/roce/pattern.h"
#include "tests/roce/rc_send.h"
#include "tests/roce/run.h"

#define BURSTS_PER_TURN 8
/* What the pacer lets go at once: the pause between two turns, some times over. */
#define BURST_NS 400000

struct sender_qp {
	struct rc_send rc;
	struct dcqcn dcqcn;
	struct shaper shaper;
	struct pattern pattern;
	uint64_t cnps;
};

struct sender {
	const struct options *options;
	struct report *report;
	struct endpoint endpoint;
	struct sender_qp *qps;
	uint64_t begin_ns, last_ns; /* of the run; of the last completion */
	uint64_t strays;
	bool is_too_large; /* for the interface's MTU */
};

static uint32_t burst_bytes(const struct options *o, uint64_t rate_bps)
{
	uint64_t bytes = rate_bps / 8 * BURST_NS / 1000000000;
	uint64_t least = 2 * (o->mtu + 100);

	return (uint32_t)(bytes > least ? bytes : least);
}

static int qp_init(struct sender *s, uint32_t i, uint64_t now)
{
	const struct options *o = s->options;
	struct sender_qp *qp = &s->qps[i];
	struct rc_send_config config = {.start_psn = o->psn,
					.dest_qp = o->peer_qpn + i,
					.rkey = ROCE_RKEY,
					.mtu = o->mtu,
					.message_bytes = o->message_bytes,
					.window = o->window,
					.depth = o->depth,
					.ack_every = o->window < 64 ? (o->window + 1) / 2 : 32,
					.retries = o->retries,
					.timeout_ns = 4096ull << o->timeout_exponent,
					.is_write = o->is_write};
	int error = rc_send_init(&qp->rc, &config);

	pattern_init(&qp->pattern, o->seed, i);
	dcqcn_init(&qp->dcqcn, o->rate_bps, now);
	if (!error)
		error = shaper_init(&qp->shaper, o->rate_bps, burst_bytes(o, o->rate_bps), now);
	return error;
}

static void packet_take(struct sender *s, const struct roce_packet *packet, uint64_t now)
{
	uint32_t i = packet->dest_qp - s->options->qpn;

	if (i >= s->options->qps) {
		s->strays++;
	} else if (packet->opcode == ROCE_ACK) {
		rc_send_on_ack(&s->qps[i].rc, packet, now);
	} else if (packet->opcode == ROCE_CNP) {
		s->qps[i].cnps++;
		dcqcn_on_cnp(&s->qps[i].dcqcn, now);
	} else {
		s->strays++;
	}
}

static bool packets_take(struct sender *s, uint64_t now)
{
	struct endpoint_in in;
	bool any = false;

	while (endpoint_receive(&s->endpoint, &in)) {
		any = true;
		if (net_address_equal(&in.from, &s->options->peer))
			packet_take(s, &in.packet, now);
		else
			s->strays++;
	}
	return any;
}

static void completions_take(struct sender *s, struct sender_qp *qp, uint64_t now)
{
	uint64_t posted_ns;

	while (rc_send_completion(&qp->rc, &posted_ns)) {
		histogram_add(&s->report->completion_us, (now - posted_ns) / 1000);
		s->last_ns = now;
	}
}

static bool may_post(const struct sender *s, const struct sender_qp *qp, uint64_t now)
{
	const struct options *o = s->options;

	if (o->run_ns && now >= s->begin_ns + o->run_ns)
		return false;
	return !o->messages || qp->rc.posted < o->messages;
}

static void rate_follow(const struct sender *s, struct sender_qp *qp, uint64_t now)
{
	uint64_t rate_bps;

	dcqcn_poll(&qp->dcqcn, now);
	rate_bps = qp->dcqcn.rate_bps;
	if (rate_bps != qp->shaper.rate_bps)
		shaper_set_rate(&qp->shaper, rate_bps, burst_bytes(s->options, rate_bps), now);
}

static uint32_t ip_bytes(const struct sender *s, const struct roce_packet *packet)
{
	return (s->options->peer.is_ipv6 ? ROCE_IPV6_BYTES : ROCE_IPV4_BYTES) + ROCE_UDP_BYTES +
	       roce_packet_bytes(packet->opcode, packet->payload_bytes);
}

static uint8_t tos_of(const struct sender *s, const struct roce_packet *packet)
{
	bool is_ce = s->options->ce_every && packet->psn % s->options->ce_every == 0;

	return (uint8_t)(s->endpoint.tos_data | (is_ce ? ENDPOINT_CE : 0));
}

/* One burst of a queue pair; true when more may go. */
static bool burst_send(struct sender *s, uint32_t i, uint64_t now)
{
	struct rc_segment segments[NET_BURST];
	struct sender_qp *qp = &s->qps[i];
	uint32_t n = rc_send_poll(&qp->rc, segments, NET_BURST), k;
	int sent;

	for (k = 0; k < n; k++) {
		const struct roce_packet *packet = &segments[k].packet;
		uint8_t *payload;

		if (!shaper_take(&qp->shaper, ip_bytes(s, packet), now))
			break;
		payload = endpoint_add(&s->endpoint, &s->options->peer, packet, tos_of(s, packet));
		pattern_fill(&qp->pattern, segments[k].offset, payload, packet->payload_bytes);
	}
	sent = endpoint_flush(&s->endpoint, i);
	if (sent < 0) {
		s->is_too_large = true;
		return false;
	}
	rc_send_on_sent(&qp->rc, (uint32_t)sent, now);
	return sent == NET_BURST;
}

static bool qp_turn(struct sender *s, uint32_t i, uint64_t now)
{
	struct sender_qp *qp = &s->qps[i];
	uint64_t before = qp->rc.stats.packets;

	completions_take(s, qp, now);
	rc_send_on_time(&qp->rc, now);
	while (may_post(s, qp, now) && rc_send_post(&qp->rc, now))
		;
	rate_follow(s, qp, now);
	for (uint32_t n = 0; n < BURSTS_PER_TURN && burst_send(s, i, now); n++)
		;
	return qp->rc.stats.packets != before;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t qp_deadline(const struct sender *s, const struct sender_qp *qp)
{
	uint64_t deadline = min64(rc_send_deadline(&qp->rc), dcqcn_deadline(&qp->dcqcn));
	struct rc_segment segment;

	if (rc_send_poll(&qp->rc, &segment, 1))
		deadline =
			min64(deadline, shaper_deadline(&qp->shaper, ip_bytes(s, &segment.packet)));
	return deadline;
}

static bool qp_is_done(const struct sender *s, const struct sender_qp *qp, uint64_t now)
{
	return qp->rc.error || (!may_post(s, qp, now) && rc_send_is_idle(&qp->rc));
}

static void sender_loop(struct sender *s)
{
	bool done = false;

	while (!done && !s->is_too_large && !endpoint_is_stopped()) {
		uint64_t now = endpoint_now(), deadline = UINT64_MAX;
		bool busy = packets_take(s, now);

		done = true;
		for (uint32_t i = 0; i < s->options->qps; i++) {
			busy |= qp_turn(s, i, now);
			deadline = min64(deadline, qp_deadline(s, &s->qps[i]));
			done &= qp_is_done(s, &s->qps[i], now);
		}
		if (s->options->run_ns)
			deadline = min64(deadline, s->begin_ns + s->options->run_ns > now
							   ? s->begin_ns + s->options->run_ns
							   : UINT64_MAX);
		if (!done)
			endpoint_sleep(&s->endpoint, now, deadline, busy);
	}
}

static void qp_report(const struct sender *s, const struct sender_qp *qp)
{
	const struct rc_send_stats *stats = &qp->rc.stats;
	struct report *r = s->report;

	r->messages +=
		s->options->messages && !s->options->run_ns ? s->options->messages : qp->rc.posted;
	r->completed += stats->completed;
	r->packets += stats->packets;
	r->resent += stats->resent;
	r->acks += stats->acks;
	r->naks += stats->naks;
	r->timeouts += stats->timeouts;
	r->stale_acks += stats->stale;
	r->bad_acks += stats->bad;
	r->cnps_received += qp->cnps;
	r->rate_bps += qp->dcqcn.rate_bps;
	if (qp->rc.error && r->error[0] == 'n')
		r->error = rc_error_text(qp->rc.error);
}

static void sender_report(const struct sender *s)
{
	struct report *r = s->report;

	r->role = "send";
	r->operation = s->options->is_write ? "write" : "send";
	r->error = "none";
	r->queue_pairs = s->options->qps;
	r->mtu = s->options->mtu;
	r->message_bytes = s->options->message_bytes;
	for (uint32_t i = 0; i < s->options->qps; i++)
		qp_report(s, &s->qps[i]);
	r->bytes = r->completed * r->message_bytes;
	r->duration_ns = r->completed ? s->last_ns - s->begin_ns : 0;
	r->strays = s->strays;
	endpoint_report(&s->endpoint, r);
	r->is_ok = r->completed == r->messages && r->completed && r->error[0] == 'n';
}

static int sender_play(struct sender *s)
{
	int error = 0;

	s->begin_ns = endpoint_now();
	for (uint32_t i = 0; i < s->options->qps && !error; i++)
		error = qp_init(s, i, s->begin_ns);
	if (error) {
		fprintf(stderr, "causeway-roce: %s\n", strerror(-error));
		return error;
	}
	endpoint_signals();
	sender_loop(s);
	if (s->is_too_large) {
		fprintf(stderr,
			"causeway-roce: packets are larger than the interface's MTU: take a "
			"smaller --mtu\n");
		return -EMSGSIZE;
	}
	sender_report(s);
	return 0;
}

int send_run(const struct options *options, struct report *report)
{
	struct sender s = {.options = options, .report = report};
	int error = endpoint_open(&s.endpoint, options);

	if (error)
		return error;
	s.qps = calloc(options->qps, sizeof(*s.qps));
	error = s.qps ? sender_play(&s) : -ENOMEM;
	free(s.qps);
	endpoint_close(&s.endpoint);
	return error;
}
