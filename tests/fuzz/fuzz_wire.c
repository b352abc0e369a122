/*
 * Everything that reads bytes from a WAN port, in the order of a worker: outer headers, clear
 * header, frames, then reassembly and the inner packet for each DATA frame. The first byte of the
 * input says where to begin, so that deep layers do not have to wait for a good checksum.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/inner.h"
#include "dataplane/core/outer.h"
#include "dataplane/core/reasm.h"
#include "dataplane/core/wire.h"

#define SLOTS 4
#define LIMIT 9000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct reasm reasm;
	struct reasm_slot slots[SLOTS];
	uint8_t *buffers[SLOTS]; /* from malloc, so that ASan sees a copy past the limit */
	uint64_t now;
};

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

static void slot_drop(struct world *w, uint32_t slot)
{
	check(slot < SLOTS && w->buffers[slot]);
	free(w->buffers[slot]);
	w->buffers[slot] = NULL;
}

static void fragment_feed(struct world *w, const struct wire_data *data)
{
	uint32_t slot = REASM_NONE, total = 0;
	enum drop why;
	enum reasm_result result;

	result = reasm_on_fragment(&w->reasm, data, w->now, &slot, &total, &why);
	if (result == REASM_FULL) {
		slot_drop(w, reasm_evict(&w->reasm, w->now));
		result = reasm_on_fragment(&w->reasm, data, w->now, &slot, &total, &why);
	}
	if (result == REASM_BAD || result == REASM_DUPLICATE)
		return;
	check(slot < SLOTS && (result == REASM_NEW) == !w->buffers[slot]);
	if (result == REASM_NEW)
		w->buffers[slot] = calloc(1, LIMIT);
	memcpy(w->buffers[slot] + data->frag_offset, data->payload, data->length_bytes);
	if (result != REASM_DONE)
		return;
	check(total <= LIMIT);
	inner_feed(w->buffers[slot], total);
	slot_drop(w, slot);
}

static void frames_feed(struct world *w, const uint8_t *frames, uint32_t len)
{
	struct wire_cursor cursor;
	struct wire_frame frame;

	wire_cursor_init(&cursor, frames, len);
	while (wire_frame_next(&cursor, &frame) > 0) {
		uint32_t slots[SLOTS], n;

		if (frame.type == WIRE_BOOT) /* moves the clock */
			w->now += frame.boot & 0xfffffff;
		n = reasm_poll(&w->reasm, w->now, slots, SLOTS);
		for (uint32_t i = 0; i < n; i++)
			slot_drop(w, slots[i]);
		if (frame.type != WIRE_DATA)
			continue;
		check(frame.data.payload + frame.data.length_bytes <= frames + len);
		if (frame.data.frag_count == 1)
			inner_feed(frame.data.payload, frame.data.length_bytes);
		else
			fragment_feed(w, &frame.data);
	}
	check(cursor.at <= cursor.end);
}

static void packet_feed(struct world *w, const uint8_t *packet, uint32_t len)
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
	frames_feed(w, packet + WIRE_HEADER_BYTES, len - WIRE_OVERHEAD_BYTES);
}

static void frame_try(struct world *w, const uint8_t *frame, uint32_t len)
{
	struct outer outer;
	enum drop why = DROP_COUNT;

	if (!outer_parse(frame, len, &outer, &why)) {
		check(why == DROP_OUTER_MALFORMED);
		return;
	}
	check(outer.payload_offset + outer.payload_len <= len);
	packet_feed(w, frame + outer.payload_offset, outer.payload_len);
}

static void frame_feed(struct world *w, const uint8_t *frame, uint32_t len)
{
	uint8_t *copy = malloc(len + !len);

	memcpy(copy, frame, len);
	if (len > ETHER_HEADER_BYTES)
		ipv4_seal(copy + ETHER_HEADER_BYTES, len - ETHER_HEADER_BYTES);
	frame_try(w, copy, len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.now = 1};
	uint32_t slots[SLOTS], n;
	uint32_t len = (uint32_t)size - 1;

	if (!size)
		return 0;
	check(reasm_init(&w.reasm, w.slots, SLOTS, LIMIT, 0) == 0);
	switch (data[0] & 3) {
	case 0:
		frame_feed(&w, data + 1, len);
		break;
	case 1:
		packet_feed(&w, data + 1, len);
		break;
	case 2:
		frames_feed(&w, data + 1, len);
		break;
	default:
		inner_feed(data + 1, len);
	}
	n = reasm_flush(&w.reasm, slots, SLOTS);
	for (uint32_t i = 0; i < n; i++)
		slot_drop(&w, slots[i]);
	for (uint32_t i = 0; i < SLOTS; i++)
		check(!w.buffers[i]);
	return 0;
}
