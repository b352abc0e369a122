/*
 * Where desired state is kept, in the terms of etcd: one revision that counts every change,
 * transactions that compare revisions and then put or delete, reads by kind and name, a log of all
 * changes and a watch of them since a revision. Runtime facts (reports, connections) are not in it.
 *
 * Two views. *Durable* is what a power cut leaves: answers, gateways and watchers are told that
 * one. *Head* is durable and the commits under way: the next change is checked against it. A commit
 * is in head at once and durable some milliseconds later, when SQLite has synced it on a thread of
 * its own; commits that come meanwhile share the next sync.
 *
 * Promise: after on_done with status 0 the change survives kill -9 and loss of power; a transaction
 * is there as a whole or not at all. When storage fails once (disk full, failed sync), head falls
 * back to durable and nothing is taken any more until a restart: what a failed sync left on the
 * disk is not known.
 *
 * Control's thread, but for what store_thread.c does. Objects of the durable view stay valid until
 * the loop turns, those of head until the next commit.
 */
#pragma once

#include <stddef.h>

#include "control/core/model.h"
#include "control/io/loop.h"

#define STORE_MEMORY	   ":memory:"
#define STORE_KEEP_DEFAULT 100000
#define STORE_ACTOR_BYTES  256
/* So much is left out after a restore: nobody has seen a revision above it. */
#define STORE_RESTORE_REVISIONS 1000000

struct store;
struct answer_batch;

struct store_config {
	const char *path;	 /* the file, or STORE_MEMORY: gone with the process */
	uint64_t keep_revisions; /* of the log; 0: STORE_KEEP_DEFAULT */
	uint32_t keep_days;	 /* of the log; 0: however old */
	/* For tests: SQLite's file layer by name; pages that make a checkpoint due. 0: the usual.
	 */
	const char *vfs;
	int checkpoint_pages;
	/* Once, from the loop, with a line that says what to do. */
	void (*on_failed)(const char *text, void *arg);
	void *arg;
};

struct store_change {
	bool is_delete;
	enum model_kind kind;
	const char *name;
	const struct object *object; /* for a put; copied, its revision is set by the store */
	uint64_t base_revision;	     /* the object's in head; 0: there must be none */
};

/*
 * One commit under way. The caller's until on_done, which comes once, from the loop, never from
 * inside store_commit: status 0 and the revision; -EIO storage failed; -ECANCELED store_close was
 * called first (the loop and whoever uses the store may be gone then).
 */
struct store_ticket {
	void (*on_done)(struct store_ticket *ticket, int status, uint64_t revision);
	const char *actor; /* who asked for it, for the log; copied; NULL: control itself */
	/* Written in the same transaction (store_answer.h); the store's after a 0 of store_commit.
	 */
	struct answer_batch *answers;
};

struct store_event {
	uint64_t revision;
	uint64_t time_ns; /* since the epoch, UTC */
	bool is_delete;
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
	const char *actor;
	/* As it is now, or as it was when it is deleted; until the callback returns. May be NULL
	 * for old events, whose form this program does not read any more. */
	const struct object *object;
};

/* Zero it before use; the caller's until store_unwatch. */
struct store_watch {
	void (*on_event)(const struct store_event *event, void *arg);
	void *arg;
	struct store_watch *next;
};

/* A line of the log. Texts last until the callback returns; NULL: there is (was) none. */
struct store_record {
	uint64_t revision;
	uint64_t time_ns;
	const char *actor;
	bool is_delete;
	enum model_kind kind;
	const char *name;
	const char *before, *after; /* JSON: {"spec", "labels", "assigned"} */
};

/*
 * Opens or creates the file, takes its lock, reads all objects and counts the term on. NULL, and
 * one line in error, when it cannot be: somebody else has it, it is damaged or of a newer program.
 */
struct store *store_open(struct loop *loop, const struct store_config *config, char *error,
			 size_t size);
/* Finishes what was committed; tickets that are still out get -ECANCELED. */
void store_close(struct store *store);
/* Higher for each later life of this store; gateways take the word of the highest. */
uint64_t store_term(const struct store *store);
/* Storage failed: commits are refused, reads go on. */
bool store_is_failed(const struct store *store);

/* The durable view. The revision is the last durable commit's; 1 for an empty store. */
uint64_t store_revision(const struct store *store);
/* NULL when there is none. */
const struct object *store_get(const struct store *store, enum model_kind kind, const char *name);
/* The first object of a kind behind a name, in byte order of names; "" begins. NULL at the end. */
const struct object *store_next(const struct store *store, enum model_kind kind, const char *name);
size_t store_count(const struct store *store, enum model_kind kind);

/* The head, likewise: for what becomes a commit, see draft.h. */
const struct object *store_head_get(const struct store *store, enum model_kind kind,
				    const char *name);
const struct object *store_head_next(const struct store *store, enum model_kind kind,
				     const char *name);

/*
 * All or nothing, under one new revision; without any change under the head's, and done when that
 * one is durable. ticket may be NULL: nobody waits. 0; -EAGAIN an object's revision in head is not
 * its base_revision; -EIO storage failed; -ENOMEM. on_done comes only after 0.
 */
int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 struct store_ticket *ticket);

/*
 * on_head comes for each change of head, at once, from inside store_commit; with KIND_COUNT and ""
 * when all of it may have changed: it fell back to durable. One observer; NULL: none.
 */
void store_observe_head(struct store *store,
			void (*on_head)(enum model_kind kind, const char *name, void *arg),
			void *arg);
/* The observer's arg when it is this one, else NULL. */
void *store_head_observer(const struct store *store,
			  void (*on_head)(enum model_kind kind, const char *name, void *arg));

/*
 * Durable events after `since`, those that were already made at once, later ones from the loop.
 * -ESTALE when the log does not reach back that far, or `since` is in the future; -EIO.
 * For a long way back page through store_log first and then watch from where that ended.
 */
int store_watch(struct store *store, struct store_watch *watch, uint64_t since);
/* Also from inside on_event, for any watch. */
void store_unwatch(struct store *store, struct store_watch *watch);

/*
 * The log after `since`, oldest first: whole revisions, as many as begin within the first `max`
 * lines. *last is the revision to go on from (since, when there is nothing more). Errors as
 * store_watch.
 */
int store_log(struct store *store, uint64_t since, size_t max,
	      void (*on_record)(const struct store_record *record, void *arg), void *arg,
	      uint64_t *last);
/* What the log has of one object, newest first, below a revision (0: from the newest). */
int store_history(struct store *store, enum model_kind kind, const char *name, uint64_t below,
		  size_t max, void (*on_record)(const struct store_record *record, void *arg),
		  void *arg);

/*
 * A consistent copy of a store's file, of a running control too. `to` must not exist yet. 0, or -1
 * and one line in error.
 */
int store_backup(const char *path, const char *to, char *error, size_t size);
/* Is it a store, and undamaged? 0, or -1 and one line in error. */
int store_backup_check(const char *path, char *error, size_t size);
/*
 * Makes `from` the content of the store at path, in one transaction: afterwards it is all of it or
 * what was there. Term and revision go on above both, so that no gateway and no watcher takes new
 * for old. Refused while a control runs.
 */
int store_restore(const char *path, const char *from, char *error, size_t size);
