#include "dataplane/core/mark.h"

#include <errno.h>

#define NS_PER_S  1000000000ull
#define LAW_SHIFT 16 /* count << 16, so that its root keeps 8 bits of fraction */
#define RECENT	  16 /* intervals: a dropping state that begins so soon goes on where the last was */

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

__extension__ typedef unsigned __int128 mark_u128;

static uint64_t bytes_in(uint64_t rate_bps, uint64_t ns)
{
	return (uint64_t)((mark_u128)rate_bps * ns / (8 * NS_PER_S));
}

int mark_set(struct mark *m, uint64_t rate_bps, uint64_t rtt_ns, uint32_t packet_bytes)
{
	uint64_t packet_bits = packet_bytes * 8ull;

	if (rate_bps < MARK_RATE_MIN_BPS || rate_bps > MARK_RATE_MAX_BPS ||
	    rtt_ns > MARK_RTT_MAX_NS || !packet_bytes || packet_bytes > MARK_PACKET_MAX)
		return -EINVAL;
	m->rtt_ns = rtt_ns;
	m->packet_bytes = packet_bytes;
	m->high_bytes = max64(bytes_in(rate_bps, MARK_TARGET_NS),
			      (uint64_t)MARK_HIGH_PACKETS * packet_bytes);
	m->low_bytes = m->high_bytes / 4;
	m->slope = ((uint64_t)MARK_CHANCE_MAX << 16) / (m->high_bytes - m->low_bytes);
	m->tcp_target_ns = max64(max64(rtt_ns, MARK_TCP_TARGET_NS),
				 MARK_TCP_PACKETS * packet_bits * NS_PER_S / rate_bps);
	m->tcp_interval_ns = max64(rtt_ns, MARK_TCP_INTERVAL * m->tcp_target_ns);
	/* 64 packets are counted as such: at low rates the time is rounded. */
	m->ceiling_bytes = max64(bytes_in(rate_bps, 2 * m->tcp_target_ns),
				 2ull * MARK_TCP_PACKETS * packet_bytes);
	return 0;
}

int mark_init(struct mark *m, uint64_t rate_bps, uint64_t rtt_ns, uint32_t packet_bytes)
{
	struct mark fresh = {0};
	int rc = mark_set(&fresh, rate_bps, rtt_ns, packet_bytes);

	if (rc == 0)
		*m = fresh;
	return rc;
}

/* Floor of the root of value < 2^48, bit by bit; once per drop, not per packet. */
static uint64_t root_of(uint64_t value)
{
	uint64_t root = 0;

	for (uint64_t bit = 1ull << 24; bit; bit >>= 1)
		if ((root + bit) * (root + bit) <= value)
			root += bit;
	return root;
}

/* RFC 8289, 4.1: the next drop comes after interval / sqrt(count). */
static uint64_t law_ns(const struct mark *m)
{
	return (m->tcp_interval_ns << LAW_SHIFT / 2) / root_of((uint64_t)m->count << LAW_SHIFT);
}

/* Has the queue stood above its target for a whole interval? */
static bool queue_stands(struct mark *m, uint64_t queue_bytes, uint64_t sojourn_ns, uint64_t now)
{
	if (sojourn_ns < m->tcp_target_ns || queue_bytes <= m->packet_bytes) {
		m->is_above = false;
		return false;
	}
	if (!m->is_above) {
		m->is_above = true;
		m->above_ns = now + m->tcp_interval_ns;
		return false;
	}
	return (int64_t)(now - m->above_ns) >= 0;
}

static enum mark_result dropping_begin(struct mark *m, uint64_t now)
{
	uint32_t before = m->count - m->last_count;
	int64_t since_ns = (int64_t)(now - m->next_ns);
	bool is_recent = m->has_dropped && since_ns < (int64_t)(RECENT * m->tcp_interval_ns);

	m->is_dropping = m->has_dropped = true;
	m->count = is_recent && before > 1 ? before : 1;
	m->last_count = m->count;
	m->next_ns = now + law_ns(m);
	return MARK_DROP_TCP;
}

enum mark_result mark_on_dequeue(struct mark *m, enum mark_kind kind, uint64_t queue_bytes,
				 uint64_t sojourn_ns, uint64_t now)
{
	if (!queue_stands(m, queue_bytes, sojourn_ns, now)) {
		m->is_dropping = false;
		return MARK_PASS;
	}
	if (kind != MARK_KIND_TCP)
		return MARK_PASS;
	if (!m->is_dropping)
		return dropping_begin(m, now);
	if ((int64_t)(now - m->next_ns) < 0)
		return MARK_PASS;
	m->count += m->count != UINT32_MAX;
	m->next_ns += law_ns(m);
	/* Others may have been in front for long: what was not dropped then is not made up for. */
	if ((int64_t)(now - m->next_ns) > 0)
		m->next_ns = now;
	return MARK_DROP_TCP;
}
