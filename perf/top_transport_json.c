/* The transport as JSON: every counter by its name in the counter pages, and what follows. */
#include "dataplane/core/counter_sum.h"
#include "perf/top.h"
#include "perf/top_view.h"

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *fields_json(const void *counters, const struct counter_field *fields, uint32_t count)
{
	json_t *object = json_object();

	for (uint32_t i = 0; object && i < count; i++)
		json_object_set_new(object, fields[i].name,
				    number(counter_value(counters, &fields[i])));
	return object;
}

static json_t *share_or_null(double share)
{
	return share < 0 ? json_null() : json_real(share);
}

static json_t *rates_json(const struct transport_rates *r)
{
	const struct transport_stalls *s = &r->stalls;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:f, s:f, s:f, s:f}, s:f}",
			 "sequenced_ps", (json_int_t)r->sequenced_ps, "lost_ps",
			 (json_int_t)r->lost_ps, "resent_ps", (json_int_t)r->resent_ps,
			 "spurious_ps", (json_int_t)r->spurious_ps, "received_ps",
			 (json_int_t)r->received_ps, "reordered_ps", (json_int_t)r->reordered_ps,
			 "duplicates_ps", (json_int_t)r->duplicates_ps, "loss_share",
			 share_or_null(r->loss_share), "stall_share", "credit", s->credit, "window",
			 s->window, "key", s->key, "pace", s->pace, "pause_share", s->pause);
}

json_t *top_transport_json(const struct path_view *view)
{
	json_t *object = fields_json(&view->path->lane, lane_fields, LANE_FIELDS);

	if (object)
		json_object_set_new(object, "rates", rates_json(&view->transport));
	return object;
}

static json_t *limit_json(const struct path_view *view, enum limit limit, double share)
{
	char text[LIMIT_TEXT_BYTES];

	if (limit == LIMIT_NONE)
		return json_null();
	limit_text(limit, share, &view->limit, text, sizeof(text));
	return json_pack("{s:s, s:f, s:s}", "cause", limit_name(limit), "share", share, "text",
			 text);
}

json_t *top_limits_json(const struct path_view *view)
{
	const struct limits *limits = &view->limits;

	return json_pack("{s:o, s:o}", "out", limit_json(view, limits->out, limits->out_share),
			 "in", limit_json(view, limits->in, limits->in_share));
}

static json_t *link_json(const struct snapshot *before, const struct snapshot *after,
			 const struct snapshot_link *link)
{
	struct link_rates r = view_of_link(before, after, link);
	json_t *object = fields_json(&link->sum, link_fields, LINK_FIELDS);

	if (!object)
		return NULL;
	json_object_set_new(object, "link", number(link->number));
	json_object_set_new(object, "rates",
			    json_pack("{s:I, s:I, s:I, s:I, s:o}", "tx_bps", (json_int_t)r.tx_bps,
				      "rx_bps", (json_int_t)r.rx_bps, "lost_ps",
				      (json_int_t)r.lost_ps, "resent_ps", (json_int_t)r.resent_ps,
				      "tx_share", share_or_null(r.tx_share)));
	return object;
}

json_t *top_links_json(const struct snapshot *before, const struct snapshot *after)
{
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < after->link_count; i++)
		json_array_append_new(list, link_json(before, after, &after->links[i]));
	return list;
}
