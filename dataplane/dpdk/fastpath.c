#include "dataplane/dpdk/fastpath_internal.h"

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

/* Of memory.size: the rest holds workers, paths, rings and rounding. */
#define POOL_SHARE_PERCENT 70
#define POOL_MBUFS_MAX	   65536u

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

/* Workers take keys without asking: here it shows whether they can. */
static int cipher_try(void)
{
	const uint8_t zeros[AEAD_KEY_BYTES] = {0};
	struct aead_key key;
	int ret = aead_key_init(&key, zeros, zeros);

	aead_key_erase(&key);
	return ret;
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
	ret = cipher_try();
	if (ret) {
		snprintf(error, size, "no AES-256-GCM: %s",
			 ret == -ENOTSUP ? "this CPU has no AES instructions" : strerror(-ret));
		eal_stop();
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

static uint32_t mbufs_for(const struct fastpath *f, enum port_mode mode, uint32_t mtu,
			  uint32_t needed)
{
	uint64_t share = f->config->memory_bytes / 100 * POOL_SHARE_PERCENT / f->config->port_count;
	uint64_t count = share / mbuf_bytes(f, mode, mtu);

	return (uint32_t)RTE_MIN(count, (uint64_t)RTE_MAX(needed, POOL_MBUFS_MAX));
}

/* Half of what is to spare is for queues: see worker.c. */
static uint32_t mbufs_needed(const struct port_config *config)
{
	uint32_t needed = port_mbufs_min(config->mode, config->queues);
	uint32_t classes = 0;

	for (uint32_t i = 0; config->has_pfc && i < CLASS_COUNT; i++)
		classes += config->priority[i] != PORT_NO_PRIORITY;
	if (!classes)
		return needed;
	return needed +
	       2 * config->queues *
		       lan_queued_min(port_ring_frames(config->mode, config->mtu), classes);
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
		.speed_bps = cp->speed_bps,
		.has_pfc = cp->has_pfc,
		.priority = cp->priority,
	};
	uint32_t needed = mbufs_needed(&config);
	int ret;

	config.mbufs = mbufs_for(f, config.mode, config.mtu, needed);
	if (config.mbufs < needed) {
		uint64_t bytes = (uint64_t)needed * mbuf_bytes(f, config.mode, config.mtu) *
				 f->config->port_count * 100 / POOL_SHARE_PERCENT;

		snprintf(
			error, size,
			"port %s: memory.size is too small: %u packet buffers fit and %u are needed%s; "
			"set it to %lluMiB or more",
			cp->name, config.mbufs, needed,
			config.has_pfc ? " (most for what still comes after a pause)" : "",
			(unsigned long long)(bytes >> 20) + 1);
		return -ENOMEM;
	}
	ret = port_open(&f->ports[index], (uint16_t)index, &config, error, size);
	/* Also after a failure: what was opened must be closed. */
	f->port_count = index + 1;
	return ret;
}

struct rte_mempool *fastpath_lan_pool(const struct fastpath *f)
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
			.lan_pool = fastpath_lan_pool(f),
			.counters = counter_file_worker(f->counters, i),
			.port_counters = counter_file_port(f->counters, i, 0),
			.classify = classify,
		};

		for (uint32_t k = 0; k < f->config->workers; k++)
			options.link_counters[k] = counter_file_link_counters(f->counters, k);
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

int fastpath_event_fd(const struct fastpath *f)
{
	return f->event_fd;
}

static void workers_stop(struct fastpath *f)
{
	struct command command = {.type = COMMAND_STOP};

	if (f->is_running)
		for (uint32_t i = 0; i < f->worker_count; i++)
			fastpath_push(f, i, &command);
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
