/*
 * Links that are drained or down, of api_moves.h: how far each has come. What is here may be
 * forgotten: a round begins anew then.
 */
#include <stdlib.h>
#include <string.h>

#include "control/io/api_moves_internal.h"

#define STEP_NS (20 * MS)
/* After a change of a path that stayed: it may be able to go now. */
#define CHANGED_NS (100 * MS)

struct drain {
	char link[MODEL_NAME_BYTES];
	struct path_moved after; /* the last that moved in this round; no name: none yet */
	uint64_t next_ns;	 /* monotonic */
	size_t stay_count;	 /* that found no other link in this round */
};

static void timer_set(struct api_moves *moves)
{
	uint64_t next_ns = UINT64_MAX;

	for (size_t i = 0; i < moves->drains.count; i++) {
		const struct drain *drain = moves->drains.entries[i].value;

		next_ns = earlier(next_ns, drain->next_ns);
	}
	if (next_ns == UINT64_MAX)
		loop_timer_cancel(moves->api->loop, &moves->timer);
	else
		loop_timer_set(moves->api->loop, &moves->timer, next_ns);
}

void moves_poke(struct api_moves *moves, const char *link, uint64_t delay_ns)
{
	struct drain *drain = name_index_get(&moves->drains, link);

	if (!drain)
		return;
	drain->next_ns = earlier(drain->next_ns, loop_now_ns(moves->api->loop) + delay_ns);
	timer_set(moves);
}

void api_moves_note_path(struct api_moves *moves, const struct object *path)
{
	if (!path_is_moving(&path->path))
		moves_poke(moves, path->path.assigned.link, CHANGED_NS);
}

/* A new round: from the first path on, and nobody has stayed yet. */
static void round_begin(struct drain *drain)
{
	drain->after.path[0] = 0;
	drain->stay_count = 0;
}

/* A link that is up may take those that found no other one. */
static void begin_all(struct api_moves *moves)
{
	moves->link_news++;
	for (size_t i = 0; i < moves->drains.count; i++) {
		struct drain *drain = moves->drains.entries[i].value;

		round_begin(drain);
		drain->next_ns = loop_now_ns(moves->api->loop);
	}
	timer_set(moves);
}

void api_moves_note_link(struct api_moves *moves, const char *name)
{
	const struct object *link = store_get(moves->api->store, KIND_LINK, name);
	struct drain *drain = name_index_get(&moves->drains, name);

	if (!link || link->link.admin == ADMIN_UP) {
		free(name_index_remove(&moves->drains, name));
		begin_all(moves);
		return;
	}
	if (!drain) {
		drain = calloc(1, sizeof(*drain));
		if (!drain)
			return;
		model_name_set(drain->link, name);
		if (name_index_set(&moves->drains, drain->link, drain)) {
			free(drain);
			return;
		}
	}
	round_begin(drain);
	moves_poke(moves, name, 0);
}

static void count_stays(struct drain *drain, const struct link_drain *result)
{
	for (size_t i = 0; i < result->count; i++)
		drain->stay_count += !result->items[i].is_moved;
}

/* What is done is in the draft; when to go on. */
static void drain_take(struct api_moves *moves, struct drain *drain, struct draft *draft,
		       const struct link_drain *result)
{
	const struct path_moved *last = result->count ? &result->items[result->count - 1] : NULL;
	uint64_t now_ns = loop_now_ns(moves->api->loop);

	if (last && last->is_moved && !draft_commit(draft, NULL)) {
		drain->after = *last;
		drain->next_ns = now_ns + STEP_NS;
	} else if (result->moving) {
		/* Its end calls. */
		drain->next_ns = now_ns + RETRY_NS;
	} else {
		drain->after.path[0] = 0;
		drain->next_ns = now_ns + RETRY_NS;
	}
}

static void drain_run(struct api_moves *moves, struct drain *drain, const struct link *link)
{
	bool is_single = link->admin == ADMIN_DRAIN;
	struct draft draft = draft_begin(moves->api->store);
	struct move_request request = {
		.kind = MOVE_AWAY,
		.cause = is_single ? MOVE_DRAIN : MOVE_DOWN,
		.is_barred = api_moves_is_suspect,
		.arg = moves,
	};
	struct link_drain result;

	drain->next_ns = loop_now_ns(moves->api->loop) + RETRY_NS;
	if (validate_drain(&draft, drain->link, &drain->after, is_single, &request, &result)) {
		if (!drain->after.path[0] && !(is_single && result.moving))
			round_begin(drain);
		count_stays(drain, &result);
		if (!is_single && result.count)
			(void)draft_commit(&draft, NULL);
		else
			drain_take(moves, drain, &draft, &result);
	}
	free(result.items);
	draft_free(&draft);
}

void moves_on_drains(struct loop_timer *timer, void *arg)
{
	struct api_moves *moves = arg;
	uint64_t now_ns = loop_now_ns(moves->api->loop);

	(void)timer;
	for (size_t i = 0; i < moves->drains.count; i++) {
		struct drain *drain = moves->drains.entries[i].value;
		const struct object *link = store_get(moves->api->store, KIND_LINK, drain->link);

		if (drain->next_ns <= now_ns && link)
			drain_run(moves, drain, &link->link);
	}
	timer_set(moves);
}

bool api_moves_stays(const struct api_moves *moves, const char *link, size_t *count)
{
	const struct drain *drain = name_index_get(&moves->drains, link);

	*count = drain ? drain->stay_count : 0;
	return drain != NULL;
}
