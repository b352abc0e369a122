#include <stdlib.h>

#include "control/io/ledger.h"
#include "control/io/metrics_text.h"
#include "control/io/validate.h"

void metrics_write_gateways(const struct metrics *metrics)
{
	const struct store *store = metrics->api->store;
	uint64_t connected = 0;

	metrics_family(metrics, "gateway_connected", METRICS_GAUGE,
		       "1: its intent stream is open.");
	for (const struct object *at = store_next(store, KIND_GATEWAY, ""); at;
	     at = store_next(store, KIND_GATEWAY, at->name)) {
		const struct live_gateway *live =
			name_index_get(&metrics->api->live.gateways, at->name);
		bool is_connected = live && live->is_connected;

		connected += is_connected;
		fprintf(metrics->out, "causeway_gateway_connected{gateway=\"%s\",site=\"%s\"} %d\n",
			at->name, at->gateway.site, is_connected);
	}
	metrics_single(metrics, "gateways_connected", "Gateways whose intent stream is open.",
		       connected);
	metrics_family(metrics, "gateway_reports_refused", METRICS_COUNTER,
		       "Reports that did not hold: the log and the answer say why.");
	for (size_t i = 0; i < metrics->api->live.gateways.count; i++) {
		const struct live_gateway *live = metrics->api->live.gateways.entries[i].value;

		fprintf(metrics->out,
			"causeway_gateway_reports_refused_total{gateway=\"%s\"} %llu\n", live->name,
			(unsigned long long)live->refused_count);
	}
}

/* A link and all that is told of it, looked up once for all families. */
struct row {
	const struct object *link;
	struct ledger_load load;
	json_int_t rtt_ns; /* measured; 0: not */
};

/* Of late; of one probe where nothing else is known, as of a path without traffic. 0: not told. */
static json_int_t end_rtt_ns(const struct live_path_end *end)
{
	json_int_t rtt_ns;

	if (metrics_told(end, "transport.rtt_min_ns", &rtt_ns) && rtt_ns)
		return rtt_ns;
	return metrics_told(end, "rtt_ns", &rtt_ns) ? rtt_ns : 0;
}

/* The path of a booking if what it measures is of this link: it is not a backup, nor moves. */
static const struct live_path *measuring(const struct api *api,
					 const struct ledger_booking *booking)
{
	const struct live_path *live = name_index_get(&api->live.paths, booking->path->name);
	const struct object *path;

	if (ledger_booking_role(booking) != LEDGER_LINK || !live ||
	    live->machine.state != PATH_ACTIVE)
		return NULL;
	path = store_get(api->store, KIND_PATH, booking->path->name);
	return path && !path_is_moving(&path->path) ? live : NULL;
}

/* The least of all its active paths: what queues do to some of them is not the line's length. */
static json_int_t measured_rtt_ns(const struct api *api, const char *link)
{
	const struct key_node *node = key_index_first(&api->ledger->link_paths, ledger_key(link));
	json_int_t least_ns = 0;

	for (; node; node = key_index_next(node)) {
		const struct live_path *live = measuring(api, node->owner);

		for (int end = 0; live && end < 2; end++) {
			json_int_t rtt_ns = end_rtt_ns(&live->ends[end]);

			if (rtt_ns && (!least_ns || rtt_ns < least_ns))
				least_ns = rtt_ns;
		}
	}
	return least_ns;
}

/* NULL, and no row, when memory is short. */
static struct row *rows_make(struct api *api, size_t *count)
{
	struct draft draft = draft_begin(api->store);
	struct row *rows = calloc(store_count(api->store, KIND_LINK) + 1, sizeof(*rows));
	uint64_t now_ns = validate_now_ns();

	*count = 0;
	/* Brings it up to the store's head. */
	if (rows && !ledger_open(api->ledger, &draft)) {
		for (const struct object *at = store_next(api->store, KIND_LINK, ""); at;
		     at = store_next(api->store, KIND_LINK, at->name)) {
			struct row *row = &rows[(*count)++];

			row->link = at;
			row->rtt_ns = measured_rtt_ns(api, at->name);
			ledger_link_load(api->ledger, at->name, now_ns, &row->load);
		}
		ledger_close(api->ledger, &draft);
	}
	draft_free(&draft);
	return rows;
}

/* A value of a family, by direction or of both; metrics_write_links has the words. */
typedef double link_value(const struct row *row, int end);

static double capacity(const struct row *row, int end)
{
	(void)end;
	return (double)row->link->link.capacity_bps / 8;
}

static double reservable(const struct row *row, int end)
{
	return capacity(row, end) * row->link->link.reservable_percent / 100;
}

static double guaranteed(const struct row *row, int end)
{
	return (double)row->load.guaranteed_bps[end] / 8;
}

static double booked(const struct row *row, int end)
{
	return (double)row->load.booked_bps[end] / 8;
}

static double expected_rtt(const struct row *row, int end)
{
	(void)end;
	return (double)row->link->link.rtt_ns / 1e9;
}

static double measured_rtt(const struct row *row, int end)
{
	(void)end;
	return (double)row->rtt_ns / 1e9;
}

static void write_link(const struct metrics *metrics, const char *name, bool has_directions,
		       const struct row *row, link_value *value)
{
	for (int end = 0; end < (has_directions ? 2 : 1); end++) {
		double number = value(row, end);

		if (has_directions)
			fprintf(metrics->out, "causeway_%s{link=\"%s\",direction=\"%s\"} %.10g\n",
				name, row->link->name, metrics_direction(end), number);
		else if (number > 0)
			fprintf(metrics->out, "causeway_%s{link=\"%s\"} %.10g\n", name,
				row->link->name, number);
	}
}

void metrics_write_links(const struct metrics *metrics)
{
	static const struct {
		const char *name, *help;
		bool has_directions;
		link_value *value;
	} families[] = {
		{"link_capacity_bytes_per_second", "In each direction.", false, capacity},
		{"link_reservable_bytes_per_second",
		 "What paths may be guaranteed together in each direction, headers included.",
		 false, reservable},
		{"link_guaranteed_bytes_per_second",
		 "Of the paths that have the link now, as their specs ask.", true, guaranteed},
		{"link_booked_bytes_per_second",
		 "Of the reservable, headers included: also as a backup, or as what a path moves "
		 "away from.",
		 true, booked},
		{"link_expected_rtt_seconds", "As the link's spec says.", false, expected_rtt},
		{"link_rtt_seconds", "The least that its active paths measured of late.", false,
		 measured_rtt},
	};
	size_t count;
	struct row *rows = rows_make(metrics->api, &count);

	for (unsigned int i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		metrics_family(metrics, families[i].name, METRICS_GAUGE, families[i].help);
		for (size_t k = 0; k < count; k++)
			write_link(metrics, families[i].name, families[i].has_directions, &rows[k],
				   families[i].value);
	}
	free(rows);
}
