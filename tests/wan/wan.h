/*
 * The running emulator and the commands that it takes. One thread owns it all.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "tests/wan/direction.h"

struct wan {
	struct port ports[2];
	struct direction directions[2]; /* a to b, b to a */
	struct link_config config[2];
	uint64_t memory_bytes;
	const char *admin_path;
	int admin_fd;
};

/* which: bit 0 from A to B, bit 1 from B to A. */
void wan_cut_or_join(struct wan *wan, bool cut, unsigned int which);
/* Statistics of both directions as one JSON object, without a line break. */
void wan_print(struct wan *wan, FILE *out);
/* Runs one command and writes what to answer; an answer that begins with "error" refuses. arg:
 * struct wan. */
void wan_command(void *arg, char *command, char *answer, unsigned int size);
