/*
 * Control itself gives paths other links: away from one that is drained, down or lost, and back
 * from one that was never proved. By the same look at links as for a request, in a draft; what
 * would happen is found out in one that is dropped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/validate_place.h"

#define NO ADMISSION_NO_OPTION

struct move {
	const struct rules *rules;
	const struct move_request *request;
	struct place *place;
	uint32_t here; /* the option where the path is */
	struct choice choice;
	struct admission_verdict verdict;
};

static bool is_barred(const struct move_request *request, const char *link)
{
	return request->is_barred && request->is_barred(link, request->arg);
}

static void close_option(struct place *place, uint32_t option)
{
	if (option != NO)
		place->options[option].route.is_open = false;
}

/* Only what is open is taken: neither where it is nor where it has its backup counts for more. */
static void close_barred(struct move *move)
{
	struct place *place = move->place;

	for (uint32_t i = 0; i < place->count; i++) {
		if (is_barred(move->request, place->links[i]->name))
			close_option(place, i);
	}
	place->request.current = NO;
	if (place->second != NO && !place->options[place->second].route.is_open)
		place->second = NO;
}

static bool decide(struct move *move)
{
	struct place *place = move->place;

	if (place->object->path.protection == PROTECTION_NONE) {
		admission_decide(&place->request, place->options, place->count, place->scratch,
				 &move->verdict);
	} else {
		move->choice.second = place->second;
		admission_decide_pair(&place->request, place->options, place->count, place->scratch,
				      &move->choice.second, &move->verdict);
	}
	move->choice.first = move->verdict.option;
	return move->verdict.code == ADMISSION_OK;
}

/* Among the links between the gateways that it has: they go over without a loss. */
static bool decide_near(struct move *move)
{
	struct place *place = move->place;
	bool was_open[ROUTES_MAX], is_found;

	for (uint32_t i = 0; i < place->count; i++) {
		struct admission_option *option = &place->options[i];

		was_open[i] = option->route.is_open;
		if (memcmp(option->gateways, place->options[move->here].gateways,
			   sizeof(option->gateways)) != 0)
			option->route.is_open = false;
	}
	is_found = decide(move);
	for (uint32_t i = 0; i < place->count; i++)
		place->options[i].route.is_open = was_open[i];
	return is_found;
}

static bool choose_away(struct move *move)
{
	struct place *place = move->place;

	close_option(place, move->here);
	close_barred(move);
	if ((move->here != NO && decide_near(move)) || decide(move))
		return true;
	/* Without two it goes to the one that it has: better without a backup than in the way. */
	if (place->second == NO)
		return false;
	move->choice = (struct choice){place->second, NO};
	return true;
}

static void choose_second(struct move *move, uint32_t first, uint32_t second)
{
	struct place *place = move->place;

	move->choice.first = first;
	move->choice.second = admission_second(&place->request, place->options, place->count, first,
					       second, place->scratch);
}

/* Rather to one that is drained than nowhere. */
static bool choose_backup(struct move *move)
{
	struct place *place = move->place;
	uint32_t backup = place->second;
	const struct object *link =
		backup == NO ? NULL
			     : draft_get(move->rules->draft, KIND_LINK, place->links[backup]->name);

	if (!link || link->link.admin == ADMIN_DOWN || is_barred(move->request, link->name))
		return false;
	close_option(place, move->here);
	close_barred(move);
	choose_second(move, backup, NO);
	return true;
}

static bool choose_return(struct move *move)
{
	struct place *place = move->place;
	uint32_t from = place_option(place, place->object->path.assigned.from);
	struct admission_request request = place->request;

	if (from == NO)
		return false;
	request.current = 0;
	if (admission_decide(&request, &place->options[from], 1, place->scratch, &move->verdict) !=
	    ADMISSION_OK)
		return false;
	move->choice = (struct choice){from, place->second == from ? NO : place->second};
	return true;
}

static bool choose_new_backup(struct move *move)
{
	uint32_t before = move->place->second;

	if (move->here == NO)
		return false;
	close_barred(move);
	choose_second(move, move->here, move->place->second);
	if (move->choice.second == NO)
		move->verdict.code = ADMISSION_NO_DISJOINT;
	return move->choice.second != NO && move->choice.second != before;
}

static bool choose(struct move *move)
{
	switch (move->request->kind) {
	case MOVE_AWAY:
		return choose_away(move);
	case MOVE_TO_BACKUP:
	case MOVE_ONWARD:
		return choose_backup(move);
	case MOVE_RETURN:
		return choose_return(move);
	default:
		return choose_new_backup(move);
	}
}

static void stays(struct path_moved *moved, const char *code, const char *detail)
{
	snprintf(moved->code, sizeof(moved->code), "%s", code);
	snprintf(moved->detail, sizeof(moved->detail), "%s", detail);
}

/* In the words of a refusal. */
static void stays_refused(struct move *move, const struct draft_item *item,
			  struct path_moved *moved)
{
	struct problem problem = {0};
	struct rules rules = *move->rules;

	rules.problem = &problem;
	rules.refused = NULL;
	move->verdict.offer_count = 0;
	if (item->object.path.protection && move->verdict.code == ADMISSION_NO_DISJOINT)
		stays(moved, admission_code_name(move->verdict.code),
		      "no other link that shares no risk with its own has room");
	else {
		rules_refuse_path(&rules, item, &move->verdict, move->place->links);
		stays(moved, problem.code, problem.detail);
	}
	problem_clear(&problem);
}

/* The gateways are told; false: they cannot be. */
static bool take(struct move *move, struct draft_item *item, struct path_moved *moved)
{
	struct path *path = &item->object.path;
	const struct path *old = &item->old->path;
	bool is_told = old->assigned.life == LIFE_COMMITTED && old->start_ns <= move->rules->now_ns;
	struct problem problem = {0};
	struct rules rules = *move->rules;
	bool is_good;

	rules.problem = &problem;
	place_take(move->place, &move->choice, &path->assigned);
	is_good = !strcmp(path->assigned.link, old->assigned.link) ||
		  rules_assign(&rules, item, move->request->cause);
	if (is_good && ledger_put(rules.ledger, rules.draft, &item->object))
		rules_no_memory(&rules);
	is_good = !problem_is_set(&problem);
	if (!is_good)
		stays(moved, problem.code, problem.detail);
	problem_clear(&problem);
	moved->is_interrupted = is_told && strcmp(path->assigned.link, old->assigned.link) != 0 &&
				!path_is_moving(path);
	return is_good;
}

/* What keeps a path from being moved by control at all. */
static bool may_move(const struct path *path, const struct move_request *request,
		     struct path_moved *moved)
{
	if (path->assigned.is_deleting || path->assigned.life == LIFE_EXPIRED ||
	    !path->assigned.link[0])
		stays(moved, "ending", "it is on its way out");
	else if (path_is_moving(path) && request->kind != MOVE_RETURN &&
		 request->kind != MOVE_ONWARD)
		stays(moved, "moving", "it is moving already");
	else if (request->kind == MOVE_AWAY && !strcmp(path->pin, path->assigned.link))
		stays(moved, "pinned", "its spec asks for this link");
	else
		return true;
	return false;
}

static void move_path(const struct rules *rules, const char *name,
		      const struct move_request *request, struct path_moved *moved)
{
	struct move move = {
		.rules = rules,
		.request = request,
		.choice = {NO, NO},
		.verdict = {.code = ADMISSION_NO_ROUTE, .option = NO},
	};
	struct object *object = draft_edit(rules->draft, KIND_PATH, name);
	struct draft_item *item = object ? draft_find(rules->draft, KIND_PATH, name) : NULL;
	struct object *before = object ? malloc(sizeof(*before)) : NULL;

	*moved = (struct path_moved){0};
	model_name_set(moved->path, name);
	move.place = before ? place_make(rules, object, false) : NULL;
	if (!move.place) {
		stays(moved, "out-of-memory", "control has no memory left");
	} else if (may_move(&object->path, request, moved)) {
		*before = *object;
		move.here = move.place->request.current;
		if (!choose(&move))
			stays_refused(&move, item, moved);
		else
			moved->is_moved = take(&move, item, moved);
		if (!moved->is_moved)
			*object = *before;
	}
	if (object) {
		model_name_set(moved->to, object->path.assigned.link);
		model_name_set(moved->backup, object->path.assigned.backup);
	}
	place_free(move.place);
	free(before);
}

/* Runs the body between the ledger's opening and closing. */
struct session {
	struct ledger own;
	struct rules rules;
	struct problem problem;
};

static bool session_open(struct session *session, struct draft *draft)
{
	struct ledger *followed = ledger_of(draft->store);

	*session = (struct session){0};
	session->rules = (struct rules){
		.draft = draft,
		.ledger = followed ? followed : &session->own,
		.problem = &session->problem,
		.now_ns = validate_now_ns(),
	};
	return !ledger_open(session->rules.ledger, draft);
}

static void session_close(struct session *session)
{
	ledger_close(session->rules.ledger, session->rules.draft);
	ledger_free(&session->own);
	problem_clear(&session->problem);
}

bool validate_move(struct draft *draft, const char *path, const struct move_request *request,
		   struct path_moved *moved)
{
	struct session session;

	*moved = (struct path_moved){0};
	if (!draft_get(draft, KIND_PATH, path))
		return false;
	if (session_open(&session, draft))
		move_path(&session.rules, path, request, moved);
	session_close(&session);
	return moved->is_moved;
}

/* ---- all of a link ---- */

struct candidate {
	bool is_backup;
	char name[MODEL_NAME_BYTES];
};

static int by_turn(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	if (left->is_backup != right->is_backup)
		return left->is_backup - right->is_backup;
	return strcmp(left->name, right->name);
}

/* NULL without memory. */
static struct candidate *candidates_find(const struct ledger *ledger, const char *link,
					 size_t *count, size_t *moving)
{
	const struct key_node *node,
		*first = key_index_first(&ledger->link_paths, ledger_key(link));
	struct candidate *list;
	size_t most = 1;

	*count = *moving = 0;
	for (node = first; node; node = key_index_next(node))
		most++;
	list = calloc(most, sizeof(*list));
	for (node = first; list && node; node = key_index_next(node)) {
		const struct ledger_booking *booking = node->owner;
		enum ledger_role role = ledger_booking_role(booking);

		*moving += role == LEDGER_FROM;
		if (role == LEDGER_FROM)
			continue;
		list[*count].is_backup = role == LEDGER_BACKUP;
		model_name_set(list[(*count)++].name, booking->path->name);
	}
	if (list)
		qsort(list, *count, sizeof(*list), by_turn);
	return list;
}

/* Behind the one before: a path that stays must not be tried for ever. */
static size_t first_after(const struct candidate *list, size_t count,
			  const struct path_moved *after)
{
	struct candidate before = {0};
	size_t i = 0;

	if (!after || !after->path[0])
		return 0;
	before.is_backup = after->is_backup_only;
	model_name_set(before.name, after->path);
	while (i < count && by_turn(&list[i], &before) <= 0)
		i++;
	return i;
}

bool validate_drain(struct draft *draft, const char *link, const struct path_moved *after,
		    bool is_single, const struct move_request *request, struct link_drain *drain)
{
	struct candidate *list = NULL;
	struct session session;
	size_t count = 0;

	*drain = (struct link_drain){0};
	if (session_open(&session, draft))
		list = candidates_find(session.rules.ledger, link, &count, &drain->moving);
	drain->items = list ? calloc(count + 1, sizeof(*drain->items)) : NULL;
	if (drain->items && !(is_single && drain->moving)) {
		for (size_t i = first_after(list, count, after); i < count; i++) {
			struct path_moved *moved = &drain->items[drain->count++];
			struct move_request one = *request;

			if (list[i].is_backup)
				one.kind = MOVE_NEW_BACKUP;
			move_path(&session.rules, list[i].name, &one, moved);
			moved->is_backup_only = list[i].is_backup;
			if (is_single && moved->is_moved)
				break;
		}
	}
	free(list);
	session_close(&session);
	return drain->items != NULL;
}

bool validate_link_uses(struct store *store, const char *link, size_t counts[])
{
	struct draft draft = draft_begin(store);
	struct session session;
	bool is_open = session_open(&session, &draft);
	const struct key_node *node =
		is_open ? key_index_first(&session.rules.ledger->link_paths, ledger_key(link))
			: NULL;

	memset(counts, 0, LEDGER_ROLES * sizeof(counts[0]));
	for (; node; node = key_index_next(node))
		counts[ledger_booking_role(node->owner)]++;
	session_close(&session);
	draft_free(&draft);
	return is_open;
}
