/*
 * What happened in a run: each event is folded into one hash, the last ones are kept for the report
 * of a failure. Two runs of one seed have the same hash.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* name, what is printed */
#define TRACE_KINDS(X)                                   \
	X(SENT, "sent, packet, sequence")                \
	X(RESENT, "sent again, packet, sequence")        \
	X(ACK_SENT, "ACK sent, packet, bytes")           \
	X(PING_SENT, "PING sent, packet, next sequence") \
	X(DROPPED, "dropped by the link, packet, cause") \
	X(CAME, "received, packet, bytes")               \
	X(REFUSED, "refused, packet, cause")             \
	X(DATA, "DATA, sequence, answer")                \
	X(ACK, "ACK, cumulative, end")                   \
	X(PING, "PING, next sequence, -")                \
	X(DELIVERED, "delivered, flow, number")          \
	X(FREED, "acknowledged, flow, number")           \
	X(FAULT, "fault begins, step, kind")             \
	X(CALM, "fault ends, step, kind")                \
	X(SESSION, "session, number, -")                 \
	X(KEY, "keys, step, counter")                    \
	X(RATE, "rate of the link now, bit/s, -")

enum trace_kind {
#define TRACE_ENUM(name, text) TRACE_##name,
	TRACE_KINDS(TRACE_ENUM)
#undef TRACE_ENUM
};

#define TRACE_KEPT 48

struct trace_event {
	uint64_t at_ns, a, b;
	uint32_t kind, who;
};

struct trace {
	uint64_t hash, count;
	bool is_printed; /* each event, as it happens */
	struct trace_event last[TRACE_KEPT];
};

void trace_print_event(FILE *out, const struct trace_event *event);
/* The last events, oldest first. */
void trace_print(FILE *out, const struct trace *trace);

static inline void trace_add(struct trace *t, uint64_t now, enum trace_kind kind, uint32_t who,
			     uint64_t a, uint64_t b)
{
	struct trace_event event = {now, a, b, (uint32_t)kind, who};

	t->hash = (t->hash ^ now ^ (uint64_t)kind << 56 ^ (uint64_t)who << 48) *
		  0x9e3779b97f4a7c15ull;
	t->hash = ((t->hash ^ t->hash >> 29) + a) * 0xbf58476d1ce4e5b9ull;
	t->hash = ((t->hash ^ t->hash >> 32) + b) * 0x94d049bb133111ebull;
	t->last[t->count++ % TRACE_KEPT] = event;
	if (__builtin_expect(t->is_printed, 0))
		trace_print_event(stdout, &event);
}
