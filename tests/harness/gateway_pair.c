#include "tests/harness/gateway_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "dataplane/core/ruleset.h"

#define PATH_ID	     77
#define SETTLE_TURNS 20000
#define SETTLE_QUIET 200

static const uint8_t host_mac[6] = {0x02, 0, 0, 0, 0, 0x10};

int pair_eal_start(uint32_t memory_mib)
{
	char memory[16];
	char *argv[] = {"test",
			"--no-huge",
			"--no-pci",
			"--no-shconf",
			"--no-telemetry",
			"--log-level=lib.*:error",
			"-l",
			"0",
			"-m",
			memory,
			NULL};

	snprintf(memory, sizeof(memory), "%u", memory_mib);
	return rte_eal_init(10, argv) < 0 ? -rte_errno : 0;
}

static struct ip_addr address(const char *text)
{
	struct ip_addr addr;

	if (ip_addr_parse(text, &addr))
		abort();
	return addr;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	if (ip_prefix_parse(text, &parsed))
		abort();
	return parsed;
}

static void intent_fill(struct intent_path *intent, uint32_t side,
			const struct pair_options *options)
{
	const char *near4 = side ? "10.2.0.0/16" : "10.1.0.0/16";
	const char *far4 = side ? "10.1.0.0/16" : "10.2.0.0/16";
	const char *wan[2][2] = {{"10.200.0.1", "10.200.0.2"}, {"fd00:200::1", "fd00:200::2"}};

	*intent = (struct intent_path){.name = "pair",
				       .id = PATH_ID,
				       .generation = 1,
				       .phase = PHASE_CLAIM,
				       .dscp = 34,
				       .link_id = 1,
				       .peer_udp_port = 47700,
				       .peer_lanes = 1,
				       .far_lan_mtu = options->lan_mtu,
				       .rate_bps = options->rate_bps,
				       .max_bps = options->rate_bps,
				       .near_count = 2,
				       .far_count = 2,
				       .match_count = 1};
	intent->near[0] = prefix(near4);
	intent->near[1] = prefix(side ? "fd02::/64" : "fd01::/64");
	intent->far[0] = prefix(far4);
	intent->far[1] = prefix(side ? "fd01::/64" : "fd02::/64");
	intent->local_addr = address(wan[options->outer_v6][side]);
	intent->peer_addr = address(wan[options->outer_v6][!side]);
}

static int port_make(struct pair_side *s, uint32_t side, uint32_t index,
		     const struct pair_options *options)
{
	struct port *port = &s->ports[index];
	struct rte_eth_conf conf = {0};
	uint32_t mtu = index == PAIR_LAN ? options->lan_mtu : options->wan_mtu;
	uint32_t room = RTE_MAX(mtu + PORT_L2_BYTES, 2048u) + RTE_PKTMBUF_HEADROOM;
	/* Names are global to the process, and a closed ring device keeps its own. */
	static uint32_t serial;
	char name[32];
	int id;

	serial++;
	snprintf(name, sizeof(name), "pool%u", serial);
	*port = (struct port){.id = PORT_NONE,
			      .exception_id = PORT_NONE,
			      .index = (uint16_t)index,
			      .role = index == PAIR_LAN ? CW_PORT_LAN : CW_PORT_WAN,
			      .mode = PORT_PACKET,
			      .mac = {2, 0, 0, 0, (uint8_t)(side + 1), (uint8_t)(index + 1)},
			      .queues = 1,
			      .mtu = mtu,
			      .socket = SOCKET_ID_ANY};
	port->pool = rte_pktmbuf_pool_create(name, options->mbufs, 256, 0, (uint16_t)room,
					     SOCKET_ID_ANY);
	snprintf(name, sizeof(name), "rx%u", serial);
	s->rx[index] =
		rte_ring_create(name, PAIR_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "tx%u", serial);
	s->tx[index] =
		rte_ring_create(name, PAIR_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!port->pool || !s->rx[index] || !s->tx[index])
		return -ENOMEM;
	snprintf(name, sizeof(name), "port%u", serial);
	id = rte_eth_from_rings(name, &s->rx[index], 1, &s->tx[index], 1, 0);
	if (id < 0)
		return -ENOMEM;
	port->id = (uint16_t)id;
	if (rte_eth_dev_configure(port->id, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(port->id, 0, 1024, 0, NULL, port->pool) ||
	    rte_eth_tx_queue_setup(port->id, 0, 1024, 0, NULL))
		return -EIO;
	return rte_eth_dev_start(port->id);
}

static void classify_fill(const struct pair_side *s, uint32_t index, struct classify_port *classify)
{
	*classify = (struct classify_port){
		.role = s->ports[index].role, .udp_base = 47700, .udp_count = 16};
	memcpy(classify->mac, s->ports[index].mac, 6);
	if (ip_addr_is_v4(&s->intent.local_addr))
		memcpy(classify->local4, s->intent.local_addr.bytes + 12, 4);
	else
		memcpy(classify->local6, s->intent.local_addr.bytes, 16);
}

static int path_make(struct pair *pair, struct pair_side *s)
{
	const struct cw_path_counters *all[] = {&s->path_counters};
	struct path_options options = {.handle = s->handle,
				       .workers = 1,
				       .wan_port = PAIR_WAN,
				       .wan_mtu = s->ports[PAIR_WAN].mtu,
				       .reassembly_bytes = s->ports[PAIR_LAN].mtu,
				       .queue_packets = PATH_QUEUE_SLOTS,
				       .seed = 42,
				       .now_ns = clock_ns(&pair->clock, rte_rdtsc()),
				       .counters = &s->path_counters,
				       .all = all};
	struct ruleset_claim claim = {.path = &s->intent, .handle = s->handle};
	size_t bytes = 8 * ruleset_bytes(&claim, 1);
	const struct ruleset *rules;
	struct path *path = path_create(&s->intent, &options);

	s->rules_memory = malloc(bytes);
	if (!path || !s->rules_memory || ruleset_build(s->rules_memory, bytes, &claim, 1, &rules))
		return -ENOMEM;
	path_table_add(&s->worker->paths, path);
	s->worker->port[PAIR_LAN].input.rules = (uintptr_t)rules;
	return 0;
}

static void hops_set(struct pair *pair, uint32_t side)
{
	struct worker *w = pair->side[side].worker;
	struct command command = {.type = COMMAND_NEXT_HOP};
	const char *hosts[2][2] = {{"10.1.0.10", "fd01::10"}, {"10.2.0.10", "fd02::10"}};

	command.hop.state = HOP_READY;
	command.hop.port = PAIR_WAN;
	memcpy(command.hop.mac, pair->side[!side].ports[PAIR_WAN].mac, 6);
	command.addr = pair->side[side].intent.peer_addr;
	hop_set(w, &command);
	command.hop.port = PAIR_LAN;
	memcpy(command.hop.mac, host_mac, 6);
	for (int i = 0; i < 2; i++) {
		command.addr = address(hosts[side][i]);
		hop_set(w, &command);
	}
}

static int side_make(struct pair *pair, uint32_t side, const struct pair_options *options)
{
	struct pair_side *s = &pair->side[side];
	struct classify_port classify[2];
	struct worker_options wo = {.count = 1,
				    .ports = s->ports,
				    .port_count = 2,
				    .classifier = &pair->classifier,
				    .clock = &pair->clock,
				    .counters = &s->worker_counters,
				    .port_counters = s->port_counters,
				    .classify = classify};

	s->event_fd = eventfd(0, EFD_NONBLOCK);
	s->ports[PAIR_LAN].id = s->ports[PAIR_WAN].id = PORT_NONE;
	s->handle = HANDLE_MAKE(5 + side, 3);
	intent_fill(&s->intent, side, options);
	for (uint32_t i = 0; i < 2; i++) {
		int ret = port_make(s, side, i, options);

		if (ret)
			return ret;
		classify_fill(s, i, &classify[i]);
	}
	wo.event_fd = s->event_fd;
	wo.lan_pool = s->ports[PAIR_LAN].pool;
	/* Ring names are by worker number. */
	wo.index = 0;
	s->worker = worker_create(&wo);
	return s->worker ? path_make(pair, s) : -ENOMEM;
}

struct pair *pair_create(const struct pair_options *options)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	pair->clock = clock_base_take();
	pair->generation = 1;
	if (classifier_init(&pair->classifier)) {
		free(pair);
		return NULL;
	}
	if (side_make(pair, 0, options) || side_make(pair, 1, options)) {
		pair_destroy(pair);
		return NULL;
	}
	hops_set(pair, 0);
	hops_set(pair, 1);
	return pair;
}

static void side_free(struct pair_side *s)
{
	struct rte_mbuf *mbuf;

	if (s->worker) {
		struct path *path;

		/* What waits for a next hop belongs to a path: first these, then that. */
		hop_discard(s->worker);
		path = path_table_remove(&s->worker->paths, HANDLE_INDEX(s->handle));
		if (path) {
			path_discard(path);
			path_free(path);
		}
		for (int i = 0; i < 2; i++)
			txq_discard(&s->worker->port[i].tx);
		worker_free(s->worker);
	}
	for (int i = 0; i < 2; i++) {
		for (int way = 0; way < 2; way++) {
			struct rte_ring *ring = way ? s->tx[i] : s->rx[i];

			while (ring && rte_ring_dequeue(ring, (void **)&mbuf) == 0)
				rte_pktmbuf_free(mbuf);
		}
		port_close(&s->ports[i]);
		rte_ring_free(s->rx[i]);
		rte_ring_free(s->tx[i]);
	}
	for (int i = 0; i < 2; i++)
		rte_mempool_free(s->ports[i].pool);
	free(s->rules_memory);
	close(s->event_fd);
}

void pair_destroy(struct pair *pair)
{
	side_free(&pair->side[0]);
	side_free(&pair->side[1]);
	classifier_fini(&pair->classifier);
	free(pair);
}

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

uint32_t pair_carry(struct pair *pair, uint32_t side)
{
	struct rte_mbuf *mbuf;
	uint32_t count = 0;

	for (; (mbuf = pair_take(pair, side, PAIR_WAN)); count++)
		if (rte_ring_enqueue(pair->side[!side].rx[PAIR_WAN], mbuf))
			rte_pktmbuf_free(mbuf);
	return count;
}

void pair_turn(struct pair *pair)
{
	for (uint32_t side = 0; side < 2; side++) {
		worker_turn(pair->side[side].worker);
		pair_carry(pair, side);
	}
}

void pair_settle(struct pair *pair)
{
	uint32_t quiet = 0;

	for (uint32_t i = 0; i < SETTLE_TURNS && quiet < SETTLE_QUIET; i++) {
		uint32_t moved = 0;

		for (uint32_t side = 0; side < 2; side++) {
			moved += worker_turn(pair->side[side].worker);
			moved += pair_carry(pair, side);
			moved += pair->side[side].worker->active_count;
		}
		quiet = moved ? 0 : quiet + 1;
	}
}

void pair_hush(struct pair *pair)
{
	pair_settle(pair);
	for (uint32_t side = 0; side < 2; side++) {
		struct pair_side *s = &pair->side[side];

		path_table_by_handle(&s->worker->paths, s->handle)->probe.next_ns = UINT64_MAX;
		memset(&s->path_counters, 0, sizeof(s->path_counters));
	}
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
	struct ip_addr src = address(side ? "fd02::10" : "fd01::10");
	struct ip_addr dst = address(side ? "fd01::10" : "fd02::10");

	memset(ip, 0, 40);
	ip[0] = (uint8_t)(0x60 | tos >> 4);
	ip[1] = (uint8_t)(tos << 4);
	bytes_store16(ip + 4, (uint16_t)payload);
	ip[6] = 17;
	ip[7] = 64;
	memcpy(ip + 8, src.bytes, 16);
	memcpy(ip + 24, dst.bytes, 16);
}

uint32_t pair_udp_frame(const struct pair *pair, uint32_t side, bool is_v6, uint16_t src_port,
			uint16_t dst_port, uint32_t payload, uint8_t tos, uint8_t *frame)
{
	uint32_t header = is_v6 ? 40 : 20, udp = 8 + payload;
	uint8_t *l4 = frame + 14 + header;

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

static bool flow_is_balanced(const struct cw_flow_counters *flow)
{
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < DROP_SLOTS; i++)
		dropped += flow->drop[i];
	if (!flow->held_packets && flow->held_bytes)
		return false;
	if (!dropped && flow->rx_bytes != flow->tx_bytes + flow->held_bytes)
		return false;
	return flow->rx_packets == flow->tx_packets + flow->held_packets + dropped;
}

bool pair_is_balanced(const struct pair *pair, uint32_t side)
{
	return flow_is_balanced(&pair->side[side].path_counters.out) &&
	       flow_is_balanced(&pair->side[side].path_counters.in);
}
