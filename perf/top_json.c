#include "perf/top.h"

#include "perf/rates.h"
#include "perf/top_view.h"

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* A NULL among the members makes the whole object NULL: memory ran out. */
static json_t *drops_json(const uint64_t drop[DROP_SLOTS])
{
	json_t *object = json_object();

	for (uint32_t i = 0; object && i < DROP_SLOTS; i++) {
		const char *name = drop_name(i);

		if (drop[i])
			json_object_set_new(object, name ? name : "unknown", number(drop[i]));
	}
	return object;
}

static json_t *rates_json(const struct rates_flow *r, const char *outer)
{
	json_t *object =
		json_pack("{s:I,s:I,s:I,s:I,s:I}", "rx_pps", (json_int_t)r->rx_pps, "rx_bps",
			  (json_int_t)r->rx_bps, "tx_pps", (json_int_t)r->tx_pps, "tx_bps",
			  (json_int_t)r->tx_bps, "drop_pps", (json_int_t)r->drop_pps);

	if (object && outer) {
		json_object_set_new(object, "outer_pps", number(r->outer_pps));
		json_object_set_new(object, "outer_bps", number(r->outer_bps));
	}
	return object;
}

static json_t *flow_json(const struct cw_flow_counters *old, const struct cw_flow_counters *flow,
			 uint64_t interval)
{
	struct rates_flow r = rates_of_flow(old, flow, interval);

	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "rx_packets",
			 (json_int_t)flow->rx_packets, "rx_bytes", (json_int_t)flow->rx_bytes,
			 "tx_packets", (json_int_t)flow->tx_packets, "tx_bytes",
			 (json_int_t)flow->tx_bytes, "held_packets", (json_int_t)flow->held_packets,
			 "held_bytes", (json_int_t)flow->held_bytes, "outer_packets",
			 (json_int_t)flow->outer_packets, "outer_bytes",
			 (json_int_t)flow->outer_bytes, "fragments", (json_int_t)flow->fragments,
			 "ce_marked", (json_int_t)flow->ce_marked, "drops", drops_json(flow->drop),
			 "rates", rates_json(&r, "outer"));
}

static json_t *buffers_json(uint64_t granted, uint64_t wanted)
{
	return json_pack("{s:I, s:I}", "granted", (json_int_t)granted, "wanted",
			 (json_int_t)wanted);
}

static void path_transport_set(json_t *object, const struct path_view *view)
{
	const struct cw_path_facts *facts = &view->path->facts;

	json_object_set_new(object, "max_bps", number(facts->max_bps));
	json_object_set_new(object, "link", number(facts->link));
	json_object_set_new(object, "retain_buffers",
			    buffers_json(facts->retain_granted, facts->retain_wanted));
	json_object_set_new(object, "hold_buffers",
			    buffers_json(facts->hold_granted, facts->hold_wanted));
	json_object_set_new(object, "transport", top_transport_json(view));
	json_object_set_new(object, "limit", top_limits_json(view));
}

static json_t *path_json(const struct snapshot *before, const struct snapshot *after,
			 const struct snapshot_path *path)
{
	const struct cw_path_facts *facts = &path->facts;
	uint64_t interval = view_interval_ns(before, after);
	struct path_view view;
	json_t *object;

	view_of_path(&view, before, after, path);
	object = json_pack("{s:s,s:I,s:I,s:s,s:s,s:I,s:I,s:b,s:o,s:o,s:{s:I,s:I}}", "name",
			   facts->name, "id", (json_int_t)facts->path_id, "generation",
			   (json_int_t)facts->generation, "phase", view_phase_name(facts->phase),
			   "peer", facts->peer, "rate_bps", (json_int_t)facts->rate_bps, "rtt_ns",
			   (json_int_t)facts->rtt_ns, "proved", facts->proved != 0, "out",
			   flow_json(view.old ? &view.old->out : NULL, &path->out, interval), "in",
			   flow_json(view.old ? &view.old->in : NULL, &path->in, interval),
			   "balance", "out", (json_int_t)rates_balance(&path->out), "in",
			   (json_int_t)rates_balance(&path->in));
	if (object)
		path_transport_set(object, &view);
	return object;
}

static json_t *kernel_json(const struct snapshot_port *port)
{
#define KERNEL_NAME(symbol, name, help) name,
	static const char *const names[] = {KERNEL_REASONS(KERNEL_NAME)};
#undef KERNEL_NAME
	json_t *object = json_object();

	for (uint32_t i = 0; object && i < KERNEL_REASON_COUNT; i++) {
		uint64_t sum = port->facts.kernel_passed[i] + port->sum.kernel_reason[i];

		if (sum)
			json_object_set_new(object, names[i], number(sum));
	}
	return object;
}

static json_t *flow_control_json(const struct cw_port_counters *sum)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "pfc_sent", (json_int_t)sum->pfc_sent,
			 "pfc_received", (json_int_t)sum->pfc_received, "pauses_sent",
			 (json_int_t)sum->pauses_sent, "pause_sent_ns",
			 (json_int_t)sum->pause_sent_ns, "pauses_obeyed",
			 (json_int_t)sum->pauses_obeyed, "pause_obeyed_ns",
			 (json_int_t)sum->pause_obeyed_ns, "storms", (json_int_t)sum->storms,
			 "cnp_sent", (json_int_t)sum->cnp_sent);
}

static json_t *port_json(const struct snapshot_port *old, const struct snapshot_port *port,
			 uint64_t interval)
{
	struct rates_flow r = rates_of_port(old ? &old->sum : NULL, &port->sum, interval);
	const struct cw_port_facts *facts = &port->facts;
	const struct cw_port_counters *sum = &port->sum;
	json_t *object = json_pack(
		"{s:s,s:s,s:s,s:I,s:I,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "name",
		facts->name, "role", facts->role == CW_PORT_LAN ? "lan" : "wan", "mode",
		facts->mode, "mtu", (json_int_t)facts->mtu, "speed_bps",
		(json_int_t)facts->speed_bps, "up", facts->link_up != 0, "rx_packets",
		(json_int_t)sum->rx_packets, "rx_bytes", (json_int_t)sum->rx_bytes, "tx_packets",
		(json_int_t)sum->tx_packets, "tx_bytes", (json_int_t)sum->tx_bytes, "claimed",
		(json_int_t)sum->claimed, "tunnel", (json_int_t)sum->tunnel, "to_kernel",
		(json_int_t)sum->to_kernel, "from_kernel", (json_int_t)sum->from_kernel, "tx_queue",
		(json_int_t)sum->tx_queue);

	if (!object)
		return NULL;
	json_object_set_new(object, "missed", number(facts->missed));
	json_object_set_new(object, "rx_errors", number(facts->rx_errors));
	json_object_set_new(object, "tx_errors", number(facts->tx_errors));
	json_object_set_new(object, "kernel_dropped", number(facts->kernel_dropped));
	json_object_set_new(object, "kernel_blocked", number(facts->kernel_blocked));
	if (facts->role == CW_PORT_LAN)
		json_object_set_new(object, "flow_control", flow_control_json(sum));
	json_object_set_new(object, "kernel", kernel_json(port));
	json_object_set_new(object, "drops", drops_json(sum->drop));
	json_object_set_new(object, "rates", rates_json(&r, NULL));
	return object;
}

static json_t *worker_json(const struct cw_worker_counters *old,
			   const struct cw_worker_counters *now, uint32_t index, uint64_t interval)
{
	double idle = rates_idle_share(old, now);

	return json_pack("{s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "worker",
			 (json_int_t)index, "idle_share", idle < 0 ? json_null() : json_real(idle),
			 "turns", (json_int_t)now->turns, "busy_turns", (json_int_t)now->busy_turns,
			 "busy_tsc", (json_int_t)now->busy_tsc, "idle_tsc",
			 (json_int_t)now->idle_tsc, "sleeps", (json_int_t)now->sleeps, "handoff_tx",
			 (json_int_t)now->handoff_tx, "handoff_rx", (json_int_t)now->handoff_rx,
			 "commands", (json_int_t)now->commands, "next_hops",
			 (json_int_t)now->adj_entries, "turns_ps",
			 (json_int_t)rates_per_second(old->turns, now->turns, interval));
}

static json_t *header_json(const struct snapshot *after, uint64_t interval)
{
	const struct cw_counters_header *h = &after->header;
	uint64_t age = top_heartbeat_age_ns(after);

	return json_pack("{s:s,s:s,s:I,s:I,s:f,s:f,s:b,s:f}", "gateway", h->gateway, "version",
			 h->version_text, "boot", (json_int_t)h->boot, "pid", (json_int_t)h->pid,
			 "uptime_s", (double)top_uptime_ns(after) / 1e9, "heartbeat_age_s",
			 (double)age / 1e9, "alive", age <= TOP_HEARTBEAT_NS, "interval_s",
			 (double)interval / 1e9);
}

static void lists_fill(const struct snapshot *before, const struct snapshot *after,
		       uint64_t interval, json_t *ports, json_t *paths, json_t *workers)
{
	for (uint32_t i = 0; i < after->port_count; i++)
		json_array_append_new(ports, port_json(rates_find_port(before, &after->ports[i]),
						       &after->ports[i], interval));
	for (uint32_t i = 0; i < after->path_count; i++)
		json_array_append_new(paths, path_json(before, after, &after->paths[i]));
	for (uint32_t i = 0; i < after->header.workers; i++)
		json_array_append_new(
			workers, worker_json(&before->workers[i], &after->workers[i], i, interval));
}

json_t *top_json(const struct snapshot *before, const struct snapshot *after)
{
	uint64_t interval = after->taken_ns - before->taken_ns;
	json_t *object = header_json(after, interval);
	json_t *ports = json_array(), *paths = json_array(), *workers = json_array();
	int64_t out = 0, in = 0;

	if (!object || !ports || !paths || !workers) {
		json_decref(object);
		json_decref(ports);
		json_decref(paths);
		json_decref(workers);
		return NULL;
	}
	lists_fill(before, after, interval, ports, paths, workers);
	for (uint32_t i = 0; i < after->path_count; i++) {
		out += rates_balance(&after->paths[i].out);
		in += rates_balance(&after->paths[i].in);
	}
	json_object_set_new(object, "ports", ports);
	json_object_set_new(object, "links", top_links_json(before, after));
	json_object_set_new(object, "paths", paths);
	json_object_set_new(object, "balance",
			    json_pack("{s:I,s:I}", "out", (json_int_t)out, "in", (json_int_t)in));
	json_object_set_new(object, "workers", workers);
	return object;
}
