/*
 * A file layer for SQLite that fails or loses power at a chosen moment: it counts all writes,
 * truncations and syncs of a store's files, from both of its threads.
 *
 * Loss of power ends the process. What was synced is on the disk; of what came after any part may
 * be, single sectors of a write too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STORE_VFS "causeway-faults"
/* Of a process that lost power. */
#define STORE_VFS_EXIT 77

enum store_fault {
	FAULT_NONE,
	FAULT_IO_ONCE,	  /* one operation fails */
	FAULT_IO_FOREVER, /* it and all after it */
	FAULT_FULL,	  /* from then on no write has room, syncs work */
	FAULT_KILL,	  /* kill -9: all that was written stays */
	FAULT_POWER,	  /* any part of what was not synced stays */
	FAULT_POWER_ALL,  /* nothing of it stays */
};

/* Registers it on the first call. The fault comes at the at-th operation from now, from 1. */
void store_vfs_arm(enum store_fault fault, uint32_t at, uint64_t seed);
/* Operations since it was armed. */
uint32_t store_vfs_count(void);
