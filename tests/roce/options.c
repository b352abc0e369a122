#include "tests/roce/options.h"

#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/roce/dcqcn.h"
#include "tests/roce/rc_send.h"

static const char usage_text[] =
	"causeway-roce is a test tool: a RoCEv2 endpoint (reliable connections) in user space, without an\n"
	"RDMA device. It shows what such a NIC makes of a network: go-back-N, timeouts, CNPs. Needs root or\n"
	"CAP_NET_RAW, for the IP headers that the ICRC covers. It is no part of a deployment.\n"
	"\n"
	"usage: causeway-roce send [OPTIONS] PEER\n"
	"       causeway-roce receive [OPTIONS] [PEER]\n"
	"\n"
	"Both ends, and the same at both:\n"
	"  --qps N             queue pairs, 1 to 16 (1)\n"
	"  --mtu N             path MTU: 256, 512, 1024 (default), 2048 or 4096 bytes of payload\n"
	"  --psn N             first packet sequence number (0xfffc00: it wraps after 1024 packets)\n"
	"  --seed N            of the payload (1)\n"
	"  --messages N        per queue pair. receive: be done when so many have arrived\n"
	"Both ends:\n"
	"  --qpn N             own queue pair number, of the first; the others follow (send 0x101, receive 0x201)\n"
	"  --peer-qpn N        the far side's (send 0x201, receive 0x101)\n"
	"  --bind ADDRESS      own address (default: the one that leads to PEER); receive without PEER: needed\n"
	"  --source-port N     UDP source port of the first queue pair (from the queue pair's number)\n"
	"  --dscp N            of data and acknowledgements (26); CNPs go with 48\n"
	"  --json              one JSON object instead of lines\n"
	"  --help, --version\n"
	"send:\n"
	"  --op send|write     SEND (default) or RDMA WRITE\n"
	"  --size N            bytes per message, up to 2 GiB: 65536 (default), 64KiB, 1M\n"
	"  --seconds S         post messages for so long, instead of --messages (default: 1000 messages)\n"
	"  --rate R            of each queue pair, IP bytes: 200M (default), 1.5G\n"
	"  --window N          packets under way, 1 to 65536 (1024)\n"
	"  --depth N           messages under way, 1 to 1024 (16)\n"
	"  --timeout N         of an acknowledgement: 4.096 us * 2^N, 1 to 24 (14: 67 ms)\n"
	"  --retry N           timeouts and NAKs without progress that a queue pair survives, 0 to 7 (7)\n"
	"  --ce N              mark every Nth packet \"congestion experienced\", as a full router would\n"
	"  --no-ect            mark packets as not ECN-capable\n"
	"receive:\n"
	"  --quiet S           end when nothing has come for S seconds (1 behind the last of --messages; else\n"
	"                      only SIGTERM ends it)\n"
	"\n"
	"Exit code 0: all messages were completed (send), or arrived in order, whole and right (receive);\n"
	"1: not so; 2: it could not begin.\n";

struct unit {
	const char *suffix;
	double factor;
};

static const struct unit units[] = {{"", 1},	      {"k", 1e3},      {"K", 1e3},
				    {"M", 1e6},	      {"G", 1e9},      {"KiB", 1 << 10},
				    {"MiB", 1 << 20}, {"GiB", 1 << 30}};

enum kind {
	WHOLE,
	UNITS,
	SECONDS,
	ADDRESS,
	OPERATION,
	FLAG
};

/* One line per option: where it goes, what it may be. */
struct rule {
	const char *name;
	enum kind kind;
	size_t offset, size;
	double low, high;
};

#define RULE(name, kind, member, low, high)                              \
	{                                                                \
		name, kind, offsetof(struct options, member),            \
			sizeof(((struct options *)0)->member), low, high \
	}

static const struct rule rules[] = {
	RULE("qps", WHOLE, qps, 1, NET_SENDERS),
	RULE("mtu", WHOLE, mtu, 256, ROCE_MTU_MAX),
	RULE("psn", WHOLE, psn, 0, ROCE_24_BITS),
	RULE("seed", WHOLE, seed, 0, 9e15),
	RULE("messages", WHOLE, messages, 1, 9e15),
	RULE("qpn", WHOLE, qpn, 2, ROCE_24_BITS - NET_SENDERS),
	RULE("peer-qpn", WHOLE, peer_qpn, 2, ROCE_24_BITS - NET_SENDERS),
	RULE("bind", ADDRESS, local, 0, 0),
	RULE("source-port", WHOLE, source_port, 1024, 65535 - NET_SENDERS),
	RULE("dscp", WHOLE, dscp, 0, 63),
	RULE("json", FLAG, is_json, 0, 1),
	RULE("op", OPERATION, is_write, 0, 0),
	RULE("size", UNITS, message_bytes, 1, RC_MESSAGE_MAX),
	RULE("seconds", SECONDS, run_ns, 0.001, 1e6),
	RULE("rate", UNITS, rate_bps, DCQCN_FLOOR_BPS, 1e11),
	RULE("window", WHOLE, window, 1, RC_WINDOW_MAX),
	RULE("depth", WHOLE, depth, 1, RC_DEPTH_MAX),
	RULE("timeout", WHOLE, timeout_exponent, 1, 24),
	RULE("retry", WHOLE, retries, 0, 7),
	RULE("ce", WHOLE, ce_every, 1, 1e9),
	RULE("no-ect", FLAG, is_ect, 0, 0),
	RULE("quiet", SECONDS, quiet_ns, 0.001, 1e6),
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static int usage_error(const char *text, const char *what)
{
	fprintf(stderr, "causeway-roce: %s%s; see --help\n", text, what);
	return 2;
}

static bool units_parse(const char *text, double *out)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || !isfinite(number))
		return false;
	for (unsigned int i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].suffix) == 0) {
			*out = number * units[i].factor;
			return true;
		}
	return false;
}

static bool whole_parse(const char *text, double *out)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 0);

	*out = (double)number;
	return end != text && !*end && !strchr(text, '-');
}

static bool number_parse(const struct rule *rule, const char *text, double *number)
{
	bool is_number =
		rule->kind == WHOLE ? whole_parse(text, number) : units_parse(text, number);

	return is_number && *number >= rule->low && *number <= rule->high;
}

static int number_set(struct options *o, const struct rule *rule, const char *text)
{
	uint8_t *at = (uint8_t *)o + rule->offset;
	uint64_t wide;
	uint32_t narrow;
	double number;

	if (!number_parse(rule, text, &number)) {
		fprintf(stderr, "causeway-roce: --%s takes %.15g to %.15g, not %s; see --help\n",
			rule->name, rule->low, rule->high, text);
		return 2;
	}
	wide = (uint64_t)llround(rule->kind == SECONDS ? number * 1e9 : number);
	narrow = (uint32_t)wide;
	if (rule->size == sizeof(wide))
		memcpy(at, &wide, sizeof(wide));
	else
		memcpy(at, &narrow, sizeof(narrow));
	return -1;
}

static int option_set(struct options *o, const struct rule *rule, const char *text)
{
	switch (rule->kind) {
	case FLAG:
		*(bool *)((uint8_t *)o + rule->offset) = rule->high > 0;
		return -1;
	case OPERATION:
		o->is_write = strcmp(text, "write") == 0;
		return o->is_write || strcmp(text, "send") == 0
			       ? -1
			       : usage_error("--op takes send or write, not ", text);
	case ADDRESS:
		o->has_local = net_address_parse(text, &o->local) == 0;
		return o->has_local ? -1 : usage_error("--bind: no numeric address: ", text);
	default:
		return number_set(o, rule, text);
	}
}

static void options_default(struct options *o)
{
	*o = (struct options){.qps = 1,
			      .mtu = 1024,
			      .message_bytes = 65536,
			      .window = 1024,
			      .depth = 16,
			      .retries = 7,
			      .timeout_exponent = 14,
			      .psn = 0xfffc00,
			      .dscp = 26,
			      .is_ect = true,
			      .rate_bps = 200000000,
			      .seed = 1};
}

static void long_options_make(struct option *out)
{
	for (unsigned int i = 0; i < RULES; i++)
		out[i] = (struct option){rules[i].name,
					 rules[i].kind == FLAG ? no_argument : required_argument,
					 NULL, (int)(1000 + i)};
	out[RULES] = (struct option){"help", no_argument, NULL, 'h'};
	out[RULES + 1] = (struct option){"version", no_argument, NULL, 'V'};
}

/* What depends on the rest. */
static int options_finish(struct options *o, int argc, char **argv)
{
	if (argc - optind != 1 && (o->is_send || argc != optind))
		return usage_error("one peer is needed", "");
	if (argc > optind) {
		o->has_peer = net_address_parse(argv[optind], &o->peer) == 0;
		if (!o->has_peer)
			return usage_error("no numeric address: ", argv[optind]);
	}
	if (!o->has_local && !o->has_peer)
		return usage_error("receive needs a PEER or --bind", "");
	if (o->has_local && o->has_peer && o->local.is_ipv6 != o->peer.is_ipv6)
		return usage_error("PEER and --bind are of two families", "");
	if (o->mtu & (o->mtu - 1))
		return usage_error("--mtu takes 256, 512, 1024, 2048 or 4096", "");
	o->qpn = o->qpn ? o->qpn : o->is_send ? 0x101 : 0x201;
	o->peer_qpn = o->peer_qpn ? o->peer_qpn : o->is_send ? 0x201 : 0x101;
	/* As NICs do: a port of the upper quarter, from both queue pair numbers. */
	if (!o->source_port)
		o->source_port = 0xc000 | ((o->qpn * 31 + o->peer_qpn) & 0x3fe0);
	if (o->is_send && !o->messages && !o->run_ns)
		o->messages = 1000;
	return -1;
}

int options_read(struct options *o, int argc, char **argv)
{
	struct option long_options[RULES + 3] = {0};
	int option, code;

	options_default(o);
	long_options_make(long_options);
	while ((option = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
		if (option == 'h' || option == 'V') {
			fputs(option == 'h' ? usage_text
					    : "causeway-roce (test tool) " CAUSEWAY_VERSION "\n",
			      stdout);
			return 0;
		}
		if (option < 1000)
			return 2;
		code = option_set(o, &rules[option - 1000], optarg);
		if (code >= 0)
			return code;
	}
	if (optind == argc || (strcmp(argv[optind], "send") && strcmp(argv[optind], "receive")))
		return usage_error("say send or receive", "");
	o->is_send = strcmp(argv[optind++], "send") == 0;
	return options_finish(o, argc, argv);
}
