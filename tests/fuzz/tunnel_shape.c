#include "tests/fuzz/tunnel_shape.h"

void tunnel_shape(struct input *in, struct tunnel_config *config)
{
	static const uint32_t slots[] = {1024, 2048, 0, 8192};
	static const uint32_t shares[] = {1, 1, 2, 16, 512, 1024};
	static const uint64_t bytes[] = {1 << 20, 65536, 9000, 1};
	static const uint64_t first[] = {0,
					 1,
					 (1ull << 32) - 2,
					 (1ull << 32) - 700,
					 (1ull << 63) - 2,
					 (1ull << 63) - 700,
					 511,
					 123456789012345};
	static const uint64_t rtts[] = {10000000, 300000, 0, 1, 60000000000, UINT64_MAX};
	struct tunnel_sizes *sizes = &config->sizes;

	*config = (struct tunnel_config){.sizes.replay_bits = REPLAY_BITS_MIN};
	sizes->tx_slots = slots[input_below(in, 4)];
	sizes->retain_packets = sizes->tx_slots / shares[input_below(in, 6)];
	sizes->retain_bytes = bytes[input_below(in, 4)];
	sizes->rx_slots = slots[input_below(in, 4)];
	sizes->rx_buffers = sizes->rx_slots / shares[input_below(in, 6)];
	sizes->rx_bytes = bytes[input_below(in, 4)];
	config->first_seq = first[input_below(in, 8)];
	config->first_packet = first[input_below(in, 8)];
	config->rtt_ns = rtts[input_below(in, 6)];
}
