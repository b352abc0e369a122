/*
 * Claims that end with their process, however it ends: one gateway per name, one per interface.
 * Main thread. Each lock is a descriptor; closing it releases. Both wait up to two seconds for a
 * holder that is just ending.
 */
#pragma once

#include <stddef.h>

/* The run directory of a gateway. A descriptor, or -EBUSY: a gateway of that name runs; or -errno.
 */
int lock_run_dir(const char *dir);
/*
 * A kernel interface, in this network namespace. A descriptor, or -EBUSY: another gateway has it;
 * or -errno.
 */
int lock_interface(const char *interface);
