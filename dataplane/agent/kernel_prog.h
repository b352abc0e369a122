/*
 * BPF programs in the kernel by id: what a program is called and which maps it uses. Stateless;
 * any thread with CAP_BPF and CAP_SYS_ADMIN (ids).
 */
#pragma once

#include <stdint.h>

#define KERNEL_PROG_NAME_BYTES 16

/* The name, as the kernel cut it. 0 or -errno: -ENOENT when the program is gone. */
int kernel_prog_name(uint32_t prog_id, char name[KERNEL_PROG_NAME_BYTES]);
/* A new fd of the program's map of that name, -ENOENT when it has none, or -errno. */
int kernel_prog_map_open(uint32_t prog_id, const char *map_name);
