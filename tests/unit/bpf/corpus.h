/* The packets that every home of the classifier must judge alike, and the rules they meet. */
#pragma once

#include <stdint.h>

#include "bpf/classify_input.h"
#include "dataplane/abi/verdict.h"
#include "dataplane/core/ruleset.h"
#include "tests/unit/bpf/packet.h"

/* Handles of the paths in the rules. */
#define PATH_A                                                                                   \
	0x01000001u /* 10.101/16, fd01::/64 -> 10.102/16, fd02::/64: ports 5000-5999, RoCE, ping \
		     */
#define PATH_B 0x02000002u /* 10.101/16 -> 10.103/16: all, at most 1400 bytes; when down: block */
#define PATH_C 0x03000003u /* 10.101.7/24 -> 10.102/16: TCP with DSCP 46 */
#define PATH_D 0x04000004u /* 10/8 -> 10.102/16: all with DSCP 10 */
#define PATH_E 0x05000005u /* 10.101/16, fd01::/64 -> 10.104/16, fd04::/64: all; idle, blocks */
#define PATH_F 0x06000006u /* 10.101.9/24 -> 10.102/16: TCP; idle, blocks */

#define CORPUS_UDP_BASE 47700
#define CORPUS_LANES	2

struct corpus_case {
	const char *name;
	struct packet_spec spec;
	uint16_t vlan_tci;
	uint8_t role; /* 0: LAN */
	uint8_t kind; /* enum verdict */
	uint8_t class, flags;
	uint32_t value;
};
extern const struct corpus_case corpus[];
extern const uint32_t corpus_count;

/* The corpus' rules; `moved` gives path A another handle (PATH_A + 1) and class (2). Free with
 * free(). */
const struct ruleset *corpus_rules(int moved);
void corpus_port(struct classify_port *port, uint8_t role);

/* A packet of the corpus with a few bytes, its length or nothing changed; a pure function of *seed.
 */
struct corpus_mutant {
	uint8_t frame[PACKET_BYTES];
	uint32_t len;
	uint8_t role;
};
void corpus_mutate(uint64_t *seed, struct corpus_mutant *mutant);
/* Seeds: one that never changes, one of the clock. */
#define CORPUS_SEED 0x43617573ull
uint64_t corpus_random_seed(void);
