#include "perf/top.h"

#include <stdio.h>

#include "control/core/units.h"
#include "perf/rates.h"

/* One kind of loss at one place, since the start of the gateway and in the last interval. */
struct reason {
	const char *where;
	const char *name;
	const char *help;
	uint64_t before, after;
};

struct pane {
	struct page *page;
	const char *heading;
	uint64_t interval_ns;
	uint32_t rows;
};

static void pane_add(struct pane *pane, const struct reason *reason)
{
	char total[UNITS_TEXT_BYTES] = "", per_second[UNITS_TEXT_BYTES] = "";

	if (!reason->after)
		return;
	if (!pane->rows++) {
		page_add(pane->page, PAGE_PLAIN, "%s", "");
		page_add(pane->page, PAGE_HEADING, "%-16s %-16s %8s %6s  %s", pane->heading,
			 "REASON", "PACKETS", "PKT/S", "MEANING");
	}
	units_format_count(reason->after, total, sizeof(total));
	units_format_count(rates_per_second(reason->before, reason->after, pane->interval_ns),
			   per_second, sizeof(per_second));
	page_add(pane->page, PAGE_PLAIN, "%-16s %-16s %8s %6s  %s", reason->where, reason->name,
		 total, per_second, reason->help);
}

static void drops_add(struct pane *pane, const char *where, const uint64_t *before,
		      const uint64_t *after)
{
	for (uint32_t i = 0; i < DROP_SLOTS; i++) {
		const char *name = drop_name(i), *help = drop_help(i);
		char number[16];

		snprintf(number, sizeof(number), "reason %u", i);
		pane_add(pane, &(struct reason){where, name ? name : number,
						help ? help : "newer than this tool: update it",
						before ? before[i] : after[i], after[i]});
	}
}

static void port_losses_add(struct pane *pane, const struct snapshot_port *old,
			    const struct snapshot_port *port)
{
	const struct cw_port_facts *was = old ? &old->facts : &port->facts, *is = &port->facts;
	const struct reason reasons[] = {
		{is->name, "missed", "lost ahead of the worker: too busy, or too few buffers",
		 was->missed, is->missed},
		{is->name, "rx_errors", "frames that the device received damaged: check the cable",
		 was->rx_errors, is->rx_errors},
		{is->name, "tx_errors", "frames that the device failed to send", was->tx_errors,
		 is->tx_errors},
		{is->name, "kernel_dropped", "tunnel packets that found no AF_XDP socket",
		 was->kernel_dropped, is->kernel_dropped},
		{is->name, "kernel_blocked",
		 "of paths with when_down block that nothing carries now: kept from leaving in clear",
		 was->kernel_blocked, is->kernel_blocked},
	};

	drops_add(pane, is->name, old ? old->sum.drop : NULL, port->sum.drop);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		pane_add(pane, &reasons[i]);
}

static void kernel_add(struct pane *pane, const struct snapshot_port *old,
		       const struct snapshot_port *port)
{
#define KERNEL_TEXT(symbol, name, help) {name, help},
	static const struct {
		const char *name, *help;
	} texts[KERNEL_REASON_COUNT] = {KERNEL_REASONS(KERNEL_TEXT)};
#undef KERNEL_TEXT

	for (uint32_t i = 0; i < KERNEL_REASON_COUNT; i++) {
		/* xdp counts in the kernel, the other modes in the worker: never both. */
		uint64_t now = port->facts.kernel_passed[i] + port->sum.kernel_reason[i];
		uint64_t was = old ? old->facts.kernel_passed[i] + old->sum.kernel_reason[i] : now;

		pane_add(pane, &(struct reason){port->facts.name, texts[i].name, texts[i].help, was,
						now});
	}
}

static void path_drops_add(struct pane *pane, const struct snapshot *before,
			   const struct snapshot_path *path)
{
	const struct snapshot_path *old = rates_find_path(before, path);
	char where[CW_NAME_BYTES + 8];

	snprintf(where, sizeof(where), "%s out", path->facts.name);
	drops_add(pane, where, old ? old->out.drop : NULL, path->out.drop);
	snprintf(where, sizeof(where), "%s in", path->facts.name);
	drops_add(pane, where, old ? old->in.drop : NULL, path->in.drop);
}

void top_path_reasons(struct page *page, const struct snapshot *before,
		      const struct snapshot *after, const struct snapshot_path *path)
{
	uint64_t interval = before ? after->taken_ns - before->taken_ns : 0;
	struct pane drops = {page, "DROPPED AT", interval, 0};

	path_drops_add(&drops, before, path);
}

void top_page_reasons(struct page *page, const struct snapshot *before,
		      const struct snapshot *after)
{
	uint64_t interval = before ? after->taken_ns - before->taken_ns : 0;
	struct pane drops = {page, "DROPPED AT", interval, 0};
	struct pane kernel = {page, "LEFT TO KERNEL", interval, 0};

	for (uint32_t i = 0; i < after->port_count; i++)
		port_losses_add(&drops, rates_find_port(before, &after->ports[i]),
				&after->ports[i]);
	for (uint32_t i = 0; i < after->path_count; i++)
		path_drops_add(&drops, before, &after->paths[i]);
	for (uint32_t i = 0; i < after->port_count; i++)
		kernel_add(&kernel, rates_find_port(before, &after->ports[i]), &after->ports[i]);
}
