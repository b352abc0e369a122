#include "dataplane/core/pfc.h"

#include <errno.h>
#include <string.h>

#include "dataplane/core/bytes.h"

#define NS_PER_S      1000000000ull
#define QUANTA_MAX    65535u
#define REFRESH_PART  3 /* of a pause: two frames in a row may be lost */
#define XOFF_PERCENT  50
#define XON_PERCENT   35
#define FIXED_POINT   16
#define SPEED_MIN_BPS 1000ull /* below, a quantum's time would leave 64 bits */

static const uint8_t control_mac[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01};

void pfc_frame_write(uint8_t *dst, const uint8_t src_mac[6], const struct pfc_frame *frame)
{
	memset(dst, 0, PFC_FRAME_BYTES);
	memcpy(dst, control_mac, 6);
	memcpy(dst + 6, src_mac, 6);
	bytes_store16(dst + 12, PFC_ETHER_TYPE);
	bytes_store16(dst + 14, PFC_OPCODE);
	bytes_store16(dst + 16, frame->enabled);
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++)
		if (frame->enabled >> prio & 1)
			bytes_store16(dst + 18 + 2 * prio, frame->quanta[prio]);
}

bool pfc_frame_parse(const uint8_t *bytes, uint32_t len, struct pfc_frame *out)
{
	if (len < PFC_MIN_BYTES || memcmp(bytes, control_mac, 6) != 0 ||
	    bytes_load16(bytes + 12) != PFC_ETHER_TYPE || bytes_load16(bytes + 14) != PFC_OPCODE)
		return false;
	*out = (struct pfc_frame){.enabled = bytes[17]};
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++)
		if (out->enabled >> prio & 1)
			out->quanta[prio] = bytes_load16(bytes + 18 + 2 * prio);
	return true;
}

/* Rounded up: never to send before the other side expects it. */
static uint64_t quantum_time_of(uint64_t speed_bps)
{
	return (PFC_QUANTUM_BITS * NS_PER_S << FIXED_POINT) / speed_bps + 1;
}

static uint64_t pause_ns(uint64_t quantum_time, uint16_t quanta)
{
	return quantum_time * quanta >> FIXED_POINT;
}

static bool is_past(uint64_t time_ns, uint64_t now)
{
	return (int64_t)(now - time_ns) >= 0;
}

static uint64_t not_before(uint64_t time_ns, uint64_t now)
{
	return is_past(time_ns, now) ? now : time_ns;
}

/* The earlier of two times ahead of now; UINT64_MAX is none. */
static uint64_t earlier(uint64_t a, uint64_t b, uint64_t now)
{
	if (a == UINT64_MAX || b == UINT64_MAX)
		return a == UINT64_MAX ? b : a;
	return a - now < b - now ? a : b;
}

static void mask_set(uint8_t *mask, uint32_t prio)
{
	*mask = (uint8_t)(*mask | 1u << prio);
}

static void mask_clear(uint8_t *mask, uint32_t prio)
{
	*mask = (uint8_t)(*mask & ~(1u << prio));
}

int pfc_out_init(struct pfc_out *p, const uint8_t mac[6], uint64_t speed_bps, uint64_t stuck_ns,
		 const uint64_t share_bytes[PFC_PRIORITIES])
{
	uint64_t quantum_time, quanta;

	if (speed_bps < SPEED_MIN_BPS)
		return -EINVAL;
	quantum_time = quantum_time_of(speed_bps);
	quanta = (PFC_PAUSE_MAX_NS << FIXED_POINT) / quantum_time;
	*p = (struct pfc_out){.stuck_ns = stuck_ns};
	memcpy(p->mac, mac, 6);
	p->quanta = (uint16_t)(quanta > QUANTA_MAX ? QUANTA_MAX : quanta + !quanta);
	p->refresh_ns = pause_ns(quantum_time, p->quanta) / REFRESH_PART;
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++) {
		uint64_t share = share_bytes[prio];

		p->xoff_bytes[prio] =
			share ? share / 100 * XOFF_PERCENT + share % 100 * XOFF_PERCENT / 100
			      : UINT64_MAX;
		p->xon_bytes[prio] = share / 100 * XON_PERCENT + share % 100 * XON_PERCENT / 100;
	}
	return 0;
}

static void out_pause(struct pfc_out *p, uint32_t prio, uint64_t now)
{
	mask_set(&p->paused, prio);
	mask_set(&p->changed, prio);
	p->since_ns[prio] = now;
	p->counters[prio].pauses++;
}

static void out_release(struct pfc_out *p, uint32_t prio, uint64_t now)
{
	mask_clear(&p->paused, prio);
	mask_set(&p->changed, prio);
	p->counters[prio].paused_ns += now - p->since_ns[prio];
}

void pfc_out_set_fill(struct pfc_out *p, uint32_t prio, uint64_t bytes, uint64_t now)
{
	bool is_paused = p->paused >> prio & 1;

	if (bytes <= p->xon_bytes[prio]) {
		mask_clear(&p->stuck, prio);
		if (is_paused)
			out_release(p, prio, now);
	} else if (bytes >= p->xoff_bytes[prio] && !is_paused && !pfc_out_is_stuck(p, prio)) {
		out_pause(p, prio, now);
	}
}

static void out_find_stuck(struct pfc_out *p, uint64_t now)
{
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++) {
		if (!(p->paused >> prio & 1) || !is_past(p->since_ns[prio] + p->stuck_ns, now))
			continue;
		out_release(p, prio, now);
		mask_set(&p->stuck, prio);
		p->counters[prio].stuck++;
	}
}

bool pfc_out_poll(struct pfc_out *p, uint64_t now, uint8_t *dst)
{
	struct pfc_frame frame;

	if (p->paused && p->stuck_ns)
		out_find_stuck(p, now);
	if (!p->changed && (!p->paused || !is_past(p->refresh_at_ns, now)))
		return false;
	/* Every frame renews every pause. */
	frame = (struct pfc_frame){.enabled = p->paused | p->changed};
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++)
		frame.quanta[prio] = p->paused >> prio & 1 ? p->quanta : 0;
	pfc_frame_write(dst, p->mac, &frame);
	p->changed = 0;
	p->refresh_at_ns = now + p->refresh_ns;
	p->frames++;
	return true;
}

uint64_t pfc_out_deadline(const struct pfc_out *p, uint64_t now)
{
	uint64_t due = UINT64_MAX;

	if (p->changed)
		return now;
	if (!p->paused)
		return due;
	due = not_before(p->refresh_at_ns, now);
	for (uint32_t prio = 0; prio < PFC_PRIORITIES && p->stuck_ns; prio++)
		if (p->paused >> prio & 1)
			due = earlier(due, not_before(p->since_ns[prio] + p->stuck_ns, now), now);
	return due;
}

int pfc_in_init(struct pfc_in *p, uint64_t speed_bps, uint64_t stuck_ns)
{
	if (speed_bps < SPEED_MIN_BPS)
		return -EINVAL;
	*p = (struct pfc_in){.quantum_time = quantum_time_of(speed_bps), .stuck_ns = stuck_ns};
	return 0;
}

static void in_end(struct pfc_in *p, uint32_t prio, uint64_t at)
{
	mask_clear(&p->paused, prio);
	mask_clear(&p->stuck, prio);
	p->counters[prio].paused_ns += at - p->since_ns[prio];
}

static void in_pause(struct pfc_in *p, uint32_t prio, uint16_t quanta, uint64_t now)
{
	bool is_paused = p->paused >> prio & 1;

	if (!quanta) {
		if (is_paused)
			in_end(p, prio, now);
		return;
	}
	p->until_ns[prio] = now + pause_ns(p->quantum_time, quanta);
	if (is_paused)
		return;
	mask_set(&p->paused, prio);
	p->since_ns[prio] = now;
	p->counters[prio].pauses++;
}

void pfc_in_on_frame(struct pfc_in *p, const struct pfc_frame *frame, uint64_t now)
{
	pfc_in_poll(p, now);
	p->frames++;
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++)
		if (frame->enabled >> prio & 1)
			in_pause(p, prio, frame->quanta[prio], now);
}

void pfc_in_poll(struct pfc_in *p, uint64_t now)
{
	for (uint32_t prio = 0; prio < PFC_PRIORITIES && p->paused; prio++) {
		if (!(p->paused >> prio & 1))
			continue;
		if (is_past(p->until_ns[prio], now)) {
			in_end(p, prio, p->until_ns[prio]);
		} else if (pfc_in_is_stuck(p, prio, now) && !(p->stuck >> prio & 1)) {
			mask_set(&p->stuck, prio);
			p->counters[prio].stuck++;
		}
	}
}

uint64_t pfc_in_deadline(const struct pfc_in *p, uint64_t now)
{
	uint64_t due = UINT64_MAX;

	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++) {
		if (!(p->paused >> prio & 1))
			continue;
		due = earlier(due, not_before(p->until_ns[prio], now), now);
		if (p->stuck_ns && !(p->stuck >> prio & 1))
			due = earlier(due, not_before(p->since_ns[prio] + p->stuck_ns + 1, now),
				      now);
	}
	return due;
}
