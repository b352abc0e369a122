#include "tests/lanswitch/fabric.h"

#include <errno.h>
#include <string.h>

#include "dataplane/core/bytes.h"
#include "dataplane/core/inner.h"
#include "tests/wan/frame.h"

#define ETHERNET_BYTES	 14
#define TYPE_VLAN	 0x8100
#define BURST_PART	 5000 /* of a second: 200 us, a few sleeps of the switch */
#define BURST_FRAMES_MIN 2

static void queues_init(struct fabric_port *port)
{
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++)
		port->queues[prio].head = port->queues[prio].tail = FABRIC_NONE;
}

static int port_init(struct fabric *f, uint32_t index, const uint8_t mac[6], uint64_t now)
{
	uint64_t shares[PFC_PRIORITIES];
	struct fabric_port *port = &f->ports[index];

	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++)
		shares[prio] = f->config.lossless >> prio & 1 ? f->config.share_bytes : 0;
	queues_init(port);
	if (pfc_in_init(&port->in, f->config.speed_bps, f->config.stuck_ns) ||
	    pfc_out_init(&port->out, mac, f->config.speed_bps, f->config.stuck_ns, shares))
		return -EINVAL;
	return fabric_set_rate(f, index, f->config.rate_bps[index], now);
}

int fabric_init(struct fabric *f, const struct fabric_config *config, const uint8_t port_macs[][6],
		struct fabric_slot *slots, uint8_t *frames, uint32_t slot_count, uint64_t now)
{
	if (!config->port_count || config->port_count > FABRIC_PORTS || !slot_count ||
	    config->frame_bytes < PFC_FRAME_BYTES)
		return -EINVAL;
	memset(f, 0, sizeof(*f));
	f->config = *config;
	f->slots = slots;
	f->frames = frames;
	f->slot_count = slot_count;
	for (uint32_t i = 0; i < slot_count; i++)
		slots[i].next = i + 1 < slot_count ? i + 1 : FABRIC_NONE;
	for (uint32_t i = 0; i < config->port_count; i++)
		if (port_init(f, i, port_macs[i], now))
			return -EINVAL;
	return 0;
}

int fabric_set_rate(struct fabric *f, uint32_t port, uint64_t rate_bps, uint64_t now)
{
	uint64_t burst = rate_bps / 8 / BURST_PART;
	uint64_t least = BURST_FRAMES_MIN * (uint64_t)f->config.frame_bytes;
	int rc;

	if (rate_bps) {
		rc = shaper_init(&f->ports[port].shaper, rate_bps,
				 (uint32_t)(burst > least ? burst : least), now);
		if (rc)
			return rc;
	}
	f->config.rate_bps[port] = rate_bps;
	return 0;
}

static uint32_t priority_of(const uint8_t *frame, uint32_t len)
{
	if (len >= ETHERNET_BYTES + 4 && bytes_load16(frame + 12) == TYPE_VLAN)
		return frame[14] >> 5;
	return frame_dscp(frame, len) >> 3;
}

/* What the share of a port holds has changed. */
static void fill_tell(struct fabric *f, uint32_t port, uint32_t prio, uint64_t now)
{
	struct fabric_port *p = &f->ports[port];
	bool is_forced = p->forced >> prio & 1;

	pfc_out_set_fill(&p->out, prio, is_forced ? f->config.share_bytes : p->held_bytes[prio],
			 now);
}

void fabric_force_pause(struct fabric *f, uint32_t port, uint32_t prio, bool on, uint64_t now)
{
	struct fabric_port *p = &f->ports[port];
	uint32_t bit = 1u << prio;

	p->forced = (uint8_t)(on ? p->forced | bit : p->forced & ~bit);
	fill_tell(f, port, prio, now);
}

static void slot_free(struct fabric *f, uint32_t slot, uint64_t now)
{
	struct fabric_slot *s = &f->slots[slot];

	f->ports[s->from].held_bytes[s->prio] -= s->len_bytes;
	f->held_frames--;
	fill_tell(f, s->from, s->prio, now);
	s->next = f->free_head;
	f->free_head = slot;
}

static void queue_append(struct fabric *f, struct fabric_queue *q, uint32_t slot)
{
	f->slots[slot].next = FABRIC_NONE;
	if (q->head == FABRIC_NONE)
		q->head = slot;
	else
		f->slots[q->tail].next = slot;
	q->tail = slot;
	q->bytes += f->slots[slot].len_bytes;
}

static uint32_t queue_take(struct fabric *f, struct fabric_queue *q)
{
	uint32_t slot = q->head;

	q->head = f->slots[slot].next;
	if (q->head == FABRIC_NONE)
		q->tail = FABRIC_NONE;
	q->bytes -= f->slots[slot].len_bytes;
	return slot;
}

/* Room for it? Else why not. */
static bool may_enter(const struct fabric *f, uint32_t from, uint32_t to, uint32_t prio,
		      uint32_t len, enum fabric_drop *why)
{
	*why = FABRIC_DROP_MEMORY;
	if (f->free_head == FABRIC_NONE || len > f->config.frame_bytes)
		return false;
	*why = FABRIC_DROP_BUFFER;
	if (f->config.lossless >> prio & 1)
		return f->ports[from].held_bytes[prio] + len <= f->config.share_bytes;
	*why = FABRIC_DROP_QUEUE;
	return f->ports[to].queues[prio].bytes + len <= f->config.queue_bytes;
}

static void enter(struct fabric *f, uint32_t from, uint32_t to, const uint8_t *frame, uint32_t len,
		  uint64_t now)
{
	uint32_t prio = priority_of(frame, len), slot;
	enum fabric_drop why;

	if (!may_enter(f, from, to, prio, len, &why)) {
		f->ports[from].counters.drops[why]++;
		return;
	}
	slot = f->free_head;
	f->free_head = f->slots[slot].next;
	f->slots[slot] = (struct fabric_slot){
		.len_bytes = len, .from = (uint8_t)from, .prio = (uint8_t)prio};
	memcpy(fabric_frame(f, slot), frame, len);
	f->held_frames++;
	f->ports[from].held_bytes[prio] += len;
	queue_append(f, &f->ports[to].queues[prio], slot);
	fill_tell(f, from, prio, now);
}

static void forward(struct fabric *f, uint32_t from, const uint8_t *frame, uint32_t len,
		    uint64_t now)
{
	uint32_t to = frame[0] & 1 ? MACS_NONE : macs_find(&f->macs, frame);

	if (to == from) {
		f->ports[from].counters.drops[FABRIC_DROP_NOWHERE]++;
		return;
	}
	if (to != MACS_NONE) {
		enter(f, from, to, frame, len, now);
		return;
	}
	f->ports[from].counters.flooded++;
	for (to = 0; to < f->config.port_count; to++)
		if (to != from)
			enter(f, from, to, frame, len, now);
}

/* 802.1Q, table 8-1: addresses that stay on the link. */
static bool is_link_local(const uint8_t *frame)
{
	static const uint8_t reserved[5] = {0x01, 0x80, 0xc2, 0x00, 0x00};

	return memcmp(frame, reserved, sizeof(reserved)) == 0 && frame[5] < 0x10;
}

void fabric_on_frame(struct fabric *f, uint32_t port, const uint8_t *frame, uint32_t len,
		     uint64_t now)
{
	struct fabric_port *p = &f->ports[port];
	struct pfc_frame pause;

	p->counters.rx_frames++;
	p->counters.rx_bytes += len;
	if (pfc_frame_parse(frame, len, &pause)) {
		pfc_in_on_frame(&p->in, &pause, now);
	} else if (pfc_is_mac_control(frame, len)) {
		p->counters.other_pauses++;
	} else if (len < ETHERNET_BYTES || is_link_local(frame)) {
		p->counters.drops[FABRIC_DROP_CONTROL]++;
	} else {
		macs_learn(&f->macs, frame + 6, port);
		forward(f, port, frame, len, now);
	}
}

bool fabric_pfc_poll(struct fabric *f, uint32_t port, uint64_t now, uint8_t *dst)
{
	return pfc_out_poll(&f->ports[port].out, now, dst);
}

/* A dead receiver must not keep what others need. */
static void queue_shed(struct fabric *f, struct fabric_port *p, uint32_t prio, uint64_t now)
{
	while (p->queues[prio].head != FABRIC_NONE) {
		uint32_t slot = queue_take(f, &p->queues[prio]);

		f->ports[f->slots[slot].from].counters.drops[FABRIC_DROP_STUCK]++;
		slot_free(f, slot, now);
	}
}

static void mark_ce(struct fabric *f, struct fabric_port *p, const struct fabric_queue *q,
		    uint32_t slot)
{
	uint8_t *frame = fabric_frame(f, slot);
	uint32_t len = f->slots[slot].len_bytes, offset;
	struct inner inner;
	enum drop why;
	bool is_v6;

	if (!f->config.ecn_bytes || q->bytes <= f->config.ecn_bytes ||
	    !inner_offset(frame, len, &offset, &is_v6, &why) ||
	    !inner_parse(frame + offset, len - offset, &inner, &why) ||
	    (inner.ecn != ECN_ECT0 && inner.ecn != ECN_ECT1))
		return;
	inner_ecn_set(frame + offset, ECN_CE);
	p->counters.ecn_marked++;
}

uint32_t fabric_next(struct fabric *f, uint32_t port, uint64_t now)
{
	struct fabric_port *p = &f->ports[port];

	pfc_in_poll(&p->in, now);
	for (uint32_t i = 0; i < PFC_PRIORITIES; i++) {
		uint32_t prio = (p->turn + i) % PFC_PRIORITIES, slot;
		struct fabric_queue *q = &p->queues[prio];

		if (pfc_in_is_stuck(&p->in, prio, now))
			queue_shed(f, p, prio, now);
		if (q->head == FABRIC_NONE || pfc_in_is_paused(&p->in, prio, now))
			continue;
		if (f->config.rate_bps[port] &&
		    !shaper_take(&p->shaper, f->slots[q->head].len_bytes, now))
			return FABRIC_NONE;
		slot = queue_take(f, q);
		mark_ce(f, p, q, slot);
		p->turn = (prio + 1) % PFC_PRIORITIES;
		return slot;
	}
	return FABRIC_NONE;
}

void fabric_sent(struct fabric *f, uint32_t port, uint32_t slot, uint64_t now)
{
	struct fabric_counters *c = &f->ports[port].counters;

	c->tx_frames++;
	c->tx_bytes += f->slots[slot].len_bytes;
	c->tx_priority[f->slots[slot].prio]++;
	slot_free(f, slot, now);
}

void fabric_refused(struct fabric *f, uint32_t slot, uint64_t now)
{
	slot_free(f, slot, now);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t port_deadline(const struct fabric *f, uint32_t port, uint64_t now)
{
	const struct fabric_port *p = &f->ports[port];
	uint64_t due = sooner(pfc_out_deadline(&p->out, now), pfc_in_deadline(&p->in, now));

	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++) {
		uint32_t head = p->queues[prio].head;
		uint64_t when = now;

		if (head == FABRIC_NONE || pfc_in_is_paused(&p->in, prio, now))
			continue;
		if (f->config.rate_bps[port])
			when = shaper_deadline(&p->shaper, f->slots[head].len_bytes);
		due = sooner(due, when < now ? now : when);
	}
	return due;
}

uint64_t fabric_deadline(const struct fabric *f, uint64_t now)
{
	uint64_t due = UINT64_MAX;

	for (uint32_t port = 0; port < f->config.port_count; port++)
		due = sooner(due, port_deadline(f, port, now));
	return due;
}
