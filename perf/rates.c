#include "perf/rates.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_S 1000000000ull

uint64_t rates_per_second(uint64_t before, uint64_t after, uint64_t interval_ns)
{
	uint64_t change;

	if (after <= before || !interval_ns)
		return 0;
	change = after - before;
	if (change <= UINT64_MAX / NS_PER_S)
		return change * NS_PER_S / interval_ns;
	/* Bytes at 400 Gb/s come here. 53 bits of precision are plenty for a rate. */
	return (uint64_t)((double)change * (double)NS_PER_S / (double)interval_ns);
}

uint64_t rates_drop_sum(const uint64_t drop[DROP_SLOTS])
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DROP_SLOTS; i++)
		sum += drop[i];
	return sum;
}

struct rates_flow rates_of_flow(const struct cw_flow_counters *before,
				const struct cw_flow_counters *after, uint64_t interval_ns)
{
	struct rates_flow rates = {0};

	if (!before)
		return rates;
	rates.rx_pps = rates_per_second(before->rx_packets, after->rx_packets, interval_ns);
	rates.rx_bps = 8 * rates_per_second(before->rx_bytes, after->rx_bytes, interval_ns);
	rates.tx_pps = rates_per_second(before->tx_packets, after->tx_packets, interval_ns);
	rates.tx_bps = 8 * rates_per_second(before->tx_bytes, after->tx_bytes, interval_ns);
	rates.outer_pps =
		rates_per_second(before->outer_packets, after->outer_packets, interval_ns);
	rates.outer_bps =
		8 * rates_per_second(before->outer_bytes, after->outer_bytes, interval_ns);
	rates.drop_pps = rates_per_second(rates_drop_sum(before->drop), rates_drop_sum(after->drop),
					  interval_ns);
	return rates;
}

struct rates_flow rates_of_port(const struct cw_port_counters *before,
				const struct cw_port_counters *after, uint64_t interval_ns)
{
	struct rates_flow rates = {0};

	if (!before)
		return rates;
	rates.rx_pps = rates_per_second(before->rx_packets, after->rx_packets, interval_ns);
	rates.rx_bps = 8 * rates_per_second(before->rx_bytes, after->rx_bytes, interval_ns);
	rates.tx_pps = rates_per_second(before->tx_packets, after->tx_packets, interval_ns);
	rates.tx_bps = 8 * rates_per_second(before->tx_bytes, after->tx_bytes, interval_ns);
	rates.drop_pps = rates_per_second(rates_drop_sum(before->drop), rates_drop_sum(after->drop),
					  interval_ns);
	return rates;
}

int64_t rates_balance(const struct cw_flow_counters *flow)
{
	return (int64_t)(flow->rx_packets - flow->tx_packets - flow->held_packets -
			 rates_drop_sum(flow->drop));
}

double rates_idle_share(const struct cw_worker_counters *before,
			const struct cw_worker_counters *after)
{
	uint64_t idle, busy;

	if (!before || after->idle_tsc < before->idle_tsc || after->busy_tsc < before->busy_tsc)
		return -1;
	idle = after->idle_tsc - before->idle_tsc;
	busy = after->busy_tsc - before->busy_tsc;
	if (!idle && !busy)
		return -1;
	return (double)idle / ((double)idle + (double)busy);
}

const struct snapshot_path *rates_find_path(const struct snapshot *snapshot,
					    const struct snapshot_path *path)
{
	for (uint32_t i = 0; snapshot && i < snapshot->path_count; i++) {
		const struct snapshot_path *other = &snapshot->paths[i];

		if (other->slot == path->slot && other->facts.epoch == path->facts.epoch)
			return other;
	}
	return NULL;
}

const struct snapshot_port *rates_find_port(const struct snapshot *snapshot,
					    const struct snapshot_port *port)
{
	for (uint32_t i = 0; snapshot && i < snapshot->port_count; i++) {
		if (!strcmp(snapshot->ports[i].facts.name, port->facts.name))
			return &snapshot->ports[i];
	}
	return NULL;
}

int rates_same_run(const struct snapshot *before, const struct snapshot *after)
{
	return before->header.start_ns == after->header.start_ns &&
	       before->header.pid == after->header.pid &&
	       before->header.workers == after->header.workers;
}

/* The blocks are nothing but 64-bit counters, side by side. */
static void counters_add(uint64_t *sum, const uint64_t *part, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*sum); i++)
		sum[i] += part[i];
}

void rates_add_flow(struct cw_flow_counters *sum, const struct cw_flow_counters *part)
{
	counters_add(&sum->rx_packets, &part->rx_packets, sizeof(*sum));
}

void rates_add_port(struct cw_port_counters *sum, const struct cw_port_counters *part)
{
	counters_add(&sum->rx_packets, &part->rx_packets, sizeof(*sum));
}
