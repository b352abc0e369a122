/*
 * How a path's queue tells senders of congestion before it is full: CE for those that understand
 * it, a CoDel drop for TCP that does not. Pure; owned by the worker that owns the queue.
 *
 * What a packet counts as (enum mark_kind) is found once, at enqueue, before the packet has a
 * sequence; both events come before it is sequenced, so a drop here breaks no promise.
 *
 * Promises:
 * - Without a sender of the kind MARK_KIND_TCP nothing is ever dropped here.
 * - An ECT packet that finds less than low_bytes queued is never marked, one that finds high_bytes
 *   or more always is; between them the chance grows from 0 to MARK_CHANCE_MAX in a straight line.
 *   high_bytes = max(MARK_TARGET_NS at the rate, 8 packets), low_bytes = a quarter of it.
 * - TCP without ECN is dropped only if the queue has been longer than tcp_target_ns for a whole
 *   interval, or if it holds ceiling_bytes. With nothing else in it the queue therefore holds at
 *   most ceiling_bytes + one packet, where ceiling_bytes = 2 tcp_target_ns at the rate and
 *   tcp_target_ns = max(one path RTT, 500 us, 64 packets at the rate). The queue's own limit must
 *   not be below that, or it drops first.
 *
 * Sources: RFC 3168, RFC 8289 (CoDel; its interval is ten targets or the RTT, whichever is longer),
 * DCQCN (SIGCOMM 2015) for the shape of the marks: a ramp, then certainty.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/inner.h"

#define MARK_TARGET_NS	     300000ull	/* of queue at the path's rate: CE for certain */
#define MARK_CHANCE_MAX	     644245094u /* 0.15 of 2^32: at the ramp's end */
#define MARK_TCP_TARGET_NS   500000ull
#define MARK_TCP_PACKETS     64
#define MARK_TCP_INTERVAL    10 /* targets, at least */
#define MARK_HIGH_PACKETS    8	/* at low rates a time would be less than one packet */
#define MARK_RATE_MIN_BPS    1000ull
#define MARK_RATE_MAX_BPS    1000000000000ull
#define MARK_RTT_MAX_NS	     10000000000ull
#define MARK_PACKET_MAX	     65575 /* the longest inner packet: IPv6 */
#define MARK_TCP_PROTOCOL    6
#define MARK_IPV6_NEXT_BYTE  6
#define MARK_IPV4_PROTO_BYTE 9

enum mark_kind { /* two bits: fits a queue slot's tag */
	MARK_KIND_OTHER =
		0, /* CE already, or neither ECT nor TCP: only the queue's limit drops it */
	MARK_KIND_ECT = 1,
	MARK_KIND_TCP = 2, /* and not ECT */
};

enum mark_result {
	MARK_PASS,
	MARK_CE,       /* set ECN_CE in the packet (and in what is remembered of it), then go on */
	MARK_DROP_TCP, /* count it as `queue_tcp` */
};

struct mark {
	uint64_t low_bytes, high_bytes, ceiling_bytes;
	uint64_t slope; /* chance per byte above low_bytes, << 16 */
	uint64_t tcp_target_ns, tcp_interval_ns;
	uint64_t rtt_ns;
	uint64_t above_ns; /* the queue counts as standing from then on, if is_above */
	uint64_t next_ns;  /* of the next drop, while is_dropping */
	uint32_t packet_bytes;
	uint32_t count, last_count; /* drops in this and the last dropping state */
	bool is_above, is_dropping, has_dropped;
};

/*
 * rate_bps: guaranteed rate, of this worker's share where the path has several; packet_bytes: of
 * the largest inner packet. 0 or -EINVAL outside MARK_*_MIN and _MAX.
 */
int mark_init(struct mark *m, uint64_t rate_bps, uint64_t rtt_ns, uint32_t packet_bytes);
/* New figures, the state stays; some divisions: for the clock's tick, not for each packet. */
int mark_set(struct mark *m, uint64_t rate_bps, uint64_t rtt_ns, uint32_t packet_bytes);

/* ip: a packet that inner_parse accepted, and its ECN. */
static inline enum mark_kind mark_kind_of(const uint8_t *ip, uint8_t ecn)
{
	uint8_t protocol = ip[0] >> 4 == 6 ? ip[MARK_IPV6_NEXT_BYTE] : ip[MARK_IPV4_PROTO_BYTE];

	if (ecn == ECN_ECT0 || ecn == ECN_ECT1)
		return MARK_KIND_ECT;
	return ecn == ECN_NOT_ECT && protocol == MARK_TCP_PROTOCOL ? MARK_KIND_TCP
								   : MARK_KIND_OTHER;
}

/* Would mark_on_enqueue let any packet pass? For those who would rather not call it. */
static inline bool mark_passes_all(const struct mark *m, uint64_t queue_bytes)
{
	return queue_bytes < m->low_bytes;
}

/* Before it joins. queue_bytes: what is queued, without it. random: 32 uniform bits. */
static inline enum mark_result mark_on_enqueue(const struct mark *m, enum mark_kind kind,
					       uint64_t queue_bytes, uint32_t random)
{
	if (kind == MARK_KIND_TCP)
		return queue_bytes >= m->ceiling_bytes ? MARK_DROP_TCP : MARK_PASS;
	if (kind != MARK_KIND_ECT || queue_bytes < m->low_bytes)
		return MARK_PASS;
	if (queue_bytes >= m->high_bytes)
		return MARK_CE;
	return random < (queue_bytes - m->low_bytes) * m->slope >> 16 ? MARK_CE : MARK_PASS;
}

/* Would mark_on_dequeue do nothing at all? Then it need not be called. */
static inline bool mark_is_idle(const struct mark *m, uint64_t sojourn_ns)
{
	return sojourn_ns < m->tcp_target_ns && !m->is_above && !m->is_dropping;
}

/*
 * As it leaves, each packet, whatever its kind. queue_bytes: what stays behind it. sojourn_ns: how
 * long it was queued. Never MARK_CE.
 */
enum mark_result mark_on_dequeue(struct mark *m, enum mark_kind kind, uint64_t queue_bytes,
				 uint64_t sojourn_ns, uint64_t now);
