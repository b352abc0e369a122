#include "tests/roce/report.h"

#include <inttypes.h>

#define NS_PER_S 1000000000ull

struct field {
	const char *name;
	uint64_t value;
};

uint64_t report_goodput_bps(const struct report *r)
{
	return r->duration_ns ? (uint64_t)((double)r->bytes * 8 * NS_PER_S / (double)r->duration_ns)
			      : 0;
}

static double mbps(uint64_t bps)
{
	return (double)bps / 1e6;
}

static void sender_print(const struct report *r, FILE *out)
{
	fprintf(out,
		"  packets %" PRIu64 ", of these sent again %" PRIu64 " (%.3f %%); acks %" PRIu64
		", naks %" PRIu64 ", timeouts %" PRIu64 "\n",
		r->packets, r->resent,
		r->packets ? 100.0 * (double)r->resent / (double)r->packets : 0.0, r->acks, r->naks,
		r->timeouts);
	fprintf(out, "  CNPs received %" PRIu64 ", rate at the end %.1f Mb/s\n", r->cnps_received,
		mbps(r->rate_bps));
	fprintf(out,
		"  message completion: p50 %" PRIu64 " us, p99 %" PRIu64 " us, max %" PRIu64
		" us\n",
		histogram_quantile(&r->completion_us, 500),
		histogram_quantile(&r->completion_us, 990), r->completion_us.max);
}

static void receiver_print(const struct report *r, FILE *out)
{
	fprintf(out,
		"  packets %" PRIu64 ", out of order %" PRIu64 ", duplicates %" PRIu64
		", acks sent %" PRIu64 ", naks sent %" PRIu64 "\n",
		r->packets, r->out_of_order, r->duplicates, r->acks, r->naks);
	fprintf(out, "  CE seen %" PRIu64 ", CNPs sent %" PRIu64 "\n", r->ce_seen, r->cnps_sent);
}

void report_print(const struct report *r, FILE *out)
{
	bool is_sender = r->role[0] == 's';

	fprintf(out,
		"%s: %" PRIu64 " of %" PRIu64 " messages %s, %.2f Mb/s goodput over %.3f s, %s\n",
		r->role, r->completed, r->messages,
		is_sender ? "completed" : "arrived and verified", mbps(report_goodput_bps(r)),
		(double)r->duration_ns / 1e9, r->is_ok ? "ok" : "FAILED");
	if (is_sender)
		sender_print(r, out);
	else
		receiver_print(r, out);
	if (r->icrc_errors || r->malformed || r->strays || r->invalid)
		fprintf(out,
			"  ICRC errors %" PRIu64 ", malformed %" PRIu64 ", strays %" PRIu64
			", invalid requests %" PRIu64 "\n",
			r->icrc_errors, r->malformed, r->strays, r->invalid);
	if (r->socket_drops || r->send_failures)
		fprintf(out,
			"  this machine dropped %" PRIu64
			" at the socket and could not send %" PRIu64 "\n",
			r->socket_drops, r->send_failures);
	if (r->wrong_packets)
		fprintf(out, "  WRONG: %" PRIu64 " packets; %s\n", r->wrong_packets,
			r->first_wrong);
	if (r->error[0] != 'n')
		fprintf(out, "  queue pair in error: %s\n", r->error);
}

void report_print_json(const struct report *r, FILE *out)
{
	const struct field fields[] = {
		{"queue_pairs", r->queue_pairs},
		{"mtu", r->mtu},
		{"message_bytes", r->message_bytes},
		{"messages", r->messages},
		{"completed", r->completed},
		{"bytes", r->bytes},
		{"goodput_bps", report_goodput_bps(r)},
		{"packets", r->packets},
		{"resent", r->resent},
		{"acks", r->acks},
		{"naks", r->naks},
		{"timeouts", r->timeouts},
		{"stale_acks", r->stale_acks},
		{"bad_acks", r->bad_acks},
		{"out_of_order", r->out_of_order},
		{"duplicates", r->duplicates},
		{"invalid", r->invalid},
		{"icrc_errors", r->icrc_errors},
		{"malformed", r->malformed},
		{"strays", r->strays},
		{"cnps_sent", r->cnps_sent},
		{"cnps_received", r->cnps_received},
		{"ce_seen", r->ce_seen},
		{"wrong_packets", r->wrong_packets},
		{"socket_drops", r->socket_drops},
		{"send_failures", r->send_failures},
		{"rate_bps", r->rate_bps},
	};

	fprintf(out, "{\"tool\":\"causeway-roce\",\"role\":\"%s\",\"operation\":\"%s\"", r->role,
		r->operation);
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		fprintf(out, ",\"%s\":%" PRIu64, fields[i].name, fields[i].value);
	fprintf(out,
		",\"seconds\":%.6f,\"completion_us\":{\"p50\":%" PRIu64 ",\"p99\":%" PRIu64
		",\"max\":%" PRIu64 "},\"first_wrong\":\"%s\",\"error\":\"%s\",\"ok\":%s}\n",
		(double)r->duration_ns / 1e9, histogram_quantile(&r->completion_us, 500),
		histogram_quantile(&r->completion_us, 990), r->completion_us.max, r->first_wrong,
		r->error, r->is_ok ? "true" : "false");
}
