#include "tests/roce/wire.h"

#include <string.h>

#include "dataplane/core/bytes.h"

#define MIGRATED     0x40
#define PAD_SHIFT    4
#define VERSION_MASK 0x0f
#define FECN	     0x80
#define BECN	     0x40
#define ACK_REQUEST  0x80

uint32_t roce_header_bytes(uint8_t opcode)
{
	switch (opcode) {
	case ROCE_SEND_FIRST:
	case ROCE_SEND_MIDDLE:
	case ROCE_SEND_LAST:
	case ROCE_SEND_ONLY:
	case ROCE_WRITE_MIDDLE:
	case ROCE_WRITE_LAST:
		return ROCE_BTH_BYTES;
	case ROCE_WRITE_FIRST:
	case ROCE_WRITE_ONLY:
		return ROCE_BTH_BYTES + ROCE_RETH_BYTES;
	case ROCE_ACK:
		return ROCE_BTH_BYTES + ROCE_AETH_BYTES;
	case ROCE_CNP:
		return ROCE_BTH_BYTES + ROCE_CNP_BYTES;
	default:
		return 0;
	}
}

enum roce_place roce_place(uint8_t opcode)
{
	switch (opcode) {
	case ROCE_SEND_FIRST:
	case ROCE_WRITE_FIRST:
		return ROCE_PLACE_FIRST;
	case ROCE_SEND_MIDDLE:
	case ROCE_WRITE_MIDDLE:
		return ROCE_PLACE_MIDDLE;
	case ROCE_SEND_LAST:
	case ROCE_WRITE_LAST:
		return ROCE_PLACE_LAST;
	case ROCE_SEND_ONLY:
	case ROCE_WRITE_ONLY:
		return ROCE_PLACE_ONLY;
	default:
		return ROCE_PLACE_NONE;
	}
}

bool roce_is_write(uint8_t opcode)
{
	return opcode >= ROCE_WRITE_FIRST && opcode <= ROCE_WRITE_ONLY;
}

uint8_t roce_opcode(enum roce_place place, bool is_write)
{
	static const uint8_t send[] = {ROCE_ACK, ROCE_SEND_FIRST, ROCE_SEND_MIDDLE, ROCE_SEND_LAST,
				       ROCE_SEND_ONLY};
	static const uint8_t write[] = {ROCE_ACK, ROCE_WRITE_FIRST, ROCE_WRITE_MIDDLE,
					ROCE_WRITE_LAST, ROCE_WRITE_ONLY};

	return is_write ? write[place] : send[place];
}

uint32_t roce_packet_bytes(uint8_t opcode, uint32_t payload_bytes)
{
	return roce_header_bytes(opcode) + payload_bytes + roce_pad_bytes(payload_bytes) +
	       ROCE_ICRC_BYTES;
}

static void extension_parse(const uint8_t *at, struct roce_packet *out)
{
	if (roce_has_reth(out->opcode)) {
		out->va = bytes_load64(at);
		out->rkey = bytes_load32(at + 8);
		out->dma_bytes = bytes_load32(at + 12);
	} else if (out->opcode == ROCE_ACK) {
		out->syndrome = at[0];
		out->msn = bytes_load24(at + 1);
	}
}

bool roce_parse(const uint8_t *bytes, uint32_t len, struct roce_packet *out)
{
	uint32_t header, pad;

	if (len < ROCE_BTH_BYTES + ROCE_ICRC_BYTES)
		return false;
	header = roce_header_bytes(bytes[0]);
	pad = bytes[1] >> PAD_SHIFT & 3;
	if (!header || len < header + pad + ROCE_ICRC_BYTES || len % 4 != 0 ||
	    bytes[1] & VERSION_MASK || bytes_load16(bytes + 2) != ROCE_PKEY_DEFAULT)
		return false;
	memset(out, 0, sizeof(*out));
	out->opcode = bytes[0];
	out->fecn = bytes[4] & FECN;
	out->becn = bytes[4] & BECN;
	out->dest_qp = bytes_load24(bytes + 5);
	out->ack_request = bytes[8] & ACK_REQUEST;
	out->psn = bytes_load24(bytes + 9);
	extension_parse(bytes + ROCE_BTH_BYTES, out);
	out->payload = bytes + header;
	out->payload_bytes = len - header - pad - ROCE_ICRC_BYTES;
	/* The padding fills up to four bytes, no more. */
	if (roce_pad_bytes(out->payload_bytes) != pad)
		return false;
	return roce_place(out->opcode) != ROCE_PLACE_NONE || out->payload_bytes == 0;
}

uint32_t roce_write(uint8_t *dst, const struct roce_packet *packet)
{
	uint32_t header = roce_header_bytes(packet->opcode);
	uint32_t pad = roce_pad_bytes(packet->payload_bytes);

	memset(dst, 0, header);
	dst[0] = packet->opcode;
	/* Path migration is not in use, and NICs say so by "migrated"; in CNPs they leave it out.
	 */
	dst[1] = (uint8_t)((packet->opcode == ROCE_CNP ? 0 : MIGRATED) | pad << PAD_SHIFT);
	bytes_store16(dst + 2, ROCE_PKEY_DEFAULT);
	dst[4] = (uint8_t)((packet->fecn ? FECN : 0) | (packet->becn ? BECN : 0));
	bytes_store24(dst + 5, packet->dest_qp);
	dst[8] = packet->ack_request ? ACK_REQUEST : 0;
	bytes_store24(dst + 9, packet->psn);
	if (roce_has_reth(packet->opcode)) {
		bytes_store64(dst + 12, packet->va);
		bytes_store32(dst + 20, packet->rkey);
		bytes_store32(dst + 24, packet->dma_bytes);
	} else if (packet->opcode == ROCE_ACK) {
		dst[12] = packet->syndrome;
		bytes_store24(dst + 13, packet->msn);
	}
	memset(dst + header + packet->payload_bytes, 0, pad);
	return header;
}
