#include "tests/fuzz/tunnel_ledger.h"

#include "tests/fuzz/input.h"

#define MARK 0xc00c1e0000000000ull /* a cookie is not just any small number */

void ledger_init(struct ledger *l)
{
	l->count = l->retained = l->held = 0;
	l->retained_bytes = l->held_bytes = 0;
}

uint64_t ledger_new(struct ledger *l, uint64_t seq, uint16_t len_bytes)
{
	check(!ledger_is_full(l, 1));
	l->entries[l->count] = (struct ledger_entry){.len_bytes = len_bytes, .seq = seq};
	return MARK | l->count++;
}

static const struct ledger_entry *entry_at(const struct ledger *l, uint64_t cookie,
					   enum ledger_place place)
{
	const struct ledger_entry *entry = &l->entries[ledger_index(cookie)];

	check((cookie & ~(uint64_t)(LEDGER_COOKIES - 1)) == MARK);
	check(ledger_index(cookie) < l->count && entry->place == place);
	return entry;
}

/* by: 1 or -1 */
static void count(struct ledger *l, const struct ledger_entry *entry, enum ledger_place place,
		  int32_t by)
{
	int64_t bytes = by * (int64_t)entry->len_bytes;

	if (place == LEDGER_RETAINED) {
		l->retained += (uint32_t)by;
		l->retained_bytes += (uint64_t)bytes;
	} else {
		l->held += (uint32_t)by;
		l->held_bytes += (uint64_t)bytes;
	}
}

void ledger_take(struct ledger *l, uint64_t cookie, enum ledger_place place)
{
	count(l, entry_at(l, cookie, LEDGER_NOWHERE), place, 1);
	l->entries[ledger_index(cookie)].place = (uint8_t)place;
}

void ledger_find(const struct ledger *l, uint64_t cookie, enum ledger_place place, uint64_t seq,
		 uint16_t len_bytes)
{
	const struct ledger_entry *entry = entry_at(l, cookie, place);

	check(entry->seq == seq && entry->len_bytes == len_bytes);
}

void ledger_give(struct ledger *l, uint64_t cookie, enum ledger_place place)
{
	count(l, entry_at(l, cookie, place), place, -1);
	l->entries[ledger_index(cookie)].place = LEDGER_NOWHERE;
}

void ledger_check_empty(const struct ledger *l)
{
	check(!l->retained && !l->retained_bytes && !l->held && !l->held_bytes);
	for (uint32_t i = 0; i < l->count; i++)
		check(l->entries[i].place == LEDGER_NOWHERE);
}
