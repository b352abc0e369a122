/*
 * The agents' session, in miniature: it gives both lanes keys, new ones now and then, and a new
 * life to both when a gateway was restarted. Its messages take a round trip or so and come at
 * different times at the two sites.
 */
#include "tests/sim/world.h"

#define FREED 64

/* Direction 0 is from site 0. */
static uint64_t key_id(const struct world *w, uint64_t session, uint32_t direction,
		       uint64_t counter)
{
	return random_mix(w->scenario->seed ^ session << 40 ^ counter << 8 ^ direction) | 1;
}

static uint64_t delay(struct world *w)
{
	uint64_t rtt = w->scenario->rtt_ns;

	return rtt / 2 + random_below(&w->random, 2 * rtt + 1);
}

static void install_rx(struct world *w, uint32_t who, uint64_t counter)
{
	struct site *site = &w->sites[who];
	uint8_t phase = (uint8_t)(counter % KEYS_PHASES);

	site->rx_key[phase] = key_id(w, w->session, !who, counter);
	keys_install_rx(&site->tunnel.keys, phase, site_clock(site, w->now));
}

static void install_tx(struct world *w, uint32_t who, uint64_t counter)
{
	struct site *site = &w->sites[who];

	site->tx_key = key_id(w, w->session, who, counter);
	keys_install_tx(&site->tunnel.keys, (uint8_t)(counter % KEYS_PHASES),
			site_clock(site, w->now));
}

void session_start(struct world *w)
{
	for (uint32_t who = 0; who < 2; who++) {
		install_rx(w, who, 0);
		install_tx(w, who, 0);
		site_wake(&w->sites[who], w->now);
	}
}

/* A unit that will never be acknowledged, as its sender reports it. */
static void report(struct world *w, struct site *site, uint64_t cookie)
{
	struct cookie *entry = cookie_of(&site->cookies, cookie, COOKIE_TX);

	if (!entry) {
		check_fail(w, "site %u reports a cookie that it does not retain", site->who);
		return;
	}
	w->check.flow[site->who].units_reported++;
	cookie_pass(&site->cookies, entry, COOKIE_FREE);
}

/* Both halves: what is held is delivered, what is unacknowledged is reported. */
static void flush(struct world *w, struct site *site)
{
	struct tunnel_unit unit;
	uint64_t cookies[FREED];
	uint32_t count;
	bool is_broken;

	w->check.flow[0].has_gaps = w->check.flow[1].has_gaps = true;
	while (!w->check.has_failed && tunnel_flush_rx(&site->tunnel, &unit, &is_broken)) {
		w->check.flow[!site->who].units_reported += is_broken;
		site_deliver_unit(site, &unit, is_broken, true);
	}
	do {
		count = tunnel_flush_tx(&site->tunnel, cookies, FREED);
		for (uint32_t i = 0; i < count && !w->check.has_failed; i++)
			report(w, site, cookies[i]);
	} while (count == FREED && !w->check.has_failed);
	if (site->cookies.count[COOKIE_TX] || site->cookies.count[COOKIE_RX])
		check_fail(w, "site %u: cookies are left after the flush", site->who);
	site->pieces = site->pieces_sent = 0;
	site->stats.resets++;
}

/* A process that dies takes everything along. */
static void forget(struct world *w, struct site *site)
{
	struct cookies *c = &site->cookies;

	w->check.flow[0].has_gaps = w->check.flow[1].has_gaps = true;
	w->check.flow[site->who].units_reported += c->count[COOKIE_TX];
	w->check.flow[!site->who].units_reported += c->count[COOKIE_RX];
	for (uint32_t i = 0; i < c->room; i++) {
		if (c->all[i].owner != COOKIE_FREE)
			cookie_pass(c, &c->all[i], COOKIE_FREE);
	}
	site->stats.resets++;
}

void session_kill(struct world *w, uint32_t who, bool is_graceful, uint64_t down_ns)
{
	struct site *site = &w->sites[who];
	uint64_t back = w->now + down_ns;

	if (is_graceful)
		flush(w, site);
	else
		forget(w, site);
	site->is_down = true;
	site->wake_ns = UINT64_MAX;
	w->session++;
	w->rekeys = 0;
	w->is_rekeying = false;
	site_tunnel_start(site);
	event_put(&w->events, back + delay(w), EVENT_SESSION, who, w->session);
	event_put(&w->events, back + delay(w), EVENT_SESSION, !who, w->session);
}

void session_learn(struct world *w, uint32_t who, uint64_t session)
{
	struct site *site = &w->sites[who];

	if (session != w->session)
		return;
	trace_add(&w->trace, w->now, TRACE_SESSION, who, session, 0);
	if (!site->is_down) {
		flush(w, site);
		tunnel_reset(&site->tunnel);
		if (w->scenario->rekey_packets)
			site->tunnel.keys.rekey_packets = w->scenario->rekey_packets;
		for (uint32_t phase = 0; phase < KEYS_PHASES; phase++)
			site->rx_key[phase] = 0;
	}
	site->is_down = false;
	install_rx(w, who, 0);
	install_tx(w, who, 0);
	site_wake(site, w->now);
}

#define REKEY_TX   1u
#define REKEY_LAST 2u

static uint64_t rekey_arg(const struct world *w, uint32_t flags)
{
	return w->session << 32 | w->rekeys << 2 | flags;
}

/* Receive keys first at both ends; each end seals with the new one when the other can open it. */
void session_rekey(struct world *w)
{
	uint64_t ready[2];

	if (w->is_rekeying || w->sites[0].is_down || w->sites[1].is_down)
		return;
	w->is_rekeying = true;
	w->rekeys++;
	for (uint32_t who = 0; who < 2; who++) {
		ready[who] = w->now + delay(w);
		event_put(&w->events, ready[who], EVENT_REKEY, who, rekey_arg(w, 0));
	}
	for (uint32_t who = 0; who < 2; who++) {
		uint64_t at = ready[!who] > ready[who] ? ready[!who] : ready[who];

		at += delay(w);
		event_put(&w->events, at, EVENT_REKEY, who, rekey_arg(w, REKEY_TX));
		ready[who] = at;
	}
	/* The next change of keys not before the last packets under the old ones are through. */
	event_put(&w->events,
		  (ready[0] > ready[1] ? ready[0] : ready[1]) + 8 * w->scenario->rtt_ns + MS,
		  EVENT_REKEY, 0, rekey_arg(w, REKEY_LAST));
}

void session_rekey_step(struct world *w, uint32_t who, uint64_t arg)
{
	uint64_t counter = (arg & UINT32_MAX) >> 2;

	if (arg >> 32 != w->session || w->sites[0].is_down || w->sites[1].is_down)
		return;
	trace_add(&w->trace, w->now, TRACE_KEY, who, arg & 3, counter);
	if (arg & REKEY_LAST) {
		w->is_rekeying = false;
		return;
	}
	if (arg & REKEY_TX)
		install_tx(w, who, counter);
	else
		install_rx(w, who, counter);
	site_wake(&w->sites[who], w->now);
}
