#include "perf/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/rates.h"
#include "perf/top_text.h"
#include "perf/top_view.h"

#define NS_PER_S 1000000000ull

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
			text_time(age).s, (unsigned long long)h->pid);
	else
		page_add(page, PAGE_PLAIN, "heartbeat %s ago  pid %llu", text_time(age + 1).s,
			 (unsigned long long)h->pid);
}

static void ports_add(struct page *page, const struct snapshot *before,
		      const struct snapshot *after)
{
	uint64_t interval = view_interval_ns(before, after);

	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-10s %-4s %-6s %-4s %10s %7s %10s %7s %6s %5s", "PORT",
		 "ROLE", "MODE", "LINK", "RX", "PKT/S", "TX", "PKT/S", "DROP/S", "QUEUE");
	for (uint32_t i = 0; i < after->port_count; i++) {
		const struct snapshot_port *port = &after->ports[i];
		const struct snapshot_port *old = rates_find_port(before, port);
		struct rates_flow r = rates_of_port(old ? &old->sum : NULL, &port->sum, interval);

		page_add(page, PAGE_PLAIN, "%-10s %-4s %-6s %-4s %10s %7s %10s %7s %6s %5s",
			 port->facts.name, port->facts.role == CW_PORT_LAN ? "lan" : "wan",
			 port->facts.mode, port->facts.link_up ? "up" : "DOWN",
			 text_rate(r.rx_bps).s, text_count(r.rx_pps).s, text_rate(r.tx_bps).s,
			 text_count(r.tx_pps).s, text_count(r.drop_pps).s,
			 text_count(port->sum.tx_queue).s);
	}
}

static void workers_add(struct page *page, const struct snapshot *before,
			const struct snapshot *after)
{
	uint64_t interval = view_interval_ns(before, after);

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
			 text_count(rates_per_second(old->turns, now->turns, interval)).s,
			 text_count(rates_per_second(old->sleeps, now->sleeps, interval)).s,
			 text_count(rates_per_second(old->handoff_tx, now->handoff_tx, interval)).s,
			 text_count(now->adj_entries).s);
	}
}

void top_page_build(struct page *page, const struct snapshot *before, const struct snapshot *after,
		    const char *selected)
{
	before = view_comparable(before, after);
	page_clear(page);
	header_add(page, after);
	ports_add(page, before, after);
	top_page_links(page, before, after);
	top_page_paths(page, before, after, selected);
	workers_add(page, before, after);
	top_page_reasons(page, before, after);
}
