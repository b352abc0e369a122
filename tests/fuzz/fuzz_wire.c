/*
 * Everything that reads bytes from a WAN port, in the order of a worker: outer headers, clear
 * header, frames, and the inner packet of each DATA frame that holds a whole one (fragments wait in
 * their lane: fuzz_tunnel.c). The first byte of the input says where to begin, so that deep layers
 * do not have to wait for a good checksum.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/inner.h"
#include "dataplane/core/outer.h"
#include "dataplane/core/part.h"
#include "dataplane/core/wire.h"
#include "dataplane/core/wire_ack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Makes the IPv4 checksum right, so that the fuzzer need not find it. */
static void ipv4_seal(uint8_t *ip, uint32_t len)
{
	uint32_t header_len = len ? (uint32_t)(ip[0] & 0xf) * 4 : 0;

	if (header_len < INNER_IPV4_BYTES || header_len > len || ip[0] >> 4 != 4)
		return;
	bytes_store16(ip + 10, 0);
	bytes_store16(ip + 10, (uint16_t)~bytes_fold(bytes_sum(ip, header_len)));
}

static void inner_try(uint8_t *ip, uint32_t len)
{
	struct inner inner, again;
	enum drop why = DROP_COUNT;

	if (!inner_parse(ip, len, &inner, &why)) {
		check(why == DROP_MALFORMED);
		return;
	}
	check(inner.total_len <= len && inner.header_len <= inner.total_len);
	if (inner.ttl)
		inner_ttl_decrement(ip);
	inner_ecn_set(ip, inner.ecn ^ 3);
	check(inner_parse(ip, len, &again, &why));
	check(again.ttl == inner.ttl - (inner.ttl != 0) && again.ecn == (inner.ecn ^ 3));
	check(ip_addr_equal(&again.src, &inner.src) && again.dscp == inner.dscp);
}

static void inner_feed(const uint8_t *ip, uint32_t len)
{
	uint8_t *copy = malloc(len + !len);

	memcpy(copy, ip, len);
	inner_try(copy, len);
	ipv4_seal(copy, len);
	inner_try(copy, len);
	free(copy);
}

/* Clears, one by one, the bits that no sender of [cumulative, end) means. */
static void ack_trim(uint8_t *bytes, const struct wire_ack *ack)
{
	for (uint32_t b = 0; b < ack->block_count; b++) {
		uint8_t *bits = bytes + wire_ack_bytes(b) + 4;

		for (uint32_t i = 0; i < WIRE_ACK_BLOCK_SEQS; i++) {
			uint64_t seq = ack->blocks[b].first_seq + i;

			if (seq < ack->cumulative || seq >= ack->end)
				bits[i / 8] &= (uint8_t) ~(1u << i % 8);
		}
	}
}

/* What is accepted keeps its promises, and written again gives the same bytes. */
static void ack_feed(const uint8_t *bytes, uint32_t len)
{
	uint8_t copy[WIRE_ACK_BYTES_MAX], again[WIRE_ACK_BYTES_MAX];
	struct wire_ack ack;
	uint32_t used = 0;

	if (!wire_ack_parse(bytes, len, &ack, &used))
		return;
	check(used == len && ack.block_count <= WIRE_ACK_BLOCKS);
	check(ack.end >= ack.cumulative && ack.end - ack.cumulative <= WIRE_ACK_SPAN_MAX);
	for (uint32_t b = 0; b < ack.block_count; b++) {
		uint64_t first = ack.blocks[b].first_seq;

		check(first % WIRE_ACK_BLOCK_SEQS == 0 && first <= ack.end);
		check(first >= ack.cumulative || ack.cumulative - first < WIRE_ACK_BLOCK_SEQS);
	}
	memcpy(copy, bytes, len);
	ack_trim(copy, &ack);
	check(wire_ack_write(again, &ack) == len && !memcmp(copy, again, len));
}

/* Frames without a length of their own are written again; DATA without its payload. */
static void frame_write_again(const struct wire_frame *frame, const uint8_t *at)
{
	uint8_t bytes[WIRE_PROBE_BYTES];

	if (frame->type == WIRE_ACK) {
		check(frame->ack.bytes == at);
		ack_feed(at, frame->ack.len);
	} else if (frame->type == WIRE_DATA) {
		wire_data_write(bytes, &frame->data);
		check(!memcmp(bytes, at, WIRE_DATA_BYTES));
		check(!frame->data.frag_index || frame->data.prev == 1);
	} else if (frame->type == WIRE_PART) {
		wire_part_write(bytes, &frame->part);
		check(!memcmp(bytes, at, WIRE_PART_BYTES));
	} else if (frame->type == WIRE_PING) {
		wire_ping_write(bytes, frame->ping_next_seq);
		check(!memcmp(bytes, at, WIRE_PING_BYTES));
	} else {
		wire_probe_write(bytes, frame->type, &frame->probe);
		check(!memcmp(bytes, at, WIRE_PROBE_BYTES));
	}
}

/* Its bytes have a place in the unit, wherever parts that came before it lie. */
static void part_feed(const struct wire_part *part, const uint8_t *end)
{
	static struct part_set set;
	int offset;

	check(part->data.payload + part->length_bytes <= end);
	if (!part_set_is(&set, part))
		part_set_init(&set, part);
	offset = part_set_take(&set, part);
	check(offset < 0 || (uint32_t)offset + part->length_bytes <= part->data.length_bytes);
	check(!part_set_is_whole(&set) ||
	      set.part_bytes * (set.count - 1u) + set.last_bytes == set.unit_bytes);
}

static void frames_feed(const uint8_t *frames, uint32_t len)
{
	struct wire_cursor cursor;
	struct wire_frame frame;
	const uint8_t *at = frames;

	wire_cursor_init(&cursor, frames, len);
	for (; wire_frame_next(&cursor, &frame) > 0; at = cursor.at) {
		frame_write_again(&frame, at);
		if (frame.type == WIRE_PART)
			part_feed(&frame.part, frames + len);
		if (frame.type != WIRE_DATA)
			continue;
		check(frame.data.payload + frame.data.length_bytes <= frames + len);
		if (frame.data.frag_count == 1)
			inner_feed(frame.data.payload, frame.data.length_bytes);
	}
	check(cursor.at <= cursor.end);
}

static void packet_feed(const uint8_t *packet, uint32_t len)
{
	uint8_t bytes[WIRE_HEADER_BYTES];
	struct wire_header header;
	enum drop why = DROP_COUNT;

	if (!wire_header_parse(packet, len, &header, &why)) {
		check(why == DROP_VERSION || why == DROP_OUTER_MALFORMED);
		return;
	}
	wire_header_write(bytes, &header);
	check(!memcmp(bytes, packet, sizeof(bytes)));
	frames_feed(packet + WIRE_HEADER_BYTES, len - WIRE_OVERHEAD_BYTES);
}

static void frame_try(const uint8_t *frame, uint32_t len)
{
	struct outer outer;
	enum drop why = DROP_COUNT;

	if (!outer_parse(frame, len, &outer, &why)) {
		check(why == DROP_OUTER_MALFORMED);
		return;
	}
	check(outer.payload_offset + outer.payload_len <= len);
	packet_feed(frame + outer.payload_offset, outer.payload_len);
}

static void frame_feed(const uint8_t *frame, uint32_t len)
{
	uint8_t *copy = malloc(len + !len);

	memcpy(copy, frame, len);
	if (len > ETHER_HEADER_BYTES)
		ipv4_seal(copy + ETHER_HEADER_BYTES, len - ETHER_HEADER_BYTES);
	frame_try(copy, len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = (uint32_t)size - 1;

	if (!size)
		return 0;
	switch (data[0] & 3) {
	case 0:
		frame_feed(data + 1, len);
		break;
	case 1:
		packet_feed(data + 1, len);
		break;
	case 2:
		frames_feed(data + 1, len);
		break;
	default:
		inner_feed(data + 1, len);
	}
	return 0;
}
