/*
 * The keys of one path for one phase, as the key agreement hands them to the fast path: one per
 * lane and direction. Plain data; whoever holds one wipes it after use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PATH_KEYS_LANES	 16
#define PATH_KEYS_PHASES 4 /* two bits on the wire */

struct key_lane {
	uint8_t key[32];
	uint8_t iv[12];
};

/*
 * To be installed in one step, in this order:
 *
 * reset: one end began a new life. All keys of before, for sending too, are void, packet numbers
 * start at 0, and both halves of every lane start anew.
 *
 * has_rx: packets of this phase open with rx from now on. Of the phases before, the one that this
 * end sends with at that moment must stay open (the far end may still send with it); no other can
 * be in use.
 *
 * has_tx: seal with this phase and tx from now on. The phase that was sealed with before still
 * opens what the far end sent until now.
 */
struct path_keys {
	uint8_t phase; /* < PATH_KEYS_PHASES */
	bool reset, has_rx, has_tx;
	struct key_lane rx[PATH_KEYS_LANES];
	struct key_lane tx[PATH_KEYS_LANES];
};
