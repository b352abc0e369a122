/* What only a LAN port needs to know or to let in: how fast it is, and frames that pause it. */
#include "dataplane/dpdk/port.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>

#include <rte_ethdev.h>

/* 0: not known. The drivers of kernel interfaces make a figure up, so the kernel is asked. */
uint64_t port_speed(const struct port *port)
{
	struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
	struct ifreq request = {.ifr_data = (char *)&command};
	uint64_t mbps = 0;
	int fd;

	if (port->mode == PORT_ETHDEV) {
		struct port_losses losses;

		port_losses_read(port, &losses);
		return losses.speed_bps;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.*s", IFNAMSIZ - 1, port->interface);
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		mbps = ethtool_cmd_speed(&command);
	close(fd);
	/* A TAP says 10 Mb/s, and means nothing by it. */
	return mbps == (uint32_t)SPEED_UNKNOWN || mbps < SPEED_100 ? 0 : mbps * 1000000;
}

/* Pauses go to an address of their own. A socket's membership ends with the process. */
static int pauses_let_in(struct port *port)
{
	struct rte_ether_addr addr = {{0x01, 0x80, 0xc2, 0, 0, 1}};
	struct packet_mreq request = {.mr_ifindex = (int)port->ifindex,
				      .mr_type = PACKET_MR_MULTICAST,
				      .mr_alen = RTE_ETHER_ADDR_LEN};

	/* A device that cannot filter lets all in. */
	if (port->mode == PORT_ETHDEV) {
		if (rte_eth_dev_set_mc_addr_list(port->id, &addr, 1))
			rte_eth_allmulticast_enable(port->id);
		return 0;
	}
	memcpy(request.mr_address, addr.addr_bytes, RTE_ETHER_ADDR_LEN);
	port->multicast_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (port->multicast_fd < 0 || setsockopt(port->multicast_fd, SOL_PACKET,
						 PACKET_ADD_MEMBERSHIP, &request, sizeof(request)))
		return -errno;
	return 0;
}

int port_pauses_open(struct port *port, const struct port_config *config, char *error, size_t size)
{
	int ret;

	if (!port->has_pfc)
		return 0;
	memcpy(port->priority, config->priority, sizeof(port->priority));
	if (!port->speed_bps) {
		snprintf(error, size,
			 "port %s: pauses are counted in bit times, and nobody says how fast %s "
			 "is: set 'speed'",
			 config->name, port->interface);
		return -EINVAL;
	}
	ret = pauses_let_in(port);
	if (ret)
		snprintf(error, size, "port %s: %s does not let pauses in: %s", config->name,
			 port->interface, strerror(-ret));
	return ret;
}

void port_pauses_close(struct port *port)
{
	if (port->multicast_fd > 0)
		close(port->multicast_fd);
	port->multicast_fd = 0;
}
