/* What goes on between two gateways and around them: frames, turns, the WAN, and the books. */
#include "tests/harness/gateway_pair.h"

#include <stdlib.h>
#include <string.h>

#define SETTLE_QUIET 200
#define SETTLE_NS    5000000000ull

static const uint8_t host_mac[6] = {PAIR_HOST_MAC};

bool pair_inject(struct pair *pair, uint32_t side, uint32_t port, const void *frame, uint32_t len)
{
	struct pair_side *s = &pair->side[side];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(s->ports[port].pool);
	char *data = mbuf ? rte_pktmbuf_append(mbuf, (uint16_t)len) : NULL;

	if (!data)
		return false;
	memcpy(data, frame, len);
	if (rte_ring_enqueue(s->rx[port], mbuf) == 0)
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

struct rte_mbuf *pair_take(struct pair *pair, uint32_t side, uint32_t port)
{
	void *mbuf = NULL;

	return rte_ring_dequeue(pair->side[side].tx[port], &mbuf) ? NULL : mbuf;
}

/* SplitMix64 (Steele, Lea and Flood 2014): any seed will do. */
static uint64_t random_next(struct pair_wan *wan)
{
	uint64_t z = wan->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static bool happens(struct pair_wan *wan, uint32_t per_mille)
{
	return per_mille && random_next(wan) % 1000 < per_mille;
}

static struct pair_wan *wan_of(struct pair *pair, uint32_t port)
{
	return port == PAIR_WAN2 ? &pair->wan2 : &pair->wan;
}

static uint64_t now_ns(const struct pair *pair)
{
	return clock_ns(&pair->clock, rte_rdtsc());
}

/* Into a buffer of the port it arrives at, as a NIC does it; without one it is lost. */
static void arrive(struct pair *pair, uint32_t to, uint32_t port, struct rte_mbuf *mbuf)
{
	struct pair_side *s = &pair->side[to];
	struct rte_mbuf *copy = rte_pktmbuf_copy(mbuf, s->ports[port].pool, 0, UINT32_MAX);

	rte_pktmbuf_free(mbuf);
	if (copy && rte_ring_enqueue(s->rx[port], copy))
		rte_pktmbuf_free(copy);
}

static void arrive_or_wait(struct pair *pair, uint32_t to, uint32_t port, struct rte_mbuf *mbuf)
{
	struct pair_wan *wan = wan_of(pair, port);
	bool is_delayed = happens(wan, wan->delay);

	if ((!is_delayed && !wan->latency_ns) || pair->delayed_count == PAIR_DELAYED) {
		arrive(pair, to, port, mbuf);
		return;
	}
	pair->delayed[pair->delayed_count++] = (struct pair_delayed){
		.mbuf = mbuf,
		.due = is_delayed ? pair->turn + 1 + random_next(wan) % wan->delay_turns : 0,
		.due_ns = wan->latency_ns ? now_ns(pair) + wan->latency_ns : 0,
		.to = to,
		.port = port};
}

static void delayed_arrive(struct pair *pair)
{
	uint64_t now = pair->delayed_count ? now_ns(pair) : 0;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < pair->delayed_count; i++) {
		struct pair_delayed *delayed = &pair->delayed[i];

		if (pair->turn >= delayed->due && now >= delayed->due_ns)
			arrive(pair, delayed->to, delayed->port, delayed->mbuf);
		else
			pair->delayed[kept++] = *delayed;
	}
	pair->delayed_count = kept;
}

static void link_put(struct pair *pair, uint32_t to, uint32_t port, struct rte_mbuf *mbuf)
{
	struct pair_wan *wan = wan_of(pair, port);

	/* The far NIC spreads what comes over its queues as it likes. */
	if (pair->side[to % 2 + 2].worker && random_next(wan) & 1)
		to = to % 2 + 2;
	if (happens(wan, wan->drop)) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	if (happens(wan, wan->duplicate)) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(mbuf, mbuf->pool, 0, UINT32_MAX);

		if (copy)
			arrive_or_wait(pair, to, port, copy);
	}
	if (happens(wan, wan->corrupt))
		rte_pktmbuf_mtod(mbuf, uint8_t *)[random_next(wan) % rte_pktmbuf_data_len(mbuf)] ^=
			(uint8_t)(1u << random_next(wan) % 8);
	arrive_or_wait(pair, to, port, mbuf);
}

void pair_wan_put(struct pair *pair, uint32_t to, struct rte_mbuf *mbuf)
{
	link_put(pair, to, PAIR_WAN, mbuf);
}

uint32_t pair_carry(struct pair *pair, uint32_t side)
{
	struct rte_mbuf *mbuf;
	uint32_t count = 0;

	for (uint32_t port = PAIR_WAN; port < pair->port_count; port++)
		for (; (mbuf = pair_take(pair, side, port)); count++)
			link_put(pair, (side + 1) % 2, port, mbuf);
	return count;
}

/* What moved, or is about to. */
static uint32_t turn(struct pair *pair)
{
	uint32_t moved = pair->delayed_count;

	pair->turn++;
	delayed_arrive(pair);
	for (uint32_t side = 0; side < PAIR_SIDES; side++) {
		struct worker *w = pair->side[side].worker;

		if (!w)
			continue;
		moved += worker_turn(w);
		moved += pair_carry(pair, side);
		moved += w->active_count;
		for (uint32_t i = 0; i < w->count; i++)
			moved += w->handoff_out[i] ? rte_ring_count(w->handoff_out[i]) : 0;
	}
	return moved;
}

void pair_turn(struct pair *pair)
{
	turn(pair);
}

bool pair_settle(struct pair *pair)
{
	uint64_t until = clock_ns(&pair->clock, rte_rdtsc()) + SETTLE_NS;
	uint32_t quiet = 0;

	while (quiet < SETTLE_QUIET && clock_ns(&pair->clock, rte_rdtsc()) < until)
		quiet = turn(pair) ? 0 : quiet + 1;
	return quiet == SETTLE_QUIET;
}

struct path *pair_path(const struct pair *pair, uint32_t side)
{
	const struct pair_side *s = &pair->side[side];

	return s->worker ? path_table_by_handle(&s->worker->paths, s->handle) : NULL;
}

void pair_hush(struct pair *pair)
{
	pair_settle(pair);
	for (uint32_t side = 0; side < PAIR_SIDES; side++) {
		struct path *path = pair_path(pair, side);

		if (!path)
			continue;
		path->probe.next_ns = UINT64_MAX;
		memset(path->counters, 0, sizeof(*path->counters));
		for (uint32_t i = 0; i < path->own_count; i++)
			path->own[i]->tunnel.stats = (struct tunnel_stats){0};
	}
}

uint64_t pair_data_packets(const struct pair *pair, uint32_t side)
{
	const struct path *path = pair_path(pair, side);
	uint64_t count = path->counters->out.outer_packets;

	for (uint32_t i = 0; i < path->own_count; i++)
		count -= path->own[i]->tunnel.stats.acks_sent +
			 path->own[i]->tunnel.stats.pings_sent;
	return count;
}

static void ipv4_write(uint8_t *ip, uint32_t side, uint32_t total, uint8_t tos)
{
	uint32_t sum = 0;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = tos;
	bytes_store16(ip + 2, (uint16_t)total);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, (uint8_t[]){10, (uint8_t)(1 + side), 0, 10}, 4);
	memcpy(ip + 16, (uint8_t[]){10, (uint8_t)(2 - side), 0, 10}, 4);
	for (int i = 0; i < 20; i += 2)
		sum += bytes_load16(ip + i);
	bytes_store16(ip + 10, (uint16_t)~bytes_fold(sum));
}

static void ipv6_write(uint8_t *ip, uint32_t side, uint32_t payload, uint8_t tos)
{
	memset(ip, 0, 40);
	ip[0] = (uint8_t)(0x60 | tos >> 4);
	ip[1] = (uint8_t)(tos << 4);
	bytes_store16(ip + 4, (uint16_t)payload);
	ip[6] = 17;
	ip[7] = 64;
	/* fd01::10 and fd02::10 */
	memcpy(ip + 8, (uint8_t[16]){0xfd, (uint8_t)(1 + side), [15] = 0x10}, 16);
	memcpy(ip + 24, (uint8_t[16]){0xfd, (uint8_t)(2 - side), [15] = 0x10}, 16);
}

uint32_t pair_udp_frame(const struct pair *pair, uint32_t side, bool is_v6, uint16_t src_port,
			uint16_t dst_port, uint32_t payload, uint8_t tos, uint8_t *frame)
{
	uint32_t header = is_v6 ? 40 : 20, udp = 8 + payload;
	uint8_t *l4 = frame + 14 + header;

	side %= 2;
	inner_ethernet_write(frame, pair->side[side].ports[PAIR_LAN].mac, host_mac, is_v6);
	if (is_v6)
		ipv6_write(frame + 14, side, udp, tos);
	else
		ipv4_write(frame + 14, side, 20 + udp, tos);
	bytes_store16(l4, src_port);
	bytes_store16(l4 + 2, dst_port);
	bytes_store16(l4 + 4, (uint16_t)udp);
	bytes_store16(l4 + 6, 0);
	for (uint32_t i = 0; i < payload; i++)
		l4[8 + i] = (uint8_t)(i * 7 + src_port);
	return 14 + header + udp;
}

static uint64_t dropped(const struct cw_flow_counters *flow)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DROP_SLOTS; i++)
		sum += flow->drop[i];
	return sum;
}

static bool packets_balance(const struct cw_flow_counters *flow)
{
	return flow->rx_packets == flow->tx_packets + flow->held_packets + dropped(flow);
}

/* A packet in fragments enters with the first of them, which may be the last to come. */
static bool bytes_balance(const struct cw_flow_counters *flow)
{
	if (!flow->held_packets && flow->held_bytes && !flow->fragments)
		return false;
	return dropped(flow) || flow->rx_bytes == flow->tx_bytes + flow->held_bytes;
}

bool pair_is_counted(const struct pair *pair, uint32_t side)
{
	return packets_balance(&pair->side[side].path_counters.out) &&
	       packets_balance(&pair->side[side].path_counters.in);
}

bool pair_is_balanced(const struct pair *pair, uint32_t side)
{
	return pair_is_counted(pair, side) && bytes_balance(&pair->side[side].path_counters.out) &&
	       bytes_balance(&pair->side[side].path_counters.in);
}

static bool flow_is_empty(const struct cw_flow_counters *flow)
{
	return !flow->held_packets && !flow->held_bytes;
}

bool pair_is_empty(const struct pair *pair)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		if (!flow_is_empty(&pair->side[side].path_counters.out) ||
		    !flow_is_empty(&pair->side[side].path_counters.in))
			return false;
	return true;
}

uint32_t pair_mbufs_used(const struct pair *pair)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t port = 0; port < pair->port_count; port++)
			used += rte_mempool_in_use_count(pair->side[i].ports[port].pool);
	return used;
}
