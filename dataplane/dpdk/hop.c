/* Next hops: the worker asks the agent once for each address and remembers its answer. */
#include "dataplane/dpdk/worker.h"

static void ask(struct worker *w, const struct ip_addr *addr)
{
	struct event event = {.type = EVENT_HOP_ASKED, .addr = *addr};

	worker_event(w, &event);
}

struct adj_entry *hop_find_or_ask(struct worker *w, const struct ip_addr *addr)
{
	struct adj_entry *entry = adj_find(&w->adj, addr);

	if (likely(entry))
		return entry;
	entry = adj_insert_pending(&w->adj, addr, w->now_ns);
	if (entry)
		ask(w, addr);
	return entry;
}

const struct adj_entry *hop_ready(struct worker *w, const struct ip_addr *addr)
{
	const struct adj_entry *entry = hop_find_or_ask(w, addr);

	return entry && entry->state == ADJ_READY ? entry : NULL;
}

static void release_all(struct worker *w, const struct adj_waiter *waiters, uint32_t count,
			const struct adj_entry *hop, enum drop why)
{
	for (uint32_t i = 0; i < count; i++)
		deliver_release(w, &waiters[i], hop, why);
}

void hop_set(struct worker *w, const struct command *command)
{
	struct adj_waiter waiters[ADJ_WAIT_MAX];
	struct adj_entry *entry;
	uint32_t count;

	switch (command->hop.state) {
	case HOP_READY:
		count = adj_set_ready(&w->adj, &command->addr, command->hop.port, command->hop.mac,
				      waiters);
		release_all(w, waiters, count, adj_find(&w->adj, &command->addr),
			    DROP_NO_NEIGHBOUR);
		break;
	case HOP_UNREACHABLE:
		count = adj_set_unreachable(&w->adj, &command->addr, w->now_ns, waiters);
		entry = adj_find(&w->adj, &command->addr);
		if (entry)
			entry->reason = (uint8_t)command->hop.drop;
		release_all(w, waiters, count, NULL, (enum drop)command->hop.drop);
		break;
	default:
		count = adj_remove(&w->adj, &command->addr, waiters);
		release_all(w, waiters, count, NULL, DROP_NO_NEIGHBOUR);
	}
}

void hop_poll(struct worker *w)
{
	struct adj_event events[8];
	uint32_t count = adj_poll(&w->adj, w->now_ns, events, RTE_DIM(events));

	for (uint32_t i = 0; i < count; i++)
		if (events[i].kind == ADJ_ASK)
			ask(w, &events[i].ip);
		else
			release_all(w, events[i].waiters, events[i].waiting, NULL,
				    DROP_NO_NEIGHBOUR);
	w->counters->adj_entries = w->adj.used;
}

void hop_withdraw(struct worker *w, uint32_t index)
{
	struct adj_waiter waiters[ADJ_WAIT_MAX];
	uint32_t count;

	while ((count = adj_withdraw(&w->adj, index, waiters, ADJ_WAIT_MAX)) > 0)
		release_all(w, waiters, count, NULL, DROP_SHUTDOWN);
}

void hop_discard(struct worker *w)
{
	struct adj_waiter waiters[ADJ_WAIT_MAX];
	uint32_t count;

	while (adj_drain(&w->adj, &count, waiters))
		release_all(w, waiters, count, NULL, DROP_SHUTDOWN);
}
