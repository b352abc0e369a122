#include "dataplane/dpdk/fastpath_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/agent/ruleset_heap.h"

#define COMMAND_TIMEOUT_NS 1000000000ull

static void on_done(struct fastpath *f, const struct event *event)
{
	/* Rules and intents are shared by the workers and freed by who gave them; these are not. */
	if (event->done.command == COMMAND_PATH_REMOVE)
		path_free((struct path *)(uintptr_t)event->done.object);
	if (event->done.command == COMMAND_PATH_RESIZE)
		path_resize_free((struct path_resize *)(uintptr_t)event->done.object);
	if (event->done.cookie == f->cookie && f->unanswered)
		f->unanswered--;
}

/* False: some worker still sends by the link before. */
static bool all_have_moved(const struct fastpath *f, const struct fastpath_path *path,
			   uint32_t generation)
{
	return path->moved.generation != generation ||
	       path->moved.workers == (1u << f->worker_count) - 1;
}

/* Told again with each echo until all workers have moved, should one not have heard, or its answer
 * have been lost. */
static void on_crossed(struct fastpath *f, const struct event *event)
{
	struct command command = {.type = COMMAND_PATH_MOVE, .index = event->index};
	struct fastpath_path *path = &f->paths[event->index];

	/* Those that have the next intent would stay, the others move. */
	if (path->moved.wanted != event->proved.generation)
		return;
	if (path->moved.generation != event->proved.generation)
		path->moved.workers = 0;
	path->moved.generation = command.move.generation = event->proved.generation;
	path->moved.rtt_ns = command.move.rtt_ns = event->proved.rtt_ns;
	for (uint32_t i = 0; i < f->worker_count; i++)
		fastpath_push(f, i, &command);
}

static void on_moved(struct fastpath *f, const struct event *event)
{
	struct fastpath_path *path = &f->paths[event->index];

	if (path->moved.generation != event->moved.generation)
		return;
	path->moved.workers |= 1u << event->moved.worker;
	if (all_have_moved(f, path, event->moved.generation))
		f->events->on_proved(f->events->arg, event->index, event->moved.generation,
				     path->moved.rtt_ns);
}

/* By the link that worker 0 sends by. */
static void on_proved(struct fastpath *f, const struct event *event)
{
	if (all_have_moved(f, &f->paths[event->index], event->proved.generation))
		f->events->on_proved(f->events->arg, event->index, event->proved.generation,
				     event->proved.rtt_ns);
	else
		on_crossed(f, event);
}

static void event_deliver(struct fastpath *f, const struct event *event)
{
	switch (event->type) {
	case EVENT_DONE:
		on_done(f, event);
		break;
	case EVENT_HOP_ASKED:
		f->events->on_hop_asked(f->events->arg, &event->addr);
		break;
	case EVENT_PROVED:
		on_proved(f, event);
		break;
	case EVENT_CROSSED:
		on_crossed(f, event);
		break;
	case EVENT_MOVED:
		on_moved(f, event);
		break;
	case EVENT_LOST:
		f->events->on_lost(f->events->arg, event->index);
		break;
	case EVENT_REKEY:
		f->events->on_rekey(f->events->arg, event->index);
		break;
	case EVENT_STORM:
		for (uint32_t i = 0; i < PFC_PRIORITIES; i++)
			if (event->storm.priorities >> i & 1)
				f->events->on_storm(f->events->arg, event->index, i,
						    event->storm.is_ours);
		break;
	case EVENT_LINK:
		f->events->on_link(f->events->arg, event->index, event->link.is_lowered,
				   event->link.rate_bps);
		break;
	}
}

/*
 * Inner packets for this machine: management traffic, so few that the agent may carry them. A flood
 * gets one burst a turn, so that heartbeats and reports go on; what it fills is its own ring.
 */
static void locals_deliver(struct fastpath *f, struct worker *w)
{
	void *mbufs[PORT_BURST];
	uint32_t count = rte_ring_sc_dequeue_burst(w->locals, mbufs, PORT_BURST, NULL);

	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = mbufs[i];

		f->events->on_local(f->events->arg, rte_pktmbuf_mtod(mbuf, const uint8_t *),
				    rte_pktmbuf_data_len(mbuf));
		rte_pktmbuf_free(mbuf);
	}
	if (!rte_ring_empty(w->locals))
		eventfd_write(f->event_fd, 1);
}

void fastpath_poll(struct fastpath *f)
{
	struct event event;
	eventfd_t ignored;

	eventfd_read(f->event_fd, &ignored);
	for (uint32_t i = 0; i < f->worker_count; i++) {
		while (event_pop(f->workers[i]->events, &event) == 0)
			event_deliver(f, &event);
		locals_deliver(f, f->workers[i]);
	}
}

int fastpath_push(struct fastpath *f, uint32_t worker, const struct command *command)
{
	uint64_t until = clock_ns(&f->clock, rte_rdtsc()) + COMMAND_TIMEOUT_NS;

	while (command_push(f->workers[worker]->commands, command)) {
		if (clock_ns(&f->clock, rte_rdtsc()) > until)
			return -ETIMEDOUT;
		fastpath_poll(f);
		usleep(20);
	}
	return 0;
}

void fastpath_begin(struct fastpath *f)
{
	f->cookie++;
	f->unanswered = 0;
}

int fastpath_wait(struct fastpath *f)
{
	uint64_t until = clock_ns(&f->clock, rte_rdtsc()) + COMMAND_TIMEOUT_NS;

	for (fastpath_poll(f); f->unanswered; fastpath_poll(f)) {
		if (clock_ns(&f->clock, rte_rdtsc()) > until)
			return -ETIMEDOUT;
		usleep(20);
	}
	return 0;
}

int fastpath_broadcast(struct fastpath *f, struct command command)
{
	fastpath_begin(f);
	command.cookie = f->cookie;
	for (uint32_t i = 0; i < f->worker_count; i++) {
		int ret;

		f->unanswered++;
		ret = fastpath_push(f, i, &command);
		if (ret)
			return ret;
	}
	return fastpath_wait(f);
}

int fastpath_rules_set(struct fastpath *f, const struct ruleset *rules)
{
	int ret = fastpath_broadcast(f, (struct command){.type = COMMAND_RULES, .rules = rules});

	/* Without an answer a worker may still read the old ones: better a leak than a fault. */
	if (!ret)
		ruleset_heap_free(f->rules);
	f->rules = rules;
	return ret;
}

int fastpath_fence(struct fastpath *f, uint32_t turns)
{
	int ret = 0;

	for (uint32_t i = 0; i < turns && !ret; i++)
		ret = fastpath_broadcast(f, (struct command){.type = COMMAND_FENCE});
	return ret;
}

int fastpath_priorities_set(struct fastpath *f, const uint8_t *priorities)
{
	struct command command = {.type = COMMAND_PRIORITIES};

	memcpy(command.priorities, priorities, sizeof(command.priorities));
	return fastpath_broadcast(f, command);
}

int fastpath_classify_set(struct fastpath *f, uint32_t port, const struct classify_port *classify)
{
	return fastpath_broadcast(
		f, (struct command){.type = COMMAND_PORT, .index = port, .port = classify});
}

void fastpath_hop_set(struct fastpath *f, const struct ip_addr *addr, enum fastpath_hop state,
		      uint32_t port, const uint8_t *mac, enum drop why)
{
	struct command command = {.type = COMMAND_NEXT_HOP, .addr = *addr};

	command.hop.state = state == FASTPATH_HOP_LOCAL ? HOP_READY : (uint8_t)state;
	command.hop.port = state == FASTPATH_HOP_LOCAL ? PORT_LOCAL : (uint8_t)port;
	command.hop.drop = why;
	if (mac)
		memcpy(command.hop.mac, mac, sizeof(command.hop.mac));
	for (uint32_t i = 0; i < f->worker_count; i++)
		fastpath_push(f, i, &command);
}
