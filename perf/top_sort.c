#include "perf/top.h"

#include <stdlib.h>
#include <string.h>

#include "perf/rates.h"

/* Sorting key of one row; equal keys fall back to the name. */
struct order {
	const struct snapshot *before;
	enum top_sort sort;
	uint64_t interval_ns;
};

static uint64_t port_key(const struct order *order, const struct snapshot_port *port)
{
	const struct snapshot_port *old = rates_find_port(order->before, port);
	struct rates_flow r = rates_of_port(old ? &old->sum : NULL, &port->sum, order->interval_ns);

	return order->sort == TOP_SORT_RATE ? r.rx_bps + r.tx_bps : rates_drop_sum(port->sum.drop);
}

static uint64_t path_key(const struct order *order, const struct snapshot_path *path)
{
	const struct snapshot_path *old = rates_find_path(order->before, path);
	struct rates_flow out =
		rates_of_flow(old ? &old->out : NULL, &path->out, order->interval_ns);
	struct rates_flow in = rates_of_flow(old ? &old->in : NULL, &path->in, order->interval_ns);

	return order->sort == TOP_SORT_RATE
		       ? out.rx_bps + in.rx_bps
		       : rates_drop_sum(path->out.drop) + rates_drop_sum(path->in.drop);
}

static int keys_compare(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int port_compare(const void *a, const void *b, void *arg)
{
	const struct snapshot_port *x = a, *y = b;
	const struct order *order = arg;
	int result = 0;

	if (order->sort != TOP_SORT_NAME)
		result = keys_compare(port_key(order, x), port_key(order, y));
	return result ? result : strcmp(x->facts.name, y->facts.name);
}

static int path_compare(const void *a, const void *b, void *arg)
{
	const struct snapshot_path *x = a, *y = b;
	const struct order *order = arg;
	int result = 0;

	if (order->sort != TOP_SORT_NAME)
		result = keys_compare(path_key(order, x), path_key(order, y));
	return result ? result : strcmp(x->facts.name, y->facts.name);
}

void top_sort_snapshot(struct snapshot *after, const struct snapshot *before, enum top_sort sort)
{
	struct order order = {before, sort, 0};

	if (before && after->taken_ns > before->taken_ns)
		order.interval_ns = after->taken_ns - before->taken_ns;
	qsort_r(after->ports, after->port_count, sizeof(*after->ports), port_compare, &order);
	qsort_r(after->paths, after->path_count, sizeof(*after->paths), path_compare, &order);
}
