/* What must hold at every step. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/control/world.h"

/* From both ends and the link being well, and control in touch with them, to active. */
#define READY_BOUND_NS (5 * S)
/* From control and a gateway being able to talk to its first intent: back-off, wait for peers. */
#define FIRST_BOUND_NS (13 * S)
/* A gateway that is in touch lets go of what has ended. */
#define END_BOUND_NS (5 * S)
/* Within this of having been away a gateway may not have been told yet. */
#define AWAY_NS (13 * S)

static uint64_t latest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t since(const struct world *w, uint64_t at_ns)
{
	return w->now_ns - at_ns;
}

static void follow_gateway(struct world *w, struct gateway_box *g)
{
	bool is_away = !g->is_alive || g->is_cut || w->now_ns < g->lossy_until_ns + 2 * S ||
		       w->now_ns < g->slow_until_ns + 2 * S;

	if (is_away)
		g->away_ns = w->now_ns;
	if (is_away || !w->is_up || !g->is_connected || !g->memory.has_sent)
		g->reach_ns = w->now_ns;
	if (w->is_up && !g->memory.has_sent &&
	    since(w, latest(g->away_ns, w->up_ns)) > FIRST_BOUND_NS)
		world_fail(w, "gateway %s is in reach and is told nothing", g->name);
}

/* Of the same path at its other end, NULL: that one does not have it. */
static const struct slot *far_slot(const struct world *w, const struct gateway_box *g,
				   const struct slot *slot)
{
	const struct gateway_box *far = &w->gateways[strtoul(slot->intent.peer + 1, NULL, 10)];
	const struct slot *other = slot_find(far, slot->path);

	return far->is_alive && other && !strcmp(other->intent.peer, g->name) ? other : NULL;
}

/* What a gateway claims has to arrive, unless it or the far one was away; what ended is let go. */
static void check_slot(struct world *w, const struct gateway_box *g, struct slot *slot)
{
	const struct path_box *p = &w->paths[slot->path];
	const struct gateway_box *far = &w->gateways[strtoul(slot->intent.peer + 1, NULL, 10)];
	bool has_ended = !p->exists || path_is_ending(p);

	if (!slot->is_claiming || !far->is_alive || far_slot(w, g, slot) ||
	    since(w, latest(g->away_ns, far->away_ns)) < AWAY_NS || !w->is_up ||
	    since(w, w->up_ns) < AWAY_NS)
		slot->sound_ns = w->now_ns;
	if (since(w, slot->sound_ns) > END_BOUND_NS)
		world_fail(w, "gateway %s claims for path %s, which %s does not receive", g->name,
			   p->name, far->name);
	if (has_ended && slot->is_claiming &&
	    since(w, latest(p->ending_ns, g->reach_ns)) > END_BOUND_NS)
		world_fail(w, "gateway %s claims for path %s, which has ended", g->name, p->name);
}

static bool is_ready(const struct world *w, const struct path_box *p)
{
	return w->is_up && !path_is_ending(p) && p->spec.assigned.life == LIFE_COMMITTED &&
	       p->spec.start_ns <= w->now_ns && !w->links[p->link].is_cut;
}

static void check_active(struct world *w, const struct path_box *p)
{
	for (int end = 0; end < 2; end++) {
		const struct path_end_facts *fact = &p->facts.ends[end];
		const struct gateway_box *g = &w->gateways[path_gateway(w, p, end)];

		if (!fact->is_fresh || !fact->is_claiming || !fact->is_proved ||
		    fact->generation < p->spec.assigned.proof_generation ||
		    p->machine.stage != STAGE_CLAIM)
			world_fail(w, "path %s is active, but %s does not carry it", p->name,
				   g->name);
		if (!g->is_alive && since(w, g->died_ns) > SILENCE_NS + 200 * MS)
			world_fail(w, "path %s is active, but %s is dead", p->name, g->name);
	}
}

/* It ends soon once both gateways can be talked to. */
static void check_ending(struct world *w, const struct path_box *p)
{
	uint64_t from_ns = latest(p->ending_ns, w->up_ns + PEER_WAIT_NS);

	for (int end = 0; end < 2; end++)
		from_ns = latest(from_ns, w->gateways[path_gateway(w, p, end)].reach_ns);
	if (w->now_ns > from_ns + END_BOUND_NS)
		world_fail(w, "path %s is %s and does not end", p->name,
			   path_state_name(p->machine.state));
}

static void check_path(struct world *w, struct path_box *p)
{
	if (!w->is_up || p->link == NONE || !is_ready(w, p)) {
		p->ready_ns = w->now_ns;
	} else {
		for (int end = 0; end < 2; end++)
			p->ready_ns =
				latest(p->ready_ns, w->gateways[path_gateway(w, p, end)].reach_ns);
	}
	if (!w->is_up || !p->has_machine || p->link == NONE)
		return;
	if (p->machine.state == PATH_ACTIVE)
		check_active(w, p);
	else if (path_is_ending(p))
		check_ending(w, p);
	else if (since(w, p->ready_ns) > READY_BOUND_NS)
		world_fail(w, "path %s is %s, and nothing keeps it from being active", p->name,
			   path_state_name(p->machine.state));
}

void check_step(struct world *w)
{
	for (uint32_t i = 0; i < w->size.sites; i++)
		follow_gateway(w, &w->gateways[i]);
	for (uint32_t i = 0; i < w->size.sites; i++) {
		struct gateway_box *g = &w->gateways[i];

		for (uint32_t j = 0; j < g->slot_count; j++)
			check_slot(w, g, &g->slots[j]);
	}
	for (uint32_t i = 0; i < w->size.paths; i++) {
		if (w->paths[i].exists)
			check_path(w, &w->paths[i]);
	}
}

/* It may be that of an earlier path of this name, which the gateway did not see go. */
static bool runs_what_is_asked(const struct world *w, const struct path_box *p, uint32_t gateway,
			       const struct slot *slot)
{
	const struct link_box *l = &w->links[p->link];
	int end = l->gateways[END_Z] == gateway;

	return l->gateways[end] == gateway && slot->intent.id == p->spec.assigned.id &&
	       slot->intent.class == p->spec.class && slot->intent.link_id == l->spec.id &&
	       !strcmp(slot->intent.peer, w->gateways[l->gateways[!end]].name);
}

/* A gateway lets go of a path: was that ordered for a reason, and in order? */
void check_action(struct world *w, uint32_t gateway, const struct slot *slot, bool is_removed)
{
	const struct gateway_box *g = &w->gateways[gateway];
	const struct path_box *p = &w->paths[slot->path];
	const struct path_assignment *assigned = &p->spec.assigned;
	const struct gateway_box *far = &w->gateways[strtoul(slot->intent.peer + 1, NULL, 10)];
	const struct slot *other = far_slot(w, g, slot);
	bool is_wanted = p->exists && !path_is_ending(p) && assigned->life == LIFE_COMMITTED &&
			 p->spec.start_ns <= g->line.sent_ns &&
			 runs_what_is_asked(w, p, gateway, slot) &&
			 assigned->proof_generation <= slot->intent.generation &&
			 p->wanted_revision <= g->line.intent.revision;

	if (is_wanted && (is_removed || slot->is_claiming))
		world_fail(w, "gateway %s is told to %s path %s, which is committed", g->name,
			   is_removed ? "forget" : "no longer claim for", p->name);
	if (is_removed && !is_wanted && other && other->is_claiming &&
	    since(w, far->away_ns) > AWAY_NS && far->away_ns < p->ending_ns &&
	    (far->away_ns < far->told_ns || since(w, w->up_ns) > AWAY_NS))
		world_fail(w, "gateway %s is told to forget path %s while %s still claims for it",
			   g->name, p->name, far->name);
}

/* Both ends that are in reach have to run what was asked for when control says: claim. */
void check_claim(struct world *w, const struct path_box *p)
{
	for (int end = 0; end < 2; end++) {
		uint32_t gateway = path_gateway(w, p, end);
		const struct gateway_box *g = &w->gateways[gateway];
		const struct slot *slot = slot_find(g, (uint32_t)(p - w->paths));
		const struct path_end_facts *fact = &p->facts.ends[end];

		if (!fact->is_fresh || !fact->is_receiving || !fact->is_proved)
			world_fail(w, "path %s claims unproved by %s", p->name, g->name);
		if (g->is_alive && (!slot || !runs_what_is_asked(w, p, gateway, slot)))
			world_fail(w, "path %s is to claim, but %s runs something else", p->name,
				   g->name);
	}
}

void check_line(struct world *w, const struct intent *intent)
{
	for (uint32_t i = 0; i < intent->path_count; i++) {
		const struct intent_path *at = &intent->paths[i];
		const struct path_box *p = &w->paths[strtoul(at->name + 1, NULL, 10)];

		if (at->phase == PHASE_CLAIM && p->machine.stage != STAGE_CLAIM)
			world_fail(w, "path %s: told to claim, but it is %s", p->name,
				   path_state_name(p->machine.state));
	}
}

struct use {
	uint64_t start_ns, end_ns, amount;
};

/* Counts anew what admission counted: at the start of each booking, all that hold then. */
static void check_uses(struct world *w, const struct use *uses, uint32_t count, uint64_t limit,
		       const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at_ns = latest(uses[i].start_ns, w->now_ns), sum = 0;

		for (uint32_t j = 0; j < count; j++) {
			if (uses[j].start_ns <= at_ns && at_ns < uses[j].end_ns)
				sum += uses[j].amount;
		}
		if (sum > limit)
			world_fail(w, "%s is over-booked: %llu of %llu", name,
				   (unsigned long long)sum, (unsigned long long)limit);
	}
}

static uint32_t collect(const struct world *w, uint32_t link, int end,
			enum admission_resource resource, struct use *uses)
{
	const struct link_box *l = &w->links[link];
	uint32_t count = 0;

	for (uint32_t i = 0; i < l->path_count; i++) {
		const struct path_box *p = &w->paths[l->paths[i]];
		int at = end ^ p->spec.assigned.is_reversed;

		if (p->spec.assigned.life == LIFE_EXPIRED)
			continue;
		uses[count++] = (struct use){
			.start_ns = p->spec.start_ns,
			.end_ns = p->spec.end_ns ? p->spec.end_ns : UINT64_MAX,
			.amount = p->claim.amounts[resource + at],
		};
	}
	return count;
}

void check_booked(struct world *w)
{
	struct use *uses = calloc(w->size.paths + 1, sizeof(*uses));

	for (uint32_t i = 0; i < w->size.links; i++) {
		const struct link *spec = &w->links[i].spec;

		for (int end = 0; end < 2; end++)
			check_uses(w, uses, collect(w, i, end, ADMISSION_RATE_A, uses),
				   spec->capacity_bps / 100 * spec->reservable_percent,
				   w->links[i].name);
	}
	for (uint32_t i = 0; i < w->size.sites; i++) {
		const struct gateway_box *g = &w->gateways[i];
		uint32_t count = 0;

		for (uint32_t j = 0; j < g->link_count; j++)
			count += collect(w, g->links[j], w->links[g->links[j]].gateways[1] == i,
					 ADMISSION_BUFFER_A, uses + count);
		check_uses(w, uses, count, g->spec.buffer_bytes, g->name);
	}
	free(uses);
}

void check_healed(struct world *w)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		const struct path_box *p = &w->paths[i];

		if (p->exists && !path_is_ending(p) && p->spec.assigned.life == LIFE_COMMITTED &&
		    p->spec.start_ns <= w->now_ns && p->machine.state != PATH_ACTIVE)
			world_fail(w, "all is healed, but path %s is %s", p->name,
				   path_state_name(p->machine.state));
	}
}

void check_empty(struct world *w)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		if (w->paths[i].exists)
			world_fail(w, "path %s was released and is %s", w->paths[i].name,
				   path_state_name(w->paths[i].machine.state));
	}
	for (uint32_t i = 0; i < w->size.links; i++) {
		if (w->links[i].path_count)
			world_fail(w, "link %s has a booking of nobody", w->links[i].name);
	}
	for (uint32_t i = 0; i < w->size.sites; i++) {
		if (w->gateways[i].slot_count)
			world_fail(w, "gateway %s keeps a path that nobody has",
				   w->gateways[i].name);
	}
}
