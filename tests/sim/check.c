#include "tests/sim/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tests/sim/world.h"

void check_init(struct check *c, const struct scenario *s)
{
	*c = (struct check){0};
	for (uint32_t who = 0; who < 2; who++) {
		struct check_flow *flow = &c->flow[who];

		flow->flows = s->traffic[who].flows ? s->traffic[who].flows : 1;
		flow->sequenced = calloc(flow->flows, sizeof(*flow->sequenced));
		flow->delivered = calloc(flow->flows, sizeof(*flow->delivered));
		if (!flow->sequenced || !flow->delivered)
			abort();
	}
}

void check_free(struct check *c)
{
	for (uint32_t who = 0; who < 2; who++) {
		free(c->flow[who].sequenced);
		free(c->flow[who].delivered);
	}
}

void check_fail(struct world *w, const char *format, ...)
{
	va_list args;

	if (w->check.has_failed)
		return;
	w->check.has_failed = true;
	va_start(args, format);
	vsnprintf(w->check.message, CHECK_MESSAGE, format, args);
	va_end(args);
}

static void mark(struct world *w, uint32_t who, struct check_mark *m);

uint32_t check_sequence(struct world *w, uint32_t who, uint32_t flow)
{
	uint64_t total = w->scenario->traffic[who].packets;

	/* While there is more to send, so that nothing waits for the source. */
	if (++w->check.flow[who].sequenced_packets == total - total / 8)
		mark(w, who, &w->check.end[who]);
	return w->check.flow[who].sequenced[flow]++;
}

void check_delivery(struct world *w, uint32_t who, const struct payload *payload)
{
	struct check_flow *flow = &w->check.flow[who];
	uint32_t expected;

	if (payload->flow >= flow->flows) {
		check_fail(w, "flow %u was never sent", payload->flow);
		return;
	}
	expected = flow->delivered[payload->flow];
	if (payload->number < expected) {
		check_fail(w, "flow %u: number %u is delivered after %u: twice, or out of order",
			   payload->flow, payload->number, expected - 1);
	} else if (payload->number >= flow->sequenced[payload->flow]) {
		check_fail(w, "flow %u: number %u was never sequenced", payload->flow,
			   payload->number);
	} else if (payload->number != expected && !flow->has_gaps) {
		check_fail(w, "flow %u: number %u is delivered before %u", payload->flow,
			   payload->number, expected);
	}
	if (!flow->delivered_packets)
		flow->first_ns = w->now;
	flow->skipped_packets += payload->number - expected;
	flow->delivered[payload->flow] = payload->number + 1;
	flow->delivered_packets++;
	flow->delivered_bytes += payload->total;
}

static void check_tx(struct world *w, const struct site *site)
{
	const struct tunnel *t = &site->tunnel;
	const struct tunnel_sizes *sizes = &t->config.sizes;
	uint32_t retained = tunnel_retained(t);

	if (site->cookies.count[COOKIE_TX] != retained)
		check_fail(w, "site %u retains %u units, says %u", site->who,
			   site->cookies.count[COOKIE_TX], retained);
	if (retained > sizes->retain_packets ||
	    site->cookies.bytes[COOKIE_TX] > sizes->retain_bytes)
		check_fail(w, "site %u retains %u units of %" PRIu64 " bytes: more than it may",
			   site->who, retained, site->cookies.bytes[COOKIE_TX]);
	if (t->tx.next - t->tx.una > sizes->tx_slots)
		check_fail(w, "site %u: the window is %" PRIu64, site->who, t->tx.next - t->tx.una);
	if (!site->stats.resets && t->stats.sequenced != t->stats.acked + retained)
		check_fail(w,
			   "site %u: %" PRIu64 " sequenced, %" PRIu64 " acknowledged, %u retained",
			   site->who, t->stats.sequenced, t->stats.acked, retained);
}

static void check_rx(struct world *w, const struct site *site)
{
	const struct tunnel *t = &site->tunnel;
	const struct tunnel_sizes *sizes = &t->config.sizes;
	uint32_t held = tunnel_held(t);

	if (site->cookies.count[COOKIE_RX] != held)
		check_fail(w, "site %u holds %u units, says %u", site->who,
			   site->cookies.count[COOKIE_RX], held);
	if (held > sizes->rx_buffers || site->cookies.bytes[COOKIE_RX] > sizes->rx_bytes)
		check_fail(w, "site %u holds %u units of %" PRIu64 " bytes: more than it may",
			   site->who, held, site->cookies.bytes[COOKIE_RX]);
	if (tunnel_reorder_depth(t) > sizes->rx_slots)
		check_fail(w, "site %u: reorder depth %" PRIu64, site->who,
			   tunnel_reorder_depth(t));
	if (!site->stats.resets && t->stats.received != t->stats.delivered + held)
		check_fail(w, "site %u: %" PRIu64 " received, %" PRIu64 " delivered, %u held",
			   site->who, t->stats.received, t->stats.delivered, held);
	if (t->stats.disordered)
		check_fail(w, "site %u finds an honest peer's order contradictory", site->who);
}

void check_site(struct world *w, const struct site *site)
{
	check_tx(w, site);
	check_rx(w, site);
	if (site->cookies.count[COOKIE_OUT])
		check_fail(w, "site %u: %u cookies got lost", site->who,
			   site->cookies.count[COOKIE_OUT]);
}

static bool is_lossy(const struct link_config *l)
{
	return l->loss_ppm || l->control_loss_ppm || l->bad_ppm || l->corrupt_ppm;
}

/*
 * A lane that waits asks once per 100 ms or time-out, at least. One answer is enough; on a link
 * that loses packets it may take some.
 */
uint64_t check_stall_bound(const struct scenario *s)
{
	uint64_t tries = is_lossy(&s->link[0]) || is_lossy(&s->link[1]) ? 10 : 3;
	uint64_t said = s->said_rtt_ns > s->rtt_ns ? s->said_rtt_ns : s->rtt_ns;
	uint64_t rtt = said + 2 * (s->link[0].jitter_ns + s->link[1].jitter_ns) +
		       4 * (s->poll_ns[0] + s->poll_ns[1]);
	uint64_t probe = TUNNEL_PROBE_NS > 4 * rtt ? TUNNEL_PROBE_NS : 4 * rtt;
	uint64_t train = 20ull * 70000 * 8 * SECOND / s->path_bps;

	for (uint32_t i = 0; i < s->step_count; i++) {
		if (s->steps[i].kind == STEP_SLOW)
			train = train * 1000000 / s->steps[i].value;
		/* The lane has measured it, and its time-out takes a while to forget. */
		if (s->steps[i].kind == STEP_STALL && probe < 4 * s->steps[i].for_ns)
			probe = 4 * s->steps[i].for_ns;
	}
	return tries * probe + 4 * rtt + train;
}

static bool has_work(const struct site *site)
{
	return source_queued(site->source) || site->pieces_sent < site->pieces ||
	       tunnel_retained(&site->tunnel);
}

void check_progress(struct world *w)
{
	struct check *c = &w->check;
	bool is_excused = w->faults || w->sites[0].is_down || w->sites[1].is_down;

	for (uint32_t who = 0; who < 2; who++) {
		struct check_flow *flow = &c->flow[who];
		uint64_t seen = flow->delivered_packets + w->sites[who].tunnel.stats.acked;
		uint64_t stall;

		if (is_excused || !has_work(&w->sites[who]) || seen != flow->seen_packets) {
			flow->seen_packets = seen;
			flow->seen_ns = w->now;
		}
		stall = w->now - flow->seen_ns;
		if (stall > c->longest_stall_ns)
			c->longest_stall_ns = stall;
		if (stall > check_stall_bound(w->scenario))
			check_fail(w,
				   "site %u: nothing moved for %" PRIu64
				   " us; %u retained, %" PRIu64 " delivered",
				   who, stall / US, tunnel_retained(&w->sites[who].tunnel),
				   flow->delivered_packets);
	}
	if (w->now > 24 * 3600 * SECOND)
		check_fail(w, "not done after a day");
}

/* ---- marks ---- */

/* Detection has parts that do not shrink with the round trip; packets take their time, too. */
static uint64_t trip_ns(const struct scenario *s)
{
	return s->rtt_ns + 100 * US + 4 * scenario_line_bytes(9000) * 8 * SECOND / s->path_bps;
}

static void mark(struct world *w, uint32_t who, struct check_mark *m)
{
	const struct site *site = &w->sites[who];

	*m = (struct check_mark){
		.is_set = true,
		.at_ns = w->now,
		.delivered_bytes = w->check.flow[who].delivered_bytes,
		.packets = site->stats.first_packets,
		.resent = site->tunnel.stats.resent,
		.lost = site->tunnel.stats.lost,
		.dropped_frames = w->links[who].dropped_frames,
		.inner_bytes = site->stats.first_inner_bytes,
		.line_bytes = site->stats.first_line_bytes,
		.control_bytes = site->stats.control_line_bytes,
	};
}

void check_marks(struct world *w)
{
	struct check *c = &w->check;
	uint64_t rtt = trip_ns(w->scenario);

	for (uint32_t who = 0; who < 2; who++) {
		const struct source *source = w->sites[who].source;

		uint64_t since = w->now - c->flow[who].first_ns;

		if (!source->traffic.packets || !c->flow[who].delivered_packets)
			continue;
		if (since >= 5 * rtt && !c->early[who].is_set)
			mark(w, who, &c->early[who]);
		if (since >= 10 * rtt && !c->warm[who].is_set)
			mark(w, who, &c->warm[who]);
	}
}

void check_summary(const struct world *w, uint32_t who, double *goodput, double *resends)
{
	const struct check_mark *warm = &w->check.warm[who], *end = &w->check.end[who];
	uint64_t drops = w->links[who].dropped_frames - w->check.early[who].dropped_frames;
	double inner_bps, could_bps;

	*goodput = *resends = 0;
	if (!warm->is_set || !end->is_set || end->at_ns <= warm->at_ns)
		return;
	inner_bps = (double)(end->delivered_bytes - warm->delivered_bytes) * 8e9 /
		    (double)(end->at_ns - warm->at_ns);
	/* ACKs of the other direction have their share, but see check_steady. */
	could_bps =
		(double)w->scenario->path_bps - (double)(end->control_bytes - warm->control_bytes) *
							8e9 / (double)(end->at_ns - warm->at_ns);
	could_bps *= (double)(end->inner_bytes - warm->inner_bytes) /
		     (double)(end->line_bytes - warm->line_bytes);
	*goodput = inner_bps / could_bps;
	if (drops)
		*resends =
			(double)(w->sites[who].tunnel.stats.resent - warm->resent) / (double)drops;
}

/* ---- the end ---- */

/* Fewer say little of a chance of some percent. */
#define STEADY_PACKETS 1000

static void check_steady(struct world *w, uint32_t who)
{
	const struct check_mark *warm = &w->check.warm[who], *end = &w->check.end[who];
	const struct link *l = &w->links[who];
	double seconds, goodput, resends, loss, allowed;
	uint64_t drops = l->dropped_frames - w->check.early[who].dropped_frames;
	uint64_t resent = w->sites[who].tunnel.stats.resent - warm->resent;

	if (!w->scenario->traffic[who].packets || !end->is_set || !warm->is_set ||
	    end->at_ns < warm->at_ns + 20 * trip_ns(w->scenario) ||
	    end->packets < warm->packets + STEADY_PACKETS)
		return;
	/*
	 * What is lost twice is sent twice. Where losses come in spells longer than a round trip
	 * that is often, and one of the two is not needed: there each time that a sequence was
	 * taken for lost counts instead.
	 */
	if (l->config.bad_ppm)
		resent = w->sites[who].tunnel.stats.lost - warm->lost;
	check_summary(w, who, &goodput, &resends);
	seconds = (double)(w->now - warm->at_ns) / 1e9;
	allowed = 1.10 * (double)drops + 2 * (seconds > 1 ? seconds : 1);
	if ((double)resent > allowed)
		check_fail(w, "site %u sent %" PRIu64 " again for %" PRIu64 " drops", who, resent,
			   drops);
	loss = (double)l->dropped_frames /
	       (double)(w->sites[who].tunnel.stats.sequenced + w->sites[who].tunnel.stats.resent);
	/* Windows are made for independent losses; in spells the repairs get lost together, too. */
	if (goodput < (l->config.bad_ppm ? 0.90 : 0.95) * (1 - loss))
		check_fail(w, "site %u: goodput %.3f of what the link can carry, loss %.4f", who,
			   goodput, loss);
}

/* Resends that answered no loss: each step may cost one reorder window, at most a round trip. */
static void check_spurious(struct world *w, uint32_t who)
{
	const struct scenario *s = w->scenario;
	const struct site *site = &w->sites[who];
	uint64_t lost = w->links[who].dropped_frames + w->sites[!who].stats.foreign;
	uint64_t jitter = 0, frames, window, mistaken;
	uint32_t steps = 0, windows;
	double per_second;

	for (uint32_t i = 0; i < s->step_count; i++) {
		/* A lane that moves knows what it left behind. */
		steps += s->steps[i].kind != STEP_MOVE;
		if ((s->steps[i].kind == STEP_JITTER || s->steps[i].kind == STEP_DELAY ||
		     s->steps[i].kind == STEP_MOVE) &&
		    s->steps[i].value > jitter)
			jitter = s->steps[i].value;
	}
	frames = site->stats.packets_sent ? site->tunnel.stats.sequenced : 0;
	if (!frames || !w->now)
		return;
	window = (uint64_t)((double)frames / (double)site->stats.first_line_bytes *
			    (double)s->path_bps / 8e9 *
			    (double)(s->rtt_ns + 2 * jitter + s->link[who].jitter_ns + 100 * US)) +
		 16;
	windows = steps || !s->step_count ? 1 + steps : 0;
	/* Copies are no mistake, nor is what was taken for lost and came before its repair left. */
	mistaken = site->tunnel.stats.resent < site->tunnel.stats.lost ? site->tunnel.stats.resent
								       : site->tunnel.stats.lost;
	/*
	 * Where one packet takes longer on the line than the round trip of a small one, a PING
	 * overtakes what it asks about as soon as there is jitter: some needless repairs a second.
	 */
	per_second = s->path_bps < 500000000 ? 10 : 2;
	if ((double)mistaken >
	    (double)lost + (double)window * windows + per_second * (double)w->now / 1e9)
		check_fail(w,
			   "site %u took %" PRIu64 " for lost, %" PRIu64
			   " were, a window is %" PRIu64,
			   who, mistaken, lost, window);
}

static void check_books(struct world *w, uint32_t who)
{
	const struct check_flow *flow = &w->check.flow[who];
	uint64_t missing = 0;

	for (uint32_t i = 0; i < flow->flows; i++)
		missing += flow->sequenced[i] - flow->delivered[i];
	if (flow->sequenced_packets != flow->delivered_packets + flow->skipped_packets + missing)
		check_fail(w,
			   "site %u: %" PRIu64 " sequenced, %" PRIu64 " delivered, %" PRIu64
			   " passed over, %" PRIu64 " missing",
			   who, flow->sequenced_packets, flow->delivered_packets,
			   flow->skipped_packets, missing);
	if (flow->skipped_packets + missing > flow->units_reported)
		check_fail(w, "site %u: %" PRIu64 " were not delivered, %" PRIu64 " were reported",
			   who, flow->skipped_packets + missing, flow->units_reported);
	if (w->sites[who].source->made != flow->sequenced_packets)
		check_fail(w, "site %u: the source made %" PRIu64 ", %" PRIu64 " were sequenced",
			   who, w->sites[who].source->made, flow->sequenced_packets);
}

/* What comes twice was sent twice by the lane: a packet that is sent again by others is refused. */
static void check_refusals(struct world *w, uint32_t who)
{
	const struct site *from = &w->sites[who], *to = &w->sites[!who];
	const struct link_config *l = &w->scenario->link[who];

	if (from->stats.resets || to->stats.resets)
		return;
	if (to->tunnel.stats.duplicates > from->tunnel.stats.resent)
		check_fail(w, "site %u: %" PRIu64 " duplicates of %" PRIu64 " resent", !who,
			   to->tunnel.stats.duplicates, from->tunnel.stats.resent);
	if (to->stats.foreign && !l->corrupt_ppm && !l->replay_ppm)
		check_fail(w, "site %u had no key for %" PRIu64 " honest packets", !who,
			   to->stats.foreign);
}

void check_end(struct world *w)
{
	for (uint32_t who = 0; who < 2; who++) {
		check_books(w, who);
		check_refusals(w, who);
		for (uint32_t owner = COOKIE_FREE + 1; owner < COOKIE_OWNERS; owner++) {
			if (w->sites[who].cookies.count[owner])
				check_fail(w, "site %u: %u cookies are left at the end", who,
					   w->sites[who].cookies.count[owner]);
		}
		if (w->scenario->is_steady)
			check_steady(w, who);
		else
			check_spurious(w, who);
	}
}
