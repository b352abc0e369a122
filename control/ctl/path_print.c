#include "control/ctl/path_print.h"

#include <string.h>

#include "control/ctl/kind.h"

static const struct field gateway_fields[] = {
	{"GATEWAY", "name", FIELD_TEXT},
	{"SITE", "site", FIELD_TEXT},
	{"RECEIVES", "receiving", FIELD_TEXT},
	{"PROVED", "proved", FIELD_TEXT},
	{"CLAIMS", "claiming", FIELD_TEXT},
	{"RTT", "rtt_ns", FIELD_TIME},
	{"OUT", "counters.out.rx_packets", FIELD_COUNT},
	{"IN", "counters.in.tx_packets", FIELD_COUNT},
	{"ERROR", "error", FIELD_TEXT},
	{NULL},
};

static const struct field transport_fields[] = {
	{"GATEWAY", "name", FIELD_TEXT},
	{"SENDS", "rates.out_bps", FIELD_RATE},
	{"RTT", "transport.rtt_ns", FIELD_TIME},
	{"LEAST", "transport.rtt_min_ns", FIELD_TIME},
	{"LOSS", "rates.loss_share", FIELD_SHARE},
	{"LOST", "transport.lost", FIELD_COUNT},
	{"RESENT", "transport.resent", FIELD_COUNT},
	{"UNACKED", "transport.retained_packets", FIELD_COUNT},
	{"OF", "transport.retain_packets_max", FIELD_COUNT},
	{"KEYS", "transport.keys_installed", FIELD_COUNT},
	{NULL},
};

static const struct field history_fields[] = {
	{"TIME", "time", FIELD_TEXT}, {"FROM", "from", FIELD_TEXT},   {"TO", "to", FIELD_TEXT},
	{"REV", "rev", FIELD_TEXT},   {"CAUSE", "cause", FIELD_TEXT}, {NULL},
};

void path_print_line(const json_t *path, FILE *out)
{
	char name[128], state[64], reason[256];

	field_text(path, "name", FIELD_TEXT, name, sizeof(name));
	field_text(path, "status.state", FIELD_TEXT, state, sizeof(state));
	field_text(path, "status.reason", FIELD_TEXT, reason, sizeof(reason));
	fprintf(out, "path %s is %s%s%s\n", name, state[0] ? state : "there", reason[0] ? ": " : "",
		reason);
}

static void print_field(const json_t *path, const char *label, const char *field,
			enum field_format format, FILE *out)
{
	char text[512];

	field_text(path, field, format, text, sizeof(text));
	if (text[0])
		fprintf(out, "  %-11s %s\n", label, text);
}

static void print_end(const json_t *path, const char *label, const char *end, FILE *out)
{
	char field[64], site[128], prefixes[256];

	snprintf(field, sizeof(field), "spec.%s.site", end);
	field_text(path, field, FIELD_TEXT, site, sizeof(site));
	snprintf(field, sizeof(field), "spec.%s.prefixes", end);
	field_text(path, field, FIELD_TEXT, prefixes, sizeof(prefixes));
	fprintf(out, "  %-11s %s%s%s\n", label, site, prefixes[0] ? " " : "", prefixes);
}

static void print_matches(const json_t *path, FILE *out)
{
	json_t *match;
	size_t i;

	json_array_foreach (field_get(path, "spec.match"), i, match) {
		char protocol[32], ports[160], dscp[160];

		field_text(match, "protocol", FIELD_TEXT, protocol, sizeof(protocol));
		field_text(match, "ports", FIELD_TEXT, ports, sizeof(ports));
		field_text(match, "dscp", FIELD_TEXT, dscp, sizeof(dscp));
		fprintf(out, "  %-11s %s%s%s%s%s\n", i ? "" : "takes", protocol,
			ports[0] ? ":" : "", ports, dscp[0] ? "@dscp" : "", dscp);
	}
}

static void print_table(const json_t *path, const char *field, const struct field *fields,
			FILE *out)
{
	const json_t *rows = field_get(path, field);

	if (json_array_size(rows) == 0)
		return;
	fprintf(out, "\n");
	field_table(fields, rows, out);
}

static void print_notices(const json_t *path, FILE *out)
{
	json_t *gateway;
	size_t i;

	json_array_foreach (field_get(path, "status.gateways"), i, gateway)
		print_field(gateway, "notice", "notice", FIELD_TEXT, out);
}

static void print_transport(const json_t *path, FILE *out)
{
	if (!field_get(path, "status.transport"))
		return;
	print_table(path, "status.gateways", transport_fields, out);
}

void path_print(const json_t *path, FILE *out)
{
	path_print_line(path, out);
	print_end(path, "from", "a", out);
	print_end(path, "to", "z", out);
	print_field(path, "guaranteed", "spec.rate_bps", FIELD_RATE, out);
	print_field(path, "at most", "spec.max_bps", FIELD_RATE, out);
	print_field(path, "class", "spec.class", FIELD_TEXT, out);
	print_field(path, "when down", "spec.when_down", FIELD_TEXT, out);
	print_matches(path, out);
	print_field(path, "protection", "spec.protection", FIELD_TEXT, out);
	print_field(path, "link", "status.link", FIELD_TEXT, out);
	print_field(path, "moves from", "status.moving.from", FIELD_TEXT, out);
	print_field(path, "backup", "status.backup", FIELD_TEXT, out);
	print_field(path, "path id", "status.path_id", FIELD_TEXT, out);
	print_field(path, "generation", "status.generation", FIELD_TEXT, out);
	print_notices(path, out);
	print_table(path, "status.gateways", gateway_fields, out);
	print_transport(path, out);
	print_table(path, "status.history", history_fields, out);
}
