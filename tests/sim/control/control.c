/* What api_paths.c, live.c, api_report.c and api_intent.c do around the machines. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/control/world.h"

#define LINE_DELAY_MIN_NS (2 * MS)
#define LINE_DELAY_MAX_NS (60 * MS)
#define SETTLE_MAX	  16

/* Its gateways' intents may have to change. */
void control_touch(struct world *w, const struct path_box *p)
{
	for (int end = 0; end < 2 && p->link != NONE; end++)
		w->gateways[path_gateway(w, p, end)].memory.is_dirty = true;
}

static bool is_fresh(const struct world *w, const struct memory *m)
{
	return m->report_count && w->now_ns - m->report_ns <= SILENCE_NS;
}

/* live_path_traits: its own word, or the echo of the far one. */
static bool has_certificate(const struct world *w, const struct path_box *p, int end)
{
	const struct news *far = &p->news[!end];

	if (p->link == NONE)
		return false;
	if (w->gateways[path_gateway(w, p, end)].memory.report_count)
		return true;
	return far->has_echo && far->gateway == path_gateway(w, p, !end);
}

static void fill_facts(const struct world *w, const struct path_box *p, struct path_facts *facts)
{
	const struct path_assignment *assigned = &p->spec.assigned;

	memset(facts, 0, sizeof(*facts));
	facts->is_deleting = assigned->is_deleting;
	facts->life = assigned->life;
	facts->expiry = assigned->expiry;
	facts->is_early = p->spec.start_ns > w->now_ns;
	facts->is_moving = path_is_moving(&p->spec);
	facts->move_generation = assigned->move_generation;
	facts->is_awaited =
		p->first_revision <= w->up_revision && w->now_ns - w->up_ns < PEER_WAIT_NS;
	facts->proof_generation = assigned->proof_generation;
	for (int end = 0; end < 2 && p->link != NONE; end++) {
		uint32_t gateway = path_gateway(w, p, end);
		const struct memory *m = &w->gateways[gateway].memory;
		const struct news *news = &p->news[end];
		/* What an earlier path of this name did is nobody's proof. */
		bool is_ours =
			m->applied_term == w->term && m->applied_revision >= p->first_revision;

		if (!is_fresh(w, m))
			continue;
		if (is_ours && news->report_count == m->report_count && news->gateway == gateway)
			facts->ends[end] = news->facts;
		facts->ends[end].is_fresh = true;
		facts->ends[end].is_current = is_ours && m->applied_revision >= p->stage_revision;
	}
	for (int end = 0; end < 2; end++)
		facts->ends[end].has_certificate = has_certificate(w, p, end);
}

static bool step(struct world *w, struct path_box *p)
{
	struct path_trace trace;
	bool is_stage_new, is_state_new;

	if (!p->has_machine ||
	    (p->machine.state == PATH_EXPIRED && p->spec.assigned.life != LIFE_EXPIRED))
		path_machine_init(&p->machine, &p->spec.assigned);
	if (!p->has_machine) {
		p->first_revision = p->revision;
		p->stage_revision = 0;
	}
	p->has_machine = true;
	fill_facts(w, p, &p->facts);
	is_state_new = path_machine_poll(&p->machine, &p->facts, &trace, &is_stage_new);
	if (is_stage_new || is_state_new)
		world_trace(w, (uint32_t)(p - w->paths), "control: stage %d, %s", p->machine.stage,
			    path_state_name(p->machine.state));
	if (is_stage_new) {
		p->stage_revision = w->revision;
		control_touch(w, p);
	}
	if (is_stage_new && p->machine.stage == STAGE_CLAIM)
		check_claim(w, p);
	if (is_state_new && !path_state_may_follow(trace.from, trace.to))
		world_fail(w, "path %s: %s follows %s", p->name, path_state_name(trace.to),
			   path_state_name(trace.from));
	w->counts.traces += is_state_new;
	return is_state_new || is_stage_new;
}

static void poll_path(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	uint32_t steps = 0;

	while (step(w, p)) {
		if (++steps == SETTLE_MAX) {
			world_fail(w, "path %s never settles, now %s", p->name,
				   path_state_name(p->machine.state));
			break;
		}
	}
	moves_look(w, path);
	store_follow(w, path);
}

static bool misses_report(const struct world *w, const struct gateway_box *g)
{
	for (uint32_t i = 0; i < g->link_count; i++) {
		const struct link_box *l = &w->links[g->links[i]];

		if (l->path_count && (!w->gateways[l->gateways[0]].memory.report_count ||
				      !w->gateways[l->gateways[1]].memory.report_count))
			return true;
	}
	return false;
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static void fill_traits(const struct world *w, const struct path_box *p, int end,
			struct gateway_traits *traits)
{
	const struct gateway_box *g = &w->gateways[path_gateway(w, p, end)];

	/* What it says of itself or what the far one echoes: the same here. */
	if (!has_certificate(w, p, end))
		return;
	traits->udp_port = TRAITS_UDP_PORT_DEFAULT;
	traits->lanes = (uint16_t)(1 + path_gateway(w, p, end) % 3);
	traits->lan_mtu = 9000;
	for (int i = 0; i < INTENT_CERTIFICATE_BYTES - 1; i++)
		traits->certificate[i] = "0123456789abcdef"[(unsigned char)g->name[i % 4] % 16];
}

static void add_path(struct world *w, struct intent *intent, uint32_t gateway, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	int end = path_gateway(w, p, END_Z) == gateway;
	struct path_context context = {
		.name = p->name, .path = &p->spec, .link = &w->links[p->link].spec};

	if (!p->has_machine || !stage_phase(p->machine.stage))
		return;
	for (int at = 0; at < 2; at++) {
		context.sites[at] = &w->gateways[path_gateway(w, p, at)].site;
		context.gateways[at] = &w->gateways[path_gateway(w, p, at)].spec;
		fill_traits(w, p, at, &context.traits[at]);
	}
	if (intent_plan_path(&context, (enum model_end)end, p->machine.stage,
			     &intent->paths[intent->path_count]))
		world_fail(w, "path %s: no intent for it", p->name);
	else
		intent->path_count++;
}

static void make_intent(struct world *w, uint32_t gateway, struct intent *intent)
{
	const struct gateway_box *g = &w->gateways[gateway];
	uint32_t *list = NULL, count = 0, room = 0;

	for (uint32_t i = 0; i < g->link_count; i++) {
		const struct link_box *l = &w->links[g->links[i]];

		for (uint32_t j = 0; j < l->path_count; j++) {
			list = array_grow(list, count, &room, sizeof(*list));
			list[count++] = l->paths[j];
		}
	}
	if (count)
		qsort(list, count, sizeof(*list), by_number);
	intent->revision = w->revision;
	intent->term = w->term;
	intent->path_count = 0;
	intent->paths = calloc(count + 1, sizeof(*intent->paths));
	for (uint32_t i = 0; i < count; i++)
		add_path(w, intent, gateway, list[i]);
	free(list);
}

static bool same_paths(const struct intent *a, const struct intent *b)
{
	return a->path_count == b->path_count &&
	       (!a->path_count || !memcmp(a->paths, b->paths, a->path_count * sizeof(*a->paths)));
}

static void publish(struct world *w, uint32_t gateway)
{
	struct gateway_box *g = &w->gateways[gateway];
	struct memory *m = &g->memory;
	struct intent intent;
	/* Without its own word about its paths it would be told to forget them. */
	bool knows_little = !m->report_count || w->now_ns - m->opened_ns < PEER_WAIT_NS;
	bool must_wait = !m->has_sent && knows_little && misses_report(w, g);

	if (g->line.at_ns || must_wait) {
		m->retry_ns = w->now_ns + RETRY_NS;
		return;
	}
	m->retry_ns = UINT64_MAX;
	m->is_dirty = false;
	make_intent(w, gateway, &intent);
	check_line(w, &intent);
	if (!m->has_sent || !same_paths(&intent, &m->sent)) {
		intent_copy(&m->sent, &intent);
		m->has_sent = true;
		intent_clear(&g->line.intent);
		g->line.intent = intent;
		g->line.sent_ns = w->now_ns;
		g->line.at_ns =
			w->now_ns + random_range(&w->delays, LINE_DELAY_MIN_NS, LINE_DELAY_MAX_NS);
		if (w->now_ns < g->slow_until_ns)
			g->line.at_ns += random_below(&w->delays, 2 * S);
		w->counts.lines++;
	} else {
		intent_clear(&intent);
	}
}

void control_open(struct world *w, struct gateway_box *g)
{
	struct memory *m = &g->memory;

	g->line.at_ns = 0;
	m->has_stream = true;
	m->has_sent = false;
	m->is_dirty = true;
	m->opened_ns = w->now_ns;
	m->retry_ns = 0;
}

/* The path's end where the gateway is, -1: at none. */
static int end_of(const struct world *w, const struct path_box *p, uint32_t gateway)
{
	for (int end = 0; end < 2 && p->link != NONE; end++) {
		if (path_gateway(w, p, end) == gateway)
			return end;
	}
	return -1;
}

static void take_entry(struct world *w, uint32_t gateway, const struct entry *entry)
{
	struct path_box *p = &w->paths[entry->path];
	int end = p->exists ? end_of(w, p, gateway) : -1;

	if (end < 0 || entry->id != p->spec.assigned.id)
		return;
	p->news[end] = (struct news){
		.report_count = w->gateways[gateway].memory.report_count,
		.gateway = gateway,
		.has_echo = true,
		.facts = {.is_reported = true,
			  .is_receiving = entry->is_receiving,
			  .is_proved = entry->is_proved,
			  .is_claiming = entry->is_claiming,
			  .has_error = entry->has_error,
			  .generation = entry->generation},
	};
}

void control_take(struct world *w, uint32_t gateway)
{
	struct gateway_box *g = &w->gateways[gateway];
	struct memory *m = &g->memory;

	if (!m->report_count++) {
		for (uint32_t i = 0; i < g->link_count; i++) {
			const struct link_box *l = &w->links[g->links[i]];

			w->gateways[l->gateways[0]].memory.is_dirty = true;
			w->gateways[l->gateways[1]].memory.is_dirty = true;
		}
	}
	m->report_ns = w->now_ns;
	m->applied_revision = g->report.revision;
	m->applied_term = g->report.term;
	for (uint32_t i = 0; i < g->report.count; i++)
		take_entry(w, gateway, &g->report.entries[i]);
	w->counts.reports++;
}

/* All that it knew is gone, but the store. */
static void forget(struct world *w)
{
	for (uint32_t i = 0; i < w->size.sites; i++) {
		struct gateway_box *g = &w->gateways[i];

		gateway_drop_stream(w, g);
		intent_clear(&g->memory.sent);
		g->memory = (struct memory){0};
	}
	for (uint32_t i = 0; i < w->size.paths; i++) {
		struct path_box *p = &w->paths[i];

		p->has_machine = false;
		p->stage_revision = 0;
		memset(p->news, 0, sizeof(p->news));
	}
	moves_forget(w);
}

void control_restart(struct world *w, uint64_t away_ns)
{
	w->is_up = false;
	w->up_ns = w->now_ns + away_ns;
	forget(w);
	w->counts.restarts++;
	world_trace(w, w->traced, "control: gone for %.2f s", (double)away_ns / 1e9);
}

void control_step(struct world *w)
{
	if (!w->is_up && w->now_ns < w->up_ns)
		return;
	if (!w->is_up) {
		w->is_up = true;
		w->up_ns = w->now_ns;
		w->up_revision = w->revision;
		w->term++;
	}
	for (uint32_t i = 0; i < w->size.paths; i++) {
		if (w->paths[i].exists)
			poll_path(w, i);
	}
	moves_step(w);
	for (uint32_t i = 0; i < w->size.sites; i++) {
		struct memory *m = &w->gateways[i].memory;

		if (m->has_stream && (m->is_dirty || w->now_ns >= m->retry_ns))
			publish(w, i);
	}
}
