#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdlib.h>

#define QUIET_NS (500 * MS) /* after the end: what still moves then never stops */

static void steps_put(struct world *w)
{
	const struct scenario *s = w->scenario;

	for (uint32_t i = 0; i < s->step_count; i++) {
		event_put(&w->events, s->steps[i].at_ns, EVENT_FAULT, 0, i);
		event_put(&w->events, s->steps[i].at_ns + s->steps[i].for_ns, EVENT_CALM, 0, i);
	}
}

/* Often enough to see a stall, rarely enough to cost nothing. */
static uint64_t watch_ns(const struct scenario *s)
{
	return s->rtt_ns / 4 > 200 * US ? s->rtt_ns / 4 : 200 * US;
}

static void world_init(struct world *w, const struct scenario *s, int print)
{
	*w = (struct world){.scenario = s};
	w->trace.is_printed = print > 1;
	random_init(&w->random, s->seed, 0x3300);
	event_queue_init(&w->events);
	check_init(&w->check, s);
	for (uint32_t who = 0; who < 2; who++)
		link_init(&w->links[who], &s->link[who], &w->packets, s->seed, who);
	for (uint32_t who = 0; who < 2; who++)
		site_init(&w->sites[who], w, who);
	steps_put(w);
	event_put(&w->events, 0, EVENT_WATCH, 0, 0);
	session_start(w);
}

static void world_free(struct world *w)
{
	for (uint32_t who = 0; who < 2; who++) {
		site_free(&w->sites[who]);
		link_free(&w->links[who]);
	}
	packet_pool_free(&w->packets);
	check_free(&w->check);
	event_queue_free(&w->events);
}

static bool is_all_done(const struct world *w)
{
	for (uint32_t who = 0; who < 2; who++) {
		const struct site *site = &w->sites[who];

		if (site->is_down || !source_is_done(site->source) ||
		    site->pieces_sent < site->pieces || tunnel_retained(&site->tunnel) ||
		    tunnel_held(&site->tunnel))
			return false;
	}
	return !w->faults;
}

static void watch(struct world *w)
{
	check_marks(w);
	check_progress(w);
	w->is_finished = is_all_done(w);
	event_put(&w->events, w->now + watch_ns(w->scenario), EVENT_WATCH, 0, 0);
}

static void happen(struct world *w, const struct event *e)
{
	const struct step *steps = w->scenario->steps;

	switch ((enum event_kind)e->kind) {
	case EVENT_SITE:
		site_turn(&w->sites[e->who]);
		break;
	case EVENT_FAULT:
		fault_begin(w, &steps[e->arg]);
		break;
	case EVENT_CALM:
		fault_end(w, &steps[e->arg]);
		break;
	case EVENT_SESSION:
		session_learn(w, e->who, e->arg);
		break;
	case EVENT_REKEY:
		session_rekey_step(w, e->who, e->arg);
		break;
	case EVENT_WATCH:
		watch(w);
		break;
	}
}

/* Everything was delivered: soon there is silence. */
static void quiet_run(struct world *w)
{
	uint64_t before = w->links[0].packets + w->links[1].packets, after;
	uint64_t until = w->now + 8 * w->scenario->rtt_ns + QUIET_NS;
	struct event e;

	while (!w->check.has_failed && w->now < until && event_take(&w->events, &e)) {
		w->now = e.at_ns;
		happen(w, &e);
	}
	after = w->links[0].packets + w->links[1].packets;
	if (after - before > 256 && !w->check.has_failed)
		check_fail(w, "%" PRIu64 " packets were sent after all was acknowledged",
			   after - before);
}

static void result_fill(const struct world *w, uint64_t events, struct result *r)
{
	const struct check *c = &w->check;

	*r = (struct result){.is_ok = !c->has_failed,
			     .hash = w->trace.hash,
			     .packets = w->links[0].packets + w->links[1].packets,
			     .events = events,
			     .virtual_ns = w->now,
			     .longest_stall_ns = c->longest_stall_ns};
	for (uint32_t i = 0; i < CHECK_MESSAGE; i++)
		r->message[i] = c->message[i];
	for (uint32_t who = 0; who < 2; who++) {
		r->stats[who] = w->sites[who].tunnel.stats;
		r->site[who] = w->sites[who].stats;
		r->drops[who] = w->links[who].dropped_frames;
		check_summary(w, who, &r->goodput[who], &r->resends[who]);
	}
}

void world_run(const struct scenario *scenario, int print, struct result *result)
{
	struct world *w = calloc(1, sizeof(*w));
	struct event e;
	uint64_t events = 0;

	if (!w)
		abort();
	world_init(w, scenario, print);
	while (!w->check.has_failed && !w->is_finished && event_take(&w->events, &e)) {
		w->now = e.at_ns;
		happen(w, &e);
		events++;
	}
	if (!w->check.has_failed)
		quiet_run(w);
	if (!w->check.has_failed)
		check_end(w);
	result_fill(w, events, result);
	if (w->check.has_failed && print)
		trace_print(stdout, &w->trace);
	world_free(w);
	free(w);
}
