/*
 * First answers to requests that change something and bear an Idempotency-Key, in the store's file:
 * a key is written in the transaction of the change that it stands for, so that after kill -9
 * either both are there or neither. It is no part of desired state: no revision, no log, no watch.
 *
 * Control's thread, but for store_answers_write.
 */
#pragma once

#include "control/io/store.h"

#define ANSWER_DIGEST_BYTES 33

struct answer_row {
	uint64_t number;		   /* counts up: the least is the oldest; never 0 */
	uint64_t time_ns;		   /* since the epoch */
	uint64_t caller;		   /* a number for who asked, or their tenant */
	char id[ANSWER_DIGEST_BYTES];	   /* of who asked, and the key */
	char request[ANSWER_DIGEST_BYTES]; /* of what was asked */
	/* Of the change; with a commit the store sets it. */
	uint64_t revision;
	uint64_t etag;
	int status; /* 0: it has not been answered */
	char *text; /* the answer's; of status 0 what it is to be made of; may be NULL */
};

struct answer_batch {
	uint64_t *gone; /* numbers that are forgotten; the batch's; NULL: none */
	size_t gone_count;
	size_t count;
	struct answer_row rows[]; /* texts are the batch's */
};

/* NULL without memory. */
struct answer_batch *answer_batch_create(size_t count);
void answer_batch_free(struct answer_batch *batch);

/* Writes the batch without a change of desired state; takes it over, in any case. 0, -EIO storage
 * failed, -ENOMEM. With a change it goes in the ticket of store_commit. */
int store_answers_put(struct store *store, struct answer_batch *batch);
/* All that there are, the oldest first; texts until the callback returns. 0 or -EIO. */
int store_answers_load(struct store *store, void (*on_row)(const struct answer_row *row, void *arg),
		       void *arg);
