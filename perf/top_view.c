#include "perf/top_view.h"

#include "dataplane/core/intent.h"

const struct snapshot *view_comparable(const struct snapshot *before, const struct snapshot *after)
{
	return before && rates_same_run(before, after) ? before : NULL;
}

uint64_t view_interval_ns(const struct snapshot *before, const struct snapshot *after)
{
	return before && after->taken_ns > before->taken_ns ? after->taken_ns - before->taken_ns
							    : 0;
}

/* Of the busiest worker; -1: not known. */
static double least_idle(const struct snapshot *before, const struct snapshot *after)
{
	double least = -1;

	for (uint32_t w = 0; before && w < after->header.workers; w++) {
		double idle = rates_idle_share(&before->workers[w], &after->workers[w]);

		if (idle >= 0 && (least < 0 || idle < least))
			least = idle;
	}
	return least;
}

static uint64_t wan_queue(const struct snapshot *snapshot)
{
	uint64_t frames = 0;

	for (uint32_t i = 0; i < snapshot->port_count; i++)
		if (snapshot->ports[i].facts.role == CW_PORT_WAN)
			frames += snapshot->ports[i].sum.tx_queue;
	return frames;
}

struct link_rates view_of_link(const struct snapshot *before, const struct snapshot *after,
			       const struct snapshot_link *link)
{
	const struct snapshot_link *old = transport_link_find(before, link->number);

	return transport_link_rates(old ? &old->sum : NULL, &link->sum,
				    view_interval_ns(before, after));
}

void view_of_path(struct path_view *view, const struct snapshot *before,
		  const struct snapshot *after, const struct snapshot_path *path)
{
	const struct snapshot_path *old = rates_find_path(before, path);
	uint64_t interval = view_interval_ns(before, after);

	*view = (struct path_view){.path = path, .old = old};
	view->out = rates_of_flow(old ? &old->out : NULL, &path->out, interval);
	view->in = rates_of_flow(old ? &old->in : NULL, &path->in, interval);
	view->transport = transport_rates_of(old ? &old->lane : NULL, &path->lane, interval);
	view->limit = (struct limit_input){.path = path,
					   .stalls = view->transport.stalls,
					   .sent_bps = view->out.tx_bps,
					   .link = transport_link_find(after, path->facts.link),
					   .port_queue = wan_queue(after),
					   .idle_share = least_idle(before, after)};
	if (view->limit.link)
		view->limit.link_rates = view_of_link(before, after, view->limit.link);
	view->limits = limits_find(&view->limit);
}

const char *view_phase_name(uint32_t phase)
{
	switch (phase) {
	case PHASE_RECEIVE:
		return "receive";
	case PHASE_CLAIM:
		return "claim";
	case PHASE_DRAIN:
		return "drain";
	default:
		return "unknown";
	}
}
