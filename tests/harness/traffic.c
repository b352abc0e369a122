#include "tests/harness/traffic.h"

#include <string.h>

#define FRAME_MAX 10000
#define PORT_BASE 4000
#define ETHER	  14

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void traffic_init(struct traffic *t, struct pair *pair, uint64_t seed)
{
	*t = (struct traffic){.pair = pair, .random = seed};
	t->bytes_max = pair->side[0].ports[PAIR_LAN].mtu + ETHER;
}

/* Every fourth frame is small, so that there are aggregates whatever the largest size. */
static uint32_t frame_bytes(const struct traffic *t, uint32_t flow, uint32_t number)
{
	uint64_t z = mix(0x9e3779b97f4a7c15ull * (number * TRAFFIC_FLOWS + flow + 1));
	uint32_t max = z % 4 ? t->bytes_max : TRAFFIC_BYTES_MIN + 100;
	uint32_t min = TRAFFIC_BYTES_MIN + (flow & 1) * 20;

	return min + (uint32_t)((z >> 8) % (max - min + 1));
}

static uint32_t frame_make(const struct traffic *t, uint32_t gateway, uint32_t flow,
			   uint32_t number, uint8_t *frame)
{
	uint32_t headers = ETHER + (flow & 1 ? 40 : 20) + 8;
	uint32_t payload = frame_bytes(t, flow, number) - headers;
	uint32_t len = pair_udp_frame(t->pair, gateway, flow & 1, (uint16_t)(PORT_BASE + flow),
				      5001, payload, 0, frame);

	bytes_store32(frame + headers, number);
	for (uint32_t i = headers + 4; i < len; i++)
		frame[i] = (uint8_t)(frame[i] + number);
	return len;
}

/* As RSS has it: a flow stays with one worker. */
static uint32_t side_of(const struct traffic *t, uint32_t gateway, uint32_t flow)
{
	uint32_t second = gateway + 2;

	return t->pair->side[second].worker && flow & 2 ? second : gateway;
}

bool traffic_send(struct traffic *t, uint32_t gateway)
{
	uint32_t flow = (uint32_t)mix(t->random += 0x9e3779b97f4a7c15ull) % TRAFFIC_FLOWS;
	struct traffic_flow *f = &t->flows[gateway][flow];
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_make(t, gateway, flow, f->sent, frame);

	if (!pair_inject(t->pair, side_of(t, gateway, flow), PAIR_LAN, frame, len))
		return false;
	f->sent++;
	return true;
}

static uint32_t queued(const struct pair *pair, uint32_t side)
{
	const struct path *path = pair_path(pair, side);

	return path ? queue_packets(&path->queue) + rte_ring_count(pair->side[side].rx[PAIR_LAN])
		    : 0;
}

void traffic_fill(struct traffic *t, uint32_t gateway, uint32_t limit)
{
	while (queued(t->pair, gateway) < limit && queued(t->pair, gateway + 2) < limit)
		if (!traffic_send(t, gateway))
			return;
}

/* But for MACs, TTL and header checksum it is the frame that was sent. */
static bool is_same(const uint8_t *got, const uint8_t *sent, uint32_t len)
{
	bool is_v6 = sent[12] == 0x86;
	uint32_t ttl = ETHER + (is_v6 ? 7 : 8);
	uint8_t expected[FRAME_MAX];

	memcpy(expected, sent, len);
	memcpy(expected, got, 12);
	expected[ttl]--;
	if (!is_v6)
		memcpy(expected + ETHER + 10, got + ETHER + 10, 2);
	return memcmp(expected, got, len) == 0 &&
	       (is_v6 || bytes_fold(bytes_sum(got + ETHER, 20)) == 0xffff);
}

static const char *frame_check(struct traffic *t, uint32_t gateway, const uint8_t *got,
			       uint32_t len)
{
	uint32_t header = got[12] == 0x86 ? 40 : 20, flow, number;
	uint8_t sent[FRAME_MAX];
	struct traffic_flow *f;

	flow = (uint32_t)bytes_load16(got + ETHER + header) - PORT_BASE;
	if (flow >= TRAFFIC_FLOWS || len < TRAFFIC_BYTES_MIN)
		return "a frame of no flow";
	f = &t->flows[!gateway][flow];
	number = bytes_load32(got + ETHER + header + 8);
	if (number < f->next)
		return "a frame again, or late";
	if (number > f->next && !t->may_skip)
		return "a frame too soon";
	if (number >= f->sent)
		return "a frame that was never sent";
	if (frame_make(t, !gateway, flow, number, sent) != len || !is_same(got, sent, len))
		return "a frame with other bytes";
	f->next = number + 1;
	f->got++;
	return NULL;
}

uint32_t traffic_take(struct traffic *t, uint32_t gateway)
{
	uint32_t count = 0;

	for (uint32_t side = gateway; side < PAIR_SIDES; side += 2) {
		struct rte_mbuf *mbuf;

		while (t->pair->side[side].worker && (mbuf = pair_take(t->pair, side, PAIR_LAN))) {
			const char *fault =
				frame_check(t, gateway, rte_pktmbuf_mtod(mbuf, const uint8_t *),
					    rte_pktmbuf_data_len(mbuf));

			if (!t->fault)
				t->fault = fault;
			rte_pktmbuf_free(mbuf);
			count++;
		}
	}
	return count;
}

uint64_t traffic_sent(const struct traffic *t, uint32_t gateway)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < TRAFFIC_FLOWS; i++)
		sum += t->flows[gateway][i].sent;
	return sum;
}

uint64_t traffic_got(const struct traffic *t, uint32_t gateway)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < TRAFFIC_FLOWS; i++)
		sum += t->flows[gateway][i].got;
	return sum;
}
