#include "dataplane/core/adj.h"

#include <errno.h>
#include <stddef.h>

int adj_init(struct adj_table *t, struct adj_entry *slots, uint32_t slot_count)
{
	if (slot_count < 8 || slot_count & (slot_count - 1))
		return -EINVAL;
	for (uint32_t i = 0; i < slot_count; i++)
		slots[i].state = ADJ_FREE;
	*t = (struct adj_table){.slots = slots, .mask = slot_count - 1};
	return 0;
}

static bool state_is_timed(uint8_t state)
{
	return state == ADJ_PENDING || state == ADJ_UNREACHABLE;
}

/* The only place that changes a state. Any may follow any, but nothing that was resolved is
 * PENDING. */
static void entry_set_state(struct adj_table *t, struct adj_entry *entry, enum adj_state state)
{
	if (state == ADJ_PENDING && entry->state != ADJ_FREE)
		return;
	t->used += (state != ADJ_FREE) - (entry->state != ADJ_FREE);
	t->timed += state_is_timed((uint8_t)state) - state_is_timed(entry->state);
	entry->state = (uint8_t)state;
}

/* The entry of ip, or a FREE slot that can become it, or NULL when the table is full. */
static struct adj_entry *entry_claim(struct adj_table *t, const struct ip_addr *ip)
{
	struct adj_entry *entry = adj_find(t, ip);
	uint32_t at = adj_hash(ip) & t->mask;

	if (entry)
		return entry;
	if (t->used >= (t->mask + 1) / 4 * 3)
		return NULL;
	while (t->slots[at].state != ADJ_FREE)
		at = (at + 1) & t->mask;
	entry = &t->slots[at];
	entry->ip = *ip;
	entry->waiting = 0;
	entry->reason = 0;
	return entry;
}

/* Frees the slot and moves back whatever a probe for it would have to step over (Knuth, 6.4 R). */
static void entry_free(struct adj_table *t, struct adj_entry *entry)
{
	uint32_t hole = (uint32_t)(entry - t->slots);
	uint32_t at = hole;

	entry_set_state(t, entry, ADJ_FREE);
	for (;;) {
		uint32_t home;

		at = (at + 1) & t->mask;
		if (t->slots[at].state == ADJ_FREE)
			return;
		home = adj_hash(&t->slots[at].ip) & t->mask;
		if (((at - home) & t->mask) < ((at - hole) & t->mask))
			continue;
		t->slots[hole] = t->slots[at];
		t->slots[at].state = ADJ_FREE; /* moved, not gone: the counts stay */
		hole = at;
	}
}

static uint32_t waiters_take(struct adj_table *t, struct adj_entry *entry,
			     struct adj_waiter out[ADJ_WAIT_MAX])
{
	uint32_t n = entry->waiting;

	memcpy(out, entry->waiters, n * sizeof(*out));
	t->waiting -= n;
	entry->waiting = 0;
	return n;
}

struct adj_entry *adj_insert_pending(struct adj_table *t, const struct ip_addr *ip, uint64_t now)
{
	struct adj_entry *entry = entry_claim(t, ip);

	if (!entry || entry->state != ADJ_FREE)
		return entry;
	entry_set_state(t, entry, ADJ_PENDING);
	entry->ask_ns = now + ADJ_ASK_NS;
	entry->expire_ns = now + ADJ_PENDING_NS;
	return entry;
}

bool adj_wait(struct adj_table *t, struct adj_entry *entry, uint64_t cookie, uint32_t ctx)
{
	if (entry->state != ADJ_PENDING || entry->waiting == ADJ_WAIT_MAX ||
	    t->waiting == ADJ_WAIT_TOTAL)
		return false;
	entry->waiters[entry->waiting++] = (struct adj_waiter){.cookie = cookie, .ctx = ctx};
	t->waiting++;
	return true;
}

uint32_t adj_set_ready(struct adj_table *t, const struct ip_addr *ip, uint8_t port,
		       const uint8_t mac[6], struct adj_waiter out[ADJ_WAIT_MAX])
{
	struct adj_entry *entry = entry_claim(t, ip);

	if (!entry)
		return 0;
	entry_set_state(t, entry, ADJ_READY);
	entry->port = port;
	memcpy(entry->mac, mac, sizeof(entry->mac));
	return waiters_take(t, entry, out);
}

uint32_t adj_set_unreachable(struct adj_table *t, const struct ip_addr *ip, uint64_t now,
			     struct adj_waiter out[ADJ_WAIT_MAX])
{
	struct adj_entry *entry = entry_claim(t, ip);

	if (!entry)
		return 0;
	entry_set_state(t, entry, ADJ_UNREACHABLE);
	entry->reason = 0;
	entry->expire_ns = now + ADJ_UNREACHABLE_NS;
	return waiters_take(t, entry, out);
}

uint32_t adj_remove(struct adj_table *t, const struct ip_addr *ip,
		    struct adj_waiter out[ADJ_WAIT_MAX])
{
	struct adj_entry *entry = adj_find(t, ip);
	uint32_t n;

	if (!entry)
		return 0;
	n = waiters_take(t, entry, out);
	entry_free(t, entry);
	return n;
}

/* True: *event is to be reported. An expired UNREACHABLE entry is gone afterwards. */
static bool entry_age(struct adj_table *t, struct adj_entry *entry, uint64_t now,
		      struct adj_event *event)
{
	if (entry->state == ADJ_UNREACHABLE && now >= entry->expire_ns)
		entry_free(t, entry);
	if (entry->state != ADJ_PENDING || now < entry->ask_ns)
		return false;
	event->ip = entry->ip;
	event->waiting = 0;
	if (now < entry->expire_ns) {
		entry->ask_ns = now + ADJ_ASK_NS;
		event->kind = ADJ_ASK;
		return true;
	}
	event->kind = ADJ_GAVE_UP;
	event->waiting = waiters_take(t, entry, event->waiters);
	entry_set_state(t, entry, ADJ_UNREACHABLE);
	entry->expire_ns = now + ADJ_UNREACHABLE_NS;
	return true;
}

uint32_t adj_poll(struct adj_table *t, uint64_t now, struct adj_event *out, uint32_t max)
{
	uint32_t n = 0;

	if (!t->timed || now < t->sweep_ns)
		return 0;
	for (uint32_t i = 0; i < ADJ_SWEEP_SLOTS; i++) {
		if (n == max)
			return n; /* the next call goes on at once */
		n += entry_age(t, &t->slots[t->cursor & t->mask], now, &out[n]);
		t->cursor++;
	}
	t->sweep_ns = now + ADJ_SWEEP_NS;
	return n;
}

/* The same for one entry; returns how many it wrote. */
static uint32_t entry_withdraw(struct adj_entry *entry, uint32_t ctx, struct adj_waiter *out,
			       uint32_t max)
{
	uint32_t taken = 0, kept = 0;

	for (uint32_t i = 0; i < entry->waiting; i++) {
		if (entry->waiters[i].ctx == ctx && taken < max)
			out[taken++] = entry->waiters[i];
		else
			entry->waiters[kept++] = entry->waiters[i];
	}
	entry->waiting = (uint8_t)kept;
	return taken;
}

uint32_t adj_withdraw(struct adj_table *t, uint32_t ctx, struct adj_waiter *out, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= t->mask && t->waiting && n < max; i++) {
		uint32_t taken;

		if (t->slots[i].state != ADJ_PENDING)
			continue;
		taken = entry_withdraw(&t->slots[i], ctx, out + n, max - n);
		t->waiting -= taken;
		n += taken;
	}
	return n;
}

bool adj_drain(struct adj_table *t, uint32_t *waiting, struct adj_waiter out[ADJ_WAIT_MAX])
{
	struct adj_entry *entry;

	if (!t->used)
		return false;
	while (t->slots[t->cursor & t->mask].state == ADJ_FREE)
		t->cursor++;
	entry = &t->slots[t->cursor & t->mask];
	*waiting = waiters_take(t, entry, out);
	entry_free(t, entry);
	return true;
}
