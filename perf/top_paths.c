/* The tables of links and paths. */
#include <stdio.h>
#include <string.h>

#include "dataplane/core/intent.h"
#include "perf/top.h"
#include "perf/top_text.h"
#include "perf/top_view.h"

static void link_add(struct page *page, const struct snapshot *before, const struct snapshot *after,
		     const struct snapshot_link *link)
{
	const struct cw_link_counters *sum = &link->sum;
	struct link_rates r = view_of_link(before, after, link);

	page_add(page, sum->lowered ? PAGE_WARNING : PAGE_PLAIN,
		 "%-4u %-7s %9s %9s %9s %5s %9s %7s %7s %7s %6s %8s", link->number,
		 sum->lowered ? "lowered" : "ok", text_rate(sum->nominal_bps).s,
		 text_rate(sum->rate_bps).s, text_rate(r.tx_bps).s, text_share(r.tx_share).s,
		 text_rate(r.rx_bps).s, text_time(sum->rtt_ns).s, text_time(sum->rtt_min_ns).s,
		 text_time(sum->queue_us * 1000).s, text_count(r.lost_ps).s,
		 text_count(r.resent_ps).s);
}

void top_page_links(struct page *page, const struct snapshot *before, const struct snapshot *after)
{
	if (!after->link_count)
		return;
	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-4s %-7s %9s %9s %9s %5s %9s %7s %7s %7s %6s %8s", "LINK",
		 "STATE", "CAPACITY", "RATE NOW", "SENDS", "USED", "RECEIVES", "RTT", "MIN",
		 "QUEUE", "LOST/S", "RESENT/S");
	for (uint32_t i = 0; i < after->link_count; i++)
		link_add(page, before, after, &after->links[i]);
}

static void limit_brief_of(const struct path_view *view, char *out, size_t size)
{
	const struct limits *limits = &view->limits;

	if (limits->out == LIMIT_NONE && limits->in != LIMIT_NONE)
		limit_brief(limits->in, limits->in_share, out, size);
	else
		limit_brief(limits->out, limits->out_share, out, size);
}

void top_page_limits(struct page *page, const struct path_view *view, bool shows_all)
{
	const struct limits *limits = &view->limits;
	char text[LIMIT_TEXT_BYTES];

	/* That a path uses what it was given is nothing to act upon, nor are bursts. */
	if (shows_all || (limits->out != LIMIT_NONE && limits->out != LIMIT_RATE &&
			  limits->out != LIMIT_BURST)) {
		limit_text(limits->out, limits->out_share, &view->limit, text, sizeof(text));
		page_add(page, PAGE_PLAIN, "  limited by %s", text);
	}
	if (limits->in != LIMIT_NONE) {
		limit_text(limits->in, limits->in_share, &view->limit, text, sizeof(text));
		page_add(page, PAGE_PLAIN, "  inbound limited by %s", text);
	}
}

static void path_add(struct page *page, const struct path_view *view, bool is_selected)
{
	const struct cw_path_facts *facts = &view->path->facts;
	const struct cw_lane_counters *lane = &view->path->lane;
	double packets = transport_fill(lane->retained_packets, lane->retain_packets_max);
	double bytes = transport_fill(lane->retained_bytes, lane->retain_bytes_max);
	char limit[32];

	limit_brief_of(view, limit, sizeof(limit));
	if (is_selected)
		page->selected = page->count;
	page_add(page, is_selected ? PAGE_SELECTED : PAGE_PLAIN,
		 "%-12s %-5.5s %9s %9s %9s %7s %6s %8s %6s %6s %s", facts->name,
		 facts->phase == PHASE_RECEIVE ? "recv" : view_phase_name(facts->phase),
		 text_rate(facts->rate_bps).s, text_rate(view->out.tx_bps).s,
		 text_rate(view->in.tx_bps).s,
		 text_time(lane->rtt_ns ? lane->rtt_ns : facts->rtt_ns).s,
		 text_share(view->transport.loss_share).s, text_count(view->transport.resent_ps).s,
		 text_share(packets > bytes ? packets : bytes).s,
		 text_count(view->out.drop_pps + view->in.drop_pps).s, limit);
	top_page_limits(page, view, false);
}

void top_page_paths(struct page *page, const struct snapshot *before, const struct snapshot *after,
		    const char *selected)
{
	struct path_view view;

	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-12s %-5s %9s %9s %9s %7s %6s %8s %6s %6s %s", "PATH",
		 "PHASE", "GUARANTEE", "OUT", "IN", "RTT", "LOSS", "RESENT/S", "RETAIN", "DROP/S",
		 "LIMIT");
	for (uint32_t i = 0; i < after->path_count; i++) {
		const struct snapshot_path *path = &after->paths[i];

		view_of_path(&view, before, after, path);
		path_add(page, &view, selected && !strcmp(path->facts.name, selected));
	}
	if (!after->path_count)
		page_add(page, PAGE_PLAIN, "no path: traffic goes by the kernel");
}
