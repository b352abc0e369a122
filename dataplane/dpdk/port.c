#include "dataplane/dpdk/port.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

/*
 * net_af_xdp makes each pool object one umem frame of at most a page: header, mbuf, headroom and
 * data together. 3776 of data room is the most that fits.
 */
#define XDP_DATA_ROOM 3776
/* And the kernel runs a native XDP program on frames of one page less its own head and tail. */
#define XDP_MTU_MAX 3498
/* A buffer's size is 16 bits, and beside the packet it holds headroom and a ring's slot header. */
#define MTU_MAX 64000
/* net_af_xdp fills a ring of this many buffers per queue and wants as many to send from. */
#define XDP_RING	  2048
#define PORT_DESC	  1024
#define PORT_CACHE	  256
#define PACKET_RING_BYTES (8u << 20)
#define FRAME_ROUND	  64

const char *port_mode_name(enum port_mode mode)
{
	switch (mode) {
	case PORT_XDP:
		return "xdp";
	case PORT_PACKET:
		return "packet";
	case PORT_ETHDEV:
		return "ethdev";
	}
	return "?";
}

/*
 * One slot of net_af_packet's ring: the frame and, generously, the ring's own header. The driver
 * wants a buffer to hold a whole slot.
 */
static uint32_t packet_frame_bytes(uint32_t mtu)
{
	return RTE_ALIGN_CEIL(mtu + PORT_L2_BYTES + 192, 1024);
}

static uint32_t data_room(enum port_mode mode, uint32_t mtu)
{
	uint32_t bytes = mtu + PORT_L2_BYTES;

	if (mode == PORT_XDP)
		return XDP_DATA_ROOM;
	if (mode == PORT_PACKET)
		bytes = packet_frame_bytes(mtu);
	if (bytes < 2048)
		bytes = 2048;
	return RTE_ALIGN_CEIL(bytes, FRAME_ROUND) + RTE_PKTMBUF_HEADROOM;
}

uint32_t port_mbuf_bytes(enum port_mode mode, uint32_t mtu)
{
	uint32_t object = (uint32_t)sizeof(struct rte_mbuf) + data_room(mode, mtu);

	return RTE_ALIGN_CEIL(object + (uint32_t)sizeof(struct rte_mempool_objhdr), FRAME_ROUND);
}

static uint32_t ring_mbufs(enum port_mode mode, uint32_t queues)
{
	return queues * (mode == PORT_XDP ? 2 * XDP_RING : PORT_DESC);
}

uint32_t port_mbufs_min(enum port_mode mode, uint32_t queues)
{
	return ring_mbufs(mode, queues) + PORT_CACHE * 4;
}

uint32_t port_ring_frames(enum port_mode mode, uint32_t mtu)
{
	if (mode == PORT_PACKET)
		return PACKET_RING_BYTES / packet_frame_bytes(mtu);
	return mode == PORT_XDP ? XDP_RING : PORT_DESC;
}

uint32_t port_mbufs_spare(const struct port *port)
{
	uint32_t rings = ring_mbufs((enum port_mode)port->mode, port->queues);

	return port->pool->size > rings ? port->pool->size - rings : 0;
}

static int pool_create(struct port *port, const struct port_config *config, char *error,
		       size_t size)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "port%u", port->index);
	port->pool =
		rte_pktmbuf_pool_create(name, config->mbufs, PORT_CACHE, 0,
					(uint16_t)data_room(config->mode, port->mtu), port->socket);
	if (!port->pool) {
		snprintf(error, size,
			 "port %s: no memory for %u packet buffers of %u bytes: raise "
			 "memory.size (and the huge pages behind it)",
			 config->name, config->mbufs, port_mbuf_bytes(config->mode, port->mtu));
		return -ENOMEM;
	}
	if (config->mode == PORT_XDP && port->pool->nb_mem_chunks != 1) {
		snprintf(error, size,
			 "port %s: the buffer pool lies in %u pieces and AF_XDP needs "
			 "one: free more contiguous huge pages, or lower memory.size",
			 config->name, port->pool->nb_mem_chunks);
		return -ENOMEM;
	}
	return 0;
}

static void devargs_format(char *text, size_t size, const struct port *port,
			   const struct port_config *config)
{
	uint32_t frame = packet_frame_bytes(port->mtu);
	/* Whole pages, so that blocks need no padding. */
	uint32_t block = frame * 4;

	if (config->mode == PORT_XDP)
		snprintf(text, size,
			 "net_af_xdp%u,iface=%s,start_queue=0,queue_count=%u,xdp_prog=%s",
			 port->index, config->interface, config->queues, config->xdp_object);
	else if (config->mode == PORT_PACKET)
		snprintf(text, size,
			 "net_af_packet%u,iface=%s,qpairs=%u,blocksz=%u,framesz=%u,framecnt=%u",
			 port->index, config->interface, config->queues, block, frame,
			 PACKET_RING_BYTES / block * 4);
	else
		snprintf(text, size, "%s", config->device);
}

static int device_probe(const struct port *port, const struct port_config *config, uint16_t *id,
			char *error, size_t size)
{
	char args[512], device[512];
	int ret;

	devargs_format(args, sizeof(args), port, config);
	ret = rte_dev_probe(args);
	if (ret && ret != -EEXIST) {
		snprintf(error, size,
			 "port %s: device '%s' did not start: %s; see dpdk.log in the run "
			 "directory",
			 config->name, args, strerror(-ret));
		return ret;
	}
	snprintf(device, sizeof(device), "%s", args);
	device[strcspn(device, ",")] = 0;
	ret = rte_eth_dev_get_port_by_name(device, id);
	if (!ret)
		return 0;
	snprintf(error, size,
		 "port %s: '%s' is no network device of DPDK: bind it to vfio-pci "
		 "(dpdk-devbind.py --status) or correct ports.device",
		 config->name, device);
	return -ENODEV;
}

static void offloads_choose(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info,
			    uint32_t queues)
{
	if (queues <= 1 || !(info->flow_type_rss_offloads & RTE_ETH_RSS_IP))
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf =
		info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP);
}

static int queues_setup(struct port *port, uint16_t id, uint16_t queues)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = {0};
	uint16_t rx_desc = PORT_DESC, tx_desc = PORT_DESC;
	int ret = rte_eth_dev_info_get(id, &info);

	if (ret)
		return ret;
	offloads_choose(&conf, &info, queues);
	if (id == port->id && port->mode == PORT_ETHDEV)
		conf.rxmode.mtu = port->mtu;
	ret = rte_eth_dev_configure(id, queues, queues, &conf);
	if (ret)
		return ret;
	if (port->mode == PORT_XDP)
		rx_desc = tx_desc = XDP_RING;
	rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx_desc, &tx_desc);
	for (uint16_t q = 0; q < queues && !ret; q++)
		ret = rte_eth_rx_queue_setup(id, q, rx_desc, port->socket, NULL, port->pool);
	for (uint16_t q = 0; q < queues && !ret; q++)
		ret = rte_eth_tx_queue_setup(id, q, tx_desc, port->socket, NULL);
	return ret;
}

/* net_tap's own call knows no more than 1,500; the interface behind it takes what it is told. */
static int interface_set_mtu(const char *name, uint32_t mtu)
{
	struct ifreq request = {.ifr_mtu = (int)mtu};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	ret = ioctl(fd, SIOCSIFMTU, &request) ? -errno : 0;
	close(fd);
	return ret;
}

/* The kernel's face of a device that DPDK owns: same MAC, same MTU, reached by our unclaimed
 * frames. */
static int exception_open(struct port *port, const struct port_config *config, char *error,
			  size_t size)
{
	char args[256], device[32];
	int ret;

	snprintf(device, sizeof(device), "net_tap_cw%u", port->index);
	snprintf(args, sizeof(args), "%s,iface=%s,mac=%02x:%02x:%02x:%02x:%02x:%02x", device,
		 config->exception, port->mac[0], port->mac[1], port->mac[2], port->mac[3],
		 port->mac[4], port->mac[5]);
	ret = rte_dev_probe(args);
	if (!ret)
		ret = rte_eth_dev_get_port_by_name(device, &port->exception_id);
	if (!ret)
		ret = queues_setup(port, port->exception_id, port->queues);
	if (!ret)
		ret = interface_set_mtu(config->exception, port->mtu);
	if (ret) {
		snprintf(error, size,
			 "port %s: cannot make the exception interface %s: %s (is "
			 "/dev/net/tun there, and the name free?)",
			 config->name, config->exception, strerror(-ret));
		return ret;
	}
	snprintf(port->interface, sizeof(port->interface), "%s", config->exception);
	return 0;
}

static int mtu_fits(const struct port *port, const struct port_config *config, char *error,
		    size_t size)
{
	if (port->mtu > MTU_MAX) {
		snprintf(error, size,
			 "port %s: MTU %u does not fit a packet buffer (at most %u): lower it",
			 config->name, port->mtu, MTU_MAX);
		return -EMSGSIZE;
	}
	if (config->mode == PORT_XDP && port->mtu > XDP_MTU_MAX) {
		snprintf(
			error, size,
			"port %s: MTU %u of %s does not fit an AF_XDP frame (at most %u): lower it "
			"(ip link set %s mtu %u) or use mode packet or ethdev",
			config->name, port->mtu, config->interface, XDP_MTU_MAX, config->interface,
			XDP_MTU_MAX);
		return -EMSGSIZE;
	}
	return 0;
}

static int port_finish(struct port *port, const struct port_config *config, char *error,
		       size_t size)
{
	port->ifindex = if_nametoindex(port->interface);
	if (!port->ifindex) {
		snprintf(error, size, "port %s: interface %s is gone", config->name,
			 port->interface);
		return -ENODEV;
	}
	port->speed_bps = config->speed_bps ? config->speed_bps : port_speed(port);
	return port_pauses_open(port, config, error, size);
}

int port_open(struct port *port, uint16_t index, const struct port_config *config, char *error,
	      size_t size)
{
	struct rte_ether_addr mac;
	int ret;

	*port = (struct port){.id = PORT_NONE,
			      .exception_id = PORT_NONE,
			      .index = index,
			      .role = (uint8_t)config->role,
			      .mode = (uint8_t)config->mode,
			      .queues = (uint16_t)config->queues,
			      .mtu = config->mtu,
			      .has_pfc = config->has_pfc,
			      .socket = (int)rte_socket_id()};
	ret = mtu_fits(port, config, error, size);
	if (!ret)
		ret = pool_create(port, config, error, size);
	if (!ret)
		ret = device_probe(port, config, &port->id, error, size);
	if (ret)
		return ret;
	ret = queues_setup(port, port->id, port->queues);
	if (!ret)
		ret = rte_eth_macaddr_get(port->id, &mac);
	if (ret) {
		snprintf(error, size,
			 "port %s: device refuses %u queues (workers) or MTU %u: %s; see "
			 "dpdk.log in the run directory",
			 config->name, port->queues, port->mtu, strerror(-ret));
		return ret;
	}
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	snprintf(port->interface, sizeof(port->interface), "%s", config->interface);
	if (config->mode == PORT_ETHDEV) {
		ret = exception_open(port, config, error, size);
		if (ret)
			return ret;
	}
	return port_finish(port, config, error, size);
}

int port_start(struct port *port, char *error, size_t size)
{
	int ret = rte_eth_dev_start(port->id);

	if (!ret && port->exception_id != PORT_NONE)
		ret = rte_eth_dev_start(port->exception_id);
	if (ret)
		snprintf(error, size,
			 "port on %s does not start: %s; see dpdk.log in the run directory",
			 port->interface, strerror(-ret));
	return ret;
}

void port_close(struct port *port)
{
	if (port->exception_id != PORT_NONE) {
		rte_eth_dev_stop(port->exception_id);
		rte_eth_dev_close(port->exception_id);
	}
	if (port->id != PORT_NONE) {
		rte_eth_dev_stop(port->id);
		rte_eth_dev_close(port->id);
	}
	port->id = port->exception_id = PORT_NONE;
	port_pauses_close(port);
}

void port_losses_read(const struct port *port, struct port_losses *losses)
{
	struct rte_eth_stats stats = {0};
	struct rte_eth_link link = {0};

	rte_eth_stats_get(port->id, &stats);
	rte_eth_link_get_nowait(port->id, &link);
	losses->missed = stats.imissed + stats.rx_nombuf;
	losses->rx_errors = stats.ierrors;
	losses->tx_errors = stats.oerrors;
	losses->link_up = link.link_status;
	losses->speed_bps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ||
					    link.link_speed == RTE_ETH_SPEED_NUM_NONE
				    ? 0
				    : (uint64_t)link.link_speed * 1000000;
}
