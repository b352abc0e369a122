#include <stdlib.h>

#include "control/io/metrics_text.h"

/* A path and what is known of it: looked up once for all families. */
struct row {
	const struct object *object;
	const struct live_path *live;
};

struct rows {
	size_t count;
	struct row *row;
};

static struct rows rows_make(const struct api *api)
{
	struct rows rows = {
		.row = calloc(store_count(api->store, KIND_PATH) + 1, sizeof(struct row))};

	for (const struct object *at = store_next(api->store, KIND_PATH, ""); rows.row && at;
	     at = store_next(api->store, KIND_PATH, at->name)) {
		const struct live_path *live = name_index_get(&api->live.paths, at->name);

		if (live)
			rows.row[rows.count++] = (struct row){at, live};
	}
	return rows;
}

/* The direction that leaves `end` of the path, and what is known of it. */
typedef void write_direction(const struct metrics *metrics, const char *name,
			     const struct object *object, const struct live_path *live, int end,
			     const char *key);

static void each_direction(const struct metrics *metrics, const struct rows *rows, const char *name,
			   const char *key, write_direction *write)
{
	for (size_t i = 0; i < rows->count; i++) {
		for (int end = 0; end < 2; end++)
			write(metrics, name, rows->row[i].object, rows->row[i].live, end, key);
	}
}

static void write_guaranteed(const struct metrics *metrics, const char *name,
			     const struct object *object, const struct live_path *live, int end,
			     const char *key)
{
	(void)live;
	(void)key;
	fprintf(metrics->out, "causeway_%s{path=\"%s\",direction=\"%s\"} %.10g\n", name,
		object->name, metrics_direction(end), (double)object->path.rate_bps[end] / 8);
}

static void write_counter(const struct metrics *metrics, const char *name,
			  const struct object *object, const struct live_path_end *from, int end,
			  const char *key)
{
	json_int_t value;

	if (metrics_told(from, key, &value))
		fprintf(metrics->out, "causeway_%s_total{path=\"%s\",direction=\"%s\"} %lld\n",
			name, object->name, metrics_direction(end), (long long)value);
}

/* The sending end knows it. */
static void write_sent(const struct metrics *metrics, const char *name, const struct object *object,
		       const struct live_path *live, int end, const char *key)
{
	write_counter(metrics, name, object, &live->ends[end], end, key);
}

/* The receiving end knows it. */
static void write_received(const struct metrics *metrics, const char *name,
			   const struct object *object, const struct live_path *live, int end,
			   const char *key)
{
	write_counter(metrics, name, object, &live->ends[!end], end, key);
}

static void write_reasons(const struct metrics *metrics, const char *name,
			  const struct object *object, const struct live_path_end *at,
			  const char *flow, int end)
{
	json_t *counters = json_object_get(json_object_get(at->entry, "counters"), flow), *value;
	const char *reason;

	json_object_foreach (json_object_get(counters, "drops"), reason, value) {
		fprintf(metrics->out,
			"causeway_%s_total{path=\"%s\",direction=\"%s\",gateway=\"%s\",reason=\"",
			name, object->name, metrics_direction(end), at->gateway);
		metrics_write_escaped(metrics->out, reason);
		fprintf(metrics->out, "\"} %lld\n", (long long)json_integer_value(value));
	}
}

/* Both ends: what one did not send, and what the other did not deliver. */
static void write_drops(const struct metrics *metrics, const char *name,
			const struct object *object, const struct live_path *live, int end,
			const char *key)
{
	(void)key;
	write_reasons(metrics, name, object, &live->ends[end], "out", end);
	write_reasons(metrics, name, object, &live->ends[!end], "in", end);
}

/* The longer one of the two ends, as they measured it last. */
static void write_rtts(const struct metrics *metrics, const struct rows *rows)
{
	metrics_family(metrics, "path_rtt_seconds", METRICS_GAUGE,
		       "Of the last probe, the longer one of both ends.");
	for (size_t i = 0; i < rows->count; i++) {
		const struct live_path_end *ends = rows->row[i].live->ends;
		json_int_t rtt_ns = 0, value;

		for (int end = 0; end < 2; end++)
			if (metrics_told(&ends[end], "rtt_ns", &value) && value > rtt_ns)
				rtt_ns = value;
		if (rtt_ns)
			fprintf(metrics->out, "causeway_path_rtt_seconds{path=\"%s\"} %.9f\n",
				rows->row[i].object->name, (double)rtt_ns / 1e9);
	}
}

static void write_states(const struct metrics *metrics, const struct rows *rows)
{
	uint32_t counts[PATH_STATE_COUNT] = {0};

	metrics_family(metrics, "path_active", METRICS_GAUGE, "1: its state is active.");
	for (size_t i = 0; i < rows->count; i++) {
		enum path_state state = rows->row[i].live->machine.state;

		counts[state]++;
		fprintf(metrics->out, "causeway_path_active{path=\"%s\"} %d\n",
			rows->row[i].object->name, state == PATH_ACTIVE);
	}
	metrics_family(metrics, "path_state", METRICS_GAUGE,
		       "1, with the path's present state as label.");
	for (size_t i = 0; i < rows->count; i++) {
		const struct object *object = rows->row[i].object;

		fprintf(metrics->out,
			"causeway_path_state{path=\"%s\",link=\"%s\",state=\"%s\"} 1\n",
			object->name, object->path.assigned.link,
			path_state_name(rows->row[i].live->machine.state));
	}
	metrics_family(metrics, "paths", METRICS_GAUGE, "By state.");
	for (int state = 0; state < PATH_STATE_COUNT; state++)
		fprintf(metrics->out, "causeway_paths{state=\"%s\"} %u\n",
			path_state_name((enum path_state)state), counts[state]);
}

void metrics_write_paths(const struct metrics *metrics)
{
	static const struct {
		const char *name, *key, *help;
		write_direction *write;
	} counters[] = {
		{"path_delivered_bytes", "counters.in.tx_bytes",
		 "Inner bytes handed to the far LAN.", write_received},
		{"path_delivered_packets", "counters.in.tx_packets",
		 "Inner packets handed to the far LAN.", write_received},
		{"path_taken_bytes", "counters.out.rx_bytes",
		 "Inner bytes taken from the near LAN.", write_sent},
		{"path_resent_frames", "transport.resent", "DATA frames sent again.", write_sent},
		{"path_lost_frames", "transport.lost",
		 "Times that a DATA frame was taken for lost.", write_sent},
		{"path_drops", NULL, "Packets dropped, by the gateway's reason.", write_drops},
	};

	struct rows rows = rows_make(metrics->api);

	write_states(metrics, &rows);
	write_rtts(metrics, &rows);
	metrics_family(metrics, "path_guaranteed_bytes_per_second", METRICS_GAUGE,
		       "As the path's spec asks.");
	each_direction(metrics, &rows, "path_guaranteed_bytes_per_second", NULL, write_guaranteed);
	for (unsigned int i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		metrics_family(metrics, counters[i].name, METRICS_COUNTER, counters[i].help);
		each_direction(metrics, &rows, counters[i].name, counters[i].key,
			       counters[i].write);
	}
	free(rows.row);
}
