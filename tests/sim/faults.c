/*
 * The steps of a scenario: what each changes, and back.
 */
#include "tests/sim/world.h"

__extension__ typedef unsigned __int128 u128;

static void link_step(struct link *l, const struct scenario *s, const struct step *step, bool is_on)
{
	const struct link_config *usual = &s->link[l->who];
	struct link_config *now = &l->config;

	switch (step->kind) {
	case STEP_CUT:
		l->is_cut = is_on;
		break;
	case STEP_LOSS:
		now->loss_ppm = is_on ? (uint32_t)step->value : usual->loss_ppm;
		break;
	case STEP_CONTROL_LOSS:
		now->control_loss_ppm = is_on ? (uint32_t)step->value : usual->control_loss_ppm;
		break;
	case STEP_JITTER:
		now->jitter_ppm = is_on ? 1000000 : usual->jitter_ppm;
		now->jitter_ns = is_on ? step->value : usual->jitter_ns;
		break;
	case STEP_DELAY:
		now->delay_ns = usual->delay_ns + (is_on ? step->value : 0);
		break;
	case STEP_MOVE:
		now->delay_ns = is_on ? step->value : usual->delay_ns;
		break;
	case STEP_SLOW:
		now->capacity_bps = usual->capacity_bps;
		if (is_on)
			now->capacity_bps =
				(uint64_t)((u128)usual->capacity_bps * step->value / 1000000);
		break;
	default:
		break;
	}
}

/* A worker that is away sends nothing by any link. */
static void site_move(struct site *site)
{
	struct world *w = site->world;

	site->link++;
	if (!site->is_down)
		tunnel_move(&site->tunnel,
			    w->links[0].config.delay_ns + w->links[1].config.delay_ns,
			    site_clock(site, w->now));
}

static void site_step(struct site *site, const struct scenario *s, const struct step *step,
		      bool is_on)
{
	switch (step->kind) {
	case STEP_PAUSE:
		site->lan.is_paused = is_on;
		break;
	case STEP_LAN_RATE:
		site->lan.rate_bps = is_on ? step->value : s->lan_bps[site->who];
		break;
	case STEP_MOVE:
		site_move(site);
		break;
	case STEP_STALL:
		site->is_stalled = is_on;
		if (is_on)
			site->wake_ns = UINT64_MAX;
		break;
	default:
		break;
	}
	if (!is_on)
		site_wake(site, site->world->now);
}

static void step_apply_links(struct world *w, const struct step *step, bool is_on)
{
	for (uint32_t side = 0; side < 2; side++)
		if (step->side == 2 || step->side == side)
			link_step(&w->links[side], w->scenario, step, is_on);
}

static void step_apply(struct world *w, const struct step *step, bool is_on)
{
	/* Links first: a site that moves is told the round trip as it is then. */
	step_apply_links(w, step, is_on);
	for (uint32_t side = 0; side < 2; side++)
		if (step->side == 2 || step->side == side)
			site_step(&w->sites[side], w->scenario, step, is_on);
}

void fault_begin(struct world *w, const struct step *step)
{
	trace_add(&w->trace, w->now, TRACE_FAULT, step->side, (uint64_t)(step - w->scenario->steps),
		  (uint64_t)step->kind);
	if (step->kind == STEP_REKEY) {
		session_rekey(w);
		return;
	}
	w->faults++;
	if (step->kind == STEP_KILL || step->kind == STEP_RESTART)
		session_kill(w, step->side & 1, step->kind == STEP_RESTART, step->for_ns);
	else
		step_apply(w, step, true);
}

void fault_end(struct world *w, const struct step *step)
{
	if (step->kind == STEP_REKEY)
		return;
	trace_add(&w->trace, w->now, TRACE_CALM, step->side, (uint64_t)(step - w->scenario->steps),
		  (uint64_t)step->kind);
	w->faults--;
	if (step->kind != STEP_KILL && step->kind != STEP_RESTART)
		step_apply(w, step, false);
}
