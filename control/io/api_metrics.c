/*
 * GET /metrics: OpenMetrics 1.0, or Prometheus' older text format for who asks for text/plain only.
 * The two differ in how families are headed and in the end. Bytes and seconds, as both want it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/metrics_text.h"

#define TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"

static void write_control(const struct metrics *metrics)
{
	struct api *api = metrics->api;
	FILE *out = metrics->out;

	metrics_family(metrics, "build", METRICS_INFO, "Of causeway-control.");
	fprintf(out, "causeway_build_info{version=\"" CAUSEWAY_VERSION "\"} 1\n");
	metrics_single(metrics, "uptime_seconds", "Since control started.",
		       (loop_now_ns(api->loop) - api->started_ns) / 1000000000);
	metrics_single(metrics, "revision", "Of desired state: each change counts it up.",
		       store_revision(api->store));
	metrics_single(metrics, "store_failed",
		       "1: the store cannot be written; changes are refused until a restart.",
		       store_is_failed(api->store));
	metrics_single(metrics, "term", "Counts the lives of control.", api->live.term);
	metrics_family(metrics, "objects", METRICS_GAUGE, "In the store, by kind.");
	for (int kind = 0; kind < KIND_COUNT; kind++)
		fprintf(out, "causeway_objects{kind=\"%s\"} %zu\n",
			model_kind_name((enum model_kind)kind),
			store_count(api->store, (enum model_kind)kind));
	metrics_family(metrics, "streams", METRICS_GAUGE, "Open streams to clients.");
	fprintf(out,
		"causeway_streams{stream=\"watch\"} %u\ncauseway_streams{stream=\"events\"} %u\n",
		api_watch_client_count(api->watches), api_events_client_count(api->events));
}

/* What clients did, and what was done to those that did too much. */
static void write_http(const struct metrics *metrics)
{
	const struct h2_counters *counters = h2_exchange_counters(metrics->call->exchange);
	FILE *out = metrics->out;

	metrics_family(metrics, "http_connections", METRICS_COUNTER, "Accepted.");
	fprintf(out, "causeway_http_connections_total %llu\n",
		(unsigned long long)counters->conns_accepted);
	metrics_family(metrics, "http_connections_ended", METRICS_COUNTER,
		       "By control: calmed, for floods and resets; evicted, for memory or room.");
	fprintf(out,
		"causeway_http_connections_ended_total{cause=\"calmed\"} %llu\n"
		"causeway_http_connections_ended_total{cause=\"evicted\"} %llu\n",
		(unsigned long long)counters->conns_ended,
		(unsigned long long)counters->conns_evicted);
	metrics_family(metrics, "http_streams_stuck", METRICS_COUNTER,
		       "Reset because nothing moved.");
	fprintf(out, "causeway_http_streams_stuck_total %llu\n",
		(unsigned long long)counters->streams_stuck);
	metrics_family(metrics, "http_requests", METRICS_COUNTER, "Answered, by status.");
	for (int status = 100; status < 600; status++) {
		uint64_t count = h2_exchange_response_count(metrics->call->exchange, status);

		if (count)
			fprintf(out, "causeway_http_requests_total{code=\"%d\"} %llu\n", status,
				(unsigned long long)count);
	}
}

void api_metrics(struct api_call *call)
{
	const char *accept = h2_exchange_accept(call->exchange);
	struct metrics metrics = {
		.call = call,
		.api = call->api,
		.is_open = !strstr(accept, "text/plain") || strstr(accept, "openmetrics"),
	};
	char *text = NULL;
	size_t len = 0;

	metrics.out = open_memstream(&text, &len);
	if (!metrics.out) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	write_control(&metrics);
	write_http(&metrics);
	metrics_write_gateways(&metrics);
	metrics_write_links(&metrics);
	metrics_write_paths(&metrics);
	if (metrics.is_open)
		fputs("# EOF\n", metrics.out);
	fclose(metrics.out);
	h2_exchange_respond(call->exchange, text ? 200 : 503,
			    metrics.is_open ? TYPE_OPEN : TYPE_TEXT, NULL, 0, text, len);
	free(text);
}
