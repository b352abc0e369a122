/* Which link a path goes to, and why, as its history and its status tell it. */
#include <stdio.h>
#include <string.h>

#include "control/io/live.h"

static void why(const struct path_assignment *assigned, const char *left, char *text, size_t size)
{
	switch (assigned->last_move) {
	case MOVE_DRAIN:
		snprintf(text, size, "link %s is drained", left);
		return;
	case MOVE_DOWN:
		snprintf(text, size, "link %s is down", left);
		return;
	case MOVE_FAILED:
		snprintf(text, size, "no probe came back over link %s, this was its backup", left);
		return;
	case MOVE_BACK:
		snprintf(text, size, "link %s was not proved", left);
		return;
	case MOVE_GROUND:
		snprintf(text, size, "link %s changed", left);
		return;
	default:
		snprintf(text, size, "asked for");
	}
}

static void note(struct live_path *path, uint64_t revision, const char *text)
{
	struct live_change *change = &path->history[path->change_count++ % LIVE_HISTORY_MAX];

	change->revision = revision;
	change->trace = (struct path_trace){
		.from = path->machine.state,
		.to = path->machine.state,
		.cause = CAUSE_MOVING,
	};
	live_time_now(change->time);
	snprintf(change->text, sizeof(change->text), "%.*s", (int)sizeof(change->text) - 1, text);
}

static void note_begin(struct live_path *path, const struct object *object, uint64_t revision)
{
	const struct path_assignment *assigned = &object->path.assigned;
	bool is_same = !strcmp(path->link, assigned->link);
	char text[4 * MODEL_NAME_BYTES + 140], reason[MODEL_NAME_BYTES + 60];

	why(assigned, path->link, reason, sizeof(reason));
	if (is_same)
		snprintf(text, sizeof(text), "moves to another port or address of link %s",
			 assigned->link);
	else if (path_is_moving(&object->path))
		snprintf(text, sizeof(text), "moves from link %s to link %s: %s", path->link,
			 assigned->link, reason);
	else
		snprintf(text, sizeof(text), "goes from link %s to link %s, proved anew: %s",
			 path->link, assigned->link, reason);
	note(path, revision, text);
}

bool live_path_note_move(struct live_path *path, const struct object *object, uint64_t revision,
			 uint64_t now_ns)
{
	const struct path_assignment *assigned = &object->path.assigned;
	uint32_t move = path_is_moving(&object->path) ? assigned->proof_generation : 0;
	bool is_known = path->link[0] != 0, has_moved = path->move_generation && !move;
	bool is_news = is_known && assigned->link[0] &&
		       (strcmp(path->link, assigned->link) != 0 || move != path->move_generation);

	if (is_news && has_moved && !strcmp(path->link, assigned->link)) {
		char text[MODEL_NAME_BYTES + 60];

		snprintf(text, sizeof(text), "both gateways proved link %s and send over it",
			 assigned->link);
		note(path, revision, text);
	} else if (is_news) {
		note_begin(path, object, revision);
	}
	if (move && move != path->move_generation)
		path->move_ns = now_ns;
	path->move_generation = move;
	path->is_returning = assigned->move == MOVE_BACK;
	memcpy(path->link, assigned->link, sizeof(path->link));
	memcpy(path->from, assigned->from, sizeof(path->from));
	return is_news;
}

json_t *live_path_move_json(const struct object *object)
{
	const struct path_assignment *assigned = &object->path.assigned;

	if (!path_is_moving(&object->path))
		return NULL;
	return json_pack("{s:s, s:s}", "from", assigned->from[0] ? assigned->from : assigned->link,
			 "cause", model_move_name(assigned->move));
}
