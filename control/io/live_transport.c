#include "control/io/live_transport.h"

#include <stdio.h>
#include <string.h>

#include "control/core/units.h"

/* Looks for rates are at least so far apart: reports may follow each other at once. */
#define SAMPLE_NS 900000000ull
#define NS_PER_S  1000000000.0

static const char *const turn_keys[] = {"transport", "retain_buffers", "hold_buffers", NULL};

/* ---- reading ---- */

void live_transport_keep(json_t *entry, const json_t *former)
{
	for (const char *const *key = turn_keys; *key; key++) {
		json_t *value = json_object_get(former, *key);

		if (value && !json_object_get(entry, *key))
			json_object_set(entry, *key, value);
	}
}

/* ---- rates ---- */

void live_samples_clear(struct live_samples *samples)
{
	json_decref(samples->before);
	json_decref(samples->after);
	*samples = (struct live_samples){0};
}

void live_sample(struct live_samples *samples, json_t *json, uint64_t now_ns)
{
	if (samples->after && now_ns - samples->after_ns < SAMPLE_NS)
		return;
	json_decref(samples->before);
	samples->before = samples->after;
	samples->before_ns = samples->after_ns;
	samples->after = json_incref(json);
	samples->after_ns = now_ns;
}

/* A number by "a.b.c"; 0 where there is none, or a negative one. */
static uint64_t number_at(const json_t *json, const char *path)
{
	char key[32];
	json_int_t value;

	while (json) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(key))
			return 0;
		memcpy(key, path, len);
		key[len] = 0;
		json = json_object_get(json, key);
		if (!path[len])
			break;
		path += len + 1;
	}
	value = json_integer_value(json);
	return value > 0 ? (uint64_t)value : 0;
}

/* What a counter grew by; one that went back belongs to a new life of the gateway. */
static uint64_t growth(const struct live_samples *samples, const char *path)
{
	uint64_t before = number_at(samples->before, path), after = number_at(samples->after, path);

	return after > before ? after - before : 0;
}

static json_t *per_second(const struct live_samples *samples, const char *path, double factor)
{
	double seconds = (double)(samples->after_ns - samples->before_ns) / NS_PER_S;

	return json_integer((json_int_t)(factor * (double)growth(samples, path) / seconds));
}

static json_t *loss_share_json(const struct live_samples *samples)
{
	uint64_t sent = growth(samples, "transport.sequenced");

	return sent ? json_real((double)growth(samples, "transport.lost") / (double)sent)
		    : json_null();
}

json_t *live_rates_json(const struct live_path_end *end)
{
	const struct live_samples *samples = &end->samples;

	if (!samples->before)
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "out_bps",
			 per_second(samples, "counters.out.tx_bytes", 8), "in_bps",
			 per_second(samples, "counters.in.tx_bytes", 8), "lost_ps",
			 per_second(samples, "transport.lost", 1), "resent_ps",
			 per_second(samples, "transport.resent", 1), "loss_share",
			 loss_share_json(samples));
}

/* ---- status ---- */

static json_t *both_ways(json_t *a_to_z, json_t *z_to_a)
{
	return json_pack("{s:o, s:o}", "a_to_z", a_to_z ? a_to_z : json_null(), "z_to_a",
			 z_to_a ? z_to_a : json_null());
}

/* Of both ends, what each says of the direction that leaves it. */
static json_t *told_json(const struct live_path *path, const char *key)
{
	json_t *told[2] = {NULL, NULL};

	for (int end = 0; end < 2; end++) {
		const json_t *transport = json_object_get(path->ends[end].entry, "transport");

		told[end] = json_incref(json_object_get(transport, key));
	}
	return both_ways(told[0], told[1]);
}

static json_t *rate_json(json_t *const rates[2], const char *key)
{
	return both_ways(json_incref(json_object_get(rates[0], key)),
			 json_incref(json_object_get(rates[1], key)));
}

static json_t *rtt_json(const struct live_path *path, const char *key, bool wants_least)
{
	uint64_t chosen = 0;

	for (int end = 0; end < 2; end++) {
		const json_t *transport = json_object_get(path->ends[end].entry, "transport");
		uint64_t rtt = number_at(transport, key);

		if (rtt && (!chosen || (wants_least ? rtt < chosen : rtt > chosen)))
			chosen = rtt;
	}
	return chosen ? json_integer((json_int_t)chosen) : json_null();
}

json_t *live_path_transport_json(const struct live_path *path, const bool is_fresh[2])
{
	json_t *rates[2], *json;

	if (!json_object_get(path->ends[0].entry, "transport") &&
	    !json_object_get(path->ends[1].entry, "transport"))
		return NULL;
	for (int end = 0; end < 2; end++)
		rates[end] = is_fresh[end] ? live_rates_json(&path->ends[end]) : NULL;
	json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "rtt_ns",
			 rtt_json(path, "rtt_ns", false), "rtt_min_ns",
			 rtt_json(path, "rtt_min_ns", true), "goodput_bps",
			 rate_json(rates, "out_bps"), "loss_share", rate_json(rates, "loss_share"),
			 "lost", told_json(path, "lost"), "resent", told_json(path, "resent"));
	json_decref(rates[0]);
	json_decref(rates[1]);
	return json;
}

/* ---- notice ---- */

/* "512 of 2048 for unacknowledged packets (out: about 600 Mb/s at most)" */
static bool shortage_text(const struct live_path_end *end, const char *key, const char *what,
			  const char *direction, uint64_t max_bps, char *text, size_t size)
{
	const json_t *buffers = json_object_get(end->entry, key);
	uint64_t granted = number_at(buffers, "granted"), wanted = number_at(buffers, "wanted");
	uint64_t rtt = number_at(end->entry, "transport.rtt_min_ns");
	char rate[UNITS_TEXT_BYTES];
	double bps;

	/* None at all: the path is not set up, and its error says why. */
	if (!granted || granted >= wanted)
		return false;
	if (!rtt)
		rtt = number_at(end->entry, "rtt_ns");
	bps = rtt ? 8.0 * (double)granted * end->packet_bytes * NS_PER_S / (double)rtt : 0;
	units_format_rate((uint64_t)bps, rate, sizeof(rate));
	if (!rtt)
		snprintf(text, size, "%llu of %llu for %s packets", (unsigned long long)granted,
			 (unsigned long long)wanted, what);
	else if (bps < (double)max_bps)
		snprintf(text, size, "%llu of %llu for %s packets (%s: about %s at most)",
			 (unsigned long long)granted, (unsigned long long)wanted, what, direction,
			 rate);
	else
		snprintf(text, size,
			 "%llu of %llu for %s packets (%s: enough while they are large)",
			 (unsigned long long)granted, (unsigned long long)wanted, what, direction);
	return true;
}

bool live_path_notice(const struct live_path_end *end, const char *gateway,
		      const uint64_t max_bps[2], char *text, size_t size)
{
	char out[128] = "", in[128] = "";
	bool is_short = shortage_text(end, "retain_buffers", "unacknowledged", "out", max_bps[0],
				      out, sizeof(out));

	is_short |= shortage_text(end, "hold_buffers", "waiting", "in", max_bps[1], in, sizeof(in));
	if (is_short)
		snprintf(text, size,
			 "fewer buffers than the path wants: %s%s%s; raise memory.size of gateway "
			 "%s, then make the path anew",
			 out, out[0] && in[0] ? ", " : "", in, gateway);
	return is_short;
}

/* ---- links ---- */

static json_t *link_entry(const json_t *report, uint8_t id)
{
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(report, "links"), i, entry)
		if (json_integer_value(json_object_get(entry, "id")) == id)
			return entry;
	return NULL;
}

static json_t *link_rates_json(const struct live_gateway *gateway, uint8_t id)
{
	/* Of the link alone, borrowed. */
	const struct live_samples samples = {
		.before = link_entry(gateway->samples.before, id),
		.after = link_entry(gateway->samples.after, id),
		.before_ns = gateway->samples.before_ns,
		.after_ns = gateway->samples.after_ns,
	};

	if (!samples.before || !samples.after)
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o}", "tx_bps", per_second(&samples, "tx_bytes", 8),
			 "rx_bps", per_second(&samples, "rx_bytes", 8), "lost_ps",
			 per_second(&samples, "lost", 1), "resent_ps",
			 per_second(&samples, "resent", 1));
}

json_t *live_link_json(const struct live *live, const struct object *link, uint64_t now_ns)
{
	json_t *list = json_array();

	for (int end = 0; end < 2; end++) {
		const char *name = link->link.ends[end].gateway;
		const struct live_gateway *gateway = name_index_get(&live->gateways, name);
		json_t *entry = gateway ? link_entry(gateway->report, link->link.id) : NULL;
		json_t *json = json_pack("{s:s}", "name", name);

		if (entry) {
			json_object_update(json, entry);
			json_object_del(json, "id");
			json_object_set(json, "lowered",
					json_boolean(number_at(entry, "lowered") != 0));
		}
		if (entry && live_gateway_is_fresh(gateway, now_ns))
			json_object_set_new(json, "rates", link_rates_json(gateway, link->link.id));
		json_array_append_new(list, json);
	}
	return json_pack("{s:i, s:o}", "id", link->link.id, "gateways", list);
}
