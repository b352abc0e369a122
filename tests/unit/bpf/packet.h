/* Builds test frames from a description: what is not said is ordinary. */
#pragma once

#include <stdint.h>

#define PACKET_BYTES 4096

/* The MAC of the port under test. */
extern const uint8_t packet_port_mac[6];

struct packet_spec {
	const char *src, *dst; /* text; IPv6 makes an IPv6 packet. NULL: 10.101.0.10, 10.102.0.10 */
	uint8_t protocol;      /* 0: UDP (with protocol_zero: really 0) */
	uint8_t protocol_zero;
	uint16_t sport, dport;
	uint8_t tos;
	int16_t ttl; /* 0: 64; -1: 0 */
	uint8_t icmp_type;
	uint8_t opcode; /* RoCEv2, when dport is 4791 */
	uint32_t qp;
	uint16_t fragment; /* IPv4: flags and offset; IPv6: the same field of a fragment header */
	uint8_t fragment_header; /* IPv6: have one */
	uint8_t ext_count, ext[4],
		ext_len[4]; /* IPv6 extension headers; length in 8 bytes beyond 8 */
	uint8_t tag_count;
	uint16_t tpid[3], tci[3];
	uint16_t ethertype;			   /* 0: by address */
	uint8_t wrong_mac, multicast, control_mac; /* control: 01:80:c2:00:00:01 */
	uint8_t version, ihl;			   /* 0: right */
	int16_t length_delta;			   /* added to the IP length field */
	uint8_t length_zero;
	uint16_t payload; /* bytes behind the L4 header */
	uint16_t cut;	  /* the frame ends here; 0: whole */
	uint16_t padding; /* Ethernet padding behind the packet */
};

/* Returns the frame's length. */
uint32_t packet_build(const struct packet_spec *spec, uint8_t frame[PACKET_BYTES]);
