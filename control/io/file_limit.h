/*
 * How many files this process may have open (RLIMIT_NOFILE): each connection is one.
 */
#pragma once

#include <stdint.h>

/* To what the system allows. */
void file_limit_raise(void);
/* How many connections there is room for beside what is open and what the store opens for a while;
 * at least 1. */
uint32_t file_limit_room(void);
