/* Facts: for control as JSON each second, for local tools in the counter pages. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/report_parts.h"
#include "dataplane/agent/report_transport.h"
#include "dataplane/core/counter_sum.h"

/* The flow counters are one array of words; sums need not know their names. */
static void words_add(void *sum, const void *part, size_t bytes)
{
	uint64_t *to = sum;
	const uint64_t *from = part;

	for (size_t i = 0; i < bytes / sizeof(*to); i++)
		to[i] += from[i];
}

void report_path_counters(struct agent *a, uint32_t index, struct cw_path_counters *sum)
{
	uint32_t epoch = counter_file_path_facts(a->counters, index)->epoch;

	memset(sum, 0, sizeof(*sum));
	for (uint32_t w = 0; w < a->config->workers; w++) {
		const struct cw_path_counters *part =
			counter_file_path_counters(a->counters, w, index);

		/* Of the path that had the slot before. */
		if (part->epoch != epoch)
			continue;
		words_add(&sum->out, &part->out, sizeof(sum->out));
		words_add(&sum->in, &part->in, sizeof(sum->in));
		counter_add_lane(&sum->lane, &part->lane);
	}
}

static void port_counters(struct agent *a, uint32_t index, struct cw_port_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t w = 0; w < a->config->workers; w++)
		words_add(sum, counter_file_port(a->counters, w, index), sizeof(*sum));
}

static json_t *drops_json(const uint64_t drops[])
{
	json_t *object = json_object();

	for (uint32_t i = 0; i < DROP_COUNT; i++)
		if (drops[i])
			json_object_set_new(object, drop_name(i),
					    json_integer((json_int_t)drops[i]));
	return object;
}

static json_t *flow_json(const struct cw_flow_counters *flow)
{
	/* What one worker let in and another one out may be read the other way round. */
	int64_t held_packets = (int64_t)flow->held_packets;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "rx_packets",
			 (json_int_t)flow->rx_packets, "rx_bytes", (json_int_t)flow->rx_bytes,
			 "tx_packets", (json_int_t)flow->tx_packets, "tx_bytes",
			 (json_int_t)flow->tx_bytes, "held_packets",
			 (json_int_t)(held_packets > 0 ? held_packets : 0), "outer_packets",
			 (json_int_t)flow->outer_packets, "outer_bytes",
			 (json_int_t)flow->outer_bytes, "fragments", (json_int_t)flow->fragments,
			 "ce_marked", (json_int_t)flow->ce_marked, "drops", drops_json(flow->drop));
}

/* What the path is run with: a control that has lost its memory tells it the same again. */
static json_t *path_peer_json(const struct intent_path *intent)
{
	return json_pack("{s:s, s:i, s:i, s:I}", "certificate", intent->peer_certificate,
			 "udp_port", intent->peer_udp_port, "lanes", intent->peer_lanes, "lan_mtu",
			 (json_int_t)intent->far_lan_mtu);
}

static json_t *peers_json(const struct agent *a)
{
	json_t *list = json_array();
	struct peer_status status;

	for (uint32_t i = 0; peers_status(a->peers, i, &status); i++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:s?}", "gateway", status.gateway,
						      "up", status.is_up, "error",
						      status.error[0] ? status.error : NULL));
	return list;
}

/* A number for this life of the path's counters: they began at 0 with it, and only grow. */
static json_int_t path_epoch(struct agent *a, uint32_t index)
{
	uint64_t uses = counter_file_path_facts(a->counters, index)->epoch;

	return (json_int_t)(counter_file_header(a->counters)->start_ns + uses * SLOTS_MAX + index);
}

/* Why it sends by another link than its intent's; NULL: it does not. */
static json_t *moving_json(const struct slot *slot)
{
	if (!slot->is_moving)
		return NULL;
	return json_sprintf("no probe has come back over link %u yet (port %s): it %s over link %u",
			    slot->intent.link_id, slot->intent.port,
			    slot_is_stranded(slot) ? "sends in vain" : "goes on", slot->sends_link);
}

static const char *path_error(const struct slot *slot)
{
	if (slot->error[0])
		return slot->error;
	return slot_is_stranded(slot) ? "no probe comes back, over neither its link nor the one "
					"that it is to move to: is the WAN or that gateway down?"
				      : NULL;
}

static json_t *path_json(struct agent *a, const struct slot *slot)
{
	struct cw_path_counters sum;
	uint32_t index = slots_index(&a->slots, slot);

	report_path_counters(a, index, &sum);
	return json_pack("{s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:b, s:b, s:b, s:b, s:o, s:I, s:s?, "
			 "s:o*, s:{s:o, s:o}}",
			 "name", slot->intent.name, "id", (json_int_t)slot->intent.id, "epoch",
			 path_epoch(a, index), "generation", (json_int_t)slot->intent.generation,
			 "class", (int)slot->intent.class, "link", (int)slot->intent.link_id,
			 "link_rtt_ns", (json_int_t)slot->intent.link_rtt_ns, "receiving",
			 slot->is_receiving, "proved", slot_is_proved(slot), "claiming",
			 slot->is_claiming, "keys", peers_has_keys(a->peers, slot->intent.id),
			 "peer", path_peer_json(&slot->intent), "rtt_ns", (json_int_t)slot->rtt_ns,
			 "error", path_error(slot), "moving", moving_json(slot), "counters", "out",
			 flow_json(&sum.out), "in", flow_json(&sum.in));
}

static json_t *port_json(struct agent *a, uint32_t index)
{
	const struct cw_port_facts *facts = counter_file_port_facts(a->counters, index);
	struct cw_port_counters sum;

	port_counters(a, index, &sum);
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:o}", "name", facts->name,
			 "role", facts->role == CW_PORT_LAN ? "lan" : "wan", "mode", facts->mode,
			 "mtu", (json_int_t)facts->mtu, "up", (int)facts->link_up, "rx_packets",
			 (json_int_t)sum.rx_packets, "rx_bytes", (json_int_t)sum.rx_bytes,
			 "tx_packets", (json_int_t)sum.tx_packets, "tx_bytes",
			 (json_int_t)sum.tx_bytes, "drops", drops_json(sum.drop));
}

static uint32_t smallest_mtu(struct agent *a, enum config_role role)
{
	uint32_t mtu = UINT32_MAX;

	for (uint32_t i = 0; i < a->config->port_count; i++) {
		uint32_t other = counter_file_port_facts(a->counters, i)->mtu;

		if (a->config->ports[i].role == role && other < mtu)
			mtu = other;
	}
	return mtu;
}

static json_t *paths_json(struct agent *a)
{
	json_t *paths = json_array();

	for (uint32_t i = 0; i < a->slots.high; i++)
		if (a->slots.slot[i].is_used)
			json_array_append_new(paths, path_json(a, &a->slots.slot[i]));
	report_transport_add(a, paths);
	return paths;
}

/* All but its paths. */
static json_t *head_json(struct agent *a)
{
	json_t *ports = json_array();

	for (uint32_t i = 0; i < a->config->port_count; i++)
		json_array_append_new(ports, port_json(a, i));
	return json_pack(
		"{s:I, s:s, s:{s:s}, s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:I, s:o, s:o, s:o}",
		"boot", (json_int_t)a->boot, "version", CAUSEWAY_VERSION, "certificate", "sha256",
		a->certificate.sha256, "revision", (json_int_t)a->applied->revision, "term",
		(json_int_t)a->applied->term, "lan_mtu", (int)smallest_mtu(a, CONFIG_LAN),
		"wan_mtu", (int)smallest_mtu(a, CONFIG_WAN), "udp_port", (int)a->config->udp_port,
		"lanes", (int)a->config->workers, "workers", (int)a->config->workers,
		"buffer_bytes", (json_int_t)fastpath_buffer_bytes(a->fastpath), "ports", ports,
		"peers", peers_json(a), "links", report_links_json(a));
}

void report_send(struct agent *a)
{
	json_t *head = head_json(a), *paths = paths_json(a);
	char *text = head && paths ? report_parts(head, paths, REPORT_PART_BYTES) : NULL;

	a->report_is_due = false;
	if (text)
		channel_report(a->channel, text);
	free(text);
	json_decref(head);
	json_decref(paths);
}

void report_facts(struct agent *a)
{
	for (uint32_t i = 0; i < a->config->port_count; i++) {
		struct cw_port_facts *facts = counter_file_port_facts(a->counters, i);
		struct kernel_rules_counters kernel = {.dropped = 0}, guard = {.blocked = 0};
		struct fastpath_losses losses;

		fastpath_port_losses(a->fastpath, i, &losses);
		facts->missed = losses.missed;
		facts->rx_errors = losses.rx_errors;
		facts->tx_errors = losses.tx_errors;
		facts->speed_bps = losses.speed_bps;
		facts->link_up = losses.is_up;
		if (a->kernel[i].kind == KERNEL_RULES_NONE ||
		    kernel_rules_read(&a->kernel[i], &kernel))
			continue;
		/* In mode packet the kernel drops its copy of what the worker has: no loss. */
		if (a->config->ports[i].mode != CONFIG_XDP)
			continue;
		if (a->kernel[KERNEL_GUARD(i)].kind != KERNEL_RULES_NONE)
			kernel_rules_read(&a->kernel[KERNEL_GUARD(i)], &guard);
		facts->kernel_dropped = kernel.dropped;
		facts->kernel_blocked = kernel.blocked + guard.blocked;
		memcpy(facts->kernel_passed, kernel.passed, sizeof(facts->kernel_passed));
	}
}
