#include "tests/sim/cookie.h"

#include <stdlib.h>

#define NONE UINT32_MAX

void cookies_init(struct cookies *c)
{
	*c = (struct cookies){.first_free = NONE};
}

void cookies_free(struct cookies *c)
{
	free(c->all);
}

static void grow(struct cookies *c)
{
	uint32_t room = c->room ? 2 * c->room : 1024;

	c->all = realloc(c->all, room * sizeof(*c->all));
	if (!c->all)
		abort();
	for (uint32_t i = room; i-- > c->room;) {
		c->all[i] = (struct cookie){.next_free = c->first_free};
		c->first_free = i;
	}
	c->room = room;
}

uint64_t cookie_new(struct cookies *c, const struct payload *payload, struct cookie **entry)
{
	uint32_t index;
	struct cookie *fresh;

	if (c->first_free == NONE)
		grow(c);
	index = c->first_free;
	fresh = &c->all[index];
	c->first_free = fresh->next_free;
	fresh->life++;
	fresh->owner = COOKIE_OUT;
	fresh->payload = *payload;
	c->count[COOKIE_OUT]++;
	c->bytes[COOKIE_OUT] += payload->len;
	*entry = fresh;
	return (uint64_t)fresh->life << 32 | index;
}

struct cookie *cookie_of(const struct cookies *c, uint64_t cookie, enum cookie_owner owner)
{
	uint32_t index = (uint32_t)cookie;

	if (index >= c->room || c->all[index].life != cookie >> 32 || c->all[index].owner != owner)
		return NULL;
	return &c->all[index];
}

void cookie_pass(struct cookies *c, struct cookie *entry, enum cookie_owner to)
{
	c->count[entry->owner]--;
	c->bytes[entry->owner] -= entry->payload.len;
	entry->owner = (uint8_t)to;
	if (to == COOKIE_FREE) {
		entry->next_free = c->first_free;
		c->first_free = (uint32_t)(entry - c->all);
		return;
	}
	c->count[to]++;
	c->bytes[to] += entry->payload.len;
}
