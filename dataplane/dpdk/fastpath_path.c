#include "dataplane/dpdk/fastpath_internal.h"

#include <errno.h>
#include <string.h>

/*
 * The part of a pool that paths may fill with unacknowledged or waiting packets. The rest is for
 * the rings of the drivers, the queues of the paths, and what is on its way.
 */
static uint32_t buffers_for_paths(const struct fastpath *f, enum cw_port_role role)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = 0; i < f->port_count; i++)
		if (f->ports[i].role == role)
			least = RTE_MIN(least, port_mbufs_spare(&f->ports[i]));
	return role == CW_PORT_LAN ? least / 2 : least / 4 * 3;
}

/*
 * Half of it is for one kind, half for the other: what paths send in full takes less of the LAN's
 * buffers than what they receive takes of the WAN's, and there are as many more of these.
 */
uint64_t fastpath_buffer_bytes(const struct fastpath *f)
{
	uint32_t retain = buffers_for_paths(f, CW_PORT_LAN);
	uint32_t hold = buffers_for_paths(f, CW_PORT_WAN);

	return 2ull * RTE_MIN(retain, hold) * TUNNEL_SIZE_PACKET;
}

/* What a path wants of each kind, per worker, and what it gets of what is left. */
static int buffers_take(struct fastpath *f, struct fastpath_path *path,
			const struct intent_path *intent)
{
	uint32_t retain_left = buffers_for_paths(f, CW_PORT_LAN) - f->retain_taken;
	uint32_t hold_left = buffers_for_paths(f, CW_PORT_WAN) - f->hold_taken;
	struct fastpath_path taken = {0};
	uint32_t retain, hold;

	for (uint32_t i = 0; i < f->worker_count; i++) {
		path_buffers_wanted(intent, i, f->worker_count, &retain, &hold);
		taken.retain[i] = RTE_MIN(retain, retain_left / (f->worker_count - i));
		taken.hold[i] = RTE_MIN(hold, hold_left / (f->worker_count - i));
		if (taken.retain[i] < RTE_MIN(retain, (uint32_t)PATH_BUFFERS_LEAST) ||
		    taken.hold[i] < RTE_MIN(hold, (uint32_t)PATH_BUFFERS_LEAST))
			return -ENOBUFS;
		retain_left -= taken.retain[i];
		hold_left -= taken.hold[i];
	}
	for (uint32_t i = 0; i < f->worker_count; i++) {
		f->retain_taken += taken.retain[i];
		f->hold_taken += taken.hold[i];
	}
	taken.demand = path_demand_of(intent);
	taken.moved = path->moved;
	taken.most = path->most;
	path_demand_raise(&taken.most, &taken.demand);
	*path = taken;
	return 0;
}

/* The rest stays, for windows that are only changed. */
static void buffers_give(struct fastpath *f, struct fastpath_path *path)
{
	struct fastpath_path kept = {.most = path->most, .moved = path->moved};

	for (uint32_t i = 0; i < f->worker_count; i++) {
		f->retain_taken -= path->retain[i];
		f->hold_taken -= path->hold[i];
	}
	*path = kept;
}

static void buffers_take_back(struct fastpath *f, struct fastpath_path *path,
			      const struct fastpath_path *before)
{
	*path = *before;
	for (uint32_t i = 0; i < f->worker_count; i++) {
		f->retain_taken += path->retain[i];
		f->hold_taken += path->hold[i];
	}
}

void fastpath_path_buffers(const struct fastpath *f, uint32_t handle,
			   const struct intent_path *intent, struct fastpath_buffers *buffers)
{
	const struct fastpath_path *path = &f->paths[HANDLE_INDEX(handle)];

	*buffers = (struct fastpath_buffers){0};
	for (uint32_t i = 0; i < f->worker_count; i++) {
		uint32_t retain, hold;

		path_buffers_wanted(intent, i, f->worker_count, &retain, &hold);
		buffers->retain_wanted += retain;
		buffers->retain_granted += path->retain[i];
		buffers->hold_wanted += hold;
		buffers->hold_granted += path->hold[i];
	}
}

static struct path *path_make(struct fastpath *f, uint32_t worker, const struct intent_path *intent,
			      uint32_t handle, uint32_t wan_port, uint64_t seed)
{
	struct rte_mempool *pool = fastpath_lan_pool(f);
	struct cw_path_counters *counters =
		counter_file_path_counters(f->counters, worker, HANDLE_INDEX(handle));
	const struct cw_path_counters *all[WORKERS_MAX];
	struct path_options options = {
		.handle = handle,
		.worker = worker,
		.workers = f->worker_count,
		.wan_port = (uint8_t)wan_port,
		.wan_mtu = f->ports[wan_port].mtu,
		/* A quarter of the pool, so that no path starves the ports of buffers. */
		.queue_packets = RTE_MIN(pool->size / 4, (uint32_t)PATH_QUEUE_MAX),
		.has_pauses = f->workers[worker]->has_pauses,
		.retain_buffers = f->paths[HANDLE_INDEX(handle)].retain[worker],
		.hold_buffers = f->paths[HANDLE_INDEX(handle)].hold[worker],
		.seed = seed + worker * 0x9e3779b97f4a7c15ull,
		.now_ns = clock_ns(&f->clock, rte_rdtsc()),
		.counters = counters,
		.all = all,
	};

	for (uint32_t i = 0; i < f->worker_count; i++)
		all[i] = counter_file_path_counters(f->counters, i, HANDLE_INDEX(handle));
	memset(counters, 0, sizeof(*counters));
	counters->epoch = counter_file_path_facts(f->counters, HANDLE_INDEX(handle))->epoch;
	return path_create(intent, &options);
}

/* Gives each worker its path; frees those that no worker took. */
static int paths_hand_over(struct fastpath *f, struct path *const paths[], uint32_t handle)
{
	struct command command = {.type = COMMAND_PATH_ADD, .index = HANDLE_INDEX(handle)};
	uint32_t given;
	int ret = 0;

	fastpath_begin(f);
	command.cookie = f->cookie;
	for (given = 0; given < f->worker_count; given++) {
		command.path = paths[given];
		f->unanswered++;
		ret = fastpath_push(f, given, &command);
		if (ret)
			break;
	}
	for (uint32_t i = given; i < f->worker_count; i++)
		path_free(paths[i]);
	return ret ? ret : fastpath_wait(f);
}

static int paths_make(struct fastpath *f, struct path *paths[], const struct intent_path *intent,
		      uint32_t handle, uint32_t wan_port, uint64_t seed)
{
	for (uint32_t i = 0; i < f->worker_count; i++) {
		paths[i] = path_make(f, i, intent, handle, wan_port, seed);
		if (paths[i])
			continue;
		while (i--)
			path_free(paths[i]);
		return -ENOMEM;
	}
	return 0;
}

int fastpath_path_add(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
		      uint32_t wan_port, uint64_t seed)
{
	struct fastpath_path *entry = &f->paths[HANDLE_INDEX(handle)];
	struct path *paths[WORKERS_MAX] = {NULL};
	int ret;

	*entry = (struct fastpath_path){.moved.wanted = intent->generation};
	ret = buffers_take(f, entry, intent);
	if (ret)
		return ret;
	ret = paths_make(f, paths, intent, handle, wan_port, seed);
	if (ret) {
		buffers_give(f, entry);
		return ret;
	}
	ret = paths_hand_over(f, paths, handle);
	/* Behind those that were pushed: in the end no worker has a path that was not added. */
	if (ret)
		fastpath_path_remove(f, handle);
	return ret;
}

static void resizes_free(struct path_resize *const resizes[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		path_resize_free(resizes[i]);
}

static int resizes_make(struct fastpath *f, const struct fastpath_path *entry,
			const struct intent_path *intent, struct path_resize *resizes[])
{
	for (uint32_t i = 0; i < f->worker_count; i++) {
		struct path_options options = {.worker = i,
					       .workers = f->worker_count,
					       .retain_buffers = entry->retain[i],
					       .hold_buffers = entry->hold[i]};

		resizes[i] = path_resize_create(intent, &entry->most, &options);
		if (!resizes[i]) {
			resizes_free(resizes, i);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Each comes back with what the lanes had, and is freed then. */
static int resizes_hand_over(struct fastpath *f, struct path_resize *const resizes[],
			     uint32_t handle)
{
	struct command command = {.type = COMMAND_PATH_RESIZE, .index = HANDLE_INDEX(handle)};

	fastpath_begin(f);
	command.cookie = f->cookie;
	for (uint32_t i = 0; i < f->worker_count; i++) {
		int ret;

		command.resize = resizes[i];
		f->unanswered++;
		ret = fastpath_push(f, i, &command);
		if (ret) {
			resizes_free(resizes + i, f->worker_count - i);
			return ret;
		}
	}
	return fastpath_wait(f);
}

/* Windows and buffers for what the path is to do now; where there is no memory, as before. */
static int windows_fit(struct fastpath *f, const struct intent_path *intent, uint32_t handle)
{
	struct fastpath_path *entry = &f->paths[HANDLE_INDEX(handle)], before = *entry;
	struct path_resize *resizes[WORKERS_MAX];
	int ret;

	buffers_give(f, entry);
	ret = buffers_take(f, entry, intent);
	if (!ret) {
		ret = resizes_make(f, entry, intent, resizes);
		if (!ret)
			return resizes_hand_over(f, resizes, handle);
		buffers_give(f, entry);
	}
	buffers_take_back(f, entry, &before);
	return 0;
}

int fastpath_path_settle(struct fastpath *f, const struct intent_path *intent, uint32_t handle)
{
	struct path_demand demand = path_demand_of(intent);

	if (path_demand_equal(&demand, &f->paths[HANDLE_INDEX(handle)].demand))
		return 0;
	return windows_fit(f, intent, handle);
}

static int intent_give(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
		       uint32_t wan_port)
{
	struct command command = {.type = COMMAND_PATH_UPDATE, .index = HANDLE_INDEX(handle)};

	command.update.intent = intent;
	command.update.wan_port = wan_port;
	f->paths[command.index].moved.wanted = intent->generation;
	return fastpath_broadcast(f, command);
}

int fastpath_path_update(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
			 uint32_t wan_port)
{
	int ret = intent_give(f, intent, handle, wan_port);

	return ret ? ret : fastpath_path_settle(f, intent, handle);
}

int fastpath_path_move(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
		       uint32_t wan_port)
{
	uint64_t rtt_ns = f->paths[HANDLE_INDEX(handle)].demand.rtt_ns;
	struct intent_path both = *intent;
	int ret;

	/* First the windows: what the longer link holds is under way until the far end moves. */
	both.link_rtt_ns = RTE_MAX(both.link_rtt_ns, rtt_ns);
	ret = fastpath_path_settle(f, &both, handle);
	return ret ? ret : intent_give(f, intent, handle, wan_port);
}

int fastpath_path_keys(struct fastpath *f, uint32_t handle, const struct path_keys *keys)
{
	return fastpath_broadcast(f, (struct command){.type = COMMAND_KEYS,
						      .index = HANDLE_INDEX(handle),
						      .keys = keys});
}

int fastpath_path_remove(struct fastpath *f, uint32_t handle)
{
	int ret = fastpath_broadcast(
		f, (struct command){.type = COMMAND_PATH_REMOVE, .index = HANDLE_INDEX(handle)});

	buffers_give(f, &f->paths[HANDLE_INDEX(handle)]);
	return ret;
}
