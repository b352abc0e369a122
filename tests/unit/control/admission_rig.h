/*
 * A random world for the property test of admission: its paths, and what the core is given to
 * decide about them. Everything of it is also the oracle's (admission_oracle.h).
 */
#pragma once

#include "tests/unit/control/admission_oracle.h"

#define PATHS_MAX 96u
#define STEP_BPS  ADMISSION_OFFER_BPS
#define MS	  1000000ull
#define GB	  1000000000ull
#define SCRATCH	  (2 * PATHS_MAX * ADMISSION_RESOURCES)

extern struct oracle oracle;
extern struct oracle_path paths[PATHS_MAX];
extern uint32_t now_s;
extern uint32_t moved; /* paths that went to another link */

/* What the core was given last: by request_make, or calendars_make. */
extern struct calendar calendars[ORACLE_RESOURCES];
extern struct calendar_event scratch[SCRATCH];
extern uint32_t peer_links[PATHS_MAX], peer_count; /* of which the path must be disjoint */
extern struct admission_option options[ORACLE_LINKS];
extern uint32_t option_links[ORACLE_LINKS], option_count;

/* CAUSEWAY_SEED, or 1; printed. */
void seed_set(void);
uint64_t random_below(uint64_t limit);
bool chance(uint32_t percent);

/* A new one, without paths, at its second 0. */
void world_make(void);
/* Of all paths but one. */
void calendars_make(const struct oracle_path *but);
/* slot: where it will be kept, and what it replaces there, if anything is. */
struct admission_request request_make(const struct oracle_path *asked, int slot);
bool may_go(const struct oracle_path *asked, uint32_t link, int current);

/* The path is there now, on this link, in place of what was in the slot. */
void keep(int slot, const struct oracle_path *path, uint32_t link);
/* And whoever named it does so no more. */
void release(uint32_t slot);
