#include "tests/wan/direction.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/wan/frame.h"

#define VLAN_BYTES   4
#define MAC_BYTES    12
#define HEADER_BYTES 18
/* How soon to try a port again that had no room. */
#define RETRY_NS 50000
/* A frame that is said to have come longer ago, or to come, was stamped by a clock that was set
 * since. */
#define ARRIVAL_BELIEF_NS 1000000000ull

static int frames_map(struct direction *direction, uint64_t memory_bytes)
{
	void *frames;

	direction->slot_bytes = (direction->from->mtu + HEADER_BYTES + VLAN_BYTES + 63) & ~63u;
	direction->free_count = (uint32_t)(memory_bytes / direction->slot_bytes);
	if (direction->free_count == 0)
		return -EINVAL;
	direction->frames_bytes = (uint64_t)direction->free_count * direction->slot_bytes;
	frames = mmap(NULL, direction->frames_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (frames == MAP_FAILED)
		return -errno;
	direction->frames = frames;
	return 0;
}

int direction_open(struct direction *direction, struct port *from, struct port *to,
		   const struct link_config *config, uint64_t memory_bytes)
{
	int error;

	memset(direction, 0, sizeof(*direction));
	direction->from = from;
	direction->to = to;
	error = frames_map(direction, memory_bytes);
	if (error)
		return error;
	direction->slots = calloc(direction->free_count, sizeof(*direction->slots));
	direction->heap = calloc(direction->free_count, sizeof(*direction->heap));
	direction->free_slots = calloc(direction->free_count, sizeof(*direction->free_slots));
	if (!direction->slots || !direction->heap || !direction->free_slots) {
		direction_close(direction);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < direction->free_count; i++)
		direction->free_slots[i] = direction->free_count - 1 - i;
	return link_init(&direction->link, config, direction->slots, direction->heap,
			 direction->free_count);
}

void direction_close(struct direction *direction)
{
	if (direction->frames)
		munmap(direction->frames, direction->frames_bytes);
	free(direction->slots);
	free(direction->heap);
	free(direction->free_slots);
	memset(direction, 0, sizeof(*direction));
}

static uint8_t *slot_frame(const struct direction *direction, uint32_t slot)
{
	return direction->frames + (uint64_t)slot * direction->slot_bytes;
}

static uint32_t slot_store(const struct direction *direction, uint32_t slot,
			   const struct port_frame *frame)
{
	uint8_t *to = slot_frame(direction, slot);

	if (!frame->has_vlan) {
		memcpy(to, frame->data, frame->len_bytes);
		return frame->len_bytes;
	}
	memcpy(to, frame->data, MAC_BYTES);
	to[12] = (uint8_t)(frame->vlan_type >> 8);
	to[13] = (uint8_t)frame->vlan_type;
	to[14] = (uint8_t)(frame->vlan_tci >> 8);
	to[15] = (uint8_t)frame->vlan_tci;
	memcpy(to + MAC_BYTES + VLAN_BYTES, frame->data + MAC_BYTES, frame->len_bytes - MAC_BYTES);
	return frame->len_bytes + VLAN_BYTES;
}

/*
 * When the frame came, not when we got round to it: an emulator that lost its core for 3 ms between
 * its clock and its ring made a line of 5 ms one of 2 ms.
 */
static uint64_t frame_arrival(struct direction *direction, const struct port_frame *frame,
			      uint64_t now)
{
	uint64_t arrival = frame->arrival_ns;

	/* The clock was set. */
	if (arrival + ARRIVAL_BELIEF_NS < now || arrival > now + ARRIVAL_BELIEF_NS)
		arrival = now;
	if (arrival > direction->arrival_ns)
		direction->arrival_ns = arrival;
	return direction->arrival_ns;
}

static void frame_take(struct direction *direction, const struct port_frame *frame, uint64_t now)
{
	uint64_t arrival = frame_arrival(direction, frame, now);
	uint32_t slot = UINT32_MAX;
	uint32_t len_bytes = frame->len_bytes;
	uint8_t dscp = 0;

	if (len_bytes + VLAN_BYTES > direction->slot_bytes || len_bytes < MAC_BYTES) {
		direction->from->lost.too_long++;
		return;
	}
	if (direction->free_count) {
		slot = direction->free_slots[direction->free_count - 1];
		len_bytes = slot_store(direction, slot, frame);
		dscp = frame_dscp(slot_frame(direction, slot), len_bytes);
	}
	if (link_on_frame(&direction->link, slot, len_bytes, dscp, arrival) == LINK_PASS)
		direction->free_count--;
}

static uint32_t frames_receive(struct direction *direction, uint64_t now)
{
	struct port_frame frame;
	uint32_t count = 0;

	port_clock(direction->from);
	for (; count < PORT_BURST && port_next(direction->from, &frame); count++) {
		frame_take(direction, &frame, now);
		port_next_done(direction->from);
	}
	return count;
}

static void pending_fill(struct direction *direction, uint64_t now)
{
	if (direction->pending_count)
		return;
	direction->pending_first = 0;
	direction->pending_count = link_poll(&direction->link, now, direction->pending, PORT_BURST);
	for (uint32_t i = 0; i < direction->pending_count; i++) {
		struct link_out *out = &direction->pending[i];

		if (out->copies)
			frame_corrupt(slot_frame(direction, out->slot), out->len_bytes,
				      out->corrupt_bit);
	}
}

/* Copies of pending frames as messages, oldest first. */
static uint32_t pending_messages(struct direction *direction, struct mmsghdr *messages,
				 struct iovec *parts)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < direction->pending_count; i++) {
		struct link_out *out = &direction->pending[direction->pending_first + i];

		for (uint32_t copy = 0; copy < out->copies && count < PORT_BURST; copy++, count++) {
			parts[count].iov_base = slot_frame(direction, out->slot);
			parts[count].iov_len = out->len_bytes;
			messages[count].msg_hdr.msg_iov = &parts[count];
			messages[count].msg_hdr.msg_iovlen = 1;
		}
	}
	return count;
}

/* `copies` copies are gone: sent, or given up. Frames without copies left give their slot back. */
static void pending_advance(struct direction *direction, uint32_t copies)
{
	while (direction->pending_count) {
		struct link_out *out = &direction->pending[direction->pending_first];
		uint32_t gone = copies < out->copies ? copies : out->copies;

		out->copies -= gone;
		copies -= gone;
		if (out->copies)
			return;
		direction->free_slots[direction->free_count++] = out->slot;
		direction->pending_first++;
		direction->pending_count--;
	}
}

static uint32_t pending_send(struct direction *direction)
{
	struct mmsghdr messages[PORT_BURST] = {0};
	struct iovec parts[PORT_BURST];
	uint32_t count = pending_messages(direction, messages, parts);
	uint32_t sent = 0;
	bool refused = false;

	if (count)
		sent = port_send(direction->to, messages, count, &refused);
	if (refused) {
		direction->to->lost.tx_refused++;
		sent = 1;
	}
	if (count == 0 || sent)
		pending_advance(direction, sent);
	return sent;
}

uint32_t direction_turn(struct direction *direction, uint64_t now)
{
	uint32_t received = frames_receive(direction, now);
	uint32_t sent = 0;

	pending_fill(direction, now);
	if (direction->pending_count)
		sent = pending_send(direction);
	return received > sent ? received : sent;
}

uint64_t direction_deadline(const struct direction *direction, uint64_t now)
{
	return direction->pending_count ? now + RETRY_NS : link_deadline(&direction->link);
}

static const char *const drop_names[LINK_DROP_COUNT] = {
	[LINK_DROP_QUEUE] = "queue", [LINK_DROP_LOSS] = "loss",	  [LINK_DROP_BURST] = "burst",
	[LINK_DROP_CUT] = "cut",     [LINK_DROP_SLOT] = "memory",
};

/* What the lab itself lost: neither the gateways nor the settings of the line are to blame. */
static void lost_print(const struct direction *direction, FILE *out)
{
	const struct port_lost *in = &direction->from->lost;
	const struct port_lost *to = &direction->to->lost;
	uint64_t memory = direction->link.stats.dropped[LINK_DROP_SLOT];

	fprintf(out, "\"lab_lost\":%" PRIu64,
		in->ring_full + in->too_long + to->tx_refused + to->tx_kernel + memory);
	fprintf(out,
		",\"lab_lost_by\":{\"ring_full\":%" PRIu64 ",\"too_long\":%" PRIu64
		",\"tx_refused\":%" PRIu64 ",\"tx_kernel\":%" PRIu64 ",\"memory\":%" PRIu64 "}",
		in->ring_full, in->too_long, to->tx_refused, to->tx_kernel, memory);
	fprintf(out, ",\"no_checksum\":%" PRIu64, in->no_checksum);
}

void direction_print(struct direction *direction, FILE *out)
{
	const struct link_stats *stats = &direction->link.stats;

	port_read_lost(direction->from);
	port_read_lost(direction->to);
	fprintf(out, "{\"from\":\"%s\",\"to\":\"%s\",\"cut\":%s", direction->from->name,
		direction->to->name, direction->link.is_cut ? "true" : "false");
	fprintf(out, ",\"rx_frames\":%" PRIu64 ",\"rx_bytes\":%" PRIu64, stats->rx_frames,
		stats->rx_bytes);
	fprintf(out, ",\"tx_frames\":%" PRIu64 ",\"tx_bytes\":%" PRIu64, stats->tx_frames,
		stats->tx_bytes);
	fprintf(out, ",\"held_frames\":%" PRIu32, link_held(&direction->link));
	fprintf(out,
		",\"priority_frames\":%" PRIu64 ",\"duplicated\":%" PRIu64
		",\"reordered\":%" PRIu64,
		stats->priority_frames, stats->duplicated, stats->reordered);
	fprintf(out, ",\"corrupted\":%" PRIu64 ",\"max_queue_bytes\":%" PRIu64 ",\"dropped\":{",
		stats->corrupted, stats->max_queue_bytes);
	for (unsigned int i = LINK_PASS + 1; i < LINK_DROP_COUNT; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i > 1 ? "," : "", drop_names[i],
			stats->dropped[i]);
	fprintf(out, "},");
	lost_print(direction, out);
	fprintf(out, "}");
}
