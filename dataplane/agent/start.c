/* What must be there before packets move: directories, locks, ports, counter pages. */
#include "dataplane/agent/agent_private.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAN_MTU_MIN 576
/* Lanes that the classifier takes on the WAN; a peer has one per worker. */
#define LANES 16

int start_run_dir(struct agent *a, char *log_path, size_t log_size, char *error, size_t size)
{
	const struct gateway_config *config = a->config;
	char dir[CONFIG_PATH_BYTES + CONFIG_NAME_BYTES + 2];

	snprintf(dir, sizeof(dir), "%s/%s", config->run_dir, config->name);
	for (char *slash = dir + 1; *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = 0;
		mkdir(dir, 0755);
		*slash = '/';
	}
	if (mkdir(dir, 0755) && errno != EEXIST) {
		snprintf(error, size, "run_dir %s: %s", dir, strerror(errno));
		return -errno;
	}
	a->run_lock = lock_run_dir(dir);
	if (a->run_lock < 0) {
		snprintf(
			error, size,
			a->run_lock == -EBUSY
				? "a gateway named %s runs already (%s/lock is held): stop it first"
				: "gateway %s: cannot lock %s",
			config->name, dir);
		return a->run_lock;
	}
	snprintf(log_path, log_size, "%s/dpdk.log", dir);
	return 0;
}

/* Each worker polls a queue of its own. Interfaces that do not say have one. */
static uint32_t receive_queues(const char *interface)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (char *)&channels};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t count = 1;

	if (fd < 0)
		return count;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (!ioctl(fd, SIOCETHTOOL, &request) && channels.combined_count + channels.rx_count)
		count = channels.combined_count + channels.rx_count;
	close(fd);
	return count;
}

/* The kernel's interface behind a port of mode xdp or packet, with what would stop us later. */
static int interface_check(struct agent *a, const struct config_port *port,
			   struct netlink_link *link, char *error, size_t size)
{
	struct kernel_rules_foreign foreign;
	uint32_t queues;
	int ret = netlink_link_by_name(a->netlink, port->interface, link);

	if (ret) {
		snprintf(error, size,
			 "port %s: interface %s does not exist: correct ports.interface "
			 "('ip link' lists them)",
			 port->name, port->interface);
		return ret;
	}
	if (!link->has_mac) {
		snprintf(error, size, "port %s: interface %s is no Ethernet interface", port->name,
			 port->interface);
		return -EINVAL;
	}
	if (port->mode != CONFIG_XDP)
		return 0;
	queues = receive_queues(port->interface);
	if (queues != a->config->workers) {
		/* Of a queue that nobody polls, packets would stay with the kernel or die. */
		snprintf(error, size,
			 "port %s: interface %s has %u receive queues and there are %u workers: "
			 "'ethtool -L %s combined %u', or set workers to %u",
			 port->name, port->interface, queues, a->config->workers, port->interface,
			 a->config->workers, queues);
		return -EINVAL;
	}
	ret = kernel_rules_remove_stale(link->ifindex, &foreign);
	if (ret == -EBUSY)
		snprintf(error, size,
			 "port %s: interface %s carries the XDP program '%s' (id %u) of "
			 "somebody else: detach it (ip link set dev %s xdp off) or use mode packet",
			 port->name, port->interface, foreign.name, foreign.id, port->interface);
	else if (ret)
		snprintf(error, size, "port %s: cannot look at the XDP program of %s: %s",
			 port->name, port->interface, strerror(-ret));
	return ret;
}

static int port_lock(struct agent *a, uint32_t index, char *error, size_t size)
{
	const struct config_port *port = &a->config->ports[index];

	a->port_locks[index] = lock_interface(port->interface);
	if (a->port_locks[index] >= 0)
		return 0;
	snprintf(error, size, "port %s: interface %s is in use by another gateway", port->name,
		 port->interface);
	return a->port_locks[index];
}

/* At a LAN port both judge by rules. */
static int kernel_warm(struct agent *a, uint32_t index)
{
	struct kernel_rules *homes[] = {&a->kernel[index], &a->kernel[KERNEL_GUARD(index)]};
	int ret = 0;

	if (a->config->ports[index].role != CONFIG_LAN)
		return 0;
	if (!a->grace)
		a->grace = grace_create();
	if (!a->grace)
		return -errno;
	for (int i = 0; i < 2 && !ret; i++)
		if (homes[i]->kind != KERNEL_RULES_NONE)
			ret = kernel_rules_warm(homes[i], a->grace);
	return ret;
}

/* The driver has attached the XDP program; the rest waits, loaded, for its first rules. */
static int kernel_open(struct agent *a, uint32_t index, uint32_t ifindex, char *error, size_t size)
{
	const struct config_port *port = &a->config->ports[index];
	struct kernel_rules_foreign foreign = {0};
	int ret;

	if (port->mode == CONFIG_XDP) {
		ret = kernel_rules_open_xdp(&a->kernel[index], ifindex);
		if (!ret && port->role == CONFIG_LAN)
			ret = kernel_rules_open_guard(&a->kernel[KERNEL_GUARD(index)], ifindex,
						      &foreign);
	} else {
		ret = kernel_rules_open_packet(&a->kernel[index], ifindex, &foreign);
	}
	if (!ret)
		ret = kernel_warm(a, index);
	if (ret == -EBUSY && foreign.id)
		snprintf(
			error, size,
			"port %s: the tc filter '%s' (program %u) of somebody else is in our place "
			"on %s: 'tc filter del dev %s ingress prio 17239'",
			port->name, foreign.name, foreign.id, port->interface, port->interface);
	else if (ret)
		snprintf(error, size, "port %s: the classifier does not attach to %s: %s",
			 port->name, port->interface, strerror(-ret));
	return ret;
}

static int port_open_kernel(struct agent *a, uint32_t index, char *error, size_t size)
{
	const struct config_port *port = &a->config->ports[index];
	struct netlink_link link;
	char object[64] = "";
	int fd = -1, ret = port_lock(a, index, error, size);

	if (!ret)
		ret = interface_check(a, port, &link, error, size);
	if (ret)
		return ret;
	if (port->mode == CONFIG_XDP) {
		fd = kernel_rules_object_open(object, sizeof(object));
		if (fd < 0) {
			snprintf(error, size, "port %s: no memory file for the XDP program: %s",
				 port->name, strerror(-fd));
			return fd;
		}
	}
	ret = fastpath_port_open(a->fastpath, index, link.mtu, object, error, size);
	if (!ret)
		ret = kernel_open(a, index, link.ifindex, error, size);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Which tunnel packets are ours: sent to the first address of each family on the port. */
void start_classify(struct agent *a, uint32_t index)
{
	struct classify_port *classify = &a->classify[index];
	struct fastpath_port_info info;
	struct ip_addr addrs[32];
	int count;

	fastpath_port_info(a->fastpath, index, &info);
	memset(classify, 0, sizeof(*classify));
	memcpy(classify->mac, info.mac, sizeof(classify->mac));
	classify->role = (uint16_t)a->config->ports[index].role;
	classify->udp_base = a->config->udp_port;
	classify->udp_count = LANES;
	count = netlink_addresses(a->netlink, info.ifindex, addrs, 32);
	for (int i = count - 1; i >= 0; i--) {
		if (ip_addr_is_v4(&addrs[i]))
			memcpy(classify->local4, addrs[i].bytes + 12, 4);
		else if ((addrs[i].bytes[0] << 8 | (addrs[i].bytes[1] & 0xc0)) != 0xfe80)
			memcpy(classify->local6, addrs[i].bytes, 16);
	}
}

int start_configure(struct agent *a, uint32_t index)
{
	struct kernel_rules *homes[] = {&a->kernel[index], &a->kernel[KERNEL_GUARD(index)]};
	int ret = 0;

	for (int i = 0; i < 2 && !ret; i++)
		if (homes[i]->kind != KERNEL_RULES_NONE)
			ret = kernel_rules_configure(homes[i], &a->classify[index]);
	return ret;
}

int start_ports(struct agent *a, char *error, size_t size)
{
	for (uint32_t i = 0; i < a->config->port_count; i++) {
		const struct config_port *port = &a->config->ports[i];
		struct fastpath_port_info info;
		int ret = port->mode == CONFIG_ETHDEV
				  ? fastpath_port_open(a->fastpath, i, port->mtu, NULL, error, size)
				  : port_open_kernel(a, i, error, size);

		if (ret)
			return ret;
		fastpath_port_info(a->fastpath, i, &info);
		if (port->role == CONFIG_WAN && info.mtu < WAN_MTU_MIN) {
			snprintf(error, size, "port %s: MTU %u is below %d, too small for a tunnel",
				 port->name, info.mtu, WAN_MTU_MIN);
			return -EINVAL;
		}
		/* At once: a peer may be sending already, and the kernel would answer it. */
		start_classify(a, i);
		ret = start_configure(a, i);
		if (ret) {
			snprintf(error, size, "port %s: the classifier cannot be configured: %s",
				 port->name, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

int start_counters(struct agent *a, char *error, size_t size)
{
	struct counter_file_options options = {
		.run_dir = a->config->run_dir,
		.gateway = a->config->name,
		.version = CAUSEWAY_VERSION,
		.workers = a->config->workers,
		.ports = a->config->port_count,
		.paths = SLOTS_MAX,
		.tsc_hz = fastpath_tsc_hz(),
		.boot = a->boot,
	};

	a->counters = counter_file_create(&options, error, size);
	if (!a->counters)
		return -errno;
	for (uint32_t i = 0; i < a->config->port_count; i++) {
		struct cw_port_facts *facts = counter_file_port_facts(a->counters, i);
		const struct config_port *port = &a->config->ports[i];
		struct fastpath_port_info info;

		fastpath_port_info(a->fastpath, i, &info);
		snprintf(facts->name, sizeof(facts->name), "%s", port->name);
		snprintf(facts->mode, sizeof(facts->mode), "%s", config_mode_name(port->mode));
		facts->role = port->role;
		facts->mtu = info.mtu;
	}
	return 0;
}

static int certificate_start(struct agent *a, char *error, size_t size)
{
	const struct gateway_config *config = a->config;
	const struct tls_files files = {
		.ca = config->control_ca,
		.cert = config->control_cert,
		.key = config->control_key,
		.crl = config->control_crl,
	};

	if (files.cert[0])
		return certificate_open_issued(&a->certificate, &files, config->name, error, size);
	return certificate_open(&a->certificate, &a->state, config->name, error, size);
}

int start_state(struct agent *a, char *error, size_t size)
{
	char warning[INTENT_JSON_ERROR_BYTES] = "";
	int ret = state_file_open(&a->state, a->config->state_dir, a->config->name);

	if (!ret)
		ret = state_file_next_boot(&a->state, &a->boot, warning);
	if (ret)
		snprintf(error, size, "state_dir %s: %s: make it writable or name another",
			 a->config->state_dir, strerror(-ret));
	else if (warning[0])
		agent_log("%s", warning);
	return ret ? ret : certificate_start(a, error, size);
}
