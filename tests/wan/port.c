#include "tests/wan/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RING_BYTES     (16u << 20)
#define BLOCK_BYTES    (64u << 10)
#define RING_OVERHEAD  160 /* tpacket2_hdr, sockaddr_ll, padding, Ethernet header, two tags */
#define SEND_BUF_BYTES (16 << 20)
#define NS_PER_S       1000000000ull
/* Two clocks read with more than this in between say nothing about each other. */
#define CLOCK_GAP_NS 5000

/* /proc follows the network namespace that we were started in; /sys shows the one it was mounted
 * in. */
static uint64_t interface_tx_dropped(const char *name)
{
	unsigned long long dropped = 0;
	char line[512];
	FILE *file = fopen("/proc/self/net/dev", "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = 0;
		if (strcmp(line + strspn(line, " "), name) != 0)
			continue;
		/* eight columns of reception, then bytes, packets, errors, drops of transmission */
		if (sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu",
			   &dropped) != 1)
			dropped = 0;
	}
	if (file)
		fclose(file);
	return dropped;
}

static int interface_read(struct port *port, int *index)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", port->name);
	if (ioctl(port->fd, SIOCGIFMTU, &request) < 0)
		return -errno;
	port->mtu = (unsigned int)request.ifr_mtu;
	if (ioctl(port->fd, SIOCGIFINDEX, &request) < 0)
		return -errno;
	*index = request.ifr_ifindex;
	return 0;
}

static int ring_create(struct port *port)
{
	struct tpacket_req request = {0};
	int version = TPACKET_V2;
	void *ring;

	port->frame_bytes = 2048;
	while (port->frame_bytes < port->mtu + RING_OVERHEAD)
		port->frame_bytes *= 2;
	request.tp_block_size = port->frame_bytes > BLOCK_BYTES ? port->frame_bytes : BLOCK_BYTES;
	request.tp_block_nr = RING_BYTES / request.tp_block_size;
	request.tp_frame_size = port->frame_bytes;
	request.tp_frame_nr = RING_BYTES / port->frame_bytes;
	port->frame_count = request.tp_frame_nr;
	port->ring_bytes = (uint64_t)request.tp_block_size * request.tp_block_nr;
	if (setsockopt(port->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(port->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return -errno;
	ring = mmap(NULL, port->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, port->fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	port->ring = ring;
	return 0;
}

static int socket_prepare(struct port *port)
{
	int one = 1, send_bytes = SEND_BUF_BYTES;

	if (setsockopt(port->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0)
		return -errno;
	if (setsockopt(port->fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_bytes, sizeof(send_bytes)) < 0)
		return -errno;
	return 0;
}

int port_open(struct port *port, const char *name, const char **why)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int error;

	memset(port, 0, sizeof(*port));
	snprintf(port->name, sizeof(port->name), "%s", name);
	*why = "open a packet socket (needs root or CAP_NET_RAW)";
	/* Protocol 0: hears nothing until it is bound to the interface. */
	port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (port->fd < 0)
		return -errno;
	*why = "find the interface in this network namespace";
	error = interface_read(port, &address.sll_ifindex);
	if (!error) {
		*why = "set up the packet socket";
		error = socket_prepare(port);
	}
	if (!error) {
		*why = "create the receive ring";
		error = ring_create(port);
	}
	if (!error) {
		*why = "bind to the interface";
		if (bind(port->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			error = -errno;
	}
	if (error)
		port_close(port);
	port->tx_dropped_before = interface_tx_dropped(name);
	return error;
}

void port_close(struct port *port)
{
	if (port->ring)
		munmap(port->ring, port->ring_bytes);
	if (port->fd >= 0)
		close(port->fd);
	port->ring = NULL;
	port->fd = -1;
}

static uint64_t clock_read(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void port_clock(struct port *port)
{
	uint64_t before = clock_read(CLOCK_MONOTONIC);
	uint64_t realtime = clock_read(CLOCK_REALTIME);

	if (clock_read(CLOCK_MONOTONIC) - before < CLOCK_GAP_NS || port->realtime_ahead_ns == 0)
		port->realtime_ahead_ns = (int64_t)(realtime - before);
}

static struct tpacket2_hdr *ring_head(const struct port *port)
{
	/* Frames never cross a block, and blocks follow each other without a gap. */
	return (struct tpacket2_hdr *)(void *)(port->ring +
					       (uint64_t)port->head * port->frame_bytes);
}

bool port_next(struct port *port, struct port_frame *frame)
{
	for (;; port_next_done(port)) {
		struct tpacket2_hdr *header = ring_head(port);
		uint32_t status = __atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE);

		if (!(status & TP_STATUS_USER))
			return false;
		if (header->tp_snaplen < header->tp_len) {
			port->lost.too_long++;
			continue;
		}
		if (status & TP_STATUS_CSUMNOTREADY)
			port->lost.no_checksum++;
		frame->data = (const uint8_t *)header + header->tp_mac;
		frame->len_bytes = header->tp_len;
		frame->arrival_ns = header->tp_sec * NS_PER_S + header->tp_nsec -
				    (uint64_t)port->realtime_ahead_ns;
		frame->has_vlan = status & TP_STATUS_VLAN_VALID;
		frame->vlan_tci = header->tp_vlan_tci;
		frame->vlan_type =
			status & TP_STATUS_VLAN_TPID_VALID ? header->tp_vlan_tpid : ETH_P_8021Q;
		return true;
	}
}

void port_next_done(struct port *port)
{
	__atomic_store_n(&ring_head(port)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	port->head = port->head + 1 < port->frame_count ? port->head + 1 : 0;
}

uint32_t port_send(struct port *port, struct mmsghdr *messages, uint32_t count, bool *refused)
{
	int sent = sendmmsg(port->fd, messages, count, MSG_DONTWAIT);

	*refused = false;
	if (sent >= 0)
		return (uint32_t)sent;
	/* ENOBUFS: the queueing discipline is full. The frame is still ours: try again later. */
	*refused = errno != EAGAIN && errno != ENOBUFS && errno != EINTR;
	return 0;
}

void port_clear_error(struct port *port)
{
	int error;
	socklen_t size = sizeof(error);

	(void)getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &error, &size);
}

void port_read_lost(struct port *port)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);

	if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		port->lost.ring_full += stats.tp_drops; /* reading resets it */
	port->lost.tx_kernel = interface_tx_dropped(port->name) - port->tx_dropped_before;
}
