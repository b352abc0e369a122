#include "dataplane/agent/report_transport.h"

#include <string.h>

#include "dataplane/core/counter_sum.h"

static void fields_set(json_t *object, const void *counters, const struct counter_field *fields,
		       uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		json_object_set_new(object, fields[i].name,
				    json_integer((json_int_t)counter_value(counters, &fields[i])));
}

static json_t *buffers_json(uint32_t granted, uint32_t wanted)
{
	return json_pack("{s:I, s:I}", "granted", (json_int_t)granted, "wanted",
			 (json_int_t)wanted);
}

static void path_add(struct agent *a, const struct slot *slot, json_t *entry)
{
	struct fastpath_buffers buffers;
	struct cw_path_counters sum;
	json_t *transport = json_object();

	report_path_counters(a, slots_index(&a->slots, slot), &sum);
	fields_set(transport, &sum.lane, lane_fields, LANE_FIELDS);
	json_object_set_new(entry, "transport", transport);
	fastpath_path_buffers(a->fastpath, slot->handle, &slot->intent, &buffers);
	json_object_set_new(entry, "retain_buffers",
			    buffers_json(buffers.retain_granted, buffers.retain_wanted));
	json_object_set_new(entry, "hold_buffers",
			    buffers_json(buffers.hold_granted, buffers.hold_wanted));
}

void report_transport_add(struct agent *a, json_t *paths)
{
	uint32_t at = 0, first = a->transport_turn;

	for (uint32_t i = 0; i < a->slots.high; i++) {
		const struct slot *slot = &a->slots.slot[i];

		if (!slot->is_used)
			continue;
		if (at >= first && at < first + REPORT_TRANSPORTS)
			path_add(a, slot, json_array_get(paths, at));
		at++;
	}
	a->transport_turn = first + REPORT_TRANSPORTS < at ? first + REPORT_TRANSPORTS : 0;
}

static json_t *link_json(struct agent *a, uint32_t number)
{
	struct cw_link_counters sum = {0};
	json_t *json = json_pack("{s:I}", "id", (json_int_t)number);

	for (uint32_t w = 0; w < a->config->workers; w++)
		counter_add_link(&sum, &counter_file_link_counters(a->counters, w)[number]);
	fields_set(json, &sum, link_fields, LINK_FIELDS);
	return json;
}

json_t *report_links_json(struct agent *a)
{
	bool is_used[CW_LINKS] = {false};
	json_t *list = json_array();

	for (uint32_t i = 0; i < a->slots.high; i++)
		if (a->slots.slot[i].is_used) {
			is_used[a->slots.slot[i].intent.link_id] = true;
			is_used[a->slots.slot[i].sends_link] = true;
		}
	for (uint32_t number = 1; number < CW_LINKS; number++)
		if (is_used[number])
			json_array_append_new(list, link_json(a, number));
	return list;
}
