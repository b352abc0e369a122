#include "control/core/cluster_step.h"

#define NS_PER_S 1000000000ull

__extension__ typedef unsigned __int128 u128;

static uint64_t bounded(u128 ns)
{
	return ns < STEP_TIME_MAX_NS ? (uint64_t)ns : STEP_TIME_MAX_NS;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

static uint64_t time_of(uint64_t bytes, uint64_t rate_bps)
{
	u128 bits = (u128)bytes * 8 * NS_PER_S;

	return rate_bps ? bounded((bits + rate_bps - 1) / rate_bps) : STEP_TIME_MAX_NS;
}

/* A window holds a piece at least. */
uint64_t step_pieces(uint64_t bytes, const struct step_traffic *traffic)
{
	uint64_t piece = traffic->piece_bytes ? traffic->piece_bytes : STEP_PIECE_BYTES;

	if (traffic->window_bytes && traffic->window_bytes < piece)
		piece = traffic->window_bytes;
	return bytes > piece ? ceil_div(bytes, piece) : 1;
}

/* A way's rate with its window, of which only whole pieces are on the way at once. */
static uint64_t way_rate(const struct step_way *way, uint64_t piece,
			 const struct step_traffic *traffic)
{
	uint64_t window = traffic->window_bytes / piece * piece, cycle_ns;
	u128 rate;

	if (!traffic->window_bytes)
		return way->rate_bps;
	cycle_ns = way->rtt_ns + time_of(piece, way->rate_bps);
	rate = (u128)window * 8 * NS_PER_S / (cycle_ns ? cycle_ns : 1);
	return rate < way->rate_bps ? (uint64_t)rate : way->rate_bps;
}

/* Finds the slowest and the longest way; the lowest index among equals. The rate of the slowest. */
static uint64_t find_worst(const struct step_way *ways, uint32_t count, uint64_t piece,
			   const struct step_traffic *traffic, struct step_time *time)
{
	uint64_t slowest = UINT64_MAX;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t rate = way_rate(&ways[i], piece, traffic);

		if (rate < slowest) {
			slowest = rate;
			time->slowest = (uint8_t)i;
			time->is_window_bound = rate < ways[i].rate_bps;
		}
		if (ways[i].rtt_ns > ways[time->longest].rtt_ns)
			time->longest = (uint8_t)i;
	}
	return slowest;
}

uint64_t step_ring_delay(const struct step_way *ways, uint32_t count, uint32_t run)
{
	uint64_t most = 0;

	for (uint32_t first = 0; first < count; first++) {
		uint64_t sum = 0;

		for (uint32_t i = 0; i < run; i++)
			sum += ways[(first + i) % count].rtt_ns;
		if (sum > most)
			most = sum;
	}
	return most / 2;
}

/* Ways in a row. Times of pieces are K times as long, so that nothing is rounded before the end. */
struct run {
	u128 sum_ns;	   /* a piece on each way */
	uint64_t delay_ns; /* round trips */
	uint64_t piece_ns; /* the longest of a piece */
	u128 window_ns;	   /* the longest of a window */
};

struct ring {
	uint64_t part, pieces,
		window; /* bytes; pieces of a part; pieces of a window, 0: no limit */
};

static void run_add(struct run *run, const struct ring *ring, const struct step_way *way)
{
	uint64_t piece_ns = time_of(ring->part, way->rate_bps);
	u128 cycle_ns = (u128)way->rtt_ns * ring->pieces + piece_ns;
	u128 window_ns = (u128)piece_ns * ring->window;

	if (window_ns < cycle_ns)
		window_ns = cycle_ns;
	run->sum_ns += piece_ns;
	run->delay_ns += way->rtt_ns;
	run->piece_ns = max_of(run->piece_ns, piece_ns);
	if (run->window_ns < window_ns)
		run->window_ns = window_ns;
}

static uint64_t run_time(const struct run *run, const struct ring *ring, uint64_t behind)
{
	uint64_t windows = ring->window ? behind / ring->window : 0;
	u128 transfer = run->sum_ns + windows * run->window_ns +
			(u128)(behind - windows * ring->window) * run->piece_ns;

	return bounded((transfer + ring->pieces - 1) / ring->pieces + run->delay_ns / 2);
}

static uint64_t ring_time(const struct ring *ring, const struct step_way *ways, uint32_t count)
{
	uint32_t phases = 2 * (count - 1);
	uint64_t longest = 0;

	for (uint32_t first = 0; first < count; first++) {
		struct run run = {0};

		for (uint32_t m = 0; m < phases; m++) {
			uint64_t behind = (phases - m) * ring->pieces - 1;

			run_add(&run, ring, &ways[(first + m) % count]);
			longest = max_of(longest, run_time(&run, ring, behind));
		}
	}
	return longest;
}

void step_ring(const struct step_way *ways, uint32_t count, const struct step_traffic *traffic,
	       struct step_time *time)
{
	struct ring ring;
	uint64_t piece, slowest;

	*time = (struct step_time){0};
	if (count < 2 || !traffic->bytes)
		return;
	ring.part = ceil_div(traffic->bytes, count);
	ring.pieces = step_pieces(ring.part, traffic);
	piece = ceil_div(ring.part, ring.pieces);
	ring.window = traffic->window_bytes / piece;
	slowest = find_worst(ways, count, piece, traffic, time);
	time->transfer_ns = bounded((u128)time_of(ring.part, slowest) * 2 * (count - 1));
	time->latency_ns = bounded(step_ring_delay(ways, count, 2 * (count - 1)));
	time->total_ns = ring_time(&ring, ways, count);
}

void step_tree(const struct step_way *ways, uint32_t count, uint32_t hops, uint64_t delay_ns,
	       const struct step_traffic *traffic, struct step_time *time)
{
	uint64_t pieces = step_pieces(traffic->bytes, traffic);
	uint64_t piece = ceil_div(traffic->bytes, pieces);

	*time = (struct step_time){0};
	if (!count || !traffic->bytes || !hops)
		return;
	time->transfer_ns = time_of(traffic->bytes, find_worst(ways, count, piece, traffic, time));
	time->latency_ns = bounded(delay_ns);
	time->total_ns = bounded((u128)time->transfer_ns * (pieces + hops - 1) / pieces + delay_ns);
}

static uint8_t limit_of(const struct step_time *time)
{
	if (time->latency_ns > time->transfer_ns)
		return STEP_LIMIT_LATENCY;
	return time->is_window_bound ? STEP_LIMIT_WINDOW : STEP_LIMIT_BANDWIDTH;
}

void step_efficiency(const struct step_time *time, uint64_t compute_ns, uint32_t overlap_pct,
		     struct step_result *result)
{
	uint64_t hidden = (uint64_t)((u128)compute_ns * overlap_pct / 100);
	uint64_t exposed = time->total_ns > hidden ? time->total_ns - hidden : 0;

	*result = (struct step_result){.exposed_ns = exposed};
	result->efficiency_ppm =
		(uint32_t)((u128)compute_ns * 1000000 / ((u128)compute_ns + exposed));
	if (!exposed)
		return;
	result->limit = limit_of(time);
	result->way = result->limit == STEP_LIMIT_LATENCY ? time->longest : time->slowest;
}

const char *step_limit_name(uint8_t limit)
{
	static const char *const names[STEP_LIMIT_COUNT] = {
		[STEP_LIMIT_NONE] = "none",
		[STEP_LIMIT_BANDWIDTH] = "bandwidth",
		[STEP_LIMIT_WINDOW] = "window",
		[STEP_LIMIT_LATENCY] = "latency",
	};

	return limit < STEP_LIMIT_COUNT ? names[limit] : "none";
}
