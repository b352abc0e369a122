/*
 * Commands to a running emulator: one datagram on a Unix socket, one datagram back.
 */
#pragma once

#include <stdbool.h>

#define ADMIN_TEXT_BYTES 8192

/* The socket's file descriptor or -errno. A stale socket file is replaced. */
int admin_open(const char *path);
void admin_close(int fd, const char *path);
/* Takes one command, if there is one: `handle` writes the answer. */
void admin_turn(int fd, void (*handle)(void *arg, char *command, char *answer, unsigned int size),
		void *arg);
/* The client: sends `command`, prints the answer. An exit code: 0, 1 the emulator refused it or is
 * not there. */
int admin_send(const char *path, const char *command);
