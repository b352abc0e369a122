/*
 * Everything of the RoCEv2 endpoint that reads bytes from the network: IPv4 and UDP headers, ICRC,
 * transport headers, and then both machines. The first byte of the input says where to begin; then
 * come packets, each behind a length of two bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/bytes.h"
#include "tests/roce/icrc.h"
#include "tests/roce/rc_receive.h"
#include "tests/roce/rc_send.h"
#include "tests/roce/wire.h"

#define START 0xfffffe
#define MTU   256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct icrc icrc;
	struct rc_send send;
	struct rc_receive receive;
	uint64_t now, bytes;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* What was accepted can be written, and reads the same. */
static void write_again(const struct roce_packet *packet)
{
	uint32_t len = roce_packet_bytes(packet->opcode, packet->payload_bytes);
	uint8_t *bytes = calloc(1, len);
	struct roce_packet again;
	uint32_t at = roce_write(bytes, packet);

	check(at + packet->payload_bytes <= len);
	check(roce_parse(bytes, len, &again));
	again.payload = packet->payload;
	check(!memcmp(&again, packet, sizeof(again)));
	free(bytes);
}

static void receiver_feed(struct world *w, const struct roce_packet *packet)
{
	struct roce_packet replies[RC_REPLIES_MAX];
	struct rc_taken taken;
	uint32_t n;

	if (rc_receive_on_packet(&w->receive, packet, packet->fecn, w->now, &taken) == RC_TAKEN) {
		w->bytes += packet->payload_bytes;
		check(taken.offset + packet->payload_bytes <= w->receive.config.message_bytes_max);
	}
	check(w->receive.stats.bytes == w->bytes);
	n = rc_receive_poll(&w->receive, replies);
	check(n <= RC_REPLIES_MAX);
	for (uint32_t i = 0; i < n; i++)
		if (replies[i].opcode == ROCE_ACK)
			rc_send_on_ack(&w->send, &replies[i], w->now);
}

static void sender_feed(struct world *w, const struct roce_packet *packet)
{
	struct rc_segment segments[8];
	uint64_t posted_ns;

	if (packet->opcode == ROCE_ACK)
		rc_send_on_ack(&w->send, packet, w->now);
	rc_send_on_time(&w->send, w->now);
	rc_send_post(&w->send, w->now);
	rc_send_on_sent(&w->send, rc_send_poll(&w->send, segments, 8), w->now);
	while (rc_send_completion(&w->send, &posted_ns))
		check(posted_ns <= w->now);
	check(w->send.una <= w->send.next && w->send.next <= w->send.sent);
	check(w->send.sent - w->send.una <= w->send.config.window);
	check(w->send.posted - w->send.stats.completed <= w->send.config.depth);
}

static void packet_feed(struct world *w, const uint8_t *bth, uint32_t len)
{
	struct roce_packet packet;

	if (!roce_parse(bth, len, &packet))
		return;
	check(packet.payload + packet.payload_bytes <= bth + len - ROCE_ICRC_BYTES);
	write_again(&packet);
	w->now += packet.va & 0xfffff;
	receiver_feed(w, &packet);
	sender_feed(w, &packet);
}

static void frame_feed(struct world *w, const uint8_t *frame, uint32_t len)
{
	const uint8_t *bth;
	struct roce_ip ip;
	uint32_t bth_len;

	if (!roce_ipv4_parse(frame, len, &ip, &bth, &bth_len))
		return;
	check(bth + bth_len <= frame + len);
	icrc_is_right(&w->icrc, &ip, bth, bth_len);
	packet_feed(w, bth, bth_len);
}

static void world_init(struct world *w)
{
	struct rc_send_config to = {.start_psn = START,
				    .mtu = MTU,
				    .message_bytes = 1000,
				    .window = 16,
				    .depth = 4,
				    .ack_every = 4,
				    .retries = 7,
				    .timeout_ns = 1000000};
	struct rc_receive_config from = {.start_psn = START, .mtu = MTU, .message_bytes_max = 4096};

	icrc_init(&w->icrc);
	w->now = 1;
	check(rc_send_init(&w->send, &to) == 0);
	check(rc_receive_init(&w->receive, &from) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	size_t at = 1;

	if (!size)
		return 0;
	w = (struct world){0};
	world_init(&w);
	while (size - at >= 2) {
		uint32_t len = bytes_load16(data + at);
		uint8_t *copy;

		at += 2;
		len = len < size - at ? len : (uint32_t)(size - at);
		/* A piece of its own, so that ASan sees a read behind it. */
		copy = malloc(len + !len);
		memcpy(copy, data + at, len);
		(data[0] & 1 ? packet_feed : frame_feed)(&w, copy, len);
		free(copy);
		at += len;
	}
	return 0;
}
