/*
 * A store with a loop for tests: sites that are put, deleted and waited for. What fails ends the
 * test.
 */
#pragma once

#include <stdbool.h>

#include "control/io/store.h"

struct rig {
	struct loop *loop;
	struct store *store;
	char error[400];
	int failures; /* of storage, as the store told */
};

struct rig_ticket {
	struct store_ticket ticket;
	bool is_done;
	int status;
	uint64_t revision;
};

/*
 * path NULL: in memory. store stays NULL, and error says why, when it does not open. With a vfs of
 * its own checkpoints are frequent.
 */
struct rig *rig_try(const char *path, uint64_t keep, const char *vfs);
/* As rig_try, and it must open. */
struct rig *rig_open(const char *path, uint64_t keep);
void rig_close(struct rig *rig);

void rig_ticket_init(struct rig_ticket *ticket);
/* Turns the loop until the ticket is done. */
void rig_wait(struct rig *rig, struct rig_ticket *ticket);
/* A site with so many prefixes, 1..9: that is its whole content. */
void site_fill(struct object *object, uint8_t prefix_count);
/* Begins to put one; its error. */
int rig_commit(struct rig *rig, const char *name, uint8_t prefix_count, struct rig_ticket *ticket);
/* Two in one transaction. */
int rig_commit_two(struct rig *rig, const char *a, const char *b, uint8_t prefix_count,
		   struct rig_ticket *ticket);
/* To the end; the revision. */
uint64_t rig_put(struct rig *rig, const char *name, uint8_t prefix_count);
uint64_t rig_put_two(struct rig *rig, const char *a, const char *b, uint8_t prefix_count);
uint64_t rig_delete(struct rig *rig, const char *name);

/* A new directory in memory, where syncs cost nothing; and it and its files away again. */
void rig_directory_make(char *path, size_t size);
void rig_directory_remove(const char *path);
