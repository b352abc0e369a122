/*
 * One interface of the emulator: an AF_PACKET socket with a TPACKET_V2 receive ring, and sendmmsg.
 *
 * V2, not V3: a V3 block stays with the kernel until it is full or a timer of 1 ms runs out, which
 * would add to every delay. Only frames that the interface received are seen. What the kernel loses
 * between the wire and us is counted in `lost`, never hidden.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PORT_BURST 64

struct port_lost {
	uint64_t ring_full; /* PACKET_STATISTICS: the ring was full */
	uint64_t too_long; /* frame longer than a ring slot: larger than the MTU, offloads are on */
	uint64_t no_checksum; /* left its checksum to a NIC: tx offload is on at its sender */
	uint64_t tx_refused;  /* interface down or frame too long for the far side */
	uint64_t tx_kernel;   /* the interface's own tx_dropped: lost behind our back */
};

struct port {
	int fd;
	char name[16];
	unsigned int mtu;
	uint8_t *ring;
	uint64_t ring_bytes;
	uint32_t frame_bytes, frame_count, head;
	uint64_t tx_dropped_before; /* of the interface when we started */
	int64_t realtime_ahead_ns;  /* of CLOCK_MONOTONIC */
	struct port_lost lost;
};

struct port_frame {
	const uint8_t *data;
	uint64_t arrival_ns; /* CLOCK_MONOTONIC, as the kernel noted it */
	uint32_t len_bytes;
	bool has_vlan; /* a tag that the kernel took out; goes in behind byte 12 */
	uint16_t vlan_type, vlan_tci;
};

/* 0 or -errno; `why` names the step that failed. */
int port_open(struct port *port, const char *name, const char **why);
void port_close(struct port *port);
/* Compares the clock that the kernel stamps frames with to ours; now and then, for both may drift
 * apart. */
void port_clock(struct port *port);
/* The next received frame or false; valid until port_next_done. */
bool port_next(struct port *port, struct port_frame *frame);
void port_next_done(struct port *port);
/* How many of `count` messages the kernel took; fewer: it has no room now, or *refused is set for
 * the next one. */
uint32_t port_send(struct port *port, struct mmsghdr *messages, uint32_t count, bool *refused);
/* The interface went down: poll says so until it was heard. Frames come again when it is up again.
 */
void port_clear_error(struct port *port);
/* Brings port->lost up to date. */
void port_read_lost(struct port *port);
