#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lanswitch/lanswitch.h"

static const char *const drop_names[FABRIC_DROPS] = {
	[FABRIC_DROP_BUFFER] = "buffer",   [FABRIC_DROP_QUEUE] = "queue",
	[FABRIC_DROP_STUCK] = "stuck",	   [FABRIC_DROP_MEMORY] = "memory",
	[FABRIC_DROP_CONTROL] = "control", [FABRIC_DROP_NOWHERE] = "nowhere",
};

static void number(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, "\"%s\":%" PRIu64 ",", name, value);
}

/* What an unfinished pause has lasted counts too. */
static uint64_t paused_ns(const struct pfc_counters *c, bool is_paused, uint64_t since,
			  uint64_t now)
{
	return c->paused_ns + (is_paused ? now - since : 0);
}

static void priority_print(const struct fabric_port *p, uint32_t prio, FILE *out, uint64_t now)
{
	const struct pfc_counters *in = &p->in.counters[prio], *to = &p->out.counters[prio];

	fprintf(out, "{");
	number(out, "tx_frames", p->counters.tx_priority[prio]);
	number(out, "queued_bytes", p->queues[prio].bytes);
	number(out, "held_bytes", p->held_bytes[prio]);
	number(out, "pauses_sent", to->pauses);
	number(out, "pause_sent_ns",
	       paused_ns(to, p->out.paused >> prio & 1, p->out.since_ns[prio], now));
	number(out, "stuck_sent", to->stuck);
	number(out, "pauses_obeyed", in->pauses);
	number(out, "pause_obeyed_ns",
	       paused_ns(in, p->in.paused >> prio & 1, p->in.since_ns[prio], now));
	number(out, "stuck_obeyed", in->stuck);
	fprintf(out, "\"paused_now\":%s}", pfc_in_is_paused(&p->in, prio, now) ? "true" : "false");
}

static bool priority_was_used(const struct fabric_port *p, uint32_t prio)
{
	return p->counters.tx_priority[prio] || p->queues[prio].bytes || p->held_bytes[prio] ||
	       p->in.counters[prio].pauses || p->out.counters[prio].pauses;
}

static void drops_print(const struct fabric_counters *c, FILE *out)
{
	fprintf(out, "\"drops\":{");
	for (uint32_t i = 0; i < FABRIC_DROPS; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", drop_names[i], c->drops[i]);
	fprintf(out, "},");
}

static void lost_print(struct port *port, FILE *out)
{
	port_read_lost(port);
	fprintf(out, "\"lab_lost\":{");
	number(out, "ring_full", port->lost.ring_full);
	number(out, "too_long", port->lost.too_long);
	number(out, "no_checksum", port->lost.no_checksum);
	number(out, "tx_refused", port->lost.tx_refused);
	fprintf(out, "\"tx_kernel\":%" PRIu64 "},", port->lost.tx_kernel);
}

static void port_print(struct lanswitch *s, uint32_t index, FILE *out, uint64_t now)
{
	struct fabric_port *p = &s->fabric.ports[index];
	const char *comma = "";

	pfc_in_poll(&p->in, now);
	fprintf(out, "{\"name\":\"%s\",", s->names[index]);
	number(out, "rate_bps", s->fabric.config.rate_bps[index]);
	number(out, "rx_frames", p->counters.rx_frames);
	number(out, "rx_bytes", p->counters.rx_bytes);
	number(out, "tx_frames", p->counters.tx_frames);
	number(out, "tx_bytes", p->counters.tx_bytes);
	number(out, "flooded", p->counters.flooded);
	number(out, "ecn_marked", p->counters.ecn_marked);
	number(out, "pfc_sent", p->out.frames);
	number(out, "pfc_received", p->in.frames);
	number(out, "other_pauses", p->counters.other_pauses);
	drops_print(&p->counters, out);
	lost_print(&s->ports[index], out);
	fprintf(out, "\"priorities\":{");
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++) {
		if (!priority_was_used(p, prio))
			continue;
		fprintf(out, "%s\"%" PRIu32 "\":", comma, prio);
		priority_print(p, prio, out, now);
		comma = ",";
	}
	fprintf(out, "}}");
}

void lanswitch_print(struct lanswitch *s, FILE *out, uint64_t now)
{
	fprintf(out, "{\"tool\":\"causeway-lanswitch (test tool)\",");
	number(out, "held_frames", s->fabric.held_frames);
	fprintf(out, "\"ports\":[");
	for (uint32_t i = 0; i < s->fabric.config.port_count; i++) {
		fprintf(out, "%s", i ? "," : "");
		port_print(s, i, out, now);
	}
	fprintf(out, "]}");
}

uint32_t lanswitch_port(const struct lanswitch *s, const char *name)
{
	for (uint32_t i = 0; i < s->config.port_count; i++)
		if (strcmp(s->names[i], name) == 0)
			return i;
	return FABRIC_NONE;
}

static const char *command_rate(struct lanswitch *s, uint32_t port, const char *value, uint64_t now)
{
	uint64_t rate;

	if (options_rate(value, &rate) || fabric_set_rate(&s->fabric, port, rate, now))
		return "error: no rate (1M to 400G, 0 for no limit)";
	return "ok";
}

static const char *command_pause(struct lanswitch *s, uint32_t port, const char *prio,
				 const char *state, uint64_t now)
{
	bool is_on = state && strcmp(state, "on") == 0;

	if (prio[0] < '0' || prio[0] > '7' || prio[1] || !state ||
	    (!is_on && strcmp(state, "off") != 0))
		return "error: pause INTERFACE 0..7 on|off";
	if (!(s->config.lossless >> (prio[0] - '0') & 1))
		return "error: that priority is not lossless";
	fabric_force_pause(&s->fabric, port, (uint32_t)(prio[0] - '0'), is_on, now);
	return "ok";
}

static void answer_stats(struct lanswitch *s, char *answer, unsigned int size, uint64_t now)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out)
		lanswitch_print(s, out, now);
	if (!out || fclose(out) || len >= size)
		snprintf(answer, size, "error: too long for an answer: use SIGUSR1");
	else
		memcpy(answer, text, len + 1);
	free(text);
}

void lanswitch_command(struct lanswitch *s, char *command, char *answer, unsigned int size,
		       uint64_t now)
{
	char *save = NULL;
	const char *verb = strtok_r(command, " \n", &save);
	const char *name = strtok_r(NULL, " \n", &save), *value = strtok_r(NULL, " \n", &save);
	uint32_t port = name ? lanswitch_port(s, name) : FABRIC_NONE;
	const char *said = "error: commands are rate IF RATE, pause IF PRIORITY on|off, stats";

	if (verb && strcmp(verb, "stats") == 0) {
		answer_stats(s, answer, size, now);
		return;
	}
	if (verb && name && value && port == FABRIC_NONE)
		said = "error: no such interface";
	else if (verb && value && strcmp(verb, "rate") == 0)
		said = command_rate(s, port, value, now);
	else if (verb && value && strcmp(verb, "pause") == 0)
		said = command_pause(s, port, value, strtok_r(NULL, " \n", &save), now);
	snprintf(answer, size, "%s", said);
}
