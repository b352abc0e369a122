#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/roce/endpoint.h"
#include "tests/roce/pattern.h"
#include "tests/roce/rc_receive.h"
#include "tests/roce/rc_send.h"
#include "tests/roce/run.h"

#define TOS_CNP	 (48 << 2)
#define QUIET_NS 1000000000ull

struct receiver_qp {
	struct rc_receive rc;
	struct pattern pattern;
	struct net_address peer; /* where the first packet came from, unless it was said */
	bool has_peer;
	bool message_is_wrong; /* the present one */
	uint64_t verified, verified_bytes;
};

struct receiver {
	const struct options *options;
	struct report *report;
	struct endpoint endpoint;
	struct receiver_qp *qps;
	uint64_t first_ns, taken_ns; /* first and last packet that was taken */
	uint64_t heard_ns;	     /* last packet of any kind; 0: none yet */
	uint64_t strays;
	bool is_write, has_begun;
};

static int qp_init(struct receiver *r, uint32_t i)
{
	const struct options *o = r->options;
	struct receiver_qp *qp = &r->qps[i];
	struct rc_receive_config config = {.start_psn = o->psn,
					   .peer_qp = o->peer_qpn + i,
					   .rkey = ROCE_RKEY,
					   .mtu = o->mtu,
					   .message_bytes_max = RC_MESSAGE_MAX};

	qp->peer = o->peer;
	qp->has_peer = o->has_peer;
	pattern_init(&qp->pattern, o->seed, i);
	return rc_receive_init(&qp->rc, &config);
}

static void note_wrong(struct receiver *r, uint32_t i, uint64_t message, uint64_t offset,
		       const char *what)
{
	struct report *report = r->report;

	if (report->wrong_packets++)
		return;
	snprintf(report->first_wrong, sizeof(report->first_wrong),
		 "queue pair %" PRIu32 ", message %" PRIu64 ", stream offset %" PRIu64 ": %s", i,
		 message, offset, what);
}

/* The stream of a queue pair's messages is one sequence of bytes, and its memory region begins at
 * address 0: so offset and address of a packet are what has been taken before it. */
static void packet_verify(struct receiver *r, uint32_t i, const struct roce_packet *packet,
			  const struct rc_taken *taken)
{
	struct receiver_qp *qp = &r->qps[i];
	uint64_t offset = qp->rc.stats.bytes - packet->payload_bytes;
	uint32_t good = pattern_check(&qp->pattern, offset, packet->payload, packet->payload_bytes);

	if (taken->offset == 0)
		qp->message_is_wrong = false;
	if (taken->is_write && taken->va + taken->offset != offset) {
		note_wrong(r, i, taken->message, offset, "written to another address");
		qp->message_is_wrong = true;
	} else if (good != packet->payload_bytes) {
		note_wrong(r, i, taken->message, offset + good, "not the byte that belongs here");
		qp->message_is_wrong = true;
	}
	if (taken->is_last && !qp->message_is_wrong) {
		qp->verified++;
		qp->verified_bytes += taken->offset + packet->payload_bytes;
	}
}

static void packet_take(struct receiver *r, const struct endpoint_in *in, uint64_t now)
{
	uint32_t i = in->packet.dest_qp - r->options->qpn;
	struct receiver_qp *qp;
	struct rc_taken taken;

	if (i >= r->options->qps || roce_place(in->packet.opcode) == ROCE_PLACE_NONE) {
		r->strays++;
		return;
	}
	qp = &r->qps[i];
	if (!qp->has_peer) {
		qp->peer = in->from;
		qp->has_peer = true;
	}
	if (!net_address_equal(&qp->peer, &in->from)) {
		r->strays++;
		return;
	}
	r->heard_ns = now;
	if (rc_receive_on_packet(&qp->rc, &in->packet, in->is_ce, now, &taken) != RC_TAKEN)
		return;
	packet_verify(r, i, &in->packet, &taken);
	r->first_ns = r->has_begun ? r->first_ns : now;
	r->is_write = taken.is_write;
	r->has_begun = true;
	r->taken_ns = now;
}

/* An answer for which the socket has no room is lost, as on any line. */
static void replies_send(struct receiver *r)
{
	struct roce_packet replies[RC_REPLIES_MAX];

	for (uint32_t i = 0; i < r->options->qps; i++) {
		uint32_t n = rc_receive_poll(&r->qps[i].rc, replies);

		for (uint32_t k = 0; k < n; k++)
			endpoint_add(&r->endpoint, &r->qps[i].peer, &replies[k],
				     replies[k].opcode == ROCE_CNP ? TOS_CNP : r->endpoint.tos_ack);
		if (n && endpoint_flush(&r->endpoint, i) != (int)n)
			r->endpoint.net.send_failures++;
	}
}

/* One burst, and what it asks for. */
static bool burst_take(struct receiver *r, uint64_t now)
{
	struct endpoint_in in;
	bool any = false;

	while (endpoint_receive(&r->endpoint, &in)) {
		any = true;
		packet_take(r, &in, now);
	}
	replies_send(r);
	return any;
}

static bool all_arrived(const struct receiver *r)
{
	for (uint32_t i = 0; i < r->options->qps; i++)
		if (r->qps[i].rc.stats.messages < r->options->messages)
			return false;
	return r->options->messages != 0;
}

/* When it has been quiet for long enough: the sender may still need an acknowledgement that was
 * lost. */
static uint64_t quiet_deadline(const struct receiver *r)
{
	if (!r->heard_ns)
		return UINT64_MAX;
	if (r->options->quiet_ns)
		return r->heard_ns + r->options->quiet_ns;
	return all_arrived(r) ? r->heard_ns + QUIET_NS : UINT64_MAX;
}

static void receiver_loop(struct receiver *r)
{
	uint64_t now = endpoint_now();

	while (!endpoint_is_stopped() && now < quiet_deadline(r)) {
		bool busy = burst_take(r, now);

		endpoint_sleep(&r->endpoint, now, quiet_deadline(r), busy);
		now = endpoint_now();
	}
}

static bool qp_report(const struct receiver *r, const struct receiver_qp *qp)
{
	const struct rc_receive_stats *stats = &qp->rc.stats;
	struct report *report = r->report;

	report->messages +=
		r->options->messages ? r->options->messages : stats->messages + qp->rc.in_message;
	report->completed += qp->verified;
	report->bytes += qp->verified_bytes;
	report->packets += stats->packets;
	report->acks += stats->acks_sent;
	report->naks += stats->naks_sent;
	report->out_of_order += stats->out_of_order;
	report->duplicates += stats->duplicates;
	report->invalid += stats->invalid;
	report->ce_seen += stats->ce_seen;
	report->cnps_sent += stats->cnps_sent;
	return !qp->rc.is_error;
}

static void receiver_report(const struct receiver *r)
{
	struct report *report = r->report;
	bool is_ok = true;

	report->role = "receive";
	report->operation = !r->has_begun ? "" : r->is_write ? "write" : "send";
	report->queue_pairs = r->options->qps;
	report->mtu = r->options->mtu;
	for (uint32_t i = 0; i < r->options->qps; i++)
		is_ok &= qp_report(r, &r->qps[i]);
	report->error = is_ok ? "none" : "invalid_request";
	report->message_bytes = report->completed ? report->bytes / report->completed : 0;
	report->duration_ns = r->taken_ns - r->first_ns;
	report->strays = r->strays;
	endpoint_report(&r->endpoint, report);
	report->is_ok = is_ok && report->completed && report->completed == report->messages;
}

static int receiver_play(struct receiver *r)
{
	int error = 0;

	for (uint32_t i = 0; i < r->options->qps && !error; i++)
		error = qp_init(r, i);
	if (error) {
		fprintf(stderr, "causeway-roce: %s\n", strerror(-error));
		return error;
	}
	endpoint_signals();
	fprintf(stderr, "causeway-roce: test tool: waiting for packets\n");
	receiver_loop(r);
	receiver_report(r);
	return 0;
}

int receive_run(const struct options *options, struct report *report)
{
	struct receiver r = {.options = options, .report = report};
	int error = endpoint_open(&r.endpoint, options);

	if (error)
		return error;
	r.qps = calloc(options->qps, sizeof(*r.qps));
	error = r.qps ? receiver_play(&r) : -ENOMEM;
	free(r.qps);
	endpoint_close(&r.endpoint);
	return error;
}
