/* What a worker does beside packets: commands of the agent, probes, time-outs. */
#include "dataplane/dpdk/worker.h"

#include <sys/eventfd.h>

#define SWEEP_NS      1000000ull /* between two sweeps, */
#define SWEEP_PATHS   64	 /* each over so many slots */
#define STOP_GRACE_NS 200000000ull

void worker_event(struct worker *w, const struct event *event)
{
	/* A full ring loses a question that is asked again, or an RTT that is measured again. */
	if (event_push(w->events, event))
		return;
	/* Cannot fail but by a full counter, and then the agent is awake. */
	eventfd_write(w->event_fd, 1);
}

static void active_forget(struct worker *w, const struct path *path)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < w->active_count; i++)
		if (w->active[i] != path)
			w->active[kept++] = w->active[i];
	w->active_count = kept;
}

/* Its packets wait no longer. */
static void shares_give_back(struct worker *w, const struct path *path)
{
	const struct queue *q = &path->queue;

	for (uint32_t at = q->head; at != q->tail; at++)
		share_of(w, q->slots[at & q->mask].tag)->packets--;
}

static const void *path_remove(struct worker *w, uint32_t index)
{
	struct path *path;

	/* The packets that wait for a next hop belong to paths: a path takes its own along. */
	hop_withdraw(w, index);
	path = path_table_remove(&w->paths, index);
	if (!path)
		return NULL;
	active_forget(w, path);
	shares_give_back(w, path);
	path_discard(path);
	return path;
}

/* What is open was made for sizes and headers that may be others in a moment. */
static void aggregate_close(struct worker *w, struct path *path)
{
	const struct aggregate *aggregate = &path->aggregate;

	if (aggregate_is_open(aggregate) &&
	    tunnel_may_send(&path->lane->tunnel, aggregate->count, aggregate->used, w->now_ns) ==
		    TUNNEL_GO)
		transmit_aggregate(w, path);
}

static const void *path_change(struct worker *w, const struct command *command)
{
	struct path *path = w->paths.by_index[command->index];
	uint32_t wan_port = command->update.wan_port;

	if (path) {
		aggregate_close(w, path);
		link_set(&w->links[command->update.intent->link_id],
			 command->update.intent->link_bps, w->now_ns);
		path_update(path, command->update.intent, (uint8_t)wan_port, w->ports[wan_port].mtu,
			    w->now_ns);
	}
	return command->update.intent;
}

/* The way that it is to move to has proved: from here on it sends by that. */
static void path_move(struct worker *w, const struct command *command)
{
	struct event event = {.type = EVENT_MOVED, .index = command->index};
	struct path *path = w->paths.by_index[command->index];

	/* Another intent came in between. */
	if (!path || path->intent.generation != command->move.generation)
		return;
	if (ways_are_moving(&path->ways)) {
		aggregate_close(w, path);
		path_switch(path, command->move.rtt_ns, w->now_ns);
		outbound_activate(w, path);
	}
	event.moved.generation = command->move.generation;
	event.moved.worker = w->index;
	worker_event(w, &event);
}

static const void *path_resized(struct worker *w, const struct command *command)
{
	struct path *path = w->paths.by_index[command->index];

	if (path) {
		path_resize(path, command->resize);
		/* A sender that waited for the window, here or there, may go on. */
		outbound_activate(w, path);
	}
	return command->resize;
}

static const void *rules_set(struct worker *w, const struct ruleset *rules)
{
	const void *old = (const void *)(uintptr_t)w->port[0].input.rules;

	for (uint32_t i = 0; i < w->port_count; i++)
		w->port[i].input.rules = (uintptr_t)rules;
	return old;
}

static void lane_restart(struct worker *w, struct path *path, struct path_lane *lane)
{
	uint64_t cookies[64];
	uint32_t count;

	deliver_rest(w, path, lane);
	do {
		count = tunnel_flush_tx(&lane->tunnel, cookies, RTE_DIM(cookies));
		for (uint32_t i = 0; i < count; i++)
			path_release(path, mbuf_of(cookies[i]), false, DROP_PEER_RESTART);
	} while (count == RTE_DIM(cookies));
	tunnel_reset(&lane->tunnel);
}

static void keys_take(struct worker *w, const struct command *command)
{
	struct path *path = w->paths.by_index[command->index];

	for (uint32_t i = 0; path && i < path->own_count; i++) {
		struct path_lane *lane = path->own[i];

		if (command->keys->reset)
			lane_restart(w, path, lane);
		/* The agent has tried the cipher at start. */
		lane_keys_install(lane, command->keys, w->now_ns);
	}
	if (path)
		outbound_activate(w, path);
}

static void path_add(struct worker *w, struct path *path)
{
	path_table_add(&w->paths, path);
	link_set(path_link(w, path), path->intent.link_bps, w->now_ns);
}

static void command_do(struct worker *w, const struct command *command)
{
	struct event event = {.type = EVENT_DONE, .index = command->index};

	event.done.cookie = command->cookie;
	event.done.command = command->type;
	switch (command->type) {
	case COMMAND_PATH_ADD:
		path_add(w, command->path);
		break;
	case COMMAND_PATH_UPDATE:
		event.done.object = path_change(w, command);
		break;
	case COMMAND_PATH_MOVE:
		path_move(w, command);
		return;
	case COMMAND_PATH_RESIZE:
		event.done.object = path_resized(w, command);
		break;
	case COMMAND_PATH_REMOVE:
		event.done.object = path_remove(w, command->index);
		break;
	case COMMAND_RULES:
		event.done.object = rules_set(w, command->rules);
		break;
	case COMMAND_PORT:
		w->port[command->index].input.port = *command->port;
		break;
	case COMMAND_KEYS:
		keys_take(w, command);
		break;
	case COMMAND_PRIORITIES:
		lan_priorities_set(w, command->priorities);
		break;
	case COMMAND_FENCE:
		break;
	case COMMAND_NEXT_HOP:
		hop_set(w, command);
		return;
	case COMMAND_STOP:
		w->is_stopping = true;
		w->stop_ns = w->now_ns + STOP_GRACE_NS;
		return;
	}
	worker_event(w, &event);
}

void housekeep_commands(struct worker *w)
{
	struct command command;

	/* Room for the answer first: an answer that is lost would leak what it hands back. */
	while (rte_ring_free_count(w->events) > EVENT_RING / 4 &&
	       command_pop(w->commands, &command) == 0) {
		w->counters->commands++;
		command_do(w, &command);
	}
}

static void lanes_tend(struct worker *w, struct path *path)
{
	struct event rekey = {.type = EVENT_REKEY, .index = HANDLE_INDEX(path->handle)};
	bool wants_keys = false;

	for (uint32_t i = 0; i < path->own_count; i++) {
		wants_keys |= lane_keys_tend(path->own[i], w->now_ns);
		lane_parts_drop(path->own[i], false);
	}
	if (wants_keys)
		worker_event(w, &rekey);
	path_publish(path);
}

static void way_probe(struct worker *w, struct path *path, struct way *way, struct probe *probe)
{
	struct wire_probe frame = {.generation = probe->generation, .time_ns = w->now_ns};

	/* A path begins without keys: its first probe is not to be lost to that. */
	if (!probe_is_proved(probe) && !keys_may_send(&path->lane->tunnel.keys))
		return;
	if (probe_poll(probe, w->now_ns, &frame.nonce))
		transmit_probe(w, path, way, WIRE_PROBE, &frame);
}

static void path_tend(struct worker *w, struct path *path)
{
	struct event lost = {.type = EVENT_LOST, .index = HANDLE_INDEX(path->handle)};
	bool was_proved = probe_is_proved(&path->probe);

	lanes_tend(w, path);
	path_tick(path, w->now_ns);
	/* Lane 0 speaks for the path. */
	if (w->index != 0)
		return;
	way_probe(w, path, path_way(path), &path->probe);
	if (was_proved && !probe_is_proved(&path->probe))
		worker_event(w, &lost);
	if (ways_are_moving(&path->ways))
		way_probe(w, path, ways_next(&path->ways), &path->trial);
}

static void link_tend(struct worker *w, uint32_t index)
{
	struct link *link = &w->links[index];
	struct event event = {.type = EVENT_LINK, .index = index};
	uint32_t state = link->rate.lowered_count * 2 + link->rate.lowered;

	if (!link->is_known)
		return;
	link_tick(link, w->now_ns);
	if (state == link->lowered_told)
		return;
	link->lowered_told = state;
	event.link.rate_bps = link_rate_bps(&link->rate);
	event.link.is_lowered = link->rate.lowered;
	worker_event(w, &event);
}

void housekeep_sweep(struct worker *w)
{
	uint32_t count;

	hop_poll(w);
	if (w->now_ns < w->sweep_ns)
		return;
	w->sweep_ns = w->now_ns + SWEEP_NS;
	for (uint32_t i = 0; i < CW_LINKS; i++)
		link_tend(w, i);
	lan_tend(w);
	count = RTE_MIN(w->paths.high, (uint32_t)SWEEP_PATHS);
	for (uint32_t i = 0; i < count; i++) {
		struct path *path;

		if (w->sweep_at >= w->paths.high)
			w->sweep_at = 0;
		path = w->paths.by_index[w->sweep_at++];
		if (path)
			path_tend(w, path);
	}
}
