#include "tests/roce/endpoint.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define PAUSE_NS 100000
#define ECT_0	 2

static volatile sig_atomic_t stop_asked;
static sigset_t mask_asleep;

int endpoint_open(struct endpoint *e, const struct options *options)
{
	struct net_address local = options->local;
	const char *what = "the way to the peer";
	int error = 0;

	memset(e, 0, sizeof(*e));
	if (!options->has_local)
		error = net_address_towards(&options->peer, &local);
	if (!error)
		error = net_open(&e->net, &local, options->qps, (uint16_t)options->source_port,
				 &what);
	if (error) {
		fprintf(stderr, "causeway-roce: %s: %s\n", what, strerror(-error));
		return error;
	}
	e->slots = calloc(NET_BURST, sizeof(*e->slots));
	if (!e->slots) {
		fprintf(stderr, "causeway-roce: out of memory\n");
		net_close(&e->net);
		return -ENOMEM;
	}
	icrc_init(&e->icrc);
	e->tos_ack = (uint8_t)(options->dscp << 2);
	e->tos_data = (uint8_t)(e->tos_ack | (options->is_ect ? ECT_0 : 0));
	return 0;
}

void endpoint_close(struct endpoint *e)
{
	free(e->slots);
	net_close(&e->net);
}

static bool packet_read(struct endpoint *e, const struct net_in *net_in, struct endpoint_in *in)
{
	/* As in a NIC: what fails the ICRC is not looked at. */
	if (!icrc_is_right(&e->icrc, &net_in->ip, net_in->bth, net_in->len)) {
		e->icrc_errors++;
		return false;
	}
	if (!roce_parse(net_in->bth, net_in->len, &in->packet)) {
		e->malformed++;
		return false;
	}
	in->from = net_in->from;
	in->is_ce = (net_in->tos & ENDPOINT_CE) == ENDPOINT_CE;
	e->received++;
	return true;
}

bool endpoint_receive(struct endpoint *e, struct endpoint_in *in)
{
	if (!e->in_count)
		e->in_count = net_receive(&e->net, e->in);
	while (e->in_next < e->in_count)
		if (packet_read(e, &e->in[e->in_next++], in))
			return true;
	e->in_count = e->in_next = 0;
	return false;
}

uint8_t *endpoint_add(struct endpoint *e, const struct net_address *to,
		      const struct roce_packet *packet, uint8_t tos)
{
	uint8_t *slot = e->slots[e->out_count];

	e->out[e->out_count++] =
		(struct net_out){.to = *to,
				 .bytes = slot,
				 .len = roce_packet_bytes(packet->opcode, packet->payload_bytes),
				 .tos = tos};
	return slot + roce_write(slot, packet);
}

static void burst_seal(struct endpoint *e, uint32_t qp)
{
	struct roce_ip_ends ends = {.is_ipv6 = e->net.local.is_ipv6,
				    .src_port = e->net.source_ports[qp]};
	struct roce_ip ip;

	memcpy(ends.src, e->net.local.bytes, sizeof(ends.src));
	for (uint32_t i = 0; i < e->out_count; i++) {
		uint32_t len = e->out[i].len;

		memcpy(ends.dst, e->out[i].to.bytes, sizeof(ends.dst));
		roce_ip_build(&ip, &ends, len);
		icrc_put(&e->icrc, &ip, e->slots[i], len - ROCE_ICRC_BYTES);
	}
}

int endpoint_flush(struct endpoint *e, uint32_t qp)
{
	uint32_t count = e->out_count;

	if (!count)
		return 0;
	burst_seal(e, qp);
	e->out_count = 0;
	return net_send(&e->net, qp, e->out, count);
}

uint64_t endpoint_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void on_signal(int number)
{
	(void)number;
	stop_asked = 1;
}

/* Blocked everywhere but in ppoll: a signal between the check and the sleep is not missed. */
void endpoint_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigprocmask(SIG_BLOCK, &blocked, &mask_asleep);
	sigdelset(&mask_asleep, SIGTERM);
	sigdelset(&mask_asleep, SIGINT);
	/* Pauses of 100 us are not to become 150. */
	prctl(PR_SET_TIMERSLACK, 1ul);
}

bool endpoint_is_stopped(void)
{
	return stop_asked;
}

void endpoint_sleep(struct endpoint *e, uint64_t now, uint64_t deadline, bool busy)
{
	struct pollfd fd = {.fd = e->net.receive_fd, .events = POLLIN};
	uint64_t pause = deadline > now ? deadline - now : 0;
	struct timespec wait;

	if (busy || pause < PAUSE_NS)
		pause = PAUSE_NS;
	wait.tv_sec = (time_t)(pause / NS_PER_S);
	wait.tv_nsec = (long)(pause % NS_PER_S);
	ppoll(&fd, busy ? 0 : 1, deadline == UINT64_MAX && !busy ? NULL : &wait, &mask_asleep);
}

void endpoint_report(const struct endpoint *e, struct report *report)
{
	report->icrc_errors = e->icrc_errors;
	report->malformed = e->malformed + e->net.malformed;
	report->socket_drops = e->net.socket_drops;
	report->send_failures = e->net.send_failures;
}
