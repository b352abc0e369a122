#include "dataplane/dpdk/fastpath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_launch.h>

#include "dataplane/agent/ruleset_heap.h"
#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/worker.h"

#define COMMAND_TIMEOUT_NS 1000000000ull
/* Of memory.size: the rest holds workers, paths, rings and rounding. */
#define POOL_SHARE_PERCENT 70
#define POOL_MBUFS_MAX	   65536u

struct fastpath {
	const struct gateway_config *config;
	const struct fastpath_events *events;
	struct port ports[PORTS_MAX];
	uint32_t port_count;
	struct classifier classifier;
	struct worker *workers[WORKERS_MAX];
	uint32_t worker_count; /* made */
	bool is_running;
	int event_fd;
	struct clock_base clock;
	struct counter_file *counters;
	const struct ruleset *rules;
	/* The command that is under way: how many workers have yet to answer it. */
	uint64_t cookie;
	uint32_t unanswered;
};

static int has_huge_pages(const struct fastpath *f)
{
	return f->config->huge_pages == CONFIG_HUGE_REQUIRE;
}

static void start_arguments(struct fastpath *f, struct eal_config *eal, const char **pci,
			    uint16_t *cpus)
{
	const struct gateway_config *config = f->config;

	eal->workers = config->workers;
	eal->memory_bytes = config->memory_bytes;
	eal->huge_pages = has_huge_pages(f);
	eal->pci = pci;
	for (uint32_t i = 0; i < config->cpu_count; i++)
		cpus[i] = (uint16_t)config->cpus[i];
	eal->cpus = config->cpu_count ? cpus : NULL;
	for (uint32_t i = 0; i < config->port_count; i++)
		if (config->ports[i].mode == CONFIG_ETHDEV &&
		    eal_device_is_pci(config->ports[i].device))
			pci[eal->pci_count++] = config->ports[i].device;
}

struct fastpath *fastpath_create(const struct gateway_config *config,
				 const struct fastpath_events *events, const char *log_path,
				 char *error, size_t size)
{
	struct fastpath *f = calloc(1, sizeof(*f));
	struct eal_config eal = {.log_path = log_path};
	uint16_t cpus[CONFIG_WORKERS_MAX];
	const char *pci[PORTS_MAX];
	int ret;

	if (!f) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	f->config = config;
	f->events = events;
	start_arguments(f, &eal, pci, cpus);
	ret = eal_start(&eal, error, size);
	if (ret) {
		free(f);
		return NULL;
	}
	f->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->clock = clock_base_take();
	ret = classifier_init(&f->classifier);
	if (!ret)
		return f;
	snprintf(error, size, "the classifier does not load into DPDK: %s", strerror(-ret));
	fastpath_destroy(f);
	return NULL;
}

uint64_t fastpath_tsc_hz(void)
{
	return rte_get_tsc_hz();
}

/* What a buffer costs. Without huge pages DPDK lets none cross the border of a small one. */
static uint32_t mbuf_bytes(const struct fastpath *f, enum port_mode mode, uint32_t mtu)
{
	uint32_t bytes = port_mbuf_bytes(mode, mtu);
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);

	if (has_huge_pages(f))
		return bytes;
	return bytes > page ? RTE_ALIGN_CEIL(bytes, page) : page / (page / bytes);
}

static uint32_t mbufs_for(const struct fastpath *f, enum port_mode mode, uint32_t mtu)
{
	uint64_t share = f->config->memory_bytes / 100 * POOL_SHARE_PERCENT / f->config->port_count;
	uint64_t count = share / mbuf_bytes(f, mode, mtu);

	return (uint32_t)RTE_MIN(count, (uint64_t)POOL_MBUFS_MAX);
}

int fastpath_port_open(struct fastpath *f, uint32_t index, uint32_t mtu, const char *xdp_object,
		       char *error, size_t size)
{
	const struct config_port *cp = &f->config->ports[index];
	struct port_config config = {
		.name = cp->name,
		.role = (enum cw_port_role)cp->role,
		.mode = (enum port_mode)cp->mode,
		.interface = cp->interface,
		.device = cp->device,
		.exception = cp->exception,
		.xdp_object = xdp_object,
		.mtu = mtu ? mtu : 1500,
		.queues = f->config->workers,
	};
	uint32_t needed = port_mbufs_min(config.mode, config.queues);
	int ret;

	config.mbufs = mbufs_for(f, config.mode, config.mtu);
	if (config.mbufs < needed) {
		uint64_t bytes = (uint64_t)needed * mbuf_bytes(f, config.mode, config.mtu) *
				 f->config->port_count * 100 / POOL_SHARE_PERCENT;

		snprintf(
			error, size,
			"port %s: memory.size is too small: %u packet buffers fit and %u are needed; "
			"set it to %lluMiB or more",
			cp->name, config.mbufs, needed, (unsigned long long)(bytes >> 20) + 1);
		return -ENOMEM;
	}
	ret = port_open(&f->ports[index], (uint16_t)index, &config, error, size);
	/* Also after a failure: what was opened must be closed. */
	f->port_count = index + 1;
	return ret;
}

/* Inner packets that are copied out of tunnel packets live in the pool of the widest LAN port. */
static struct rte_mempool *lan_pool(const struct fastpath *f)
{
	const struct port *best = NULL;

	for (uint32_t i = 0; i < f->port_count; i++)
		if (f->ports[i].role == CW_PORT_LAN && (!best || f->ports[i].mtu > best->mtu))
			best = &f->ports[i];
	return best->pool;
}

static int workers_create(struct fastpath *f, const struct classify_port *classify)
{
	for (uint32_t i = 0; i < f->config->workers; i++) {
		struct worker_options options = {
			.index = i,
			.count = f->config->workers,
			.ports = f->ports,
			.port_count = f->port_count,
			.classifier = &f->classifier,
			.clock = &f->clock,
			.is_adaptive = f->config->idle == CONFIG_ADAPTIVE,
			.event_fd = f->event_fd,
			.lan_pool = lan_pool(f),
			.counters = counter_file_worker(f->counters, i),
			.port_counters = counter_file_port(f->counters, i, 0),
			.classify = classify,
		};

		f->workers[i] = worker_create(&options);
		if (!f->workers[i])
			return -ENOMEM;
		f->worker_count = i + 1;
	}
	return workers_join(f->workers, f->worker_count);
}

int fastpath_start(struct fastpath *f, struct counter_file *counters,
		   const struct classify_port *classify, char *error, size_t size)
{
	int ret = 0;

	f->counters = counters;
	if (workers_create(f, classify)) {
		snprintf(error, size, "no memory for the workers: raise memory.size");
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < f->port_count && !ret; i++)
		ret = port_start(&f->ports[i], error, size);
	for (uint32_t i = 0; i < f->worker_count && !ret; i++) {
		ret = rte_eal_remote_launch(worker_run, f->workers[i], i + 1);
		if (ret)
			snprintf(error, size, "worker %u does not start: %s", i, strerror(-ret));
		else
			f->is_running = true;
	}
	return ret;
}

void fastpath_port_info(const struct fastpath *f, uint32_t index, struct fastpath_port_info *info)
{
	const struct port *port = &f->ports[index];

	info->mtu = port->mtu;
	info->ifindex = port->ifindex;
	info->mbufs = port->pool ? port->pool->size : 0;
	memcpy(info->mac, port->mac, sizeof(info->mac));
}

void fastpath_port_losses(const struct fastpath *f, uint32_t index, struct fastpath_losses *losses)
{
	struct port_losses read;

	port_losses_read(&f->ports[index], &read);
	*losses = (struct fastpath_losses){.missed = read.missed,
					   .rx_errors = read.rx_errors,
					   .tx_errors = read.tx_errors,
					   .speed_bps = read.speed_bps,
					   .is_up = read.link_up != 0};
}

uint64_t fastpath_buffer_bytes(const struct fastpath *f)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < f->port_count; i++)
		bytes += (uint64_t)f->ports[i].pool->size *
			 mbuf_bytes(f, (enum port_mode)f->ports[i].mode, f->ports[i].mtu);
	return bytes;
}

int fastpath_event_fd(const struct fastpath *f)
{
	return f->event_fd;
}

static void on_done(struct fastpath *f, const struct event *event)
{
	/* Rules and intents are shared by the workers and freed by who gave them; paths are not. */
	if (event->done.command == COMMAND_PATH_REMOVE)
		path_free((struct path *)(uintptr_t)event->done.object);
	if (event->done.cookie == f->cookie && f->unanswered)
		f->unanswered--;
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
		f->events->on_proved(f->events->arg, event->index, event->proved.generation,
				     event->proved.rtt_ns);
		break;
	case EVENT_LOST:
		f->events->on_lost(f->events->arg, event->index);
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

static int push(struct fastpath *f, uint32_t worker, const struct command *command)
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

static void begin(struct fastpath *f)
{
	f->cookie++;
	f->unanswered = 0;
}

static int wait_answers(struct fastpath *f)
{
	uint64_t until = clock_ns(&f->clock, rte_rdtsc()) + COMMAND_TIMEOUT_NS;

	for (fastpath_poll(f); f->unanswered; fastpath_poll(f)) {
		if (clock_ns(&f->clock, rte_rdtsc()) > until)
			return -ETIMEDOUT;
		usleep(20);
	}
	return 0;
}

/* The same command to every worker; waits for all answers. */
static int broadcast(struct fastpath *f, struct command command)
{
	begin(f);
	command.cookie = f->cookie;
	for (uint32_t i = 0; i < f->worker_count; i++) {
		int ret;

		f->unanswered++;
		ret = push(f, i, &command);
		if (ret)
			return ret;
	}
	return wait_answers(f);
}

static struct path *path_make(struct fastpath *f, uint32_t worker, const struct intent_path *intent,
			      uint32_t handle, uint32_t wan_port, uint64_t seed)
{
	struct rte_mempool *pool = lan_pool(f);
	struct cw_path_counters *counters =
		counter_file_path_counters(f->counters, worker, HANDLE_INDEX(handle));
	const struct cw_path_counters *all[WORKERS_MAX];
	struct path_options options = {
		.handle = handle,
		.worker = worker,
		.workers = f->worker_count,
		.wan_port = (uint8_t)wan_port,
		.wan_mtu = f->ports[wan_port].mtu,
		.reassembly_bytes =
			(uint32_t)(rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM),
		/* A quarter of the pool, so that no path starves the ports of buffers. */
		.queue_packets = RTE_MIN(pool->size / 4, (uint32_t)PATH_QUEUE_SLOTS),
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

	begin(f);
	command.cookie = f->cookie;
	for (given = 0; given < f->worker_count; given++) {
		command.path = paths[given];
		f->unanswered++;
		ret = push(f, given, &command);
		if (ret)
			break;
	}
	for (uint32_t i = given; i < f->worker_count; i++)
		path_free(paths[i]);
	return ret ? ret : wait_answers(f);
}

int fastpath_path_add(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
		      uint32_t wan_port, uint64_t seed)
{
	struct path *paths[WORKERS_MAX] = {NULL};
	int ret;

	for (uint32_t i = 0; i < f->worker_count; i++) {
		paths[i] = path_make(f, i, intent, handle, wan_port, seed);
		if (paths[i])
			continue;
		while (i--)
			path_free(paths[i]);
		return -ENOMEM;
	}
	ret = paths_hand_over(f, paths, handle);
	/* Behind those that were pushed: in the end no worker has a path that was not added. */
	if (ret)
		fastpath_path_remove(f, handle);
	return ret;
}

int fastpath_path_update(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
			 uint32_t wan_port)
{
	struct command command = {.type = COMMAND_PATH_UPDATE, .index = HANDLE_INDEX(handle)};

	command.update.intent = intent;
	command.update.wan_port = wan_port;
	return broadcast(f, command);
}

int fastpath_path_remove(struct fastpath *f, uint32_t handle)
{
	return broadcast(
		f, (struct command){.type = COMMAND_PATH_REMOVE, .index = HANDLE_INDEX(handle)});
}

int fastpath_rules_set(struct fastpath *f, const struct ruleset *rules)
{
	int ret = broadcast(f, (struct command){.type = COMMAND_RULES, .rules = rules});

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
		ret = broadcast(f, (struct command){.type = COMMAND_FENCE});
	return ret;
}

int fastpath_classify_set(struct fastpath *f, uint32_t port, const struct classify_port *classify)
{
	return broadcast(f,
			 (struct command){.type = COMMAND_PORT, .index = port, .port = classify});
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
		push(f, i, &command);
}

static void workers_stop(struct fastpath *f)
{
	struct command command = {.type = COMMAND_STOP};

	if (f->is_running)
		for (uint32_t i = 0; i < f->worker_count; i++)
			push(f, i, &command);
	for (uint32_t i = 0; i < f->worker_count; i++)
		rte_eal_wait_lcore(i + 1);
	fastpath_poll(f);
	for (uint32_t i = 0; i < f->worker_count; i++) {
		struct path_table *table = &f->workers[i]->paths;

		for (uint32_t k = 0; k < table->high; k++)
			path_free(table->by_index[k]);
		worker_free(f->workers[i]);
	}
	f->worker_count = 0;
}

void fastpath_destroy(struct fastpath *f)
{
	if (!f)
		return;
	workers_stop(f);
	for (uint32_t i = 0; i < f->port_count; i++)
		port_close(&f->ports[i]);
	for (uint32_t i = 0; i < f->port_count; i++)
		rte_mempool_free(f->ports[i].pool);
	classifier_fini(&f->classifier);
	if (f->event_fd >= 0)
		close(f->event_fd);
	ruleset_heap_free(f->rules);
	eal_stop();
	free(f);
}
