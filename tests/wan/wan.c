/*
 * causeway-wan: a line between two interfaces, for tests. The settings of each direction are in
 * link.h; this file reads the command line, sleeps and wakes. One thread.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/wan/admin.h"
#include "tests/wan/direction.h"
#include "tests/wan/options.h"
#include "tests/wan/wan.h"

#define NS_PER_S 1000000000ull
/*
 * Under load, frames are taken in groups this far apart, as a NIC's interrupt moderation does: a
 * wake for each frame would cost more than the frame. The first frame after a pause is taken at
 * once.
 */
#define MODERATION_NS 50000

static volatile sig_atomic_t stop_asked, cut_asked, join_asked;

static const char usage_text[] =
	"causeway-wan is a test tool: it emulates a wide-area line between two interfaces. It is no part\n"
	"of a deployment, forwards everything to anyone, and keeps no secret.\n"
	"\n"
	"usage: causeway-wan [OPTIONS] INTERFACE-A INTERFACE-B\n"
	"       causeway-wan --send SOCKET COMMAND...\n"
	"\n"
	"The line, for both directions, or behind --a-to-b / --b-to-a for that one, until --both:\n"
	"  --delay MS          one way; also 250us, 1.5ms, 1s\n"
	"  --jitter MS         uniform, at most so much more or less; frames keep their order\n"
	"  --rate R            200M, 1.5G; of Ethernet frames without FCS; 0 (default): no limit\n"
	"  --queue Q           in front of the rate: 50ms worth of it (default), or bytes (256KiB)\n"
	"  --loss P            each frame with chance P (0.01 or 1%)\n"
	"  --burst P,R         Gilbert-Elliott: chance per frame that a burst of loss begins, and ends\n"
	"  --reorder P[,MS]    hold a frame back for MS (1) with chance P; later frames overtake it\n"
	"  --duplicate P       deliver a frame twice with chance P\n"
	"  --corrupt P         flip one bit behind the Ethernet header with chance P\n"
	"  --seed N            of all chances; the same frames at the same times give the same result\n"
	"  --priority-dscp L   DSCPs that have a queue of their own, served first (34,10,46), or none.\n"
	"                      This is the carrier's service class. A guarantee on a shared line rests on\n"
	"                      it, and on the gateway not sending more in these classes than was agreed;\n"
	"                      without it best-effort traffic and guaranteed traffic share one queue.\n"
	"Other:\n"
	"  --memory SIZE       for frames on the line, per direction (512MiB); used as needed\n"
	"  --control SOCKET    take commands there: set [a|b] NAME VALUE, cut [a|b], join [a|b], stats\n"
	"                      (a: from A to B, b: from B to A, none: both); also SIGUSR1 cuts, SIGUSR2 joins\n"
	"  --help, --version\n"
	"\n"
	"Ends on SIGTERM or SIGINT and prints statistics as one JSON object on stdout. \"lab_lost\" counts what\n"
	"the emulator's machine lost by itself: a test must not blame the gateways for that. Switch off\n"
	"checksum, segmentation and receive offloads of veth interfaces, or frames larger than any MTU arrive.\n";

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int usage_error(const char *text, const char *what)
{
	fprintf(stderr, "causeway-wan: %s%s; see --help\n", text, what);
	return 2;
}

static void on_signal(int number)
{
	if (number == SIGUSR1)
		cut_asked = 1;
	else if (number == SIGUSR2)
		join_asked = 1;
	else
		stop_asked = 1;
}

/* Blocked everywhere but in ppoll: a signal between the check and the sleep is not missed. */
static void signals_prepare(sigset_t *while_asleep)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaction(numbers[i], &action, NULL);
		sigaddset(&blocked, numbers[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, while_asleep);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigdelset(while_asleep, numbers[i]);
}

/* `busy`: frames moved in this turn, so more come soon; wait for a group of them, not for the
 * first. */
static void wan_sleep(struct wan *wan, uint64_t now, bool busy, const sigset_t *mask)
{
	struct pollfd fds[3] = {{.fd = wan->ports[0].fd, .events = POLLIN},
				{.fd = wan->ports[1].fd, .events = POLLIN},
				{.fd = wan->admin_fd, .events = POLLIN}};
	uint64_t a = direction_deadline(&wan->directions[0], now);
	uint64_t b = direction_deadline(&wan->directions[1], now);
	uint64_t deadline = a < b ? a : b;
	uint64_t pause = deadline > now ? deadline - now : 0;
	struct timespec wait;

	if (busy || pause < MODERATION_NS)
		pause = MODERATION_NS;
	wait.tv_sec = (time_t)(pause / NS_PER_S);
	wait.tv_nsec = (long)(pause % NS_PER_S);
	ppoll(busy ? NULL : fds, busy ? 0 : 3, deadline == UINT64_MAX && !busy ? NULL : &wait,
	      mask);
	for (unsigned int i = 0; i < 2; i++)
		if (fds[i].revents & POLLERR)
			port_clear_error(&wan->ports[i]);
}

/*
 * A line does not wait for a core. Beside busy gateways on two cores it did, up to milliseconds,
 * which they rightly took for a queue. It sleeps whenever there is nothing to do.
 */
static void priority_raise(void)
{
	struct sched_param param = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		fprintf(stderr,
			"causeway-wan: real-time priority: %s: delays will vary with load\n",
			strerror(errno));
}

static void wan_run(struct wan *wan)
{
	uint64_t last_busy = 0;
	sigset_t mask;

	priority_raise();
	signals_prepare(&mask);
	prctl(PR_SET_TIMERSLACK, 1ul);
	while (!stop_asked) {
		uint64_t now = now_ns();
		uint32_t a = direction_turn(&wan->directions[0], now);
		uint32_t b = direction_turn(&wan->directions[1], now);
		uint32_t moved = a > b ? a : b;

		admin_turn(wan->admin_fd, wan_command, wan);
		if (cut_asked || join_asked)
			wan_cut_or_join(wan, cut_asked, 3);
		cut_asked = join_asked = 0;
		/* No pause while bursts are full, nor behind the first frame after a pause. */
		if (moved && (moved >= PORT_BURST || now - last_busy > 2 * MODERATION_NS)) {
			last_busy = now;
			continue;
		}
		if (moved)
			last_busy = now;
		wan_sleep(wan, now, moved, &mask);
	}
}

static int wan_open(struct wan *wan, char **names)
{
	const char *why = "";
	int error;

	for (unsigned int i = 0; i < 2; i++) {
		error = port_open(&wan->ports[i], names[i], &why);
		if (error) {
			fprintf(stderr, "causeway-wan: %s: cannot %s: %s\n", names[i], why,
				strerror(-error));
			return error;
		}
	}
	/* One seed for the user, different chances each way. */
	wan->config[1].seed ^= 0xb0b;
	for (unsigned int i = 0; i < 2; i++) {
		error = direction_open(&wan->directions[i], &wan->ports[i], &wan->ports[!i],
				       &wan->config[i], wan->memory_bytes);
		if (error) {
			fprintf(stderr, "causeway-wan: --memory: %s\n", strerror(-error));
			return error;
		}
	}
	wan->admin_fd = -1;
	if (!wan->admin_path)
		return 0;
	wan->admin_fd = admin_open(wan->admin_path);
	if (wan->admin_fd < 0)
		fprintf(stderr, "causeway-wan: --control %s: %s\n", wan->admin_path,
			strerror(-wan->admin_fd));
	return wan->admin_fd < 0 ? wan->admin_fd : 0;
}

static void wan_close(struct wan *wan)
{
	if (wan->admin_fd >= 0)
		admin_close(wan->admin_fd, wan->admin_path);
	for (unsigned int i = 0; i < 2; i++) {
		direction_close(&wan->directions[i]);
		port_close(&wan->ports[i]);
	}
}

enum {
	OPTION_A = 1000,
	OPTION_B,
	OPTION_BOTH,
	OPTION_MEMORY,
	OPTION_CONTROL,
	OPTION_SEND,
	OPTION_LINE
};

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"a-to-b", no_argument, NULL, OPTION_A},
	{"b-to-a", no_argument, NULL, OPTION_B},
	{"both", no_argument, NULL, OPTION_BOTH},
	{"memory", required_argument, NULL, OPTION_MEMORY},
	{"control", required_argument, NULL, OPTION_CONTROL},
	{"send", required_argument, NULL, OPTION_SEND},
	{"delay", required_argument, NULL, OPTION_LINE},
	{"jitter", required_argument, NULL, OPTION_LINE},
	{"rate", required_argument, NULL, OPTION_LINE},
	{"queue", required_argument, NULL, OPTION_LINE},
	{"loss", required_argument, NULL, OPTION_LINE},
	{"burst", required_argument, NULL, OPTION_LINE},
	{"reorder", required_argument, NULL, OPTION_LINE},
	{"duplicate", required_argument, NULL, OPTION_LINE},
	{"corrupt", required_argument, NULL, OPTION_LINE},
	{"seed", required_argument, NULL, OPTION_LINE},
	{"priority-dscp", required_argument, NULL, OPTION_LINE},
	{NULL, 0, NULL, 0},
};

static int line_option(struct wan *wan, unsigned int which, const char *name)
{
	for (unsigned int i = 0; i < 2; i++) {
		const char *wrong =
			which & (1u << i) ? options_set(&wan->config[i], name, optarg) : NULL;

		if (wrong) {
			fprintf(stderr, "causeway-wan: --%s %s %s\n", name, optarg, wrong);
			return 2;
		}
	}
	return 0;
}

/* All words from optind on as one command. */
static int send_command(const char *path, int count, char **words)
{
	char command[512] = "";
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		len += (size_t)snprintf(command + len, sizeof(command) - len, "%s%s", i ? " " : "",
					words[i]);
		if (len >= sizeof(command))
			return usage_error("command too long", "");
	}
	return admin_send(path, command);
}

/* -1: go on and run. Else an exit code. */
static int options_read(struct wan *wan, int argc, char **argv)
{
	unsigned int which = 3;
	const char *send_to = NULL;
	int option, index = 0;

	/* "+": the words of a command after --send are no options. */
	while ((option = getopt_long(argc, argv, "+hV", long_options, &index)) != -1) {
		int wrong = 0;

		if (option == 'h') {
			fputs(usage_text, stdout);
			return 0;
		} else if (option == 'V') {
			puts("causeway-wan (test tool) " CAUSEWAY_VERSION);
			return 0;
		} else if (option >= OPTION_A && option <= OPTION_BOTH) {
			which = (unsigned int)(option - OPTION_A) + 1;
		} else if (option == OPTION_MEMORY) {
			if (options_parse_bytes(optarg, &wan->memory_bytes) < 0)
				wrong = usage_error("--memory: no size: ", optarg);
		} else if (option == OPTION_CONTROL) {
			wan->admin_path = optarg;
		} else if (option == OPTION_SEND) {
			send_to = optarg;
		} else if (option == OPTION_LINE) {
			wrong = line_option(wan, which, long_options[index].name);
		} else {
			return 2;
		}
		if (wrong)
			return wrong;
	}
	if (send_to)
		return send_command(send_to, argc - optind, argv + optind);
	if (argc - optind != 2)
		return usage_error("two interfaces are needed", "");
	return -1;
}

int main(int argc, char **argv)
{
	struct wan wan = {
		.memory_bytes = 512ull << 20, .admin_fd = -1, .ports = {{.fd = -1}, {.fd = -1}}};
	int code;

	options_default(&wan.config[0]);
	options_default(&wan.config[1]);
	code = options_read(&wan, argc, argv);
	if (code >= 0)
		return code;
	if (wan_open(&wan, argv + optind) < 0) {
		wan_close(&wan);
		return 2;
	}
	fprintf(stderr, "causeway-wan: test tool: emulating a line between %s and %s\n",
		wan.ports[0].name, wan.ports[1].name);
	wan_run(&wan);
	wan_print(&wan, stdout);
	puts("");
	wan_close(&wan);
	return 0;
}
