#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "control/io/api.h"
#include "control/io/control_config.h"
#include "control/io/listen_socket.h"
#include "control/io/notify.h"

#define EXIT_SETUP     2
#define DRAIN_NS       1200000000ull
#define LISTEN_ARG_MAX 8

static const char usage_text[] =
	"usage: causeway-control [--config FILE] [--listen ADDRESS:PORT]... [--check]\n"
	"\n"
	"  --config FILE    YAML: listen (list of addresses), log (error, info)\n"
	"  --listen ADDRESS where to serve, instead of the file's; may be repeated:\n"
	"                   127.0.0.1:7700, [::1]:7700, unix:/path (default " CONTROL_LISTEN_DEFAULT
	")\n"
	"  --check          print the effective configuration and exit: 0, or 2 when it is wrong\n"
	"  --version, --help\n";

struct options {
	const char *config;
	const char *listen[LISTEN_ARG_MAX];
	unsigned int listen_count;
	bool is_check;
};

struct daemon {
	struct control_config *config;
	struct loop *loop;
	struct store *store;
	struct api *api;
	struct h2_server *server;
	struct loop_op signal_op;
	struct loop_timer drain_timer;
	int signal_fd;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "causeway-control: %s\n", line);
}

/* Exits for --help and --version; -1 on wrong usage. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'}, {"listen", required_argument, NULL, 'l'},
		{"check", no_argument, NULL, 'k'},	  {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},	  {0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'c') {
			options->config = optarg;
		} else if (option == 'l' && options->listen_count < LISTEN_ARG_MAX) {
			options->listen[options->listen_count++] = optarg;
		} else if (option == 'k') {
			options->is_check = true;
		} else if (option == 'v') {
			printf("causeway-control %s\n", CAUSEWAY_VERSION);
			exit(EXIT_SUCCESS);
		} else if (option == 'h') {
			fputs(usage_text, stdout);
			exit(EXIT_SUCCESS);
		} else {
			return -1;
		}
	}
	if (optind == argc)
		return 0;
	say("unexpected argument %s", argv[optind]);
	return -1;
}

static struct control_config *load_config(const struct options *options)
{
	char error[400] = "";
	struct control_config *config = control_config_load(options->config, error, sizeof(error));

	if (!config)
		say("%s", error);
	return config;
}

static int open_one(struct daemon *daemon, const char *address)
{
	char error[256], bound[128];
	int fd = listen_socket_open(address, bound, sizeof(bound), error, sizeof(error));

	if (fd < 0) {
		say("%s", error);
		return -1;
	}
	if (h2_server_listen(daemon->server, fd)) {
		close(fd);
		say("%s: too many addresses", address);
		return -1;
	}
	if (!listen_address_is_local(address))
		say("warning: %s is not protected yet: keep it on a management network", bound);
	if (daemon->config->log >= CONTROL_LOG_INFO)
		say("serving HTTP/2 on %s", bound);
	return 0;
}

static int open_all(struct daemon *daemon, const struct options *options)
{
	const struct control_config *config = daemon->config;

	if (!options->listen_count && !config->listen_count)
		return open_one(daemon, CONTROL_LISTEN_DEFAULT);
	for (unsigned int i = 0; i < options->listen_count; i++) {
		if (open_one(daemon, options->listen[i]))
			return -1;
	}
	for (unsigned int i = 0; !options->listen_count && i < config->listen_count; i++) {
		if (open_one(daemon, config->listen[i]))
			return -1;
	}
	return 0;
}

static void on_drained(void *arg)
{
	struct daemon *daemon = arg;

	loop_stop(daemon->loop);
}

static void on_drain_timeout(struct loop_timer *timer, void *arg)
{
	(void)timer;
	on_drained(arg);
}

static void on_signal(struct loop_op *op, int result, void *arg)
{
	struct daemon *daemon = arg;
	struct signalfd_siginfo info;

	(void)result;
	if (read(daemon->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	loop_cancel(daemon->loop, op);
	notify_send("STOPPING=1");
	if (daemon->config->log >= CONTROL_LOG_INFO)
		say("%s: draining", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
	daemon->drain_timer = (struct loop_timer){.on_expire = on_drain_timeout, .arg = daemon};
	loop_timer_set(daemon->loop, &daemon->drain_timer, loop_now_ns(daemon->loop) + DRAIN_NS);
	api_stop(daemon->api);
	h2_server_drain(daemon->server, on_drained, daemon);
}

static int watch_signals(struct daemon *daemon)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signal_fd < 0)
		return -errno;
	daemon->signal_op = (struct loop_op){.on_done = on_signal, .arg = daemon};
	return loop_watch_readable(daemon->loop, &daemon->signal_op, daemon->signal_fd);
}

/* Gateways take the word of the highest term: of two instances, the one that started later. */
static uint64_t new_term(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int daemon_open(struct daemon *daemon)
{
	struct h2_server_handler handler;

	daemon->loop = loop_create();
	if (!daemon->loop) {
		say("io_uring is not available (%s): check sysctl kernel.io_uring_disabled and "
		    "the container's seccomp profile",
		    strerror(errno));
		return -1;
	}
	daemon->store = store_mem_create();
	daemon->api = daemon->store ? api_create(daemon->loop, daemon->store, new_term()) : NULL;
	if (daemon->api) {
		handler = api_handler(daemon->api);
		daemon->server = h2_server_create(daemon->loop, &handler);
	}
	if (daemon->server && !watch_signals(daemon))
		return 0;
	say("cannot start: %s", strerror(errno));
	return -1;
}

static void daemon_close(struct daemon *daemon)
{
	if (daemon->api)
		api_stop(daemon->api);
	h2_server_destroy(daemon->server);
	api_destroy(daemon->api);
	store_destroy(daemon->store);
	loop_destroy(daemon->loop);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	control_config_free(daemon->config);
}

static int serve(struct daemon *daemon, const struct options *options)
{
	int ret;

	if (daemon_open(daemon) || open_all(daemon, options))
		return EXIT_SETUP;
	notify_send("READY=1");
	ret = loop_run(daemon->loop);
	if (!ret)
		return EXIT_SUCCESS;
	say("the event loop failed: %s; restart me", strerror(-ret));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {.signal_fd = -1};
	struct options options = {0};
	int ret = EXIT_SUCCESS;

	if (read_options(argc, argv, &options)) {
		fputs(usage_text, stderr);
		return EXIT_SETUP;
	}
	daemon.config = load_config(&options);
	if (!daemon.config)
		return EXIT_SETUP;
	if (options.is_check)
		control_config_print(daemon.config, stdout);
	else
		ret = serve(&daemon, &options);
	daemon_close(&daemon);
	return ret;
}
