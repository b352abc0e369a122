/* causeway-gateway: the fast path and its agent. Options, checks, exit codes; the rest is agent.c.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/io/notify.h"
#include "dataplane/agent/agent.h"
#include "dataplane/agent/config.h"

#define EXIT_USAGE 2

static const char usage[] =
	"Usage: causeway-gateway [--config FILE] [--check | --release]\n"
	"\n"
	"Tunnels the traffic of admitted paths between this site and others, and leaves all other\n"
	"traffic to the kernel. Paths come from causeway-control.\n"
	"\n"
	"  -c, --config FILE  configuration (default /etc/causeway/gateway.yaml)\n"
	"      --check        check the configuration, print it as it takes effect, and exit\n"
	"      --release      take off the interfaces what a gateway that is gone left there, so that\n"
	"                     the kernel routes all traffic again, and exit\n"
	"  -h, --help         this text\n"
	"      --version      print the version\n"
	"\n"
	"Exit codes: 0 clean shutdown, 1 failure while running, 2 the configuration, the command line\n"
	"or the machine is not as it must be; one line on stderr says what to do.\n"
	"SIGTERM and SIGINT hand the traffic back to the kernel, send what is held, and end the process.\n"
	"Traffic of paths with when_down block stays blocked, until a gateway runs again or --release.\n";

struct options {
	const char *config;
	int is_check, is_release;
};

static int fail(const char *error)
{
	fprintf(stderr, "causeway-gateway: %s\n", error);
	return EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
		{"release", no_argument, NULL, 'r'},	  {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},	  {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case 'k':
			options->is_check = 1;
			break;
		case 'r':
			options->is_release = 1;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("causeway-gateway " CAUSEWAY_VERSION);
			return 0;
		default:
			return fail("try 'causeway-gateway --help'");
		}
	}
	return optind < argc ? fail("takes no arguments; try 'causeway-gateway --help'") : -1;
}

static int has_capability(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[capability / 32].effective >> (capability % 32) & 1;
}

/* NULL: may do what a gateway does. */
static const char *privileges_missing(void)
{
	if (!has_capability(CAP_NET_ADMIN) || !has_capability(CAP_NET_RAW))
		return "needs the capabilities NET_ADMIN and NET_RAW: run it as root or from its "
		       "systemd unit";
	if (!has_capability(CAP_SYS_ADMIN) && !has_capability(CAP_BPF))
		return "needs the capability BPF (or SYS_ADMIN) to load its classifier: run it as "
		       "root or from its systemd unit";
	return NULL;
}

static int serve(const struct gateway_config *config)
{
	char error[512];
	struct agent *agent = agent_create(config, error, sizeof(error));
	int ret;

	if (!agent)
		return fail(error);
	fprintf(stderr, "causeway-gateway: %s is up: %u ports, %u workers, control at %s\n",
		config->name, config->port_count, config->workers, config->control_url);
	notify_send("READY=1");
	ret = agent_run(agent);
	notify_send("STOPPING=1");
	if (ret)
		fprintf(stderr, "causeway-gateway: event loop failed: %s\n", strerror(-ret));
	agent_destroy(agent);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int release(const struct gateway_config *config)
{
	char error[512];

	return agent_release(config, stdout, error, sizeof(error)) ? fail(error) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options = {.config = "/etc/causeway/gateway.yaml"};
	struct gateway_config config;
	const char *missing;
	char error[512];
	int ret = options_parse(argc, argv, &options);

	if (ret >= 0)
		return ret;
	if (config_load(options.config, &config, error, sizeof(error)))
		return fail(error);
	if (options.is_check) {
		ret = config_print(&config, stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	} else {
		missing = privileges_missing();
		if (missing)
			ret = fail(missing);
		else
			ret = options.is_release ? release(&config) : serve(&config);
	}
	config_free(&config);
	return ret;
}
