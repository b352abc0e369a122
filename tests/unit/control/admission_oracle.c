#include "tests/unit/control/admission_oracle.h"

#include <string.h>

#include "dataplane/core/tunnel.h"

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint32_t site_of(const struct oracle *oracle, uint32_t link, int end)
{
	return oracle->node_sites[oracle->links[link].nodes[end]];
}

bool oracle_is_reversed(const struct oracle *oracle, const struct oracle_path *path, uint32_t link)
{
	return site_of(oracle, link, 0) != path->sites[0];
}

bool oracle_joins(const struct oracle *oracle, const struct oracle_path *path, uint32_t link)
{
	bool is_reversed = oracle_is_reversed(oracle, path, link);

	return site_of(oracle, link, is_reversed) == path->sites[0] &&
	       site_of(oracle, link, !is_reversed) == path->sites[1];
}

/* 1,500 bytes cost 126 more around IPv4 and 146 around IPv6. */
static uint64_t wire_bps(uint64_t rate_bps, bool is_v6)
{
	uint64_t line_bytes = is_v6 ? 1646 : 1626;

	return (rate_bps * line_bytes + 1499) / 1500;
}

static uint64_t window_bps(const struct oracle_path *path, int direction)
{
	uint64_t bps = max_of(path->rate_bps[direction], path->max_bps[direction]);

	return min_of(max_of(bps, 1000000), 400000000000ull);
}

static uint64_t buffer_bytes(const struct oracle_path *path, int end, uint64_t rtt_ns)
{
	struct tunnel_demand demand = {.tx_bps = window_bps(path, end),
				       .rx_bps = window_bps(path, !end),
				       .rtt_ns = rtt_ns,
				       .loss = 0.01};
	struct tunnel_sizes sizes;

	tunnel_sizes_for(&demand, &sizes);
	return sizes.retain_bytes + sizes.rx_bytes;
}

void oracle_claim(const struct oracle *oracle, const struct oracle_path *path, uint32_t link,
		  struct oracle_claim *claim)
{
	const struct oracle_link *at = &oracle->links[link];
	int is_reversed = oracle_is_reversed(oracle, path, link);
	uint64_t buffers[2];

	for (int end = 0; end < 2; end++) {
		buffers[end] = buffer_bytes(path, end, at->rtt_ns);
		claim->resources[end] = 2 * link + (uint32_t)(end ^ is_reversed);
		claim->amounts[end] = wire_bps(path->rate_bps[end], at->is_v6);
		claim->resources[2 + end] = ORACLE_GATEWAY(at->nodes[end ^ is_reversed]);
		claim->amounts[2 + end] = buffers[end];
		claim->resources[4 + end] = ORACLE_QUOTA(path->tenant, (uint32_t)end);
	}
	claim->amounts[4] = max_of(path->rate_bps[0], path->rate_bps[1]);
	claim->amounts[5] = buffers[0] + buffers[1];
}

/* Behind the last second that the path is there. */
static uint32_t stop_of(const struct oracle_path *path)
{
	return path->end_s <= ORACLE_SECONDS ? path->end_s : ORACLE_SECONDS + 1;
}

static void change(struct oracle *oracle, const struct oracle_path *path, bool is_release)
{
	uint32_t stop_s = stop_of(path);
	struct oracle_claim claim;

	oracle_claim(oracle, path, path->link, &claim);
	for (uint32_t i = 0; i < ADMISSION_RESOURCES; i++) {
		uint64_t *used = oracle->used[claim.resources[i]];

		for (uint32_t s = path->start_s; s < stop_s; s++)
			used[s] += is_release ? 0 - claim.amounts[i] : claim.amounts[i];
	}
}

void oracle_book(struct oracle *oracle, const struct oracle_path *path)
{
	change(oracle, path, false);
}

void oracle_release(struct oracle *oracle, const struct oracle_path *path)
{
	change(oracle, path, true);
}

bool oracle_is_sound(const struct oracle *oracle)
{
	for (uint32_t r = 0; r < ORACLE_RESOURCES; r++) {
		for (uint32_t s = 0; s <= ORACLE_SECONDS && oracle->limits[r]; s++) {
			if (oracle->used[r][s] > oracle->limits[r])
				return false;
		}
	}
	return true;
}

/* Seconds of [start_s, stop_s) at which `count` resources of the claim from the first on do not
 * all have that much left. */
static bool is_full[ORACLE_SECONDS + 1];

static void find_full(const struct oracle *oracle, const struct oracle_claim *claim, uint32_t first,
		      uint32_t count, uint32_t start_s, uint32_t stop_s)
{
	memset(is_full, 0, sizeof(is_full));
	for (uint32_t i = first; i < first + count; i++) {
		uint64_t limit = oracle->limits[claim->resources[i]];
		uint64_t amount = claim->amounts[i];
		const uint64_t *used = oracle->used[claim->resources[i]];

		if (!limit || !amount)
			continue;
		for (uint32_t s = start_s; s < stop_s; s++)
			is_full[s] |= used[s] + amount > limit;
	}
}

static bool fits_all(const struct oracle *oracle, const struct oracle_path *path,
		     const struct oracle_claim *claim, uint32_t first, uint32_t count)
{
	find_full(oracle, claim, first, count, path->start_s, stop_of(path));
	return !memchr(is_full, true, sizeof(is_full));
}

bool oracle_fits(const struct oracle *oracle, const struct oracle_path *path, uint32_t link)
{
	struct oracle_claim claim;

	oracle_claim(oracle, path, link, &claim);
	return fits_all(oracle, path, &claim, 0, ADMISSION_RESOURCES);
}

bool oracle_fits_beside(const struct oracle *oracle, const struct oracle_path *path, uint32_t link)
{
	struct oracle_claim first, second;

	oracle_claim(oracle, path, path->link, &first);
	oracle_claim(oracle, path, link, &second);
	if (!fits_all(oracle, path, &second, 0, 5))
		return false;
	/* The tenant: the rate once, and of each gateway what is most. */
	for (int end = 2; end < 4; end++) {
		if (first.resources[end] == second.resources[end])
			second.amounts[end] -= min_of(second.amounts[end], first.amounts[end]);
	}
	second.amounts[5] = first.amounts[5] + second.amounts[2] + second.amounts[3];
	return fits_all(oracle, path, &second, 5, 1);
}

bool oracle_is_disjoint(const struct oracle *oracle, uint32_t a, uint32_t b)
{
	return a != b && !(oracle->links[a].srlgs & oracle->links[b].srlgs);
}

bool oracle_may_go(const struct oracle *oracle, const struct oracle_path *path, uint32_t link,
		   const uint32_t *peers, uint32_t peer_count, int current,
		   enum admission_code *refusal)
{
	const struct oracle_link *at = &oracle->links[link];

	*refusal = ADMISSION_NO_ROUTE;
	if (!at->is_open && (int)link != current)
		return false;
	*refusal = ADMISSION_LATENCY;
	if (path->rtt_max_ns && at->rtt_ns > path->rtt_max_ns)
		return false;
	*refusal = ADMISSION_NO_DISJOINT;
	for (uint32_t i = 0; i < peer_count; i++) {
		if (!oracle_is_disjoint(oracle, link, peers[i]))
			return false;
	}
	return true;
}

static enum admission_code decide_link(const struct oracle *oracle, const struct oracle_path *path,
				       uint32_t link, const uint32_t *peers, uint32_t peer_count,
				       int current)
{
	enum admission_code refusal;
	struct oracle_claim claim;

	if (!oracle_may_go(oracle, path, link, peers, peer_count, current, &refusal))
		return refusal;
	oracle_claim(oracle, path, link, &claim);
	if (!fits_all(oracle, path, &claim, 0, 2))
		return ADMISSION_NO_BANDWIDTH;
	if (!fits_all(oracle, path, &claim, 2, 2))
		return ADMISSION_NO_BUFFERS;
	return fits_all(oracle, path, &claim, 4, 2) ? ADMISSION_OK : ADMISSION_QUOTA;
}

/* What the link would have left, in the direction and at the second with the least. */
static uint64_t room_bps(const struct oracle *oracle, const struct oracle_path *path, uint32_t link)
{
	struct oracle_claim claim;
	uint64_t room = UINT64_MAX;

	oracle_claim(oracle, path, link, &claim);
	for (uint32_t s = path->start_s; s < stop_of(path); s++) {
		for (int end = 0; end < 2; end++) {
			uint32_t r = claim.resources[end];

			room = min_of(room,
				      oracle->limits[r] - oracle->used[r][s] - claim.amounts[end]);
		}
	}
	return room;
}

static bool is_preferred(const struct oracle *oracle, const struct oracle_path *path, uint32_t a,
			 uint32_t b)
{
	const struct oracle_link *at = &oracle->links[a], *best = &oracle->links[b];

	if (at->cost != best->cost)
		return at->cost < best->cost;
	if (at->rtt_ns != best->rtt_ns)
		return at->rtt_ns < best->rtt_ns;
	return room_bps(oracle, path, a) > room_bps(oracle, path, b);
}

enum admission_code oracle_decide(const struct oracle *oracle, const struct oracle_path *path,
				  const uint32_t *peers, uint32_t peer_count, int current,
				  uint32_t *link)
{
	enum admission_code best = ADMISSION_NO_ROUTE;

	*link = ORACLE_LINKS;
	for (uint32_t i = 0; i < ORACLE_LINKS; i++) {
		enum admission_code code;

		if (!oracle_joins(oracle, path, i))
			continue;
		code = decide_link(oracle, path, i, peers, peer_count, current);
		if (code > best)
			best = code;
		if (code != ADMISSION_OK || (int)*link == current)
			continue;
		if (*link == ORACLE_LINKS || (int)i == current ||
		    is_preferred(oracle, path, i, *link))
			*link = i;
	}
	return best;
}

static void find_all_full(const struct oracle *oracle, const struct oracle_path *path,
			  uint32_t link)
{
	struct oracle_claim claim;

	oracle_claim(oracle, path, link, &claim);
	find_full(oracle, &claim, 0, ADMISSION_RESOURCES, path->start_s, ORACLE_SECONDS + 1);
}

uint32_t oracle_earliest(const struct oracle *oracle, const struct oracle_path *path, uint32_t link)
{
	uint32_t fitting = 0, wanted = path->end_s - path->start_s;

	find_all_full(oracle, path, link);
	for (uint32_t s = path->start_s; s <= ORACLE_SECONDS; s++) {
		fitting = is_full[s] ? 0 : fitting + 1;
		if (fitting == wanted && path->end_s != ORACLE_FOREVER)
			return s + 1 - wanted;
	}
	/* What fits at the end fits for ever. */
	return fitting ? ORACLE_SECONDS + 1 - fitting : ORACLE_FOREVER;
}

uint32_t oracle_longest(const struct oracle *oracle, const struct oracle_path *path, uint32_t link)
{
	find_all_full(oracle, path, link);
	for (uint32_t s = path->start_s; s <= ORACLE_SECONDS; s++) {
		if (is_full[s])
			return s;
	}
	return ORACLE_FOREVER;
}
