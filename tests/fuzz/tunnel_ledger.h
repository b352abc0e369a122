/*
 * Where each cookie of one end is: whoever was given one gives it back once, and no other. With the
 * sums over those that are retained and held. A cookie that is not where it has to be aborts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_COOKIES 65536u

enum ledger_place {
	LEDGER_NOWHERE = 0, /* refused, or given back */
	LEDGER_RETAINED,
	LEDGER_HELD,
};

struct ledger_entry {
	uint8_t place; /* enum ledger_place */
	uint16_t len_bytes;
	uint64_t seq;
};

struct ledger {
	struct ledger_entry entries[LEDGER_COOKIES];
	uint32_t count;
	uint32_t retained, held;
	uint64_t retained_bytes, held_bytes;
};

void ledger_init(struct ledger *l);

static inline bool ledger_is_full(const struct ledger *l, uint32_t count)
{
	return l->count + count > LEDGER_COOKIES;
}
/* Its place in the ledger. */
static inline uint32_t ledger_index(uint64_t cookie)
{
	return (uint32_t)cookie & (LEDGER_COOKIES - 1);
}

/* A new one, nowhere yet; its number in the ledger is cookie % LEDGER_COOKIES. */
uint64_t ledger_new(struct ledger *l, uint64_t seq, uint16_t len_bytes);
/* From nowhere to `place`. */
void ledger_take(struct ledger *l, uint64_t cookie, enum ledger_place place);
/* It has to be in this place, as what ledger_new was told. */
void ledger_find(const struct ledger *l, uint64_t cookie, enum ledger_place place, uint64_t seq,
		 uint16_t len_bytes);
/* From that place to nowhere. */
void ledger_give(struct ledger *l, uint64_t cookie, enum ledger_place place);
/* Nothing is retained or held. */
void ledger_check_empty(const struct ledger *l);
