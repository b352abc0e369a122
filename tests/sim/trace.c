#include "tests/sim/trace.h"

#include <inttypes.h>

static const char *const names[] = {
#define TRACE_NAME(name, text) text,
	TRACE_KINDS(TRACE_NAME)
#undef TRACE_NAME
};

void trace_print_event(FILE *out, const struct trace_event *event)
{
	fprintf(out, "%12" PRIu64 ".%03u us  site %u  %s: %" PRIu64 " %" PRIu64 "\n",
		event->at_ns / 1000, (unsigned)(event->at_ns % 1000), event->who,
		names[event->kind], event->a, event->b);
}

void trace_print(FILE *out, const struct trace *trace)
{
	uint64_t from = trace->count > TRACE_KEPT ? trace->count - TRACE_KEPT : 0;

	for (uint64_t i = from; i < trace->count; i++)
		trace_print_event(out, &trace->last[i % TRACE_KEPT]);
}
