#include "tests/wan/frame.h"

#define ETHERNET_BYTES 14
#define VLAN_BYTES     4
#define TYPE_IPV4      0x0800
#define TYPE_IPV6      0x86dd
#define TYPE_VLAN      0x8100
#define TYPE_QINQ      0x88a8

uint8_t frame_dscp(const uint8_t *frame, uint32_t len_bytes)
{
	uint32_t at = ETHERNET_BYTES;
	uint32_t type = 0;

	for (unsigned int tags = 0; tags <= 2; tags++) {
		if (len_bytes < at + 2)
			return 0;
		type = (uint32_t)frame[at - 2] << 8 | frame[at - 1];
		if (type != TYPE_VLAN && type != TYPE_QINQ)
			break;
		at += VLAN_BYTES;
	}
	if (type == TYPE_IPV4)
		return frame[at + 1] >> 2;
	if (type == TYPE_IPV6)
		return (uint8_t)((frame[at] & 0x0f) << 2 | frame[at + 1] >> 6);
	return 0;
}

void frame_corrupt(uint8_t *frame, uint32_t len_bytes, int32_t bit)
{
	uint32_t at = ETHERNET_BYTES + (uint32_t)bit / 8;

	if (bit >= 0 && at < len_bytes)
		frame[at] ^= (uint8_t)(0x80u >> (bit % 8));
}
