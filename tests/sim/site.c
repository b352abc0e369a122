#include "tests/sim/site.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

__extension__ typedef unsigned __int128 u128;

/* What an adaptive worker may have missed since its last turn, and a few packets. */
static uint32_t pacer_burst(const struct scenario *s, uint32_t who)
{
	uint64_t bytes = (uint64_t)((u128)s->path_bps * s->poll_ns[who] * 2 / 8 / SECOND);

	return (uint32_t)(bytes > 3000 ? bytes : 3000);
}

void site_tunnel_start(struct site *site)
{
	const struct scenario *s = site->world->scenario;
	struct tunnel_config config = {
		.sizes = s->sizes[site->who],
		.first_seq = s->first_seq,
		.first_packet = s->first_packet,
		.rtt_ns = s->said_rtt_ns,
	};
	size_t bytes = tunnel_memory(&config.sizes);

	if (!site->memory && !(site->memory = aligned_alloc(64, (bytes + 63) / 64 * 64)))
		abort();
	if (tunnel_init(&site->tunnel, &config, site->memory))
		check_fail(site->world, "tunnel_init refuses the sizes of site %u", site->who);
	if (s->rekey_packets)
		site->tunnel.keys.rekey_packets = s->rekey_packets;
	site->tx_key = 0;
	memset(site->rx_key, 0, sizeof(site->rx_key));
	site->pieces = site->pieces_sent = 0;
}

void site_init(struct site *site, struct world *world, uint32_t who)
{
	const struct scenario *s = world->scenario;

	*site = (struct site){.world = world,
			      .who = who,
			      .lan = {.rate_bps = s->lan_bps[who]},
			      .wake_ns = UINT64_MAX,
			      .clock_offset = random_mix(s->seed + who) >> 20,
			      .drift_ppm = who ? s->drift_ppm : 0};
	site->source = malloc(sizeof(*site->source));
	if (!site->source)
		abort();
	source_init(site->source, &s->traffic[who], s->seed, who);
	cookies_init(&site->cookies);
	if (pacer_init(&site->pacer, s->path_bps, pacer_burst(s, who), site_clock(site, 0)))
		check_fail(world, "the pacer refuses %llu bit/s", (unsigned long long)s->path_bps);
	link_rate_init(&site->link_rate, s->path_bps, pacer_burst(s, who) + 2 * s->wan_mtu,
		       site_clock(site, 0));
	site_tunnel_start(site);
}

void site_free(struct site *site)
{
	cookies_free(&site->cookies);
	free(site->memory);
	free(site->source);
}

uint64_t site_clock(const struct site *site, uint64_t now)
{
	return site->clock_offset + now + (uint64_t)((u128)now * site->drift_ppm / 1000000);
}

uint64_t site_time(const struct site *site, uint64_t clock)
{
	uint64_t since = clock > site->clock_offset ? clock - site->clock_offset : 0;

	if (clock == UINT64_MAX)
		return UINT64_MAX;
	return (uint64_t)((u128)since * 1000000 / (1000000 + site->drift_ppm)) + 1;
}

void site_wake(struct site *site, uint64_t when)
{
	struct world *w = site->world;
	uint64_t earliest = site->stats.turns ? site->ran_ns + w->scenario->poll_ns[site->who] : 0;

	if (when == UINT64_MAX || site->is_down || site->is_stalled)
		return;
	if (when < earliest)
		when = earliest;
	if (when < w->now)
		when = w->now;
	if (when >= site->wake_ns)
		return;
	site->wake_ns = when;
	event_put(&w->events, when, EVENT_SITE, site->who, 0);
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Keys wear out; what the machine says is wiped. */
static void keys_turn(struct site *site, uint64_t clock)
{
	uint32_t erased = keys_poll(&site->tunnel.keys, clock);

	for (uint32_t phase = 0; phase < KEYS_PHASES; phase++) {
		if (erased >> phase & 1)
			site->rx_key[phase] = 0;
	}
	if (keys_wants_rekey(&site->tunnel.keys, clock))
		session_rekey(site->world);
}

static uint64_t next_turn(const struct site *site)
{
	const struct link *in = &site->world->links[!site->who];
	uint64_t due = min_of(link_due(in), source_due(site->source));

	due = min_of(due, site_control_due(site));
	due = min_of(due, site_time(site, keys_deadline(&site->tunnel.keys)));
	due = min_of(due, site_transmit_due(site));
	if (tunnel_held(&site->tunnel) && !site->lan.is_paused && site->tunnel.order.ready_count)
		due = min_of(due, site->lan.busy_ps / 1000);
	return due;
}

#define IDLE_TURNS_MAX 2000

void site_turn(struct site *site)
{
	struct world *w = site->world;
	uint64_t clock = site_clock(site, w->now);
	uint64_t made = site->source->made;
	bool is_busy;

	if (w->now != site->wake_ns || site->is_down || site->is_stalled)
		return;
	site->wake_ns = UINT64_MAX;
	site->ran_ns = w->now;
	site->stats.turns++;
	source_run(site->source, w->now);
	keys_turn(site, clock);
	is_busy = site_receive(site) || made != site->source->made;
	is_busy |= site_deliver(site);
	is_busy |= site_transmit(site);
	check_site(w, site);
	site->stats.idle_turns = is_busy ? 0 : site->stats.idle_turns + 1;
	if (site->stats.idle_turns > IDLE_TURNS_MAX && site->tunnel.keys.has_tx)
		check_fail(w, "site %u: %u turns in a row had nothing to do", site->who,
			   IDLE_TURNS_MAX);
	site_wake(site, next_turn(site));
}
