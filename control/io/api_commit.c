/*
 * Answers that wait for durability: a request's changes go to the store, and the request is
 * answered from the loop when they are on the disk.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "control/io/api_internal.h"
#include "control/io/store_answer.h"

struct api_commit {
	struct store_ticket ticket;
	struct api_call call; /* exchange NULL: closed meanwhile */
	api_answer *answer;
	json_t *note;
};

static void commit_free(struct api_commit *commit)
{
	answer_batch_free(commit->ticket.answers);
	json_decref(commit->note);
	free(commit);
}

static void on_close(struct h2_exchange *exchange, void *arg)
{
	struct api_commit *commit = arg;

	(void)exchange;
	commit->call.exchange = NULL;
}

static void set_storage_failed(struct problem *problem)
{
	problem_set(problem, 503, "storage-failed",
		    "the store cannot be written any more; control serves reads until it is "
		    "restarted");
	problem->is_retryable = false;
}

static void on_done(struct store_ticket *ticket, int status, uint64_t revision)
{
	struct api_commit *commit = (struct api_commit *)ticket;
	struct api_call *call = &commit->call;

	if (status != -ECANCELED && call->key)
		api_key_done(call->api, call->key, status, revision);
	/* When the store is closed the api is gone already, and so are all exchanges. */
	if (status != -ECANCELED && call->exchange) {
		h2_exchange_set_on_close(call->exchange, NULL, NULL);
		if (call->api->is_stopping)
			call->wait_states = 0;
		if (status)
			set_storage_failed(&call->problem);
		else
			commit->answer(call, revision, commit->note);
		if (problem_is_set(&call->problem))
			api_respond_problem(call, NULL);
		problem_clear(&call->problem);
	}
	commit_free(commit);
}

static void set_problem(struct problem *problem, int error)
{
	if (error == -EAGAIN)
		problem_set(problem, 412, "precondition-failed", "changed meanwhile, try again");
	else if (error == -EIO)
		set_storage_failed(problem);
	else
		problem_set(problem, 503, "out-of-memory", "try again");
}

bool api_commit(struct api_call *call, struct draft *draft, api_answer *answer, json_t *note)
{
	struct api_commit *commit = calloc(1, sizeof(*commit));
	char actor[IDENTITY_TEXT_BYTES];
	int ret = -ENOMEM;

	identity_format(h2_exchange_identity(call->exchange), actor);
	draft->actor = actor;
	if (commit) {
		commit->ticket.on_done = on_done;
		commit->call = *call;
		commit->call.body = NULL;
		commit->answer = answer;
		commit->note = json_incref(note);
		commit->ticket.answers = call->key ? api_key_batch(call, note) : NULL;
		if (!call->key || commit->ticket.answers)
			ret = draft_commit(draft, &commit->ticket);
	}
	draft->actor = NULL;
	json_decref(note);
	if (!ret) {
		h2_exchange_set_on_close(call->exchange, on_close, commit);
		return true;
	}
	set_problem(&call->problem, ret);
	if (commit)
		commit_free(commit);
	return false;
}
