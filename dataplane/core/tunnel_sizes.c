#include "dataplane/core/tunnel_internal.h"

#define SIZE_BYTES    (1u << 20) /* the least window */
#define REPLAY_WINDOW 2u	 /* of sequences: repairs and ACKs have packet numbers too */

static uint32_t power_of_two(uint64_t least, uint32_t low, uint32_t high)
{
	uint32_t power = low;

	while (power < least && power < high)
		power *= 2;
	return power;
}

/* Bytes that a rate moves in a time; up to 400 Gb/s times a minute. */
static uint64_t bytes_in(uint64_t rate_bps, uint64_t ns)
{
	return rate_bps / 8000 * ns / 1000000;
}

/*
 * Rounds of repair until all of a round trip's packets are there in nine of ten. Stopping at "less
 * than one is missing" left one in most round trips for another round, and up to a fifth of the
 * rate unused (simulator seed 901914).
 */
static uint32_t repair_rounds(uint64_t packets, double loss)
{
	uint32_t rounds = 0;

	for (double missing = (double)packets; missing > 0.1 && rounds < 64; missing *= loss)
		rounds++;
	return rounds;
}

static uint64_t window_bytes(uint64_t rate_bps, const struct tunnel_demand *demand)
{
	uint64_t rtt = demand->rtt_ns, period = ack_period(rtt);
	uint64_t detect = ARQ_REORDER_NS + rtt / 64 + period;
	uint64_t packets = bytes_in(rate_bps, rtt) / TUNNEL_SIZE_PACKET + 1;
	/* Each round waits for its evidence, too: where the round trip is 10 us that is most of it.
	 */
	uint64_t time = rtt + repair_rounds(packets, demand->loss) * (rtt + detect) + period;

	return max_of(bytes_in(rate_bps, time), SIZE_BYTES);
}

static uint64_t retention_bytes(uint64_t rate_bps, const struct tunnel_demand *demand)
{
	uint64_t rtt = demand->rtt_ns;
	uint64_t detect = ARQ_REORDER_NS + rtt / 64 + ack_period(rtt);

	return max_of(bytes_in(rate_bps, rtt + detect) * 5 / 4, SIZE_BYTES);
}

void tunnel_sizes_for(const struct tunnel_demand *demand, struct tunnel_sizes *sizes)
{
	uint64_t window;

	*sizes = (struct tunnel_sizes){.replay_bits = REPLAY_BITS_MIN};
	if (demand->tx_bps) {
		window = window_bytes(demand->tx_bps, demand);
		sizes->retain_bytes = retention_bytes(demand->tx_bps, demand);
		sizes->tx_slots = power_of_two(window / TUNNEL_SIZE_PACKET, TUNNEL_SLOTS_MIN,
					       TUNNEL_SLOTS_MAX);
		sizes->retain_packets =
			(uint32_t)min_of(sizes->retain_bytes / TUNNEL_SIZE_PACKET, sizes->tx_slots);
	}
	if (demand->rx_bps) {
		window = window_bytes(demand->rx_bps, demand);
		sizes->rx_bytes = window;
		sizes->rx_slots = power_of_two(window / TUNNEL_SIZE_PACKET, TUNNEL_SLOTS_MIN,
					       TUNNEL_SLOTS_MAX);
		sizes->rx_buffers = (uint32_t)min_of(window / TUNNEL_SIZE_PACKET, sizes->rx_slots);
		sizes->replay_bits = power_of_two((uint64_t)sizes->rx_slots * REPLAY_WINDOW,
						  REPLAY_BITS_MIN * 8, REPLAY_BITS_MAX);
	}
}
