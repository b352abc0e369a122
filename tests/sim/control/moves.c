/* What api_moves.c does: ends moves, gives them up, goes to backups, lets links go empty. */
#include <stdlib.h>

#include "tests/sim/control/world.h"

/* As control/io/api_moves.c has them. */
#define PROVE_NS    (10 * S)
#define RETURNS_MAX 5
#define SUSPECT_NS  (30 * S)
#define LOST_NS	    (100 * MS)
#define AGAIN_NS    (5 * S)

void moves_forget(struct world *w)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		struct path_box *p = &w->paths[i];

		p->move_ns = p->lost_ns = p->backup_ns = 0;
		p->move_generation = p->returns = 0;
	}
	for (uint32_t i = 0; i < w->size.links; i++) {
		w->links[i].suspect_ns = w->links[i].drain_ns = 0;
		w->links[i].drained = NONE;
	}
}

static void look_moving(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];

	p->lost_ns = 0;
	if (p->move_generation != p->spec.assigned.proof_generation || !path_is_tried(&p->facts))
		p->move_ns = w->now_ns;
	p->move_generation = p->spec.assigned.proof_generation;
	if (path_has_moved(&p->facts)) {
		if (p->spec.assigned.move != MOVE_BACK)
			p->returns = 0;
		store_moved(w, path);
	} else if (w->now_ns - p->move_ns >= PROVE_NS << p->returns) {
		w->links[p->link].suspect_ns = w->now_ns + SUSPECT_NS;
		if (store_move(w, path, STORE_RETURN, MOVE_BACK) && p->returns < RETURNS_MAX)
			p->returns++;
		p->move_ns = w->now_ns;
	}
}

static bool backup_is_heard(const struct world *w, const struct path_box *p)
{
	for (int end = 0; end < 2; end++) {
		const struct memory *m = &w->gateways[path_gateway(w, p, end)].memory;

		if (!m->report_count || w->now_ns - m->report_ns > SILENCE_NS)
			return false;
	}
	return true;
}

static void look_lost(struct world *w, uint32_t path, bool is_new)
{
	struct path_box *p = &w->paths[path];
	struct link_box *l = &w->links[p->link];

	if (!p->lost_ns)
		p->lost_ns = w->now_ns;
	if (w->now_ns - p->lost_ns < (is_new ? PROVE_NS : LOST_NS + 2 * l->spec.rtt_ns))
		return;
	l->suspect_ns = w->now_ns + SUSPECT_NS;
	if (backup_is_heard(w, p) && store_move(w, path, STORE_TO_BACKUP, MOVE_FAILED))
		w->counts.failovers++;
}

void moves_look(struct world *w, uint32_t path)
{
	struct path_box *p = &w->paths[path];
	bool is_new, is_lost;

	if (!p->exists || p->link == NONE || path_is_ending(p))
		return;
	if (path_is_moving(&p->spec)) {
		look_moving(w, path);
		return;
	}
	p->move_generation = 0;
	if (p->spec.protection == PROTECTION_NONE)
		return;
	is_lost = path_is_lost(&p->machine, &p->facts);
	is_new = !is_lost && p->machine.stage == STAGE_RECEIVE && path_is_tried(&p->facts);
	if (is_new || is_lost)
		look_lost(w, path, is_new);
	else
		p->lost_ns = 0;
	if (!p->spec.assigned.backup[0] && w->now_ns >= p->backup_ns) {
		p->backup_ns = w->now_ns + AGAIN_NS;
		store_move(w, path, STORE_NEW_BACKUP, MOVE_NONE);
	}
}

static int by_turn(const void *a, const void *b)
{
	const struct booked *left = a, *right = b;

	if (left->role != right->role)
		return left->role < right->role ? -1 : 1;
	return (left->path > right->path) - (left->path < right->path);
}

static bool is_leaving(const struct link_box *l)
{
	for (uint32_t i = 0; i < l->booked_count; i++) {
		if (l->booked[i].role == ROLE_FROM)
			return true;
	}
	return false;
}

/* One path, or all of them when the link is down. */
static void drain(struct world *w, struct link_box *l)
{
	bool is_single = l->spec.admin == ADMIN_DRAIN;
	uint32_t count = l->booked_count;
	struct booked *list = calloc(count + 1, sizeof(*list));

	for (uint32_t i = 0; i < count; i++)
		list[i] = l->booked[i];
	qsort(list, count, sizeof(*list), by_turn);
	l->drain_ns = w->now_ns + AGAIN_NS;
	for (uint32_t i = 0; i < count; i++) {
		bool is_backup = list[i].role == ROLE_BACKUP;

		if (list[i].role == ROLE_FROM ||
		    (is_single && !is_backup && l->drained != NONE && list[i].path <= l->drained))
			continue;
		if (!store_move(w, list[i].path, is_backup ? STORE_NEW_BACKUP : STORE_AWAY,
				is_single ? MOVE_DRAIN : MOVE_DOWN))
			continue;
		w->counts.drained++;
		if (!is_single)
			continue;
		l->drained = is_backup ? NONE : list[i].path;
		l->drain_ns = 0;
		break;
	}
	if (l->drain_ns)
		l->drained = NONE;
	free(list);
}

void moves_step(struct world *w)
{
	for (uint32_t i = 0; i < w->size.links; i++) {
		struct link_box *l = &w->links[i];

		if (l->spec.admin == ADMIN_UP || w->now_ns < l->drain_ns ||
		    (l->spec.admin == ADMIN_DRAIN && is_leaving(l)))
			continue;
		drain(w, l);
	}
}
