#include "dataplane/core/wire.h"

#include "dataplane/abi/verdict.h"
#include "dataplane/core/wire_ack.h"

void wire_probe_write(uint8_t *dst, enum wire_frame_type type, const struct wire_probe *probe)
{
	struct wire_probe_bytes *b = (struct wire_probe_bytes *)dst;

	b->type = (uint8_t)type;
	bytes_store24(b->reserved, 0);
	bytes_store32(b->generation, probe->generation);
	bytes_store64(b->nonce, probe->nonce);
	bytes_store64(b->time_ns, probe->time_ns);
}

void wire_part_write(uint8_t *dst, const struct wire_part *part)
{
	struct wire_part_bytes *b = (struct wire_part_bytes *)dst;

	wire_data_write(dst, &part->data);
	b->type = WIRE_PART;
	bytes_store16(b->length, part->length_bytes);
	b->index = part->index;
	bytes_store16(b->unit_length, part->data.length_bytes);
	b->count = part->count;
	b->reserved = 0;
}

void wire_ping_write(uint8_t *dst, uint64_t next_seq)
{
	struct wire_ping_bytes *b = (struct wire_ping_bytes *)dst;

	bytes_store64(dst, 0);
	b->type = WIRE_PING;
	bytes_store64(b->next_seq, next_seq);
}

/* The least length of a packet of this type, tag included; 0: unknown type. */
static uint32_t header_min_bytes(uint8_t type)
{
	return type == WIRE_TYPE_FRAMES ? WIRE_OVERHEAD_BYTES : 0;
}

static bool header_is_sound(const struct wire_header_bytes *b)
{
	if (b->flags & ~WIRE_F_KNOWN || bytes_load16(b->reserved))
		return false;
	return b->flags & WIRE_F_FEC || (!b->fec_index && !bytes_load32(b->fec_block));
}

bool wire_header_parse(const uint8_t *src, uint32_t len, struct wire_header *out, enum drop *why)
{
	const struct wire_header_bytes *b = (const struct wire_header_bytes *)src;
	uint32_t min_bytes;

	*why = DROP_OUTER_MALFORMED;
	if (len < 2)
		return false;
	min_bytes = header_min_bytes(b->type);
	if (b->version != WIRE_VERSION || !min_bytes) {
		*why = DROP_VERSION;
		return false;
	}
	if (len < min_bytes || !header_is_sound(b))
		return false;
	out->type = b->type;
	out->flags = b->flags;
	out->fec_index = b->fec_index;
	out->lane = b->lane;
	out->link = b->link;
	out->path_id = bytes_load32(b->path_id);
	out->send_time_us = bytes_load32(b->send_time_us);
	out->packet_number = bytes_load64(b->packet_number);
	out->fec_block = bytes_load32(b->fec_block);
	return true;
}

/* Fixed part of a frame; 0: a type that this version does not know. */
static uint32_t frame_fixed_bytes(uint8_t type)
{
	switch (type) {
	case WIRE_DATA:
		return WIRE_DATA_BYTES;
	case WIRE_PART:
		return WIRE_PART_BYTES;
	case WIRE_ACK:
		return WIRE_ACK_BYTES;
	case WIRE_PROBE:
	case WIRE_PROBE_ECHO:
		return WIRE_PROBE_BYTES;
	case WIRE_PING:
		return WIRE_PING_BYTES;
	default:
		return 0;
	}
}

static bool data_is_sound(const struct wire_data *data)
{
	uint32_t end = (uint32_t)data->frag_offset + data->length_bytes;

	if (data->class >= CLASS_COUNT || !data->length_bytes || end > UINT16_MAX)
		return false;
	if (data->frag_index >= data->frag_count)
		return false;
	if (data->frag_index && data->prev != 1)
		return false;
	return (data->frag_index == 0) == (data->frag_offset == 0);
}

static void data_load(const struct wire_data_bytes *b, struct wire_data *data)
{
	data->class = b->class;
	data->length_bytes = bytes_load16(b->length);
	data->seq = bytes_load32(b->seq);
	data->prev = bytes_load24(b->prev);
	data->frag_index = b->frag_index;
	data->frag_count = b->frag_count;
	data->frag_offset = bytes_load16(b->frag_offset);
}

/* Bytes taken, or 0. The fixed part is inside `room`. */
static uint32_t data_parse(const uint8_t *src, size_t room, struct wire_data *data)
{
	const struct wire_data_bytes *b = (const struct wire_data_bytes *)src;

	data_load(b, data);
	data->payload = src + WIRE_DATA_BYTES;
	if (b->reserved || room < (size_t)WIRE_DATA_BYTES + data->length_bytes)
		return 0;
	return data_is_sound(data) ? WIRE_DATA_BYTES + (uint32_t)data->length_bytes : 0;
}

static bool part_is_sound(const struct wire_part *part)
{
	uint32_t before = (uint32_t)part->index * part->length_bytes;

	if (part->count < 2 || part->count > WIRE_PART_MAX || part->index >= part->count ||
	    !part->length_bytes || part->length_bytes >= part->data.length_bytes)
		return false;
	/* The last one is told from the end. */
	return part->index == part->count - 1 ||
	       before + part->length_bytes < part->data.length_bytes;
}

static uint32_t part_parse(const uint8_t *src, size_t room, struct wire_part *part)
{
	const struct wire_part_bytes *b = (const struct wire_part_bytes *)src;

	data_load((const struct wire_data_bytes *)src, &part->data);
	part->data.length_bytes = bytes_load16(b->unit_length);
	part->data.payload = src + WIRE_PART_BYTES;
	part->length_bytes = bytes_load16(b->length);
	part->index = b->index;
	part->count = b->count;
	if (b->reserved || room < (size_t)WIRE_PART_BYTES + part->length_bytes)
		return 0;
	if (!data_is_sound(&part->data) || !part_is_sound(part))
		return 0;
	return WIRE_PART_BYTES + (uint32_t)part->length_bytes;
}

static uint32_t probe_parse(const uint8_t *src, struct wire_probe *probe)
{
	const struct wire_probe_bytes *b = (const struct wire_probe_bytes *)src;

	probe->generation = bytes_load32(b->generation);
	probe->nonce = bytes_load64(b->nonce);
	probe->time_ns = bytes_load64(b->time_ns);
	return bytes_load24(b->reserved) ? 0 : WIRE_PROBE_BYTES;
}

static uint32_t ping_parse(const uint8_t *src, uint64_t *next_seq)
{
	const struct wire_ping_bytes *b = (const struct wire_ping_bytes *)src;

	*next_seq = bytes_load64(b->next_seq);
	return bytes_load64(src) << 8 ? 0 : WIRE_PING_BYTES;
}

/* The length only: who wants the contents checks them once, with wire_ack_parse. */
static uint32_t ack_parse(const uint8_t *src, size_t room, struct wire_frame *frame)
{
	const struct wire_ack_bytes *b = (const struct wire_ack_bytes *)src;
	uint32_t len = wire_ack_bytes(b->block_count);

	if (b->block_count > WIRE_ACK_BLOCKS || room < len)
		return 0;
	frame->ack.bytes = src;
	frame->ack.len = len;
	return len;
}

static uint32_t frame_parse(const uint8_t *src, size_t room, struct wire_frame *frame)
{
	uint32_t fixed = frame_fixed_bytes(*src);

	if (!fixed || room < fixed)
		return 0;
	frame->type = *src;
	switch (*src) {
	case WIRE_DATA:
		return data_parse(src, room, &frame->data);
	case WIRE_PART:
		return part_parse(src, room, &frame->part);
	case WIRE_ACK:
		return ack_parse(src, room, frame);
	case WIRE_PING:
		return ping_parse(src, &frame->ping_next_seq);
	default:
		return probe_parse(src, &frame->probe);
	}
}

static bool pad_is_zero(const struct wire_cursor *cursor)
{
	for (const uint8_t *p = cursor->at; p < cursor->end; p++) {
		if (*p)
			return false;
	}
	return true;
}

int wire_frame_next(struct wire_cursor *cursor, struct wire_frame *frame)
{
	uint32_t taken;

	if (cursor->at == cursor->end)
		return 0;
	if (*cursor->at == WIRE_PAD)
		return pad_is_zero(cursor) ? 0 : -1;
	taken = frame_parse(cursor->at, (size_t)(cursor->end - cursor->at), frame);
	if (!taken)
		return -1;
	cursor->at += taken;
	return 1;
}
