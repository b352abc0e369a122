#include "perf/limit.h"

#include <stdio.h>

#include "control/core/units.h"

void limit_brief(enum limit limit, double share, char *out, size_t size)
{
	bool is_time = limit == LIMIT_KEY || limit == LIMIT_CREDIT || limit == LIMIT_WINDOW ||
		       limit == LIMIT_PAUSE;

	if (limit == LIMIT_NONE)
		snprintf(out, size, "-");
	else if (is_time && share > 0)
		snprintf(out, size, "%s %.0f%%", limit_name(limit), 100 * share);
	else
		snprintf(out, size, "%s", limit_name(limit));
}

static void key_text(double share, const struct limit_input *input, char *out, size_t size)
{
	const char *peer = input->path->facts.peer;

	if (!input->path->lane.keys_installed)
		snprintf(out, size,
			 "key: none agreed with %s: is it up? does control know its certificate? "
			 "see both logs",
			 peer);
	else
		snprintf(out, size,
			 "key %.0f%%: waits for a new one: does %s answer? see both logs",
			 100 * share, peer);
}

static void window_text(double share, const struct limit_input *input, char *out, size_t size)
{
	const struct cw_lane_counters *lane = &input->path->lane;
	const struct cw_path_facts *facts = &input->path->facts;
	double packets = transport_fill(lane->retained_packets, lane->retain_packets_max);
	double bytes = transport_fill(lane->retained_bytes, lane->retain_bytes_max);
	double full = packets > bytes ? packets : bytes;
	char rtt[UNITS_TEXT_BYTES];

	units_format_time(lane->rtt_ns, rtt, sizeof(rtt));
	if (full < LIMIT_FULL)
		snprintf(
			out, size,
			"window %.0f%%: all is sent that may be, until repairs of what was lost arrive",
			100 * share);
	else if (facts->retain_granted < facts->retain_wanted)
		snprintf(out, size,
			 "window %.0f%%: retention %.0f%% full, %llu of %llu buffers wanted: raise "
			 "memory.size",
			 100 * share, 100 * full, (unsigned long long)facts->retain_granted,
			 (unsigned long long)facts->retain_wanted);
	else
		snprintf(out, size,
			 "window %.0f%%: retention %.0f%% full at %s: raise the link's rtt if it "
			 "says less",
			 100 * share, 100 * full, rtt);
}

static void link_text(enum limit limit, const struct limit_input *input, char *out, size_t size)
{
	const struct cw_link_counters *link = &input->link->sum;
	char now[UNITS_TEXT_BYTES], nominal[UNITS_TEXT_BYTES];

	units_format_rate(link->rate_bps, now, sizeof(now));
	units_format_rate(link->nominal_bps, nominal, sizeof(nominal));
	if (limit == LIMIT_LOWERED)
		snprintf(
			out, size,
			"link %u lowered to %s of %s: a queue grew on it: the carrier delivers less",
			input->link->number, now, nominal);
	else
		snprintf(out, size, "link %u: its %s are used up, by all paths on it together",
			 input->link->number, now);
}

void limit_text(enum limit limit, double share, const struct limit_input *input, char *out,
		size_t size)
{
	char rate[UNITS_TEXT_BYTES];

	switch (limit) {
	case LIMIT_KEY:
		key_text(share, input, out, size);
		break;
	case LIMIT_UNPROVED:
		snprintf(out, size,
			 "unproved: %s answers no probe of this path: is it up? is the WAN?",
			 input->path->facts.peer);
		break;
	case LIMIT_CREDIT:
		snprintf(
			out, size,
			"credit %.0f%%: %s grants no more: its LAN is slow or paused, or its buffers "
			"are few",
			100 * share, input->path->facts.peer);
		break;
	case LIMIT_WINDOW:
		window_text(share, input, out, size);
		break;
	case LIMIT_LOWERED:
	case LIMIT_LINK:
		link_text(limit, input, out, size);
		break;
	case LIMIT_RATE:
		units_format_rate(input->path->facts.max_bps, rate, sizeof(rate));
		snprintf(out, size, "rate: the path's max_bps of %s is used up", rate);
		break;
	case LIMIT_PORT:
		snprintf(out, size, "port: the WAN port takes frames more slowly than the pace");
		break;
	case LIMIT_BURST:
		snprintf(out, size,
			 "burst: more comes at once than the pace lets go; on average "
			 "nothing is used up");
		break;
	case LIMIT_WORKER:
		snprintf(out, size, "worker: no idle time left: more workers, or faster CPUs");
		break;
	case LIMIT_PAUSE:
		snprintf(out, size,
			 "pause %.0f%%: the LAN here takes nothing (PFC, or its queue is full)",
			 100 * share);
		break;
	default:
		snprintf(out, size, "nothing: all that is offered goes");
	}
}
