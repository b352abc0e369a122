#include "tests/bench/bench_measure.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_prefetch.h>

#include "dataplane/core/outer.h"
#include "dataplane/core/wire.h"

/* Where results go that nobody reads, so that the compiler keeps what made them. */
static volatile uint64_t nobody;

static uint16_t burst_take(const struct rig *rig, struct rte_mbuf *mbufs[])
{
	return rte_eth_rx_burst(rig->side->ports[rig->rx_port].id, 0, mbufs, PORT_BURST);
}

static void macs_swap(struct rte_mbuf *const mbufs[], uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (uint16_t i = 0; i < count; i++) {
		struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbufs[i], struct rte_ether_hdr *);
		struct rte_ether_addr dst = ether->dst_addr;

		ether->dst_addr = ether->src_addr;
		ether->src_addr = dst;
	}
}

static uint64_t macswap_run(uint16_t from, uint16_t to)
{
	struct rte_mbuf *mbufs[PORT_BURST];
	uint64_t since = rte_rdtsc();

	for (uint32_t turn = 0; turn < RIG_TURNS; turn++) {
		uint16_t count = rte_eth_rx_burst(from, 0, mbufs, PORT_BURST);

		macs_swap(mbufs, count);
		rte_eth_tx_burst(to, 0, mbufs, count);
	}
	return rte_rdtsc() - since;
}

static uint32_t batch_take(struct rig *rig, struct rte_mbuf *mbufs[])
{
	return rte_ring_dequeue_burst(rig->side->rx[rig->rx_port], (void **)mbufs, RIG_BATCH, NULL);
}

/* To the buffers that tunnel packets are built in, so that no other memory enters the caches. */
static uint64_t memcpy_run(struct rig *rig)
{
	struct rte_mbuf *mbufs[RIG_BATCH], *copies[RIG_BATCH];
	uint32_t count = batch_take(rig, mbufs);
	uint64_t since, spent;

	if (rte_pktmbuf_alloc_bulk(rig->near->ports[PAIR_WAN].pool, copies, RIG_BATCH))
		abort();
	since = rte_rdtsc();
	for (uint32_t i = 0; i < count; i++)
		memcpy(rte_pktmbuf_mtod(copies[i], void *), rte_pktmbuf_mtod(mbufs[i], void *),
		       rte_pktmbuf_data_len(mbufs[i]));
	spent = rte_rdtsc() - since;
	rte_pktmbuf_free_bulk(copies, RIG_BATCH);
	rte_pktmbuf_free_bulk(mbufs, count);
	return spent;
}

static uint64_t receive_run(struct rig *rig)
{
	struct rte_mbuf *mbufs[RIG_BATCH];
	uint64_t since = rte_rdtsc(), spent;
	uint32_t count = 0;

	for (uint32_t turn = 0; turn < RIG_TURNS; turn++)
		count += burst_take(rig, mbufs + count);
	spent = rte_rdtsc() - since;
	rte_pktmbuf_free_bulk(mbufs, count);
	return spent;
}

/* As in receive.c. */
static verdict_t classify_one(struct worker *w, uint32_t port, const struct rte_mbuf *mbuf)
{
	struct classify_input *input = &w->port[port].input;

	classify_input_fill(input, rte_pktmbuf_mtod(mbuf, const uint8_t *),
			    rte_pktmbuf_data_len(mbuf));
	input->vlan_tci = 0;
	return classifier_run(w->classifier, input);
}

static void frames_walk(const uint8_t *frames, uint32_t len)
{
	struct wire_cursor cursor;
	struct wire_frame frame;

	wire_cursor_init(&cursor, frames, len);
	while (wire_frame_next(&cursor, &frame) == 1)
		nobody += frame.data.seq;
}

/* As in inbound.c, up to where inner packets leave the tunnel packet. */
static void open_one(struct worker *w, struct rte_mbuf *mbuf)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *), *clear;
	struct wire_header header;
	struct outer outer;
	const struct path_lane *lane;
	const struct path *path;
	enum drop why;

	if (!outer_parse(frame, rte_pktmbuf_data_len(mbuf), &outer, &why))
		return;
	clear = frame + outer.payload_offset;
	if (!wire_header_parse(clear, outer.payload_len, &header, &why))
		return;
	path = path_table_by_id(&w->paths, header.path_id);
	if (!path)
		return;
	lane = path->lanes[header.lane];
	if (!lane->aead->open(&lane->rx_keys[header.flags & WIRE_F_KEY_PHASE],
			      clear + WIRE_HEADER_BYTES, outer.payload_len - WIRE_HEADER_BYTES,
			      clear, WIRE_HEADER_BYTES, header.packet_number))
		return;
	frames_walk(clear + WIRE_HEADER_BYTES, outer.payload_len - WIRE_OVERHEAD_BYTES);
}

static uint64_t classify_run(struct rig *rig, bool is_opened)
{
	struct worker *w = rig->side->worker;
	struct rte_mbuf *mbufs[RIG_BATCH];
	uint64_t since = rte_rdtsc(), spent;
	uint32_t count = 0;

	for (uint32_t turn = 0; turn < RIG_TURNS; turn++) {
		uint16_t taken = burst_take(rig, mbufs + count);

		for (uint16_t i = 0; i < taken; i++)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[count + i], void *));
		for (uint16_t i = 0; i < taken; i++) {
			nobody += classify_one(w, rig->rx_port, mbufs[count + i]);
			if (is_opened)
				open_one(w, mbufs[count + i]);
		}
		count += taken;
	}
	spent = rte_rdtsc() - since;
	rte_pktmbuf_free_bulk(mbufs, count);
	return spent;
}

/* The parts of worker_turn that move packets, with time stamps in between. */
static void parts_run(struct rig *rig, struct round *round)
{
	struct worker *w = rig->side->worker;

	for (uint32_t turn = 0; turn < RIG_TURNS; turn++) {
		uint64_t before, accepted, heard;

		w->now_ns = clock_ns(&w->clock, rte_rdtsc());
		before = rte_rdtsc();
		receive_burst(w, rig->rx_port);
		accepted = rte_rdtsc();
		if (!rig->is_inbound)
			receive_burst(w, PAIR_WAN);
		heard = rte_rdtsc();
		if (w->active_count)
			outbound_service(w);
		txq_flush(&w->port[PAIR_LAN].tx);
		txq_flush(&w->port[PAIR_WAN].tx);
		round->ticks[MEASURE_SERVICE] += rte_rdtsc() - heard;
		round->ticks[MEASURE_ACKS] += heard - accepted;
		round->ticks[MEASURE_ACCEPT] += accepted - before;
	}
	round->frames[MEASURE_ACCEPT] += RIG_BATCH;
	round->frames[MEASURE_ACKS] += RIG_BATCH;
	round->frames[MEASURE_SERVICE] += RIG_BATCH;
}

static uint64_t send_run(struct rig *rig)
{
	struct txq *tx = &rig->side->worker->port[rig->tx_port].tx;
	struct rte_mbuf *mbufs[RIG_BATCH];
	uint32_t count = batch_take(rig, mbufs);
	uint64_t since = rte_rdtsc();

	for (uint32_t i = 0; i < count; i++)
		txq_put(tx, mbufs[i]);
	txq_flush(tx);
	return rte_rdtsc() - since;
}

static uint64_t total_run(struct rig *rig, struct round *round)
{
	const struct cw_port_counters *port = &rig->side->port_counters[rig->tx_port];
	uint64_t packets = rig_flow(rig)->rx_packets, sent = port->tx_packets;
	uint64_t since = rte_rdtsc(), spent;

	for (uint32_t turn = 0; turn < RIG_TURNS; turn++)
		worker_turn(rig->side->worker);
	spent = rte_rdtsc() - since;
	round->packets += rig_flow(rig)->rx_packets - packets;
	round->sent += port->tx_packets - sent;
	return spent;
}

static void measure_one(struct rig *rig, struct machines *machines, enum measure measure,
			struct round *round)
{
	uint64_t spent = 0;

	switch (measure) {
	case MEASURE_MACSWAP:
		spent = macswap_run(rig->side->ports[rig->rx_port].id,
				    rig->side->ports[rig->tx_port].id);
		break;
	case MEASURE_MACSWAP_NULL:
		spent = macswap_run(rig->null_id, rig->null_id);
		break;
	case MEASURE_MEMCPY:
		spent = memcpy_run(rig);
		break;
	case MEASURE_RECEIVE:
		spent = receive_run(rig);
		break;
	case MEASURE_CLASSIFY:
	case MEASURE_OPEN:
		spent = classify_run(rig, measure == MEASURE_OPEN);
		break;
	case MEASURE_ACCEPT:
		parts_run(rig, round);
		return;
	case MEASURE_MACHINES:
		spent = machines_run(machines, rig->is_inbound, RIG_BATCH);
		break;
	case MEASURE_SEND:
		spent = send_run(rig);
		break;
	default:
		spent = total_run(rig, round);
	}
	round->ticks[measure] += spent;
	round->frames[measure] += RIG_BATCH;
}

static bool is_fed(enum measure measure)
{
	return measure != MEASURE_MACSWAP_NULL && measure != MEASURE_MACHINES;
}

bool measure_all(struct rig *rig, struct machines *machines, struct round *round)
{
	for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
		bool by_worker = i == MEASURE_ACCEPT || i == MEASURE_TOTAL;

		if (i == MEASURE_SERVICE || i == MEASURE_ACKS ||
		    (i == MEASURE_OPEN && !rig->is_inbound))
			continue;
		if (is_fed((enum measure)i) && !rig_feed(rig, by_worker))
			return false;
		measure_one(rig, machines, (enum measure)i, round);
		rig_drain(rig, by_worker);
	}
	return rig_losses(rig) == 0;
}
