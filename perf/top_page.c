#include "perf/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"
#include "dataplane/core/intent.h"
#include "perf/rates.h"

#define NS_PER_S 1000000000ull

/* A formatted number, for one printf argument. */
struct text {
	char s[UNITS_TEXT_BYTES];
};

static struct text rate(uint64_t bps)
{
	struct text t = {""};

	units_format_rate(bps, t.s, sizeof(t.s));
	return t;
}

static struct text count(uint64_t number)
{
	struct text t = {""};

	units_format_count(number, t.s, sizeof(t.s));
	return t;
}

static struct text time_text(uint64_t ns)
{
	struct text t = {"-"};

	if (ns)
		units_format_time(ns, t.s, sizeof(t.s));
	return t;
}

const char *top_sort_name(enum top_sort sort)
{
	static const char *const names[TOP_SORT_COUNT] = {"name", "rate", "drops"};

	return names[sort % TOP_SORT_COUNT];
}

uint64_t top_uptime_ns(const struct snapshot *snapshot)
{
	return snapshot->wall_ns > snapshot->header.start_ns
		       ? snapshot->wall_ns - snapshot->header.start_ns
		       : 0;
}

uint64_t top_heartbeat_age_ns(const struct snapshot *snapshot)
{
	return snapshot->taken_ns > snapshot->header.heartbeat_ns
		       ? snapshot->taken_ns - snapshot->header.heartbeat_ns
		       : 0;
}

/* before, when rates can be had from it. */
static const struct snapshot *comparable(const struct snapshot *before,
					 const struct snapshot *after)
{
	return before && rates_same_run(before, after) ? before : NULL;
}

static uint64_t interval_of(const struct snapshot *before, const struct snapshot *after)
{
	return before && after->taken_ns > before->taken_ns ? after->taken_ns - before->taken_ns
							    : 0;
}

static void header_add(struct page *page, const struct snapshot *after)
{
	const struct cw_counters_header *h = &after->header;
	uint64_t up = top_uptime_ns(after) / NS_PER_S, age = top_heartbeat_age_ns(after);

	page_add(page, PAGE_TITLE, "gateway %s  version %s  boot %llu  up %llu:%02llu:%02llu",
		 h->gateway, h->version_text, (unsigned long long)h->boot,
		 (unsigned long long)(up / 3600), (unsigned long long)(up / 60 % 60),
		 (unsigned long long)(up % 60));
	if (age > TOP_HEARTBEAT_NS)
		page_add(
			page, PAGE_WARNING,
			"No heartbeat for %s: the gateway has died or hangs (pid %llu). Look at its log.",
			time_text(age).s, (unsigned long long)h->pid);
	else
		page_add(page, PAGE_PLAIN, "heartbeat %s ago  pid %llu", time_text(age + 1).s,
			 (unsigned long long)h->pid);
}

static void ports_add(struct page *page, const struct snapshot *before,
		      const struct snapshot *after)
{
	uint64_t interval = interval_of(before, after);

	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-10s %-4s %-6s %-4s %10s %7s %10s %7s %6s %5s", "PORT",
		 "ROLE", "MODE", "LINK", "RX", "PKT/S", "TX", "PKT/S", "DROP/S", "QUEUE");
	for (uint32_t i = 0; i < after->port_count; i++) {
		const struct snapshot_port *port = &after->ports[i];
		const struct snapshot_port *old = rates_find_port(before, port);
		struct rates_flow r = rates_of_port(old ? &old->sum : NULL, &port->sum, interval);

		page_add(page, PAGE_PLAIN, "%-10s %-4s %-6s %-4s %10s %7s %10s %7s %6s %5s",
			 port->facts.name, port->facts.role == CW_PORT_LAN ? "lan" : "wan",
			 port->facts.mode, port->facts.link_up ? "up" : "DOWN", rate(r.rx_bps).s,
			 count(r.rx_pps).s, rate(r.tx_bps).s, count(r.tx_pps).s,
			 count(r.drop_pps).s, count(port->sum.tx_queue).s);
	}
}

static const char *phase_name(uint32_t phase)
{
	switch (phase) {
	case PHASE_RECEIVE:
		return "recv";
	case PHASE_CLAIM:
		return "claim";
	case PHASE_DRAIN:
		return "drain";
	default:
		return "?";
	}
}

static void flow_add(struct page *page, const char *first, const char *direction,
		     const struct cw_flow_counters *flow, const struct rates_flow *r)
{
	page_add(page, PAGE_PLAIN, "%s %-3s %9s %6s %9s %6s %4s", first, direction,
		 rate(r->rx_bps).s, count(r->rx_pps).s, rate(r->tx_bps).s, count(r->drop_pps).s,
		 count(flow->held_packets).s);
}

static void path_add(struct page *page, const struct snapshot_path *path,
		     const struct snapshot_path *old, uint64_t interval)
{
	struct rates_flow out = rates_of_flow(old ? &old->out : NULL, &path->out, interval);
	struct rates_flow in = rates_of_flow(old ? &old->in : NULL, &path->in, interval);
	char first[160], second[40];

	snprintf(first, sizeof(first), "%-12s %-5s %7s %9s", path->facts.name,
		 phase_name(path->facts.phase), time_text(path->facts.rtt_ns).s,
		 rate(path->facts.rate_bps).s);
	snprintf(second, sizeof(second), "%-36s", path->facts.proved ? "" : "  not proved yet");
	flow_add(page, first, "out", &path->out, &out);
	flow_add(page, second, "in", &path->in, &in);
}

static void paths_add(struct page *page, const struct snapshot *before,
		      const struct snapshot *after)
{
	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-12s %-5s %7s %9s %-3s %9s %6s %9s %6s %4s", "PATH", "PHASE",
		 "RTT", "GUARANTEE", "DIR", "ENTERS", "PKT/S", "LEAVES", "DROP/S", "HELD");
	for (uint32_t i = 0; i < after->path_count; i++)
		path_add(page, &after->paths[i], rates_find_path(before, &after->paths[i]),
			 interval_of(before, after));
	if (!after->path_count)
		page_add(page, PAGE_PLAIN, "no path: traffic goes by the kernel");
}

static void workers_add(struct page *page, const struct snapshot *before,
			const struct snapshot *after)
{
	uint64_t interval = interval_of(before, after);

	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-8s %6s %9s %9s %9s %9s", "WORKER", "IDLE", "TURNS/S",
		 "SLEEPS/S", "HANDOFF/S", "NEXT HOPS");
	for (uint32_t w = 0; w < after->header.workers; w++) {
		const struct cw_worker_counters *now = &after->workers[w];
		const struct cw_worker_counters *old = before ? &before->workers[w] : now;
		double idle = rates_idle_share(old, now);
		char share[16] = "-";

		if (idle >= 0)
			snprintf(share, sizeof(share), "%.1f%%", 100 * idle);
		page_add(page, PAGE_PLAIN, "%-8u %6s %9s %9s %9s %9s", w, share,
			 count(rates_per_second(old->turns, now->turns, interval)).s,
			 count(rates_per_second(old->sleeps, now->sleeps, interval)).s,
			 count(rates_per_second(old->handoff_tx, now->handoff_tx, interval)).s,
			 count(now->adj_entries).s);
	}
}

void top_page_build(struct page *page, const struct snapshot *before, const struct snapshot *after)
{
	before = comparable(before, after);
	page_clear(page);
	header_add(page, after);
	ports_add(page, before, after);
	paths_add(page, before, after);
	workers_add(page, before, after);
	top_page_reasons(page, before, after);
}
