/* The page of one path: everything that its two ends of the counters say. */
#include <stdio.h>
#include <string.h>

#include "perf/top.h"
#include "perf/top_text.h"
#include "perf/top_view.h"

static const struct snapshot_path *path_find(const struct snapshot *snapshot, const char *name)
{
	for (uint32_t i = 0; i < snapshot->path_count; i++)
		if (!strcmp(snapshot->paths[i].facts.name, name))
			return &snapshot->paths[i];
	return NULL;
}

static void title_add(struct page *page, const struct snapshot *after, const struct path_view *view)
{
	const struct cw_path_facts *facts = &view->path->facts;
	uint64_t age = top_heartbeat_age_ns(after);

	page_add(page, PAGE_TITLE, "path %s  gateway %s to %s  %s%s", facts->name,
		 after->header.gateway, facts->peer, view_phase_name(facts->phase),
		 facts->proved ? "" : ", not proved");
	if (age > TOP_HEARTBEAT_NS)
		page_add(page, PAGE_WARNING, "No heartbeat for %s: the gateway has died or hangs.",
			 text_time(age).s);
	page_add(page, PAGE_PLAIN,
		 "id %u  generation %u  link %u  guaranteed %s  at most %s outbound",
		 facts->path_id, facts->generation, facts->link, text_rate(facts->rate_bps).s,
		 text_rate(facts->max_bps).s);
	top_page_limits(page, view, true);
}

static void flow_add(struct page *page, const char *name, const struct cw_flow_counters *flow,
		     const struct rates_flow *r)
{
	char held[64];

	snprintf(held, sizeof(held), "%s, %s", text_count(flow->held_packets).s,
		 text_size(flow->held_bytes).s);
	page_add(page, PAGE_PLAIN, "%-15s %9s %7s %10s %7s %10s %7s %7s  %s", name,
		 text_rate(r->rx_bps).s, text_count(r->rx_pps).s, text_rate(r->tx_bps).s,
		 text_count(r->tx_pps).s, text_rate(r->outer_bps).s, text_count(r->outer_pps).s,
		 text_count(r->drop_pps).s, held);
}

/* The sum that must hold; whoever looks in the middle of a change sees it off by what moved. */
static void sum_add(struct page *page, const char *name, const struct cw_flow_counters *flow)
{
	int64_t missing = rates_balance(flow);
	uint64_t drops = rates_drop_sum(flow->drop);

	page_add(page, missing ? PAGE_WARNING : PAGE_PLAIN,
		 "%-4s rx %llu = tx %llu + held %llu + drops %llu%s", name,
		 (unsigned long long)flow->rx_packets, (unsigned long long)flow->tx_packets,
		 (unsigned long long)flow->held_packets, (unsigned long long)drops,
		 missing ? "  DOES NOT ADD UP (unless it was caught in a change)" : "");
}

static void flows_add(struct page *page, const struct path_view *view)
{
	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-15s %9s %7s %10s %7s %10s %7s %7s  %s", "DIRECTION",
		 "ENTERS", "PKT/S", "GOODPUT", "PKT/S", "IN TUNNEL", "PKT/S", "DROP/S", "HELD");
	flow_add(page, "out: LAN to WAN", &view->path->out, &view->out);
	flow_add(page, "in: WAN to LAN", &view->path->in, &view->in);
	sum_add(page, "out", &view->path->out);
	sum_add(page, "in", &view->path->in);
}

static void line_add(struct page *page, const char *label, const char *text)
{
	page_add(page, PAGE_PLAIN, "%-13s %s", label, text);
}

static void link_line(struct page *page, const struct path_view *view)
{
	const struct cw_lane_counters *lane = &view->path->lane;
	const struct snapshot_link *link = view->limit.link;
	const struct link_rates *r = &view->limit.link_rates;
	char text[200];

	snprintf(text, sizeof(text),
		 "%s now, %s least, %s by the last probe; %s of queue on the link",
		 text_time(lane->rtt_ns).s, text_time(lane->rtt_min_ns).s,
		 text_time(view->path->facts.rtt_ns).s, text_time(lane->queue_us * 1000).s);
	line_add(page, "round trip", text);
	if (!link)
		return;
	snprintf(text, sizeof(text),
		 "%u%s: %s of %s, %s used; sends %s, receives %s; lowered %llu times", link->number,
		 link->sum.lowered ? " LOWERED" : "", text_rate(link->sum.rate_bps).s,
		 text_rate(link->sum.nominal_bps).s, text_share(r->tx_share).s,
		 text_rate(r->tx_bps).s, text_rate(r->rx_bps).s,
		 (unsigned long long)link->sum.lowered_count);
	line_add(page, "link", text);
}

static void repair_lines(struct page *page, const struct path_view *view)
{
	const struct cw_lane_counters *lane = &view->path->lane;
	const struct transport_rates *r = &view->transport;
	double ever = lane->sequenced ? (double)lane->lost / (double)lane->sequenced : -1;
	char late[48] = "", text[200];

	if (lane->reorder_window_ns)
		snprintf(late, sizeof(late), "; %s late is no loss",
			 text_time(lane->reorder_window_ns).s);
	snprintf(text, sizeof(text), "%s/s, %s of what is sent; ever %s, %s%s",
		 text_count(r->lost_ps).s, text_share(r->loss_share).s, text_count(lane->lost).s,
		 text_share(ever).s, late);
	line_add(page, "lost", text);
	snprintf(text, sizeof(text), "%s/s, of them not needed %s/s; ever %s and %s",
		 text_count(r->resent_ps).s, text_count(r->spurious_ps).s,
		 text_count(lane->resent).s, text_count(lane->spurious).s);
	line_add(page, "sent again", text);
	snprintf(text, sizeof(text), "%s/s waited for an older one; depth %s now, %s at most",
		 text_count(r->reordered_ps).s, text_count(lane->reorder_depth).s,
		 text_count(lane->reorder_depth_max).s);
	line_add(page, "reordered in", text);
}

/* "450 of 1.02 K packets (44%), 650 KiB of 1 MiB (63%)" */
static void fill_line(struct page *page, const char *label, const uint64_t packets[2],
		      const uint64_t bytes[2], const char *more)
{
	char text[200];

	snprintf(text, sizeof(text), "%s of %s packets (%s), %s of %s (%s)%s",
		 text_count(packets[0]).s, text_count(packets[1]).s,
		 text_share(transport_fill(packets[0], packets[1])).s, text_size(bytes[0]).s,
		 text_size(bytes[1]).s, text_share(transport_fill(bytes[0], bytes[1])).s, more);
	line_add(page, label, text);
}

static void granted_text(uint64_t granted, uint64_t wanted, char *text, size_t size)
{
	text[0] = 0;
	if (granted < wanted)
		snprintf(text, size, "; SHORT: %s wanted", text_count(wanted).s);
}

static void memory_lines(struct page *page, const struct path_view *view)
{
	const struct cw_lane_counters *lane = &view->path->lane;
	const struct cw_path_facts *facts = &view->path->facts;
	char more[64];

	granted_text(facts->retain_granted, facts->retain_wanted, more, sizeof(more));
	fill_line(page, "unacked out",
		  (uint64_t[]){lane->retained_packets, lane->retain_packets_max},
		  (uint64_t[]){lane->retained_bytes, lane->retain_bytes_max}, more);
	granted_text(facts->hold_granted, facts->hold_wanted, more, sizeof(more));
	fill_line(page, "waiting in",
		  (uint64_t[]){lane->waiting_packets, lane->waiting_packets_max},
		  (uint64_t[]){lane->waiting_bytes, lane->waiting_bytes_max}, more);
}

static void stall_lines(struct page *page, const struct path_view *view)
{
	const struct transport_stalls *s = &view->transport.stalls;
	char text[200];

	snprintf(text, sizeof(text),
		 "credit %s, window %s, key %s, pace %s of the time; LAN pause (in) %s",
		 text_share(s->credit).s, text_share(s->window).s, text_share(s->key).s,
		 text_share(s->pace).s, text_share(s->pause).s);
	line_add(page, "stalls out", text);
}

static uint64_t drops_at_ports(const struct snapshot *after, enum drop why)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < after->port_count; i++)
		sum += after->ports[i].sum.drop[why];
	return sum;
}

static void safety_lines(struct page *page, const struct snapshot *after,
			 const struct path_view *view)
{
	const struct cw_lane_counters *lane = &view->path->lane;
	char text[200];

	if (lane->keys_installed)
		snprintf(text, sizeof(text), "phase %llu; %s installed, over all lanes",
			 (unsigned long long)lane->key_phase, text_count(lane->keys_installed).s);
	else
		snprintf(text, sizeof(text), "NONE agreed with %s yet", view->path->facts.peer);
	line_add(page, "keys", text);
	snprintf(
		text, sizeof(text),
		"%s replayed on this path; at all ports, for all paths: replay %s, auth %s, no_key %s",
		text_count(lane->replayed).s, text_count(drops_at_ports(after, DROP_REPLAY)).s,
		text_count(drops_at_ports(after, DROP_AUTH)).s,
		text_count(drops_at_ports(after, DROP_NO_KEY)).s);
	line_add(page, "refused", text);
	snprintf(text, sizeof(text),
		 "%s sent, %s received, %s invalid; pings %s sent, %s received, %s invalid",
		 text_count(lane->acks_sent).s, text_count(lane->acks_received).s,
		 text_count(lane->acks_invalid).s, text_count(lane->pings_sent).s,
		 text_count(lane->pings_received).s, text_count(lane->pings_invalid).s);
	line_add(page, "acks", text);
	snprintf(text, sizeof(text),
		 "%s duplicate, %s beyond the credit, %s with a contradictory order",
		 text_count(lane->duplicates).s, text_count(lane->refused).s,
		 text_count(lane->disordered).s);
	line_add(page, "DATA in", text);
}

void top_path_build(struct page *page, const struct snapshot *before, const struct snapshot *after,
		    const char *name)
{
	const struct snapshot_path *path = path_find(after, name);
	struct path_view view;

	before = view_comparable(before, after);
	page_clear(page);
	if (!path) {
		page_add(page, PAGE_WARNING, "no path %s at gateway %s now", name,
			 after->header.gateway);
		return;
	}
	view_of_path(&view, before, after, path);
	title_add(page, after, &view);
	flows_add(page, &view);
	page_add(page, PAGE_PLAIN, "%s", "");
	page_add(page, PAGE_HEADING, "%-13s %s", "TRANSPORT", "DATA frames and their repair");
	link_line(page, &view);
	repair_lines(page, &view);
	stall_lines(page, &view);
	memory_lines(page, &view);
	safety_lines(page, after, &view);
	top_path_reasons(page, before, after, path);
}
