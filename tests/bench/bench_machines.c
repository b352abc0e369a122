#include "tests/bench/bench_machines.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#define FLOWS	   64
#define UNIT_BYTES 1400
#define BATCH_MAX  256
#define BATCH_NS   20000

int machines_make(struct machines *m)
{
	struct tunnel_demand demand = {.tx_bps = 100000000000ull,
				       .rx_bps = 100000000000ull,
				       .rtt_ns = 1000000,
				       .loss = 0.01};
	struct tunnel_config config = {.rtt_ns = demand.rtt_ns};

	*m = (struct machines){.now_ns = 1000000000};
	tunnel_sizes_for(&demand, &config.sizes);
	for (uint32_t i = 0; i < 2; i++) {
		m->memory[i] = aligned_alloc(64, tunnel_memory(&config.sizes));
		if (!m->memory[i])
			return -ENOMEM;
		if (tunnel_init(&m->end[i], &config, m->memory[i]))
			return -EINVAL;
		keys_install_rx(&m->end[i].keys, 0, m->now_ns);
		keys_install_tx(&m->end[i].keys, 0, m->now_ns);
	}
	return 0;
}

void machines_free(struct machines *m)
{
	free(m->memory[0]);
	free(m->memory[1]);
}

struct crossing {
	struct wire_header header;
	struct wire_data data;
};

static uint64_t send_batch(struct machines *m, struct crossing *batch, uint32_t count)
{
	struct tunnel *t = &m->end[0];
	uint64_t since = rte_rdtsc();

	for (uint32_t i = 0; i < count; i++) {
		struct tunnel_unit unit = {.cookie = i, .len_bytes = UNIT_BYTES, .frag_count = 1};

		if (tunnel_may_send(t, 1, UNIT_BYTES, m->now_ns) != TUNNEL_GO)
			abort();
		tunnel_send(t, &unit, m->next_flow++ % FLOWS, m->now_ns, &batch[i].data);
		batch[i].header = (struct wire_header){.type = WIRE_TYPE_FRAMES,
						       .send_time_us = (uint32_t)(m->now_ns / 1000),
						       .packet_number = tunnel_packet_next(t)};
	}
	return rte_rdtsc() - since;
}

/* Fills acks with what the receiver says on the way; returns ticks. */
static uint64_t receive_batch(struct machines *m, const struct crossing *batch, uint32_t count,
			      uint8_t *ack, uint32_t *ack_bytes)
{
	struct tunnel *t = &m->end[1];
	uint64_t since = rte_rdtsc();

	for (uint32_t i = 0; i < count; i++) {
		struct tunnel_unit unit;
		bool is_replay, is_broken;

		if (!tunnel_may_open(t, &batch[i].header, &is_replay) ||
		    !tunnel_on_packet(t, &batch[i].header, m->now_ns) ||
		    tunnel_on_data(t, &batch[i].data, i, 0, m->now_ns) != TUNNEL_HELD)
			abort();
		while (tunnel_ready(t, &unit, &is_broken))
			tunnel_delivered(t, &unit, is_broken);
		if (tunnel_poll(t, m->now_ns) & TUNNEL_WANTS_ACK)
			*ack_bytes = tunnel_ack_write(t, m->now_ns, ack);
	}
	return rte_rdtsc() - since;
}

static uint64_t ack_take(struct machines *m, const uint8_t *bytes, uint32_t len)
{
	uint64_t freed[BATCH_MAX + 1], since = rte_rdtsc();
	struct wire_ack ack;
	uint32_t used;

	if (!wire_ack_parse(bytes, len, &ack, &used))
		abort();
	tunnel_on_ack(&m->end[0], &ack, m->now_ns, freed, BATCH_MAX + 1);
	return rte_rdtsc() - since;
}

uint64_t machines_run(struct machines *m, bool is_inbound, uint32_t count)
{
	struct crossing batch[BATCH_MAX];
	uint8_t ack[WIRE_ACK_BYTES_MAX];
	uint32_t ack_bytes = 0;
	uint64_t sent, received;

	if (m->end[0].credit_tx.limit_seq == 0) {
		/* The first grant. */
		ack_bytes = tunnel_ack_write(&m->end[1], m->now_ns, ack);
		ack_take(m, ack, ack_bytes);
		ack_bytes = 0;
	}
	m->now_ns += BATCH_NS;
	sent = send_batch(m, batch, count);
	received = receive_batch(m, batch, count, ack, &ack_bytes);
	if (ack_bytes)
		sent += ack_take(m, ack, ack_bytes);
	return is_inbound ? received : sent;
}
