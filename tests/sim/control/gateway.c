/* An agent: dataplane/agent/agent.c, apply.c and channel.c on flags instead of workers. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/backoff.h"
#include "dataplane/core/plan.h"
#include "tests/sim/control/world.h"

#define PROBE_LOST_NS	    (1 * S)
#define REPORT_DELAY_MIN_NS (2 * MS)
#define REPORT_DELAY_MAX_NS (30 * MS)

void intent_clear(struct intent *intent)
{
	free(intent->paths);
	memset(intent, 0, sizeof(*intent));
}

void intent_copy(struct intent *to, const struct intent *from)
{
	intent_clear(to);
	*to = *from;
	to->paths = calloc(from->path_count + 1, sizeof(*to->paths));
	if (from->path_count)
		memcpy(to->paths, from->paths, from->path_count * sizeof(*to->paths));
}

static uint32_t slot_place(const struct gateway_box *g, uint32_t path)
{
	uint32_t low = 0, high = g->slot_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (g->slots[middle].path < path)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct slot *slot_find(const struct gateway_box *g, uint32_t path)
{
	uint32_t at = slot_place(g, path);

	return at < g->slot_count && g->slots[at].path == path ? &g->slots[at] : NULL;
}

static struct slot *slot_add(struct gateway_box *g, uint32_t path)
{
	uint32_t at = slot_place(g, path);

	g->slots = array_grow(g->slots, g->slot_count, &g->slot_room, sizeof(*g->slots));
	memmove(&g->slots[at + 1], &g->slots[at], (g->slot_count - at) * sizeof(*g->slots));
	g->slot_count++;
	g->slots[at] = (struct slot){.path = path};
	return &g->slots[at];
}

static void slot_remove(struct gateway_box *g, struct slot *slot)
{
	g->slot_count--;
	memmove(slot, slot + 1, (size_t)(&g->slots[g->slot_count] - slot) * sizeof(*slot));
}

static void act(struct world *w, uint32_t gateway, const struct plan_action *action, bool is_news)
{
	struct gateway_box *g = &w->gateways[gateway];
	uint32_t path = (uint32_t)strtoul(action->path->name + 1, NULL, 10);
	struct slot *slot = slot_find(g, path);

	world_trace(w, path, "%s: %s%s, generation %u", g->name, plan_action_name(action->type),
		    is_news ? "" : " from its file", action->path->generation);
	if (action->type == ACTION_PATH_ADD && slot) {
		world_fail(w, "gateway %s is to add path %s, which it has", g->name,
			   action->path->name);
		return;
	}
	if (action->type == ACTION_PATH_ADD)
		slot = slot_add(g, path);
	if (action->type == ACTION_PATH_ADD || action->type == ACTION_PATH_UPDATE)
		slot->intent = *action->path;
	if (action->type == ACTION_PATH_UPDATE)
		slot->is_moving = !action->restart && (slot->is_moving || action->move);
	if (action->type == ACTION_PATH_ADD ||
	    (action->type == ACTION_PATH_UPDATE && action->restart)) {
		slot->proved_generation = 0;
		slot->sends_link = slot->intent.link_id;
	}
	if (action->type == ACTION_PATH_CLAIM) {
		slot->intent = *action->path;
		slot->is_claiming = true;
	}
	if (action->type == ACTION_PATH_UNCLAIM || action->type == ACTION_PATH_REMOVE) {
		if (is_news)
			check_action(w, gateway, slot, action->type == ACTION_PATH_REMOVE);
		slot->is_claiming = false;
	}
	if (action->type == ACTION_PATH_REMOVE)
		slot_remove(g, slot);
}

/* is_news: from control, not from the state file. */
static void apply(struct world *w, uint32_t gateway, const struct intent *line, bool is_news)
{
	struct gateway_box *g = &w->gateways[gateway];
	struct intent fresh = {0};
	struct plan_action actions[16];
	struct plan plan;
	uint32_t count;

	intent_copy(&fresh, line);
	plan_settle(&g->applied, &fresh);
	plan_init(&plan, &g->applied, &fresh);
	while ((count = plan_next(&plan, actions, 16)) > 0) {
		for (uint32_t i = 0; i < count; i++)
			act(w, gateway, &actions[i], is_news);
	}
	intent_clear(&g->applied);
	g->applied = fresh;
	g->is_due = true;
}

static void take_line(struct world *w, uint32_t gateway)
{
	struct gateway_box *g = &w->gateways[gateway];

	g->line.at_ns = 0;
	if (g->line.intent.term < g->term) {
		world_fail(w, "gateway %s is told by an older control", g->name);
		return;
	}
	g->term = g->line.intent.term;
	g->attempt = 0;
	g->heard_ns = g->told_ns = w->now_ns;
	intent_copy(&g->saved, &g->line.intent);
	apply(w, gateway, &g->line.intent, true);
}

void gateway_drop_stream(struct world *w, struct gateway_box *g)
{
	g->line.at_ns = g->report.at_ns = 0;
	g->memory.has_stream = false;
	if (!g->is_connected)
		return;
	g->is_connected = false;
	g->attempt_ns = w->now_ns + backoff_delay_ns(g->attempt++, random_next(&w->delays));
}

void gateway_die(struct world *w, struct gateway_box *g)
{
	gateway_drop_stream(w, g);
	g->is_alive = g->is_connected = false;
	g->died_ns = w->now_ns;
	g->slot_count = 0;
	world_trace(w, w->traced, "%s: dies", g->name);
	intent_clear(&g->applied);
}

/* Fail static: what was carried out before is again. */
void gateway_live(struct world *w, struct gateway_box *g)
{
	g->is_alive = true;
	g->is_due = false;
	g->attempt = 0;
	g->attempt_ns = w->now_ns;
	g->report_ns = w->now_ns + REPORT_NS / 10;
	g->term = g->saved.term;
	apply(w, (uint32_t)(g - w->gateways), &g->saved, false);
}

static void connect(struct world *w, struct gateway_box *g)
{
	if (g->is_connected || w->now_ns < g->attempt_ns)
		return;
	if (!w->is_up || g->is_cut) {
		g->attempt_ns = w->now_ns + backoff_delay_ns(g->attempt++, random_next(&w->delays));
		return;
	}
	g->is_connected = g->is_due = true;
	g->heard_ns = w->now_ns;
	control_open(w, g);
}

static void send_report(struct world *w, struct gateway_box *g)
{
	struct report *report = &g->report;

	g->is_due = false;
	report->entries = realloc(report->entries, (g->slot_count + 1) * sizeof(struct entry));
	report->count = g->slot_count;
	report->revision = g->applied.revision;
	report->term = g->applied.term;
	for (uint32_t i = 0; i < g->slot_count; i++) {
		const struct slot *slot = &g->slots[i];

		report->entries[i] = (struct entry){
			.path = slot->path,
			.id = slot->intent.id,
			.generation = slot->intent.generation,
			.is_receiving = true,
			.is_proved = slot->proved_generation == slot->intent.generation,
			.is_claiming = slot->is_claiming,
			.has_error = slot->is_moving && !slot->proved_generation,
		};
	}
	report->at_ns =
		w->now_ns + random_range(&w->delays, REPORT_DELAY_MIN_NS, REPORT_DELAY_MAX_NS);
	if (w->now_ns < g->slow_until_ns)
		report->at_ns += random_below(&w->delays, 2 * S);
}

static void reports(struct world *w, uint32_t gateway)
{
	struct gateway_box *g = &w->gateways[gateway];

	if (g->report.at_ns && w->now_ns >= g->report.at_ns) {
		g->report.at_ns = 0;
		if (w->is_up && !g->is_cut && w->now_ns >= g->lossy_until_ns)
			control_take(w, gateway);
	}
	if (w->now_ns >= g->report_ns) {
		g->report_ns = w->now_ns + REPORT_NS;
		g->is_due = true;
	}
	if (g->is_due && g->is_connected && !g->report.at_ns)
		send_report(w, g);
}

/* Does the link carry, and the far end take what comes over it? */
static bool link_answers(const struct world *w, const struct gateway_box *g,
			 const struct slot *other, uint8_t link_id)
{
	if (other->intent.link_id != link_id && other->sends_link != link_id)
		return false;
	for (uint32_t i = 0; i < g->link_count; i++) {
		const struct link_box *l = &w->links[g->links[i]];

		if (l->spec.id == link_id)
			return !l->is_cut;
	}
	return false;
}

/*
 * A probe comes back from a far end that has the same path, over a link that carries it: the one of
 * its intent, or while it moves, the one that it still sends by.
 */
static uint32_t probe_answer(const struct world *w, const struct gateway_box *g, struct slot *slot)
{
	uint32_t far = (uint32_t)strtoul(slot->intent.peer + 1, NULL, 10);
	const struct slot *other =
		w->gateways[far].is_alive ? slot_find(&w->gateways[far], slot->path) : NULL;

	if (!other || other->intent.id != slot->intent.id || strcmp(other->intent.peer, g->name))
		return 0;
	if (link_answers(w, g, other, slot->intent.link_id)) {
		slot->sends_link = slot->intent.link_id;
		slot->is_moving = false;
		return slot->intent.generation;
	}
	/* Some earlier generation: which one does not matter. */
	if (slot->is_moving && link_answers(w, g, other, slot->sends_link))
		return slot->intent.generation - 1;
	return 0;
}

static void probe(struct world *w, struct gateway_box *g, struct slot *slot)
{
	uint32_t proved = probe_answer(w, g, slot);

	if (proved)
		slot->answer_ns = w->now_ns;
	else if (w->now_ns - slot->answer_ns < PROBE_LOST_NS)
		return;
	/* News of it goes out at once. */
	g->is_due |= slot->proved_generation != proved;
	slot->proved_generation = proved;
}

void gateway_step(struct world *w, uint32_t gateway)
{
	struct gateway_box *g = &w->gateways[gateway];

	if (!g->is_alive)
		return;
	if (g->is_connected && !g->is_cut)
		g->heard_ns = w->now_ns;
	else if (g->is_connected && w->now_ns - g->heard_ns > CHANNEL_SILENCE_NS)
		gateway_drop_stream(w, g);
	connect(w, g);
	if (g->line.at_ns && w->now_ns >= g->line.at_ns && !g->is_cut)
		take_line(w, gateway);
	for (uint32_t i = 0; i < g->slot_count; i++)
		probe(w, g, &g->slots[i]);
	reports(w, gateway);
}
