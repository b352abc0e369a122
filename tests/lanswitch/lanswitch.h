/*
 * The running switch: the fabric between its interfaces, and what it is told and asked. One thread
 * owns it all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/lanswitch/fabric.h"
#include "tests/wan/port.h"

#define LANSWITCH_BURST 16 /* frames handed to an interface at once; a pause comes behind them */

/* Taken from the fabric, not yet by the interface. */
struct lanswitch_outbox {
	uint32_t slots[LANSWITCH_BURST];
	uint32_t count;
};

struct lanswitch {
	struct fabric fabric;
	struct fabric_config config;
	struct port ports[FABRIC_PORTS];
	uint8_t macs[FABRIC_PORTS][6];
	struct lanswitch_outbox outboxes[FABRIC_PORTS];
	struct fabric_slot *slots;
	uint8_t *frames;
	uint64_t memory_bytes, frames_bytes;
	const char *names[FABRIC_PORTS];
	const char *static_macs[16]; /* MAC=INTERFACE */
	uint32_t static_count;
	const char *admin_path;
	int admin_fd;
};

extern const char lanswitch_usage[];

void options_init(struct lanswitch *s);
/* -1: go on and run. Else an exit code. */
int options_read(struct lanswitch *s, int argc, char **argv);
/* "200M"; 0: no limit. 0 or -EINVAL. */
int options_rate(const char *text, uint64_t *rate_bps);

/* The port of this name, or FABRIC_NONE. */
uint32_t lanswitch_port(const struct lanswitch *s, const char *name);
/* All counts as one JSON object, without a line break. */
void lanswitch_print(struct lanswitch *s, FILE *out, uint64_t now);
/* Runs one command and writes the answer; one that begins with "error" refuses. */
void lanswitch_command(struct lanswitch *s, char *command, char *answer, unsigned int size,
		       uint64_t now);
