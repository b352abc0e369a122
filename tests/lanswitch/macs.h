/*
 * Which port a MAC address is behind: set by hand, or learned from what comes from it. Pure; the
 * switch's one thread. A test tool's table: nothing ages, a learned address gives way to another of
 * the same place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MACS_SLOTS 1024
#define MACS_WAYS  4
#define MACS_NONE  UINT32_MAX

struct macs_entry {
	uint8_t mac[6];
	uint8_t port;
	bool is_used, is_static;
};

struct macs {
	struct macs_entry entries[MACS_SLOTS];
	uint32_t turn; /* whose place is taken next */
};

/* Zeroed memory is an empty table. */
void macs_learn(struct macs *m, const uint8_t mac[6], uint32_t port);
/* False: no place left beside other static ones. */
bool macs_set(struct macs *m, const uint8_t mac[6], uint32_t port);
/* The port, or MACS_NONE. */
uint32_t macs_find(const struct macs *m, const uint8_t mac[6]);
/* "02:00:00:00:00:01". 0 or -EINVAL. */
int macs_parse(const char *text, uint8_t mac[6]);
