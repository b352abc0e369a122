#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lanswitch/lanswitch.h"
#include "tests/wan/admin.h"
#include "tests/wan/options.h"

const char lanswitch_usage[] =
	"causeway-lanswitch is a test tool: an Ethernet switch between interfaces that obeys and sends\n"
	"priority pauses (IEEE 802.1Qbb), which veth interfaces cannot. It is no part of a deployment and\n"
	"keeps no secret.\n"
	"\n"
	"usage: causeway-lanswitch [OPTIONS] INTERFACE[=RATE]...\n"
	"       causeway-lanswitch --send SOCKET COMMAND...\n"
	"\n"
	"RATE (200M, 1G) is how fast frames leave by that interface; none: as fast as it takes them. A\n"
	"frame's priority is that of its VLAN tag, else its DSCP / 8.\n"
	"  --speed RATE        of all ports, in whose bit times pauses are counted (1G)\n"
	"  --lossless P,P,...  priorities that pause their senders instead of dropping (3), or none\n"
	"  --buffer SIZE       of each port and lossless priority (256KiB): XOFF at 50 %, XON at 35 %\n"
	"  --queue SIZE        in front of each port, of each other priority (256KiB)\n"
	"  --ecn SIZE          CE on ECT packets while more than this waits behind them; 0 (default): never\n"
	"  --no-storm-guard    pauses of more than 100 ms stay pauses\n"
	"  --static MAC=IF     this address is behind that interface; others are learned\n"
	"  --memory SIZE       for all frames inside (64MiB)\n"
	"  --control SOCKET    take commands there: rate IF RATE, pause IF PRIORITY on|off, stats\n"
	"  --help, --version\n"
	"\n"
	"Prints its counts as one JSON object on stdout on SIGUSR1 and at the end (SIGTERM, SIGINT).\n"
	"Switch off checksum, segmentation and receive offloads of veth interfaces.\n";

enum {
	OPTION_SPEED = 1000,
	OPTION_LOSSLESS,
	OPTION_BUFFER,
	OPTION_QUEUE,
	OPTION_ECN,
	OPTION_NO_GUARD,
	OPTION_STATIC,
	OPTION_MEMORY,
	OPTION_CONTROL,
	OPTION_SEND
};

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"speed", required_argument, NULL, OPTION_SPEED},
	{"lossless", required_argument, NULL, OPTION_LOSSLESS},
	{"buffer", required_argument, NULL, OPTION_BUFFER},
	{"queue", required_argument, NULL, OPTION_QUEUE},
	{"ecn", required_argument, NULL, OPTION_ECN},
	{"no-storm-guard", no_argument, NULL, OPTION_NO_GUARD},
	{"static", required_argument, NULL, OPTION_STATIC},
	{"memory", required_argument, NULL, OPTION_MEMORY},
	{"control", required_argument, NULL, OPTION_CONTROL},
	{"send", required_argument, NULL, OPTION_SEND},
	{NULL, 0, NULL, 0},
};

void options_init(struct lanswitch *s)
{
	memset(s, 0, sizeof(*s));
	s->config = (struct fabric_config){.speed_bps = 1000000000,
					   .share_bytes = 256 << 10,
					   .queue_bytes = 256 << 10,
					   .stuck_ns = PFC_STUCK_NS,
					   .lossless = 1u << 3};
	s->memory_bytes = 64 << 20;
	s->admin_fd = -1;
	for (uint32_t i = 0; i < FABRIC_PORTS; i++)
		s->ports[i].fd = -1;
}

static int usage_error(const char *text, const char *what)
{
	fprintf(stderr, "causeway-lanswitch: %s%s; see --help\n", text, what);
	return 2;
}

int options_rate(const char *text, uint64_t *rate_bps)
{
	struct link_config link;

	options_default(&link);
	if (options_set(&link, "rate", text))
		return -EINVAL;
	if (link.rate_bps &&
	    (link.rate_bps < SHAPER_RATE_MIN_BPS || link.rate_bps > SHAPER_RATE_MAX_BPS))
		return -EINVAL;
	*rate_bps = link.rate_bps;
	return 0;
}

static int lossless_parse(const char *text, uint8_t *mask)
{
	uint8_t found = 0;

	if (strcmp(text, "none") == 0) {
		*mask = 0;
		return 0;
	}
	for (; *text; text += text[1] ? 2 : 1) {
		if (*text < '0' || *text > '7' || (text[1] && (text[1] != ',' || !text[2])))
			return -EINVAL;
		found |= (uint8_t)(1u << (*text - '0'));
	}
	*mask = found;
	return found ? 0 : -EINVAL;
}

static int value_read(struct lanswitch *s, int option, const char *value)
{
	struct fabric_config *c = &s->config;

	switch (option) {
	case OPTION_SPEED:
		return options_rate(value, &c->speed_bps) || !c->speed_bps;
	case OPTION_LOSSLESS:
		return lossless_parse(value, &c->lossless);
	case OPTION_BUFFER:
		return options_parse_bytes(value, &c->share_bytes) || !c->share_bytes;
	case OPTION_QUEUE:
		return options_parse_bytes(value, &c->queue_bytes);
	case OPTION_ECN:
		return options_parse_bytes(value, &c->ecn_bytes);
	case OPTION_MEMORY:
		return options_parse_bytes(value, &s->memory_bytes);
	case OPTION_STATIC:
		if (s->static_count == sizeof(s->static_macs) / sizeof(s->static_macs[0]))
			return -EINVAL;
		s->static_macs[s->static_count++] = value;
		return 0;
	case OPTION_CONTROL:
		s->admin_path = value;
		return 0;
	default:
		c->stuck_ns = 0;
		return 0;
	}
}

/* All words from optind on as one command. */
static int send_command(const char *path, int count, char **words)
{
	char command[256] = "";
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		len += (size_t)snprintf(command + len, sizeof(command) - len, "%s%s", i ? " " : "",
					words[i]);
		if (len >= sizeof(command))
			return usage_error("command too long", "");
	}
	return admin_send(path, command);
}

static int interfaces_read(struct lanswitch *s, int count, char **words)
{
	if (count < 2 || count > FABRIC_PORTS)
		return usage_error("two to eight interfaces are needed", "");
	for (int i = 0; i < count; i++) {
		char *rate = strchr(words[i], '=');

		if (rate)
			*rate++ = 0;
		if (rate && options_rate(rate, &s->config.rate_bps[i]))
			return usage_error("no rate (1M to 400G): ", rate);
		s->names[i] = words[i];
	}
	s->config.port_count = (uint32_t)count;
	return -1;
}

int options_read(struct lanswitch *s, int argc, char **argv)
{
	const char *send_to = NULL;
	int option, index = 0;

	/* "+": the words of a command after --send are no options. */
	while ((option = getopt_long(argc, argv, "+hV", long_options, &index)) != -1) {
		if (option == 'h') {
			fputs(lanswitch_usage, stdout);
			return 0;
		} else if (option == 'V') {
			puts("causeway-lanswitch (test tool) " CAUSEWAY_VERSION);
			return 0;
		} else if (option == OPTION_SEND) {
			send_to = optarg;
		} else if (option < OPTION_SPEED) {
			return 2;
		} else if (value_read(s, option, optarg)) {
			return usage_error("wrong value: --", long_options[index].name);
		}
	}
	if (send_to)
		return send_command(send_to, argc - optind, argv + optind);
	return interfaces_read(s, argc - optind, argv + optind);
}
