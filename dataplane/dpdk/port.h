/*
 * Ports: how frames reach DPDK from each kind of interface, behind one struct.
 *
 * Set up and torn down by the main thread; workers only read struct port. In mode xdp the kernel
 * keeps the interface and our XDP program redirects what is ours; in mode packet we see copies; in
 * mode ethdev the device is ours and a TAP, the exception port, stands for it in the kernel.
 * One mbuf pool per port: AF_XDP's umem is that pool.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "dataplane/abi/counters.h"

#define PORTS_MAX  16
#define PORT_BURST 32
#define PORT_NONE  UINT16_MAX
/* A class that is never paused. */
#define PORT_NO_PRIORITY 0xff
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
	uint64_t speed_bps;	 /* 0: what driver or kernel say */
	bool has_pfc;		 /* LAN: priority pauses, sent and obeyed */
	const uint8_t *priority; /* has_pfc: [CLASS_COUNT], PORT_NO_PRIORITY: not paused */
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
	uint64_t speed_bps; /* 0: unknown */
	bool has_pfc;
	uint8_t priority[CLASS_COUNT]; /* has_pfc: of each class */
	int multicast_fd;	       /* has_pfc, not ethdev: lets pauses in; 0: none */
	char interface[64];	       /* as the kernel knows it */
};

/* "xdp", "packet", "ethdev". */
const char *port_mode_name(enum port_mode mode);

/* Bytes of pool memory one mbuf of this port takes, all overhead included. */
uint32_t port_mbuf_bytes(enum port_mode mode, uint32_t mtu);
/* Fewest mbufs this port works with. */
uint32_t port_mbufs_min(enum port_mode mode, uint32_t queues);
/* Frames that may lie in the ring of one of its queues, not seen by anybody. */
uint32_t port_ring_frames(enum port_mode mode, uint32_t mtu);
/* How many of its pool's mbufs are left when the driver's rings are full. */
uint32_t port_mbufs_spare(const struct port *port);

/* 0, or -errno with one line in `error` that says what to do. */
int port_open(struct port *port, uint16_t index, const struct port_config *config, char *error,
	      size_t size);
/* Begins to receive. */
int port_start(struct port *port, char *error, size_t size);
void port_close(struct port *port);

/* port_lan.c, for port.c. 0: nobody knows. */
uint64_t port_speed(const struct port *port);
int port_pauses_open(struct port *port, const struct port_config *config, char *error, size_t size);
void port_pauses_close(struct port *port);

struct port_losses {
	uint64_t missed, rx_errors, tx_errors, link_up, speed_bps;
};
/* What the driver says it lost; agent thread. */
void port_losses_read(const struct port *port, struct port_losses *losses);
