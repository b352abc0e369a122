/*
 * Path numbers on the wire. They follow from the name alone, so that a control that starts with
 * nothing gives the same objects the same numbers. Pure; any thread.
 */
#pragma once

#include <stdint.h>

/* FNV-1a, 32 and 64 bits (RFC draft-eastlake-fnv). */
uint32_t fnv1a_32(const char *text);
uint64_t fnv1a_64(uint64_t state, const void *data, uint64_t size);
#define FNV1A_64_INIT 0xcbf29ce484222325ull

/* Where the search for a free number begins: never 0. */
uint32_t path_id_first(const char *name);
/* The candidate behind `id`: the next number, 1 behind the last. */
uint32_t path_id_next(uint32_t id);
