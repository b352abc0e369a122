#include "tests/bench/bench_rig.h"

#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>

#include "dataplane/core/inner.h"

#define LAN_MTU_MIN    1500
#define WAN_MTU_MORE   200  /* so that the tunnel's headers fit and nothing is cut */
#define MBUFS_MIN      8191 /* a batch of aggregates becomes thousands of inner packets */
#define FAR_HOST_FIRST 10
#define ETHER_IPV4_UDP (ETHER_HEADER_BYTES + INNER_IPV4_BYTES + 8)

static uint32_t lan_mtu(uint32_t frame_bytes)
{
	return RTE_MAX(frame_bytes - ETHER_HEADER_BYTES, (uint32_t)LAN_MTU_MIN);
}

/* Without huge pages a pool starts each buffer on a page of its own, so whole pages are what to
 * reckon with. */
/* The host number is the last byte of the destination; the checksum follows. */
static void far_host_set(uint8_t *frame, uint8_t host)
{
	uint8_t *ip = frame + ETHER_HEADER_BYTES;
	uint16_t before = bytes_load16(ip + 18);

	ip[19] = host;
	bytes_store16(ip + 10,
		      bytes_checksum_update(bytes_load16(ip + 10), before, bytes_load16(ip + 18)));
}

static void flows_write(struct rig *rig)
{
	for (uint32_t i = 0; i < RIG_FLOWS; i++) {
		uint8_t *frame = rig->flows + (size_t)i * rig->frame_bytes;

		pair_udp_frame(rig->pair, 0, false, (uint16_t)(20000 + i * 37), 4791,
			       rig->frame_bytes - ETHER_IPV4_UDP, 0, frame);
		far_host_set(frame, (uint8_t)(FAR_HOST_FIRST + i % RIG_HOSTS));
	}
}

/* The far gateway knows each host by its own MAC. */
static void hosts_set(struct rig *rig)
{
	struct command command = {.type = COMMAND_NEXT_HOP};

	command.hop.state = HOP_READY;
	command.hop.port = PAIR_LAN;
	for (uint8_t i = 0; i < RIG_HOSTS; i++) {
		uint8_t host = (uint8_t)(FAR_HOST_FIRST + i);

		memcpy(command.hop.mac, (uint8_t[6]){2, 0, 0, 0, 9, host}, 6);
		command.addr = ip_addr_from_v4((uint8_t[4]){10, 2, 0, host});
		hop_set(rig->pair->side[1].worker, &command);
	}
}

static struct rte_ring *stock_make(void)
{
	static uint32_t serial;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "rig%u", serial++);
	return rte_ring_create(name, rte_align32pow2(PAIR_RING + 1), SOCKET_ID_ANY,
			       RING_F_SP_ENQ | RING_F_SC_DEQ);
}

/* The first probes cross, later ones stay away: they are no part of a packet's cost. */
static void probes_quiet(struct rig *rig)
{
	pair_settle(rig->pair);
	for (uint32_t i = 0; i < 2; i++) {
		struct pair_side *s = &rig->pair->side[i];

		path_table_by_handle(&s->worker->paths, s->handle)->probe.next_ns = UINT64_MAX;
	}
}

/* Frames of that size from nowhere to nowhere, in the buffers of the pair's LAN. */
static int null_make(struct rig *rig)
{
	static uint32_t serial;
	struct rte_eth_conf conf = {0};
	char name[32], args[32];

	snprintf(name, sizeof(name), "net_null%u", serial++);
	snprintf(args, sizeof(args), "size=%u", rig->frame_bytes);
	if (rte_eal_hotplug_add("vdev", name, args) ||
	    rte_eth_dev_get_port_by_name(name, &rig->null_id))
		return -ENODEV;
	if (rte_eth_dev_configure(rig->null_id, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(rig->null_id, 0, 512, 0, NULL,
				   rig->near->ports[PAIR_LAN].pool) ||
	    rte_eth_tx_queue_setup(rig->null_id, 0, 512, 0, NULL))
		return -EIO;
	return rte_eth_dev_start(rig->null_id);
}

static void null_free(struct rig *rig)
{
	if (rig->null_id == PORT_NONE)
		return;
	rte_eth_dev_stop(rig->null_id);
	rte_eth_dev_close(rig->null_id);
}

static void cipher_set(struct rig *rig, const struct aead *aead)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct pair_side *s = &rig->pair->side[i];

		path_table_by_handle(&s->worker->paths, s->handle)->lane->aead = aead;
	}
}

int rig_make(struct rig *rig, const struct rig_options *options)
{
	/* Windows that what waits in the stock fits into. */
	struct pair_options pair_options = {.lan_mtu = lan_mtu(options->frame_bytes),
					    .wan_mtu = lan_mtu(options->frame_bytes) + WAN_MTU_MORE,
					    .rate_bps = SHAPER_RATE_MAX_BPS,
					    .mbufs = MBUFS_MIN,
					    .rtt_ns = 100000};

	*rig = (struct rig){.is_inbound = options->is_inbound,
			    .frame_bytes = options->frame_bytes,
			    .null_id = PORT_NONE};
	rig->pair = pair_create(&pair_options);
	rig->flows = malloc((size_t)RIG_FLOWS * options->frame_bytes);
	rig->stock = stock_make();
	if (!rig->pair || !rig->flows || !rig->stock) {
		rig_free(rig);
		return -ENOMEM;
	}
	rig->near = &rig->pair->side[0];
	rig->side = &rig->pair->side[options->is_inbound];
	rig->rx_port = options->is_inbound ? PAIR_WAN : PAIR_LAN;
	rig->tx_port = options->is_inbound ? PAIR_LAN : PAIR_WAN;
	if (options->is_plain)
		cipher_set(rig, &aead_null);
	if (null_make(rig)) {
		rig_free(rig);
		return -ENODEV;
	}
	hosts_set(rig);
	probes_quiet(rig);
	flows_write(rig);
	return 0;
}

static void stock_free(struct rte_ring *stock)
{
	void *mbuf;

	while (stock && rte_ring_dequeue(stock, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(stock);
}

void rig_free(struct rig *rig)
{
	stock_free(rig->stock);
	null_free(rig);
	if (rig->pair)
		pair_destroy(rig->pair);
	free(rig->flows);
}

/* Fresh LAN frames of the next flows into a ring. */
static bool frames_write(struct rig *rig, struct rte_ring *ring, uint32_t count)
{
	struct rte_mbuf *mbufs[RIG_BATCH];

	if (rte_pktmbuf_alloc_bulk(rig->near->ports[PAIR_LAN].pool, mbufs, count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t flow = rig->next_flow++ % RIG_FLOWS;

		memcpy(rte_pktmbuf_append(mbufs[i], (uint16_t)rig->frame_bytes),
		       rig->flows + (size_t)flow * rig->frame_bytes, rig->frame_bytes);
	}
	return rte_ring_enqueue_bulk(ring, (void **)mbufs, count, NULL) == count;
}

static uint32_t ring_move(struct rte_ring *from, struct rte_ring *to, uint32_t count)
{
	void *mbufs[RIG_BATCH];

	count = rte_ring_dequeue_burst(from, mbufs, RTE_MIN(count, (uint32_t)RIG_BATCH), NULL);
	return rte_ring_enqueue_bulk(to, mbufs, count, NULL);
}

/* Tunnel packets as the near gateway makes them, so they are genuine whatever the cipher. */
static bool tunnel_write(struct rig *rig)
{
	if (!frames_write(rig, rig->near->rx[PAIR_LAN], RIG_BATCH))
		return false;
	for (uint32_t i = 0; i < RIG_TURNS; i++)
		worker_turn(rig->near->worker);
	while (rte_ring_count(rig->near->tx[PAIR_WAN]))
		if (!ring_move(rig->near->tx[PAIR_WAN], rig->stock, RIG_BATCH))
			return false;
	return true;
}

/* The next frames of the stock once more; they stay in it, in their order. */
static bool copies_write(struct rig *rig)
{
	void *frames[RIG_BATCH];
	uint32_t waiting = rte_ring_count(rig->stock);

	for (uint32_t i = 0; i < waiting; i++) {
		struct rte_mbuf *frame, *copy;

		if (rte_ring_dequeue(rig->stock, (void **)&frame) ||
		    rte_ring_enqueue(rig->stock, frame))
			return false;
		if (i >= RIG_BATCH)
			continue;
		copy = rte_pktmbuf_copy(frame, rig->near->ports[PAIR_WAN].pool, 0, UINT32_MAX);
		if (!copy)
			return false;
		frames[i] = copy;
	}
	return rte_ring_enqueue_bulk(rig->side->rx[rig->rx_port], frames, RIG_BATCH, NULL) ==
	       RIG_BATCH;
}

bool rig_feed(struct rig *rig, bool for_worker)
{
	while (rte_ring_count(rig->stock) < RIG_BATCH)
		if (!(rig->is_inbound ? tunnel_write(rig)
				      : frames_write(rig, rig->stock, RIG_BATCH)))
			return false;
	if (!for_worker && rig->is_inbound)
		return copies_write(rig);
	return ring_move(rig->stock, rig->side->rx[rig->rx_port], RIG_BATCH) == RIG_BATCH;
}

static void ring_empty(struct rte_ring *ring)
{
	struct rte_mbuf *mbufs[RIG_BATCH];
	uint32_t count;

	do {
		count = rte_ring_dequeue_burst(ring, (void **)mbufs, RIG_BATCH, NULL);
		rte_pktmbuf_free_bulk(mbufs, count);
	} while (count);
}

/* Tunnel packets arrive, are delivered, and their ACKs wait at the worker under test. */
static void far_receive(struct rig *rig)
{
	struct pair_side *far = &rig->pair->side[1];

	while (rte_ring_count(rig->near->tx[PAIR_WAN])) {
		ring_move(rig->near->tx[PAIR_WAN], far->rx[PAIR_WAN], PORT_BURST);
		worker_turn(far->worker);
		ring_empty(far->tx[PAIR_LAN]);
	}
	while (rte_ring_count(far->tx[PAIR_WAN]))
		ring_move(far->tx[PAIR_WAN], rig->near->rx[PAIR_WAN], RIG_BATCH);
}

void rig_drain(struct rig *rig, bool by_worker)
{
	struct pair_side *far = &rig->pair->side[1];

	if (by_worker && !rig->is_inbound)
		far_receive(rig);
	else
		ring_empty(rig->side->tx[rig->tx_port]);
	while (by_worker && rig->is_inbound && rte_ring_count(far->tx[PAIR_WAN]))
		ring_move(far->tx[PAIR_WAN], rig->near->rx[PAIR_WAN], RIG_BATCH);
}

struct path *rig_path(const struct rig *rig)
{
	return path_table_by_handle(&rig->side->worker->paths, rig->side->handle);
}

const struct cw_flow_counters *rig_flow(const struct rig *rig)
{
	const struct cw_path_counters *counters = &rig->side->path_counters;

	return rig->is_inbound ? &counters->in : &counters->out;
}

uint64_t rig_losses(const struct rig *rig)
{
	uint64_t lost = rig->side->port_counters[rig->rx_port].to_kernel;

	for (uint32_t i = 0; i < DROP_SLOTS; i++) {
		lost += rig_flow(rig)->drop[i];
		lost += rig->side->port_counters[rig->rx_port].drop[i];
		lost += rig->side->port_counters[rig->tx_port].drop[i];
	}
	return lost;
}
