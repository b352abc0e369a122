/*
 * The buffers of one gateway, each with an owner. A cookie names one life of one buffer: giving it
 * back twice, or another's, is noticed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/packet.h"

enum cookie_owner {
	COOKIE_FREE,
	COOKIE_TX,  /* retained by the lane */
	COOKIE_RX,  /* held by the lane */
	COOKIE_OUT, /* the glue's: just made, or being delivered */
	COOKIE_OWNERS,
};

struct cookie {
	struct payload payload;
	uint64_t seq; /* TX */
	uint32_t life;
	uint32_t next_free;
	uint8_t owner; /* enum cookie_owner */
	uint8_t frag_index, frag_count;
	uint8_t class;
	uint8_t ecn;
};

struct cookies {
	struct cookie *all;
	uint32_t room, first_free;
	uint32_t count[COOKIE_OWNERS];
	uint64_t bytes[COOKIE_OWNERS]; /* of payload */
};

void cookies_init(struct cookies *c);
void cookies_free(struct cookies *c);
/* A new one, COOKIE_OUT, with this payload; *entry until the next cookie_new. */
uint64_t cookie_new(struct cookies *c, const struct payload *payload, struct cookie **entry);
/* The buffer behind it; NULL: no cookie that lives, or not this owner's. */
struct cookie *cookie_of(const struct cookies *c, uint64_t cookie, enum cookie_owner owner);
void cookie_pass(struct cookies *c, struct cookie *entry, enum cookie_owner to);
