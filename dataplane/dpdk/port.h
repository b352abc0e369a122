/*
 * Ports: how frames reach DPDK from each kind of interface, behind one struct.
 *
 * Set up and torn down by the main thread; workers only read struct port. In mode xdp the kernel
 * keeps the interface and our XDP program redirects what is ours; in mode packet we see copies; in
 * mode ethdev the device is ours and a TAP, the exception port, stands for it in the kernel.
 * One mbuf pool per port: AF_XDP's umem is that pool.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "dataplane/abi/counters.h"

#define PORTS_MAX  16
#define PORT_BURST 32
#define PORT_NONE  UINT16_MAX
/* In place of a port's index: this machine. */
#define PORT_LOCAL    PORTS_MAX
#define PORT_L2_BYTES 22 /* Ethernet and up to two priority tags */

enum port_mode {
	PORT_XDP = 1,
	PORT_PACKET,
	PORT_ETHDEV
};

struct port_config {
	const char *name;
	enum cw_port_role role;
	enum port_mode mode;
	const char *interface;	/* xdp, packet: of the kernel */
	const char *device;	/* ethdev: devargs */
	const char *exception;	/* ethdev: name of the TAP */
	const char *xdp_object; /* xdp: path of the BPF object */
	uint32_t mtu;		/* IP packet; ethdev: wanted, else the interface's */
	uint32_t queues;	/* one per worker */
	uint32_t mbufs;
};

struct port {
	uint16_t id;	       /* DPDK's */
	uint16_t exception_id; /* DPDK's; PORT_NONE but in ethdev mode */
	uint16_t index;	       /* ours, in configuration order */
	uint8_t role;	       /* enum cw_port_role */
	uint8_t mode;	       /* enum port_mode */
	uint8_t mac[6];
	uint16_t queues;
	uint32_t mtu;
	uint32_t ifindex; /* the kernel's interface or the exception port's */
	int socket;
	struct rte_mempool *pool;
	char interface[64]; /* as the kernel knows it */
};

/* "xdp", "packet", "ethdev". */
const char *port_mode_name(enum port_mode mode);

/* Bytes of pool memory one mbuf of this port takes, all overhead included. */
uint32_t port_mbuf_bytes(enum port_mode mode, uint32_t mtu);
/* Fewest mbufs this port works with. */
uint32_t port_mbufs_min(enum port_mode mode, uint32_t queues);
/* How many of its pool's mbufs are left when the driver's rings are full. */
uint32_t port_mbufs_spare(const struct port *port);

/* 0, or -errno with one line in `error` that says what to do. */
int port_open(struct port *port, uint16_t index, const struct port_config *config, char *error,
	      size_t size);
/* Begins to receive. */
int port_start(struct port *port, char *error, size_t size);
void port_close(struct port *port);

struct port_losses {
	uint64_t missed, rx_errors, tx_errors, link_up, speed_bps;
};
/* What the driver says it lost; agent thread. */
void port_losses_read(const struct port *port, struct port_losses *losses);
