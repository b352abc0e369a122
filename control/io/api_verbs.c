#include <stdio.h>
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/validate.h"

/* What a client may do now, e.g. "commit, abort, PUT and DELETE". */
static void list_allowed(const struct path *path, char *text, size_t size)
{
	size_t len = 0;

	text[0] = 0;
	for (int verb = 0; verb < VERB_COUNT; verb++) {
		if (path_verb_check(path, (enum path_verb)verb) == VERB_TAKEN)
			len += (size_t)snprintf(text + len, size - len, "%s, ",
						path_verb_name((enum path_verb)verb));
	}
	snprintf(text + len, size - len, "%s",
		 path->assigned.is_deleting ? "nothing until it is released" : "PUT and DELETE");
}

static void refuse(struct api_call *call, const struct object *object, enum path_verb verb)
{
	const struct live_path *live = live_path(&call->api->live, object);
	char allowed[80];

	list_allowed(&object->path, allowed, sizeof(allowed));
	if (verb == VERB_RENEW && !object->path.lease_ns &&
	    object->path.assigned.life == LIFE_COMMITTED)
		problem_set(&call->problem, 409, "invalid-transition",
			    "path %s has no lease to renew; allowed: %s", object->name, allowed);
	else
		problem_set(&call->problem, 409, "invalid-transition",
			    "path %s is %s: %s is not possible; allowed: %s", object->name,
			    live ? path_state_name(live->machine.state) : "unknown",
			    path_verb_name(verb), allowed);
}

static void answer_changed(struct api_call *call, uint64_t revision, json_t *note)
{
	const struct object *object = store_get(call->api->store, KIND_PATH, call->name);

	(void)revision;
	(void)note;
	if (!object) {
		problem_set(&call->problem, 404, "not-found", "path %s is gone", call->name);
		return;
	}
	api_path_settle(call->api, object);
	api_wait_begin(call, object);
}

static void apply_verb(struct path *path, enum path_verb verb)
{
	if (verb == VERB_ABORT)
		path->assigned.is_deleting = true;
	else
		path_commit(path, validate_now_ns());
}

static void take_verb(struct api_call *call, struct draft *draft, enum path_verb verb)
{
	const struct object *object = draft_get(draft, KIND_PATH, call->name);
	enum path_verb_answer answer;
	struct object *edited;

	if (!object) {
		problem_set(&call->problem, 404, "not-found", "there is no path %s", call->name);
		return;
	}
	if (!api_preconditions(call, object))
		return;
	answer = path_verb_check(&object->path, verb);
	/* The clock has spoken already, the next poll takes it down. */
	if (path_expiry_due(&object->path, validate_now_ns(), api_since_ns(call->api)) !=
	    EXPIRY_NONE)
		answer = VERB_REFUSED;
	if (answer == VERB_REFUSED) {
		refuse(call, object, verb);
		return;
	}
	edited = draft_edit(draft, KIND_PATH, call->name);
	if (!edited)
		problem_set(&call->problem, 503, "out-of-memory", "try again");
	if (edited && answer == VERB_TAKEN)
		apply_verb(&edited->path, verb);
	/* Without a change it is answered when what there is is durable. */
	if (edited)
		api_commit(call, draft, answer_changed, NULL);
}

static void run_verb(struct api_call *call, enum path_verb verb)
{
	struct draft draft = draft_begin(call->api->store);

	call->kind = KIND_PATH;
	take_verb(call, &draft, verb);
	draft_free(&draft);
}

void api_path_commit(struct api_call *call)
{
	run_verb(call, VERB_COMMIT);
}

void api_path_abort(struct api_call *call)
{
	run_verb(call, VERB_ABORT);
}

void api_path_renew(struct api_call *call)
{
	run_verb(call, VERB_RENEW);
}
