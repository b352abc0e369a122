#include "perf/transport.h"

#include <stddef.h>

#include "perf/rates.h"

static double share_of_time(uint64_t before, uint64_t after, uint64_t interval_ns)
{
	double share;

	if (after <= before || !interval_ns)
		return 0;
	share = (double)(after - before) / (double)interval_ns;
	return share < 1 ? share : 1;
}

double transport_fill(uint64_t part, uint64_t whole)
{
	if (!whole)
		return 0;
	return part < whole ? (double)part / (double)whole : 1;
}

static double loss_share(uint64_t lost, uint64_t sequenced)
{
	return sequenced ? (double)lost / (double)sequenced : -1;
}

struct transport_rates transport_rates_of(const struct cw_lane_counters *before,
					  const struct cw_lane_counters *after,
					  uint64_t interval_ns)
{
	struct transport_rates r = {.loss_share = -1};

	if (!before)
		return r;
	r.sequenced_ps = rates_per_second(before->sequenced, after->sequenced, interval_ns);
	r.lost_ps = rates_per_second(before->lost, after->lost, interval_ns);
	r.resent_ps = rates_per_second(before->resent, after->resent, interval_ns);
	r.spurious_ps = rates_per_second(before->spurious, after->spurious, interval_ns);
	r.received_ps = rates_per_second(before->received, after->received, interval_ns);
	r.reordered_ps = rates_per_second(before->reordered, after->reordered, interval_ns);
	r.duplicates_ps = rates_per_second(before->duplicates, after->duplicates, interval_ns);
	if (after->sequenced > before->sequenced && after->lost >= before->lost)
		r.loss_share = loss_share(after->lost - before->lost,
					  after->sequenced - before->sequenced);
	r.stalls = (struct transport_stalls){
		.credit =
			share_of_time(before->stall_credit_ns, after->stall_credit_ns, interval_ns),
		.window =
			share_of_time(before->stall_window_ns, after->stall_window_ns, interval_ns),
		.key = share_of_time(before->stall_key_ns, after->stall_key_ns, interval_ns),
		.pace = share_of_time(before->stall_pace_ns, after->stall_pace_ns, interval_ns),
		.pause = share_of_time(before->pause_ns, after->pause_ns, interval_ns),
	};
	return r;
}

struct link_rates transport_link_rates(const struct cw_link_counters *before,
				       const struct cw_link_counters *after, uint64_t interval_ns)
{
	struct link_rates r = {.tx_share = -1};

	if (!before)
		return r;
	r.tx_bps = 8 * rates_per_second(before->tx_bytes, after->tx_bytes, interval_ns);
	r.rx_bps = 8 * rates_per_second(before->rx_bytes, after->rx_bytes, interval_ns);
	r.lost_ps = rates_per_second(before->lost, after->lost, interval_ns);
	r.resent_ps = rates_per_second(before->resent, after->resent, interval_ns);
	if (after->rate_bps)
		r.tx_share = transport_fill(r.tx_bps, after->rate_bps);
	return r;
}

const struct snapshot_link *transport_link_find(const struct snapshot *snapshot, uint32_t number)
{
	for (uint32_t i = 0; snapshot && i < snapshot->link_count; i++)
		if (snapshot->links[i].number == number)
			return &snapshot->links[i];
	return NULL;
}
