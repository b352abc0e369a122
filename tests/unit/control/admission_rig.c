#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control/admission_rig.h"

#define SRLGS 6u

struct oracle oracle;
struct oracle_path paths[PATHS_MAX];
uint32_t now_s, moved;
struct calendar calendars[ORACLE_RESOURCES];
struct calendar_event scratch[SCRATCH];
uint32_t peer_links[PATHS_MAX], peer_count;
struct admission_option options[ORACLE_LINKS];
uint32_t option_links[ORACLE_LINKS], option_count;

static uint64_t random_state;
static char srlg_names[ORACLE_LINKS][SRLGS][MODEL_NAME_BYTES];
/* Of each path that is there, as the core counts. */
static struct booked {
	uint64_t start_ns, end_ns;
	uint32_t resources[ADMISSION_RESOURCES];
	struct admission_claim claim;
} booked[PATHS_MAX];
static struct calendar_entry entries[PATHS_MAX * ADMISSION_RESOURCES];
static struct booking bookings[PATHS_MAX * ADMISSION_RESOURCES];
static struct route peers[PATHS_MAX];

/* xorshift64* */
uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dull >> 11) % limit;
}

bool chance(uint32_t percent)
{
	return random_below(100) < percent;
}

void seed_set(void)
{
	const char *given = getenv("CAUSEWAY_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1;

	print_message("CAUSEWAY_SEED=%llu\n", (unsigned long long)seed);
	random_state = seed * 0x9e3779b97f4a7c15ull | 1;
}

/* ---- the world ---- */

static void link_make(uint32_t link)
{
	struct oracle_link *at = &oracle.links[link];

	*at = (struct oracle_link){
		.rtt_ns = (5 + random_below(30)) * MS,
		.cost = 10 * (1 + random_below(2)),
		.is_open = true,
		.is_v6 = chance(25),
	};
	do {
		for (int end = 0; end < 2; end++)
			at->nodes[end] = (uint32_t)random_below(ORACLE_NODES);
	} while (oracle.node_sites[at->nodes[0]] == oracle.node_sites[at->nodes[1]]);
	for (uint32_t i = 0; i < SRLGS; i++) {
		if (chance(12))
			at->srlgs |= 1u << i;
	}
	oracle.limits[2 * link] = oracle.limits[2 * link + 1] = 10 * GB;
}

void world_make(void)
{
	memset(&oracle, 0, sizeof(oracle));
	memset(paths, 0, sizeof(paths));
	now_s = 0;
	for (uint32_t i = 0; i < ORACLE_NODES; i++) {
		oracle.node_sites[i] = i % ORACLE_SITES;
		/* The first one does not tell how much it has. */
		oracle.limits[ORACLE_GATEWAY(i)] = i ? GB / 16 << random_below(7) : 0;
	}
	for (uint32_t i = 0; i < ORACLE_LINKS; i++)
		link_make(i);
	for (uint32_t i = 1; i < ORACLE_TENANTS; i++) {
		oracle.limits[ORACLE_QUOTA(i, 0)] = 15 * GB;
		oracle.limits[ORACLE_QUOTA(i, 1)] = 3 * GB;
	}
}

/* ---- the core's view of it ---- */

static uint64_t ns_of(uint32_t second)
{
	return second == ORACLE_FOREVER ? CALENDAR_FOREVER : second * ORACLE_NS;
}

static struct admission_ask ask_of(const struct oracle_path *path)
{
	return (struct admission_ask){
		.rate_bps = {path->rate_bps[0], path->rate_bps[1]},
		.max_bps = {path->max_bps[0], path->max_bps[1]},
		.start_ns = ns_of(path->start_s),
		.end_ns = ns_of(path->end_s),
	};
}

static struct admission_medium medium_of(uint32_t link)
{
	return (struct admission_medium){.rtt_ns = oracle.links[link].rtt_ns,
					 .is_v6 = oracle.links[link].is_v6};
}

static struct route route_of(uint32_t link)
{
	const struct oracle_link *at = &oracle.links[link];
	struct route route = {.link_count = 1,
			      .links = {link},
			      .is_open = at->is_open,
			      .rtt_ns = at->rtt_ns,
			      .cost = at->cost,
			      .srlgs = srlg_names[link]};

	for (uint32_t i = 0; i < SRLGS; i++) {
		if (!(at->srlgs >> i & 1))
			continue;
		memset(srlg_names[link][route.srlg_count], 0, MODEL_NAME_BYTES);
		srlg_names[link][route.srlg_count++][0] = (char)('a' + i);
	}
	return route;
}

/* The claim's resources, as the oracle numbers them. */
static void resources_of(const struct oracle_path *path, uint32_t link,
			 uint32_t resources[ADMISSION_RESOURCES])
{
	struct oracle_claim claim;

	oracle_claim(&oracle, path, link, &claim);
	memcpy(resources, claim.resources, sizeof(claim.resources));
}

void calendars_make(const struct oracle_path *but)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PATHS_MAX; i++) {
		const struct booked *at = &booked[i];

		if (!paths[i].is_there || &paths[i] == but)
			continue;
		for (uint32_t r = 0; r < ADMISSION_RESOURCES; r++)
			entries[count++] = (struct calendar_entry){
				at->resources[r], {at->start_ns, at->end_ns, at->claim.amounts[r]}};
	}
	for (uint32_t r = 0; r < ORACLE_RESOURCES; r++)
		calendars[r].limit = oracle.limits[r];
	calendar_group(entries, count, bookings, calendars, ORACLE_RESOURCES);
}

static void options_make(const struct oracle_path *path)
{
	option_count = 0;
	for (uint32_t link = 0; link < ORACLE_LINKS; link++) {
		struct admission_option *option = &options[option_count];
		uint32_t resources[ADMISSION_RESOURCES];

		if (!oracle_joins(&oracle, path, link))
			continue;
		*option = (struct admission_option){.route = route_of(link),
						    .medium = medium_of(link)};
		resources_of(path, link, resources);
		for (int end = 0; end < 2; end++)
			option->gateways[end] = resources[ADMISSION_BUFFER_A + end];
		for (uint32_t r = 0; r < ADMISSION_RESOURCES; r++) {
			if (oracle.limits[resources[r]])
				option->calendars[r] = &calendars[resources[r]];
		}
		option_links[option_count++] = link;
	}
}

static void peer_add(const struct oracle_path *path)
{
	peer_links[peer_count] = path->link;
	peers[peer_count++] = route_of(path->link);
}

/* Those that `asked` names, and those that name its slot. */
static void peers_make(const struct oracle_path *asked, int slot)
{
	peer_count = 0;
	if (asked->diverse_from >= 0)
		peer_add(&paths[asked->diverse_from]);
	for (uint32_t i = 0; i < PATHS_MAX; i++) {
		if (paths[i].is_there && paths[i].diverse_from == slot)
			peer_add(&paths[i]);
	}
}

struct admission_request request_make(const struct oracle_path *asked, int slot)
{
	struct admission_request request = {.ask = ask_of(asked), .current = ADMISSION_NO_OPTION};

	calendars_make(&paths[slot]);
	options_make(asked);
	peers_make(asked, slot);
	request.rules = (struct route_rules){.rtt_max_ns = asked->rtt_max_ns,
					     .diverse_from = peers,
					     .diverse_count = peer_count};
	for (uint32_t i = 0; i < option_count && paths[slot].is_there; i++) {
		if (option_links[i] == paths[slot].link)
			request.current = i;
	}
	return request;
}

bool may_go(const struct oracle_path *asked, uint32_t link, int current)
{
	enum admission_code refusal;

	return oracle_joins(&oracle, asked, link) &&
	       oracle_may_go(&oracle, asked, link, peer_links, peer_count, current, &refusal);
}

/* ---- paths ---- */

/* What the core says that it takes. */
static void note_booked(int slot)
{
	const struct oracle_path *path = &paths[slot];
	struct admission_medium medium = medium_of(path->link);
	struct admission_ask ask = ask_of(path);

	booked[slot].start_ns = ask.start_ns;
	booked[slot].end_ns = ask.end_ns;
	resources_of(path, path->link, booked[slot].resources);
	admission_claim_make(&ask, &medium, &booked[slot].claim);
}

void keep(int slot, const struct oracle_path *path, uint32_t link)
{
	if (paths[slot].is_there) {
		oracle_release(&oracle, &paths[slot]);
		moved += paths[slot].link != link;
	}
	paths[slot] = *path;
	paths[slot].is_there = true;
	paths[slot].link = link;
	note_booked(slot);
	oracle_book(&oracle, &paths[slot]);
}

void release(uint32_t slot)
{
	oracle_release(&oracle, &paths[slot]);
	paths[slot].is_there = false;
	for (uint32_t i = 0; i < PATHS_MAX; i++) {
		if (paths[i].diverse_from == (int)slot)
			paths[i].diverse_from = -1;
	}
}
