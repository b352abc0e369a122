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

		bool is_proved = fact->is_proved && fact->generation >= p->facts.proof_generation;

		if (!fact->is_fresh || !fact->is_claiming || p->machine.stage != STAGE_CLAIM ||
		    (p->facts.is_moving ? fact->has_error : !is_proved))
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

/* With nothing in its way, a move is over as soon as a new path would be active. */
static void check_moving(struct world *w, struct path_box *p)
{
	if (!path_is_moving(&p->spec) || p->ready_ns == w->now_ns)
		p->still_ns = w->now_ns;
	else if (since(w, p->still_ns) > READY_BOUND_NS + S)
		world_fail(w,
			   "path %s moves from %s to %s, and nothing keeps it from getting there",
			   p->name, p->spec.assigned.from, p->spec.assigned.link);
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
	check_moving(w, p);
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

/* By the link that it has, or that it moves away from. */
static bool runs_on(const struct world *w, const struct path_box *p, uint8_t link_id)
{
	uint32_t from = p->spec.assigned.from[0]
				? (uint32_t)strtoul(p->spec.assigned.from + 1, NULL, 10)
				: p->link;

	return w->links[p->link].spec.id == link_id || w->links[from].spec.id == link_id;
}

/* It may be that of an earlier path of this name, which the gateway did not see go. */
static bool runs_what_is_asked(const struct world *w, const struct path_box *p, uint32_t gateway,
			       const struct slot *slot)
{
	const struct link_box *l = &w->links[p->link];
	int end = l->gateways[END_Z] == gateway;

	return l->gateways[end] == gateway && slot->intent.id == p->spec.assigned.id &&
	       slot->intent.class == p->spec.class && runs_on(w, p, slot->intent.link_id) &&
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
			 p->restart_generation <= slot->intent.generation &&
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

		if (!fact->is_fresh || !fact->is_receiving ||
		    !(fact->is_proved || (p->facts.is_moving && fact->is_claiming)))
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

static struct use use_of(const struct path_box *p, enum role role, uint64_t amount)
{
	uint64_t end_ns = role == ROLE_FROM ? p->spec.assigned.move_end_ns : p->spec.end_ns;

	return (struct use){
		.start_ns = p->spec.start_ns,
		.end_ns = end_ns ? end_ns : UINT64_MAX,
		.amount = amount,
	};
}

/* Of the whole path on one of its links, as if it had no other one. */
static uint64_t amount_of(const struct world *w, const struct path_box *p, enum role role, int end,
			  enum admission_resource resource)
{
	const struct link_box *l = &w->links[p->links[role]];
	int from = end ^ (l->gateways[END_A] != site_of(&p->spec, END_A));
	bool is_old = role == ROLE_FROM;
	struct admission_medium medium = medium_of(l);
	struct admission_claim claim;
	struct admission_ask ask = {0};

	for (int i = 0; i < 2; i++) {
		ask.rate_bps[i] = (is_old ? path_rates_now(&p->spec) : p->spec.rate_bps)[i];
		ask.max_bps[i] = (is_old ? path_max_now(&p->spec) : p->spec.max_bps)[i];
	}
	admission_claim_make(&ask, &medium, &claim);
	return claim.amounts[resource + from];
}

static bool is_booked(const struct path_box *p)
{
	return p->exists && p->spec.assigned.life != LIFE_EXPIRED;
}

/* Every link that a path has, backs it up or carries it while it moves. */
static uint32_t collect_link(const struct world *w, uint32_t link, int end, struct use *uses)
{
	const struct link_box *l = &w->links[link];
	uint32_t count = 0;

	for (uint32_t i = 0; i < l->booked_count; i++) {
		const struct path_box *p = &w->paths[l->booked[i].path];

		if (is_booked(p))
			uses[count++] =
				use_of(p, l->booked[i].role,
				       amount_of(w, p, l->booked[i].role, end, ADMISSION_RATE_A));
	}
	return count;
}

/* The buffers of the link that needs most: one of them carries. */
static uint64_t buffers_of(const struct world *w, const struct path_box *p, uint32_t gateway)
{
	uint64_t most = 0;

	for (int role = 0; role < ROLES; role++) {
		if (p->links[role] == NONE)
			continue;
		most = latest(most, amount_of(w, p, (enum role)role,
					      w->links[p->links[role]].gateways[END_Z] == gateway,
					      ADMISSION_BUFFER_A));
	}
	return most;
}

static uint32_t collect_gateway(const struct world *w, uint32_t gateway, struct use *uses)
{
	const struct gateway_box *g = &w->gateways[gateway];
	uint32_t count = 0;

	for (uint32_t i = 0; i < g->link_count; i++) {
		const struct link_box *l = &w->links[g->links[i]];

		for (uint32_t j = 0; j < l->path_count; j++) {
			const struct path_box *p = &w->paths[l->paths[j]];

			if (is_booked(p))
				uses[count++] = use_of(p, ROLE_LINK, buffers_of(w, p, gateway));
		}
	}
	return count;
}

/* What is carried by two links has room on both. */
static void check_roles(struct world *w)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		const struct path_box *p = &w->paths[i];
		const struct path_assignment *assigned = &p->spec.assigned;

		if (!p->exists || p->link == NONE)
			continue;
		if (assigned->from[0] && p->links[ROLE_FROM] == NONE &&
		    strcmp(assigned->from, assigned->backup) != 0)
			world_fail(w, "path %s moves from %s, where nothing is booked", p->name,
				   assigned->from);
		if (assigned->backup[0] && p->links[ROLE_BACKUP] == NONE)
			world_fail(w, "path %s has no booking on its backup %s", p->name,
				   assigned->backup);
	}
}

void check_booked(struct world *w)
{
	struct use *uses = calloc(w->size.paths + 1, sizeof(*uses));

	check_roles(w);
	for (uint32_t i = 0; i < w->size.links; i++) {
		const struct link *spec = &w->links[i].spec;

		for (int end = 0; end < 2; end++)
			check_uses(w, uses, collect_link(w, i, end, uses),
				   spec->capacity_bps / 100 * spec->reservable_percent,
				   w->links[i].name);
	}
	for (uint32_t i = 0; i < w->size.sites; i++)
		check_uses(w, uses, collect_gateway(w, i, uses), w->gateways[i].spec.buffer_bytes,
			   w->gateways[i].name);
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
		if (w->links[i].path_count || w->links[i].booked_count)
			world_fail(w, "link %s has a booking of nobody", w->links[i].name);
	}
	for (uint32_t i = 0; i < w->size.sites; i++) {
		if (w->gateways[i].slot_count)
			world_fail(w, "gateway %s keeps a path that nobody has",
				   w->gateways[i].name);
	}
}
