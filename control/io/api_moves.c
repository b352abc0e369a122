/*
 * What control does about paths whose link is drained, down or lost: it gives them another one, and
 * ends the move when both gateways have proved it. A link that is drained lets its paths go one
 * after the other, so that whatever goes wrong meets one of them; one that is down all at once.
 *
 * All that lasts is in the store. Here is only what may be forgotten: which links lost a path a
 * short while ago; and in api_moves_drain.c how far a drain has come, and who could not go.
 */
#include <stdlib.h>
#include <string.h>

#include "control/io/api_moves_internal.h"

/* Of a move, before it is given up; each time the path is sent back it has twice as long. */
#define PROVE_NS    (10 * S)
#define RETURNS_MAX 5
/* Of a move of a path that nothing carries, while there is yet another link. */
#define STRANDED_NS (3 * S)
/* So long nothing goes to a link that lost a path, or was not proved. */
#define SUSPECT_NS (30 * S)
/* Beside two round trips: a new generation is not proved at once. */
#define LOST_NS (100 * MS)
/* A search for a backup has twice as long to wait as the one before, so many times: thousands of
 * paths may have lost theirs to one link, for hours. */
#define SEARCHES_MAX 3

/* ---- links that are not to be trusted ---- */

static void suspect_note(struct api_moves *moves, const char *link)
{
	suspects_note(&moves->suspects, link, loop_now_ns(moves->api->loop) + SUSPECT_NS);
}

bool api_moves_is_suspect(const char *link, void *arg)
{
	const struct api_moves *moves = arg;

	return suspects_has(&moves->suspects, link, loop_now_ns(moves->api->loop));
}

/* ---- one path ---- */

/* A change that is not durable yet may be the very one that is about to be made. */
static bool is_settled(const struct api_moves *moves, const struct object *path)
{
	const struct object *head = store_head_get(moves->api->store, KIND_PATH, path->name);

	return head && head->revision == path->revision;
}

/* Commits what a move makes of the path; false: it stays as it is. */
static bool move_commit(struct api_moves *moves, const struct object *path, enum move_kind kind,
			enum path_move cause)
{
	struct draft draft = draft_begin(moves->api->store);
	struct move_request request = {
		.kind = kind, .cause = cause, .is_barred = api_moves_is_suspect, .arg = moves};
	struct path_moved moved;
	bool is_done = is_settled(moves, path) &&
		       validate_move(&draft, path->name, &request, &moved) &&
		       !draft_commit(&draft, NULL);

	draft_free(&draft);
	return is_done;
}

static void end_move(struct api_moves *moves, const struct object *path)
{
	struct draft draft = draft_begin(moves->api->store);
	struct object *object = NULL;

	if (is_settled(moves, path))
		object = draft_edit(&draft, KIND_PATH, path->name);
	if (object) {
		path_move_end(&object->path);
		(void)draft_commit(&draft, NULL);
	}
	draft_free(&draft);
	moves_poke(moves, path->path.assigned.from, 0);
}

/* Can the gateways of the backup be told? */
static bool backup_is_heard(const struct api *api, const struct path *path)
{
	const struct object *link = store_get(api->store, KIND_LINK, path->assigned.backup);

	for (int end = 0; end < 2 && link; end++) {
		const struct live_gateway *gateway =
			name_index_get(&api->live.gateways, link->link.ends[end].gateway);

		if (!gateway || !live_gateway_is_fresh(gateway, loop_now_ns(api->loop)))
			return false;
	}
	return link != NULL;
}

/* Neither the old link nor the new one carries it, and a third one is booked. */
static bool may_go_on(struct api_moves *moves, const struct live_path *live,
		      const struct path *path)
{
	const struct path_assignment *assigned = &path->assigned;

	return live->machine.state != PATH_ACTIVE && assigned->backup[0] &&
	       strcmp(assigned->backup, assigned->from) != 0 &&
	       !api_moves_is_suspect(assigned->backup, moves) && backup_is_heard(moves->api, path);
}

/* Back to where it came from, which still carries it if anything does; else on. */
static bool turn(struct api_moves *moves, struct live_path *live, const struct object *path)
{
	if (may_go_on(moves, live, &path->path) &&
	    move_commit(moves, path, MOVE_ONWARD, MOVE_FAILED))
		return true;
	if (!move_commit(moves, path, MOVE_RETURN, MOVE_BACK))
		return false;
	if (live->returns < RETURNS_MAX)
		live->returns++;
	return true;
}

/* It has had its time. */
static void give_up(struct api_moves *moves, struct live_path *live, const struct object *path)
{
	suspect_note(moves, path->path.assigned.link);
	turn(moves, live, path);
	live->move_ns = loop_now_ns(moves->api->loop);
}

/* The link that it moves to was taken down meanwhile, the one that carries it was not. */
static bool is_in_vain(const struct api_moves *moves, const struct path *path)
{
	const struct store *store = moves->api->store;
	const struct object *to = store_get(store, KIND_LINK, path->assigned.link);
	const struct object *from = store_get(store, KIND_LINK, path->assigned.from);

	return to && from && to->link.admin == ADMIN_DOWN && from->link.admin != ADMIN_DOWN;
}

/* How long from now until there is to be another look; UINT64_MAX: none for its sake. */
static uint64_t look_moving(struct api_moves *moves, struct live_path *live,
			    const struct object *path, const struct path_facts *facts)
{
	uint64_t patience_ns = PROVE_NS << live->returns;
	uint64_t now_ns = loop_now_ns(moves->api->loop), spent_ns;

	live->lost_ns = 0;
	if (!path_is_tried(facts))
		live->move_ns = now_ns;
	spent_ns = now_ns - live->move_ns;
	if (path_has_moved(facts)) {
		if (path->path.assigned.move != MOVE_BACK)
			live->returns = 0;
		end_move(moves, path);
		return UINT64_MAX;
	}
	/* Nobody waits for a link that is down; that it could not be proved says nothing of it. */
	if (is_in_vain(moves, &path->path) && turn(moves, live, path))
		return S;
	if (may_go_on(moves, live, &path->path))
		patience_ns = STRANDED_NS;
	if (spent_ns < patience_ns)
		return patience_ns - spent_ns;
	give_up(moves, live, path);
	return patience_ns;
}

/* is_new: it was never proved over this link. */
static uint64_t look_lost(struct api_moves *moves, struct live_path *live,
			  const struct object *path, bool is_new)
{
	const struct path_assignment *assigned = &path->path.assigned;
	const struct object *link = store_get(moves->api->store, KIND_LINK, assigned->link);
	uint64_t now_ns = loop_now_ns(moves->api->loop);
	uint64_t hold_ns = is_new ? PROVE_NS : LOST_NS + (link ? 2 * link->link.rtt_ns : 0);

	if (!live->lost_ns)
		live->lost_ns = now_ns;
	if (now_ns - live->lost_ns < hold_ns)
		return hold_ns - (now_ns - live->lost_ns);
	suspect_note(moves, assigned->link);
	/* Both were lost: the first one that comes back will do. */
	if (!assigned->backup[0] || api_moves_is_suspect(assigned->backup, moves) ||
	    !backup_is_heard(moves->api, &path->path))
		return S;
	move_commit(moves, path, MOVE_TO_BACKUP, MOVE_FAILED);
	return S;
}

static uint64_t look_for_backup(struct api_moves *moves, struct live_path *live,
				const struct object *path)
{
	uint64_t now_ns = loop_now_ns(moves->api->loop), wait_ns;

	if (live->link_news != moves->link_news)
		live->searches = 0;
	else if (now_ns < live->backup_ns)
		return live->backup_ns - now_ns;
	wait_ns = RETRY_NS << live->searches;
	live->backup_ns = now_ns + wait_ns;
	live->link_news = moves->link_news;
	if (!move_commit(moves, path, MOVE_NEW_BACKUP, MOVE_NONE) && live->searches < SEARCHES_MAX)
		live->searches++;
	return wait_ns;
}

static uint64_t look(struct api_moves *moves, struct live_path *live, const struct object *path)
{
	const struct path_assignment *assigned = &path->path.assigned;
	struct path_facts facts;
	uint64_t next_ns = UINT64_MAX;
	bool is_new, is_lost;

	api_path_facts(moves->api, path, live, &facts);
	if (path_is_moving(&path->path))
		return look_moving(moves, live, path, &facts);
	if (path->path.protection == PROTECTION_NONE)
		return UINT64_MAX;
	is_lost = path_is_lost(&live->machine, &facts);
	is_new = !is_lost && live->machine.stage == STAGE_RECEIVE && path_is_tried(&facts);
	if (is_new || is_lost)
		next_ns = look_lost(moves, live, path, is_new);
	else
		live->lost_ns = 0;
	if (!assigned->backup[0])
		next_ns = earlier(next_ns, look_for_backup(moves, live, path));
	else
		live->searches = 0;
	return next_ns;
}

uint64_t api_moves_look(struct api_moves *moves, const struct object *path)
{
	struct live_path *live = live_path(&moves->api->live, path);
	const struct path_assignment *assigned = &path->path.assigned;
	uint64_t next_ns;

	if (!live || assigned->is_deleting || assigned->life == LIFE_EXPIRED)
		return UINT64_MAX;
	next_ns = look(moves, live, path);
	return next_ns == UINT64_MAX ? next_ns : validate_now_ns() + next_ns;
}

/* ---- the API's ---- */

struct api_moves *api_moves_create(struct api *api)
{
	struct api_moves *moves = calloc(1, sizeof(*moves));

	if (!moves)
		return NULL;
	moves->api = api;
	moves->timer = (struct loop_timer){.on_expire = moves_on_drains, .arg = moves};
	for (const struct object *at = store_next(api->store, KIND_LINK, ""); at;
	     at = store_next(api->store, KIND_LINK, at->name))
		api_moves_note_link(moves, at->name);
	return moves;
}

void api_moves_stop(struct api_moves *moves)
{
	loop_timer_cancel(moves->api->loop, &moves->timer);
}

void api_moves_destroy(struct api_moves *moves)
{
	if (!moves)
		return;
	api_moves_stop(moves);
	for (size_t i = 0; i < moves->drains.count; i++)
		free(moves->drains.entries[i].value);
	name_index_free(&moves->drains);
	suspects_free(&moves->suspects);
	free(moves);
}
