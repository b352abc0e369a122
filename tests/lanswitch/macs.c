#include "tests/lanswitch/macs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint32_t set_of(const uint8_t mac[6])
{
	uint32_t h = 0;

	for (uint32_t i = 0; i < 6; i++)
		h = (h ^ mac[i]) * 0x01000193u;
	return (h ^ h >> 15) & (MACS_SLOTS - 1) & ~(MACS_WAYS - 1u);
}

static uint32_t slot_of(const struct macs *m, const uint8_t mac[6])
{
	uint32_t first = set_of(mac);

	for (uint32_t i = first; i < first + MACS_WAYS; i++)
		if (m->entries[i].is_used && memcmp(m->entries[i].mac, mac, 6) == 0)
			return i;
	return MACS_NONE;
}

/* Where a new address goes: a free place, else a learned one's. */
static uint32_t slot_for(struct macs *m, const uint8_t mac[6])
{
	uint32_t first = set_of(mac);

	for (uint32_t i = first; i < first + MACS_WAYS; i++)
		if (!m->entries[i].is_used)
			return i;
	for (uint32_t i = 0; i < MACS_WAYS; i++) {
		uint32_t slot = first + (m->turn++ & (MACS_WAYS - 1));

		if (!m->entries[slot].is_static)
			return slot;
	}
	return MACS_NONE;
}

static bool put(struct macs *m, const uint8_t mac[6], uint32_t port, bool is_static)
{
	uint32_t slot = slot_of(m, mac);

	if (slot == MACS_NONE)
		slot = slot_for(m, mac);
	else if (m->entries[slot].is_static && !is_static)
		return true;
	if (slot == MACS_NONE)
		return false;
	m->entries[slot] =
		(struct macs_entry){.port = (uint8_t)port, .is_used = true, .is_static = is_static};
	memcpy(m->entries[slot].mac, mac, 6);
	return true;
}

void macs_learn(struct macs *m, const uint8_t mac[6], uint32_t port)
{
	if (!(mac[0] & 1)) /* a group address is nobody's */
		put(m, mac, port, false);
}

bool macs_set(struct macs *m, const uint8_t mac[6], uint32_t port)
{
	return put(m, mac, port, true);
}

uint32_t macs_find(const struct macs *m, const uint8_t mac[6])
{
	uint32_t slot = slot_of(m, mac);

	return slot == MACS_NONE ? MACS_NONE : m->entries[slot].port;
}

int macs_parse(const char *text, uint8_t mac[6])
{
	unsigned int v[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
		   &end) != 6 ||
	    text[end])
		return -EINVAL;
	for (uint32_t i = 0; i < 6; i++)
		mac[i] = (uint8_t)v[i];
	return 0;
}
