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

#define PATH_ID	    77
#define LINK_RTT_NS 100000

static const uint8_t host_mac[6] = {PAIR_HOST_MAC};

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

static void addresses_fill(struct intent_path *intent, uint32_t side, bool is_v6, uint8_t link)
{
	const char *wan[][2][2] = {{{"10.200.0.1", "10.200.0.2"}, {"fd00:200::1", "fd00:200::2"}},
				   {{"10.201.0.1", "10.201.0.2"}, {"fd00:201::1", "fd00:201::2"}}};

	intent->link_id = link;
	snprintf(intent->port, sizeof(intent->port), "wan%u", link);
	intent->local_addr = address(wan[link - 1][is_v6][side % 2]);
	intent->peer_addr = address(wan[link - 1][is_v6][(side + 1) % 2]);
}

void pair_intent_over(const struct pair *pair, uint32_t side, uint8_t link,
		      struct intent_path *intent)
{
	*intent = pair->side[side].intent;
	addresses_fill(intent, side, !ip_addr_is_v4(&intent->local_addr), link);
}

static uint32_t workers_of(const struct pair_options *options, uint32_t gateway)
{
	return RTE_MAX(options->workers[gateway], 1u);
}

static void intent_fill(struct intent_path *intent, uint32_t side,
			const struct pair_options *options)
{
	const char *near4 = side ? "10.2.0.0/16" : "10.1.0.0/16";
	const char *far4 = side ? "10.1.0.0/16" : "10.2.0.0/16";

	*intent =
		(struct intent_path){.name = "pair",
				     .id = PATH_ID,
				     .generation = 1,
				     .phase = PHASE_CLAIM,
				     .dscp = 34,
				     .peer_udp_port = 47700,
				     .peer_lanes = (uint8_t)workers_of(options, !side),
				     .far_lan_mtu = options->lan_mtu,
				     .rate_bps = options->rate_bps,
				     .max_bps = options->rate_bps,
				     .link_bps = options->rate_bps * 2,
				     .peer_max_bps = options->rate_bps,
				     .link_rtt_ns = options->rtt_ns ? options->rtt_ns : LINK_RTT_NS,
				     .near_count = 2,
				     .far_count = 2,
				     .match_count = 1};
	intent->near[0] = prefix(near4);
	intent->near[1] = prefix(side ? "fd02::/64" : "fd01::/64");
	intent->far[0] = prefix(far4);
	intent->far[1] = prefix(side ? "fd01::/64" : "fd02::/64");
	addresses_fill(intent, side, options->outer_v6, 1);
}

/* Names are global to the process, and a closed ring device keeps its own. */
static struct rte_ring *ring_make(const char *what)
{
	static uint32_t serial;
	char name[32];

	snprintf(name, sizeof(name), "%s%u", what, serial++);
	return rte_ring_create(name, PAIR_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int device_start(const struct port *port, uint16_t queues)
{
	struct rte_eth_conf conf = {0};

	if (rte_eth_dev_configure(port->id, queues, queues, &conf))
		return -EIO;
	for (uint16_t i = 0; i < queues; i++)
		if (rte_eth_rx_queue_setup(port->id, i, 1024, 0, NULL, port->pool) ||
		    rte_eth_tx_queue_setup(port->id, i, 1024, 0, NULL))
			return -EIO;
	return rte_eth_dev_start(port->id);
}

static struct rte_mempool *pool_make(uint32_t serial, uint32_t mtu, uint32_t mbufs)
{
	uint32_t room = RTE_MAX(mtu + PORT_L2_BYTES, 2048u) + RTE_PKTMBUF_HEADROOM;
	char name[32];

	snprintf(name, sizeof(name), "pool%u", serial);
	return rte_pktmbuf_pool_create(name, mbufs, 256, 0, (uint16_t)room, SOCKET_ID_ANY);
}

/* One port of a gateway, with a queue each way for each of its workers. */
static int port_make(struct pair *pair, uint32_t gateway, uint32_t index,
		     const struct pair_options *options)
{
	static uint32_t serial;
	struct port *port = &pair->side[gateway].ports[index];
	struct rte_ring *rx[PAIR_SIDES / 2], *tx[PAIR_SIDES / 2];
	uint32_t queues = workers_of(options, gateway);
	uint32_t mtus[] = {options->lan_mtu, options->wan_mtu, options->wan2_mtu};
	uint32_t mtu = mtus[index];
	char name[32];
	int id;

	*port = (struct port){.id = PORT_NONE,
			      .exception_id = PORT_NONE,
			      .index = (uint16_t)index,
			      .role = index == PAIR_LAN ? CW_PORT_LAN : CW_PORT_WAN,
			      .mode = PORT_PACKET,
			      .mac = {2, 0, 0, 0, (uint8_t)(gateway + 1), (uint8_t)(index + 1)},
			      .queues = (uint16_t)queues,
			      .mtu = mtu,
			      .socket = SOCKET_ID_ANY};
	if (index == PAIR_LAN) {
		port->speed_bps = options->lan_bps;
		port->has_pfc = options->has_pfc;
		memset(port->priority, PORT_NO_PRIORITY, sizeof(port->priority));
		port->priority[CLASS_LOSSLESS] = 3;
		port->priority[CLASS_BULK] = 4;
	}
	port->pool = pool_make(++serial, mtu, options->mbufs);
	if (!port->pool)
		return -ENOMEM;
	for (uint32_t i = 0; i < queues; i++) {
		struct pair_side *s = &pair->side[gateway + 2 * i];

		rx[i] = s->rx[index] = ring_make("rx");
		tx[i] = s->tx[index] = ring_make("tx");
		if (!rx[i] || !tx[i])
			return -ENOMEM;
	}
	snprintf(name, sizeof(name), "port%u", serial);
	id = rte_eth_from_rings(name, rx, queues, tx, queues, 0);
	if (id < 0)
		return -ENOMEM;
	port->id = (uint16_t)id;
	return device_start(port, (uint16_t)queues);
}

static void classify_fill(const struct pair_side *s, uint32_t side, uint32_t index,
			  struct classify_port *classify)
{
	struct intent_path intent = s->intent;

	*classify = (struct classify_port){
		.role = s->ports[index].role, .udp_base = 47700, .udp_count = 16};
	memcpy(classify->mac, s->ports[index].mac, 6);
	if (index == PAIR_WAN2)
		addresses_fill(&intent, side, !ip_addr_is_v4(&intent.local_addr), 2);
	if (ip_addr_is_v4(&intent.local_addr))
		memcpy(classify->local4, intent.local_addr.bytes + 12, 4);
	else
		memcpy(classify->local6, intent.local_addr.bytes, 16);
}

static int rules_make(struct pair_side *s)
{
	struct ruleset_claim claim = {.path = &s->intent, .handle = s->handle};
	size_t bytes = 8 * ruleset_bytes(&claim, 1);
	const struct ruleset *rules;

	s->rules_memory = malloc(bytes);
	if (!s->rules_memory || ruleset_build(s->rules_memory, bytes, &claim, 1, &rules))
		return -ENOMEM;
	s->worker->port[PAIR_LAN].input.rules = (uintptr_t)rules;
	return 0;
}

static int path_make(struct pair *pair, uint32_t side, const struct pair_options *options)
{
	struct pair_side *s = &pair->side[side];
	const struct cw_path_counters *all[] = {&pair->side[side % 2].path_counters,
						&pair->side[side % 2 + 2].path_counters};
	struct path_options po = {.handle = s->handle,
				  .worker = side / 2,
				  .workers = workers_of(options, side % 2),
				  .wan_port = PAIR_WAN,
				  .wan_mtu = s->ports[PAIR_WAN].mtu,
				  .queue_packets = PATH_QUEUE_SLOTS,
				  .has_pauses = options->has_pfc,
				  .seed = 42 + side,
				  .now_ns = clock_ns(&pair->clock, rte_rdtsc()),
				  .counters = &s->path_counters,
				  .all = all};
	struct path *path;

	po.retain_buffers = s->ports[PAIR_LAN].pool->size / 2 / po.workers;
	po.hold_buffers = s->ports[PAIR_WAN].pool->size / 2 / po.workers;
	path = path_create(&s->intent, &po);
	if (!path)
		return -ENOMEM;
	for (uint32_t i = 0; i < path->own_count && options->is_clear; i++)
		path->own[i]->aead = &aead_null;
	path_table_add(&s->worker->paths, path);
	link_set(path_link(s->worker, path), s->intent.link_bps, po.now_ns);
	return rules_make(s);
}

static void hops_set(struct pair *pair, uint32_t side)
{
	struct worker *w = pair->side[side].worker;
	struct command command = {.type = COMMAND_NEXT_HOP};
	const char *hosts[2][2] = {{"10.1.0.10", "fd01::10"}, {"10.2.0.10", "fd02::10"}};

	if (!w)
		return;
	command.hop.state = HOP_READY;
	for (uint32_t port = PAIR_WAN; port < pair->port_count; port++) {
		struct intent_path intent;

		command.hop.port = (uint8_t)port;
		memcpy(command.hop.mac, pair->side[(side + 1) % 2].ports[port].mac, 6);
		pair_intent_over(pair, side, (uint8_t)port, &intent);
		command.addr = intent.peer_addr;
		hop_set(w, &command);
	}
	command.hop.port = PAIR_LAN;
	memcpy(command.hop.mac, host_mac, 6);
	for (int i = 0; i < 2; i++) {
		command.addr = address(hosts[side % 2][i]);
		hop_set(w, &command);
	}
}

static int side_make(struct pair *pair, uint32_t side, const struct pair_options *options)
{
	struct pair_side *s = &pair->side[side], *first = &pair->side[side % 2];
	struct classify_port classify[PAIR_PORTS];
	struct worker_options wo = {
		.index = side / 2,
		.count = workers_of(options, side % 2),
		.ports = s->ports,
		.port_count = pair->port_count,
		.classifier = &pair->classifier,
		.clock = &pair->clock,
		.counters = &s->worker_counters,
		.port_counters = s->port_counters,
		.link_counters = {first->link_counters, (first + 2)->link_counters},
		.classify = classify};

	s->event_fd = eventfd(0, EFD_NONBLOCK);
	s->handle = HANDLE_MAKE(5 + side % 2, 3);
	s->intent = first->intent;
	memcpy(s->ports, first->ports, sizeof(s->ports));
	for (uint32_t i = 0; i < pair->port_count; i++)
		classify_fill(s, side, i, &classify[i]);
	wo.event_fd = s->event_fd;
	wo.lan_pool = s->ports[PAIR_LAN].pool;
	s->worker = worker_create(&wo);
	return s->worker ? path_make(pair, side, options) : -ENOMEM;
}

static int gateway_make(struct pair *pair, uint32_t gateway, const struct pair_options *options)
{
	struct worker *workers[PAIR_SIDES / 2];
	uint32_t count = workers_of(options, gateway);

	intent_fill(&pair->side[gateway].intent, gateway, options);
	for (uint32_t i = 0; i < pair->port_count; i++) {
		int ret = port_make(pair, gateway, i, options);

		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < count; i++) {
		int ret = side_make(pair, gateway + 2 * i, options);

		if (ret)
			return ret;
		workers[i] = pair->side[gateway + 2 * i].worker;
	}
	return workers_join(workers, count);
}

/* Any bytes do, as long as what one end sends with is what the other opens with, and nothing else.
 */
static void keys_fill(struct key_lane lanes[], uint32_t direction, uint8_t phase, uint32_t life)
{
	for (uint32_t i = 0; i < PATH_KEYS_LANES; i++) {
		memset(lanes[i].key, (int)(1 + direction * 64 + i * 4 + phase), 32);
		memcpy(lanes[i].key, &life, sizeof(life));
		memset(lanes[i].iv, (int)(200 + direction + i + phase), 12);
	}
}

void pair_keys_make(const struct pair *pair, uint32_t side, uint8_t phase, struct path_keys *keys)
{
	*keys = (struct path_keys){.phase = phase, .has_rx = true, .has_tx = true};
	keys_fill(keys->tx, side % 2, phase, pair->life);
	keys_fill(keys->rx, !(side % 2), phase, pair->life);
}

void pair_keys_give(struct pair *pair, uint8_t phase, bool is_reset)
{
	struct path_keys keys;

	pair->life += is_reset;
	for (uint32_t side = 0; side < PAIR_SIDES; side++) {
		struct command command = {.type = COMMAND_KEYS,
					  .index = HANDLE_INDEX(pair->side[side].handle),
					  .keys = &keys};
		struct worker *w = pair->side[side].worker;
		struct event event;

		if (!w)
			continue;
		pair_keys_make(pair, side, phase, &keys);
		keys.reset = is_reset;
		command_push(w->commands, &command);
		housekeep_commands(w);
		while (event_pop(w->events, &event) == 0)
			;
	}
}

struct pair *pair_create(const struct pair_options *options)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	pair->clock = clock_base_take();
	pair->generation = 1;
	pair->port_count = options->wan2_mtu ? PAIR_PORTS : PAIR_PORTS - 1;
	for (uint32_t i = 0; i < PAIR_SIDES; i++) {
		pair->side[i].event_fd = -1;
		for (uint32_t k = 0; k < PAIR_PORTS; k++)
			pair->side[i].ports[k].id = PORT_NONE;
	}
	if (classifier_init(&pair->classifier)) {
		free(pair);
		return NULL;
	}
	if (gateway_make(pair, 0, options) || gateway_make(pair, 1, options)) {
		pair_destroy(pair);
		return NULL;
	}
	for (uint32_t i = 0; i < PAIR_SIDES; i++)
		hops_set(pair, i);
	pair_keys_give(pair, 0, true);
	return pair;
}

static void worker_discard(const struct pair *pair, struct pair_side *s)
{
	struct path *path;

	/* What waits for a next hop belongs to a path: first these, then that. */
	hop_discard(s->worker);
	path = path_table_remove(&s->worker->paths, HANDLE_INDEX(s->handle));
	if (path) {
		path_discard(path);
		path_free(path);
	}
	for (uint32_t i = 0; i < pair->port_count; i++)
		txq_discard(&s->worker->port[i].tx);
	worker_free(s->worker);
}

static void side_free(const struct pair *pair, struct pair_side *s)
{
	struct rte_mbuf *mbuf;

	if (s->worker)
		worker_discard(pair, s);
	for (int i = 0; i < 2 * PAIR_PORTS; i++) {
		struct rte_ring *ring = i < PAIR_PORTS ? s->rx[i] : s->tx[i - PAIR_PORTS];

		while (ring && rte_ring_dequeue(ring, (void **)&mbuf) == 0)
			rte_pktmbuf_free(mbuf);
	}
	free(s->rules_memory);
	if (s->event_fd >= 0)
		close(s->event_fd);
}

uint32_t pair_destroy(struct pair *pair)
{
	uint32_t leaked = 0;

	for (uint32_t i = 0; i < pair->delayed_count; i++)
		rte_pktmbuf_free(pair->delayed[i].mbuf);
	/* The second workers first: the ports and pools are the first ones'. */
	for (uint32_t i = PAIR_SIDES; i--;)
		side_free(pair, &pair->side[i]);
	for (uint32_t i = 0; i < 2 * PAIR_PORTS; i++)
		if (i % PAIR_PORTS < pair->port_count)
			port_close(&pair->side[i / PAIR_PORTS].ports[i % PAIR_PORTS]);
	for (uint32_t i = 0; i < PAIR_SIDES; i++)
		for (int port = 0; port < PAIR_PORTS; port++) {
			rte_ring_free(pair->side[i].rx[port]);
			rte_ring_free(pair->side[i].tx[port]);
		}
	for (uint32_t i = 0; i < 2 * PAIR_PORTS; i++) {
		struct rte_mempool *pool = pair->side[i / PAIR_PORTS].ports[i % PAIR_PORTS].pool;

		leaked += pool ? rte_mempool_in_use_count(pool) : 0;
		rte_mempool_free(pool);
	}
	classifier_fini(&pair->classifier);
	free(pair);
	return leaked;
}
