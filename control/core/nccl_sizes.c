#include "control/core/nccl.h"

__extension__ typedef unsigned __int128 u128;

#define MIB (1ull << 20)

#define RINGS_MAX	   1024u /* more make nothing smaller */
#define CHANNELS_MIN	   8u
#define CHANNELS_MAX	   32u
#define BUFFER_WANTED	   (64 * MIB)
#define BUFFER_MIN	   (4 * MIB)
#define BUFFER_MAX	   (128 * MIB)
#define STEPS		   8u /* NCCL_STEPS: a buffer's parts */
#define SLICE_STEPS	   2u /* of them, handed on as a whole */
#define SOCKET_BPS	   5000000000ull
#define SOCKETS_MAX	   32u
#define SOCKETS_TO_THREAD  4u
#define QUEUE_PAIR_BPS	   10000000000ull
#define QUEUE_PAIRS_MAX	   8u
#define TCP_MIN		   (16 * MIB)
#define TCP_MAX		   (1024 * MIB)
#define TIMEOUT_UNIT_NS	   4096u
#define TIMEOUT_MAX	   22u
#define TIMEOUT_RTTS	   4u
#define TRIES		   8u /* the first one and 7 retries */
#define GLOO_SEGMENT_BYTES MIB
#define GLOO_IN_FLIGHT	   2u

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

static uint64_t power_of_two(uint64_t least, uint64_t low, uint64_t high)
{
	uint64_t power = low;

	while (power < least && power < high)
		power *= 2;
	return power;
}

static uint32_t rings_of(const struct nccl_facts *facts)
{
	if (!facts->rings)
		return 1;
	return facts->rings < RINGS_MAX ? facts->rings : RINGS_MAX;
}

static bool texts_match(const char *text, const char *lower)
{
	for (; *text && *lower; text++, lower++) {
		char c = *text >= 'A' && *text <= 'Z' ? (char)(*text + ('a' - 'A')) : *text;

		if (c != *lower)
			return false;
	}
	return *text == *lower;
}

uint8_t nccl_vendor_find(const char *vendor)
{
	if (texts_match(vendor, "nvidia"))
		return NCCL_VENDOR_NVIDIA;
	return texts_match(vendor, "amd") ? NCCL_VENDOR_AMD : NCCL_VENDOR_OTHER;
}

/* NCCL and RCCL do not talk to each other, and neither to anything else. */
static uint8_t library_of(const struct nccl_facts *facts)
{
	bool is_one = !facts->vendors || facts->vendors == NCCL_VENDOR_NVIDIA ||
		      facts->vendors == NCCL_VENDOR_AMD;

	return is_one ? NCCL_LIBRARY_NCCL : NCCL_LIBRARY_GLOO;
}

const char *nccl_library_name(uint8_t library)
{
	return library == NCCL_LIBRARY_GLOO ? "gloo" : "nccl";
}

const char *nccl_library_reason(const struct nccl_facts *facts)
{
	if (library_of(facts) == NCCL_LIBRARY_GLOO)
		return "the members' accelerators are not all of one vendor that NCCL or RCCL "
		       "serves: use the vendor's library inside each site and Gloo between sites";
	if (facts->vendors == NCCL_VENDOR_AMD)
		return "all members have AMD accelerators: RCCL, which reads NCCL's settings";
	if (facts->vendors == NCCL_VENDOR_NVIDIA)
		return "all members have NVIDIA accelerators";
	return "the members' accelerators are not known; these are the settings for NCCL and RCCL";
}

const char *nccl_scope_name(uint8_t scope)
{
	return scope == NCCL_SCOPE_HOST ? "sysctl" : "env";
}

void nccl_facts_of_plan(const struct cluster_demand *demand, const struct cluster_plan *plan,
			struct nccl_facts *facts)
{
	facts->pattern = demand->pattern;
	facts->rate_bps = facts->rtt_ns = facts->bdp_bytes = 0;
	for (uint32_t i = 0; i < plan->edge_count; i++) {
		const struct cluster_edge *edge = &plan->edges[i];
		uint64_t rate = edge->rate_bps[0];
		uint64_t bdp;

		if (edge->rate_bps[1] > rate)
			rate = edge->rate_bps[1];
		bdp = (uint64_t)((u128)rate * edge->rtt_ns / 8000000000ull);
		if (rate > facts->rate_bps)
			facts->rate_bps = rate;
		if (edge->rtt_ns > facts->rtt_ns)
			facts->rtt_ns = edge->rtt_ns;
		if (bdp > facts->bdp_bytes)
			facts->bdp_bytes = bdp;
	}
}

static uint8_t ib_timeout(const struct nccl_facts *facts)
{
	uint64_t outage = facts->outage_ns ? facts->outage_ns : NCCL_OUTAGE_DEFAULT_NS;
	uint8_t t = 1;

	while (t < TIMEOUT_MAX && ((uint64_t)TIMEOUT_UNIT_NS << t < TIMEOUT_RTTS * facts->rtt_ns ||
				   ((uint64_t)TIMEOUT_UNIT_NS << t) * TRIES < outage))
		t++;
	return t;
}

static void size_buffers(const struct nccl_facts *facts, struct nccl_sizes *sizes)
{
	uint64_t needed = ceil_div(facts->bdp_bytes * 4, 3), rings = rings_of(facts);

	sizes->channels = CHANNELS_MIN;
	while (sizes->channels < CHANNELS_MAX &&
	       ceil_div(needed, rings * sizes->channels) > BUFFER_WANTED)
		sizes->channels *= 2;
	sizes->buffer_bytes =
		power_of_two(ceil_div(needed, rings * sizes->channels), BUFFER_MIN, BUFFER_MAX);
	sizes->chunk_bytes = sizes->buffer_bytes / STEPS;
	sizes->piece_bytes = sizes->chunk_bytes * SLICE_STEPS;
	sizes->window_bytes = rings * sizes->channels * sizes->buffer_bytes / 4 * 3;
}

static void size_flows(const struct nccl_facts *facts, struct nccl_sizes *sizes)
{
	uint64_t connections = (uint64_t)rings_of(facts) * sizes->channels;
	uint64_t pairs = ceil_div(facts->rate_bps, QUEUE_PAIR_BPS * connections);

	sizes->queue_pairs = (uint32_t)power_of_two(pairs, 1, QUEUE_PAIRS_MAX);
	sizes->sockets = (uint32_t)power_of_two(ceil_div(facts->rate_bps, SOCKET_BPS * connections),
						1, SOCKETS_MAX);
	sizes->threads = (uint32_t)ceil_div(sizes->sockets, SOCKETS_TO_THREAD);
}

void nccl_sizes_for(const struct nccl_facts *facts, struct nccl_sizes *sizes)
{
	uint64_t streams;

	*sizes = (struct nccl_sizes){
		.library = library_of(facts),
		.ib_timeout = ib_timeout(facts),
	};
	size_buffers(facts, sizes);
	size_flows(facts, sizes);
	streams = (uint64_t)rings_of(facts) * sizes->channels * sizes->sockets;
	if (sizes->library == NCCL_LIBRARY_GLOO) {
		streams = rings_of(facts);
		sizes->piece_bytes = GLOO_SEGMENT_BYTES;
		sizes->window_bytes = streams * GLOO_IN_FLIGHT * GLOO_SEGMENT_BYTES;
	}
	sizes->tcp_bytes = power_of_two(ceil_div(facts->bdp_bytes * 2, streams), TCP_MIN, TCP_MAX);
	if (sizes->library == NCCL_LIBRARY_GLOO || !facts->is_rdma)
		sizes->window_bytes = min_of(sizes->window_bytes, streams * sizes->tcp_bytes / 2);
}
