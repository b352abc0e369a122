/*
 * Priority-based flow control: the frame, who sends it for a port (pfc_out) and who obeys it
 * (pfc_in). Pure. Sources: IEEE 802.1Qbb (now 802.1Q-2018, clause 36), IEEE 802.3 annex 31D.
 *
 * Each machine has one owner per *port*, not per worker: two senders at one port would release each
 * other's pauses. That worker adds up what the others hold (plain counters that it reads) and
 * publishes which priorities are paused (one byte that they read).
 *
 * Promises of pfc_out:
 * - A priority whose fill has reached half of its share is paused, without a gap as long as poll is
 *   called by its deadline, until its fill is down to 35 % of it or it has been paused for
 *   stuck_ns. Between XOFF and XON of a priority lies at least 15 % of its share.
 * - After stuck_ns (0: never) it is released, counted as stuck, and not paused again until its fill
 *   has been down to 35 %: meanwhile the caller drops by its policy (pfc_out_is_stuck).
 *   One who is never paused longer than that cannot hold up a fabric.
 * Promises of pfc_in:
 * - A priority counts as paused from its frame until the frame's quanta are over, or an XON.
 * - Paused without a break for longer than stuck_ns it also counts as stuck: the caller may throw
 *   away what waits for it, so that one dead receiver does not fill buffers that others need. It is
 *   still paused (nothing is sent) and stops being stuck with the pause.
 *
 * Times are 64-bit nanoseconds of any clock and may wrap; poll is called at least every minute.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PFC_PRIORITIES	 8
#define PFC_FRAME_BYTES	 60 /* 64 on the line: the NIC adds the FCS */
#define PFC_MIN_BYTES	 34 /* up to the last of the times */
#define PFC_ETHER_TYPE	 0x8808
#define PFC_OPCODE	 0x0101
#define PFC_QUANTUM_BITS 512
#define PFC_STUCK_NS	 100000000ull
/* The longest pause that one frame asks for. At 1 Gb/s and above the field's 65,535 quanta are less
 * (33.6 ms; 84 us at 400 Gb/s); below, a lost XON must not look like a storm. */
#define PFC_PAUSE_MAX_NS 35000000ull

struct pfc_frame {
	uint8_t enabled;		 /* bit p: quanta[p] holds */
	uint16_t quanta[PFC_PRIORITIES]; /* of 512 bit times of the port; 0: go on */
};

/* Writes PFC_FRAME_BYTES. */
void pfc_frame_write(uint8_t *dst, const uint8_t src_mac[6], const struct pfc_frame *frame);
/* False: another frame, or a short one. What is not enabled reads as 0. */
bool pfc_frame_parse(const uint8_t *bytes, uint32_t len, struct pfc_frame *out);
/* Is it MAC control (pause of either kind)? Such a frame must never be forwarded. */
static inline bool pfc_is_mac_control(const uint8_t *bytes, uint32_t len)
{
	return len >= 14 && bytes[12] == (PFC_ETHER_TYPE >> 8) &&
	       bytes[13] == (PFC_ETHER_TYPE & 0xff);
}

/* Of one priority; free-running. */
struct pfc_counters {
	uint64_t pauses;    /* times that it became paused */
	uint64_t paused_ns; /* pauses that are over */
	uint64_t stuck;	    /* times that it became stuck */
};

struct pfc_out {
	uint8_t mac[6];
	uint64_t xoff_bytes[PFC_PRIORITIES], xon_bytes[PFC_PRIORITIES];
	uint64_t refresh_ns, stuck_ns;
	uint64_t since_ns[PFC_PRIORITIES]; /* paused since then */
	uint64_t refresh_at_ns;
	uint16_t quanta;		/* of a pause */
	uint8_t paused, stuck, changed; /* bit per priority; changed: to be told */
	struct pfc_counters counters[PFC_PRIORITIES];
	uint64_t frames;
};

/*
 * share_bytes[p]: the buffer of priority p behind this port; 0: it is never paused. The rest of it,
 * above half, must take in what is on the line when XOFF leaves (two cable delays, two frames of
 * the largest size, and what the other side takes to react). 0 or -EINVAL (speed_bps is 0).
 */
int pfc_out_init(struct pfc_out *p, const uint8_t mac[6], uint64_t speed_bps, uint64_t stuck_ns,
		 const uint64_t share_bytes[PFC_PRIORITIES]);
/* What priority `prio` holds now; as often as it changes, or once per burst. */
void pfc_out_set_fill(struct pfc_out *p, uint32_t prio, uint64_t bytes, uint64_t now);
/* True: PFC_FRAME_BYTES are written to dst; send them before any data. At most one frame per call;
 * call again while true. */
bool pfc_out_poll(struct pfc_out *p, uint64_t now, uint8_t *dst);
/* When poll wants to be called, in [now, ...]; UINT64_MAX: not before a fill changes. */
uint64_t pfc_out_deadline(const struct pfc_out *p, uint64_t now);

static inline bool pfc_out_is_stuck(const struct pfc_out *p, uint32_t prio)
{
	return p->stuck >> prio & 1;
}

struct pfc_in {
	uint64_t quantum_time; /* ns << 16 */
	uint64_t stuck_ns;
	uint64_t since_ns[PFC_PRIORITIES], until_ns[PFC_PRIORITIES];
	uint8_t paused, stuck; /* as of the last event */
	struct pfc_counters counters[PFC_PRIORITIES];
	uint64_t frames;
};

/* 0 or -EINVAL (speed_bps is 0). stuck_ns 0: never. */
int pfc_in_init(struct pfc_in *p, uint64_t speed_bps, uint64_t stuck_ns);
/* A frame that pfc_frame_parse accepted. */
void pfc_in_on_frame(struct pfc_in *p, const struct pfc_frame *frame, uint64_t now);
/* Ends pauses that are over and finds stuck ones. */
void pfc_in_poll(struct pfc_in *p, uint64_t now);
/* When the next pause ends or gets stuck, in [now, ...]; UINT64_MAX: none. */
uint64_t pfc_in_deadline(const struct pfc_in *p, uint64_t now);

/* May nothing of this priority be sent? Right also between polls. */
static inline bool pfc_in_is_paused(const struct pfc_in *p, uint32_t prio, uint64_t now)
{
	return (p->paused >> prio & 1) && (int64_t)(p->until_ns[prio] - now) > 0;
}

static inline bool pfc_in_is_stuck(const struct pfc_in *p, uint32_t prio, uint64_t now)
{
	return pfc_in_is_paused(p, prio, now) && p->stuck_ns &&
	       now - p->since_ns[prio] > p->stuck_ns;
}
