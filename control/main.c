#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control/io/api.h"
#include "control/io/control_config.h"
#include "control/io/file_limit.h"
#include "control/io/listen_socket.h"
#include "control/io/notify.h"

#define EXIT_SETUP     2
#define DRAIN_NS       1200000000ull
#define LISTEN_ARG_MAX 8

static const char usage_text[] =
	"usage: causeway-control [--config FILE] [--listen ADDRESS:PORT]... [--store FILE]\n"
	"                        [--check | --backup FILE | --restore FILE]\n"
	"\n"
	"  --config FILE    YAML: listen (list of addresses), log (error, info), tls, ...\n"
	"  --listen ADDRESS where to serve, instead of the file's; may be repeated:\n"
	"                   127.0.0.1:7700, [::1]:7700, unix:/path (default " CONTROL_LISTEN_DEFAULT
	")\n"
	"                   with https:// or http:// in front where it is not what tls says\n"
	"  --store FILE     where desired state is kept, instead of the file's store: path; \":memory:\":\n"
	"                   gone with this process (default)\n"
	"  --backup FILE    copy the store, of a running control too, to a new file, and exit\n"
	"  --restore FILE   make a backup the store's content, while no control runs, and exit\n"
	"  --check          print the effective configuration and exit: 0, or 2 when it is wrong\n"
	"  --version, --help\n"
	"\n"
	"SIGHUP reads the certificates and the list of revoked ones again; connections that there\n"
	"are stay, but for those whose certificate is revoked.\n";

struct options {
	const char *config;
	const char *store, *backup, *restore;
	const char *listen[LISTEN_ARG_MAX];
	unsigned int listen_count;
	bool is_check;
};

struct daemon {
	struct control_config *config;
	struct loop *loop;
	struct store *store;
	struct api *api;
	struct access *access;
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
		{"config", required_argument, NULL, 'c'},
		{"listen", required_argument, NULL, 'l'},
		{"check", no_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{"store", required_argument, NULL, 's'},
		{"backup", required_argument, NULL, 'b'},
		{"restore", required_argument, NULL, 'r'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'c') {
			options->config = optarg;
		} else if (option == 'l' && options->listen_count < LISTEN_ARG_MAX) {
			options->listen[options->listen_count++] = optarg;
		} else if (option == 's') {
			options->store = optarg;
		} else if (option == 'b') {
			options->backup = optarg;
		} else if (option == 'r') {
			options->restore = optarg;
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
	char error[400], bound[128];
	int is_tls = control_access_is_tls(&daemon->config->access, address, error, sizeof(error));
	int fd = is_tls < 0
			 ? -1
			 : listen_socket_open(address, bound, sizeof(bound), error, sizeof(error));

	if (fd < 0) {
		say("%s", error);
		return -1;
	}
	if (is_tls ? h2_server_listen_tls(daemon->server, fd)
		   : h2_server_listen(daemon->server, fd)) {
		close(fd);
		say("%s: too many addresses", address);
		return -1;
	}
	if (!is_tls && !listen_address_is_local(address))
		say("warning: %s has no TLS: whoever reaches it is let in", bound);
	if (daemon->config->log == CONTROL_LOG_INFO)
		say("serving HTTP/2 on %s%s",
		    is_tls && listen_address_scheme(bound) == LISTEN_ANY ? "https://" : "", bound);
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

static void reload(struct daemon *daemon)
{
	char error[400];

	if (!access_has_tls(daemon->access))
		say("SIGHUP: no tls in the configuration, nothing to read again");
	else if (access_reload(daemon->access, error, sizeof(error)))
		say("SIGHUP: %s; the certificates read before stay in use", error);
	else
		say("SIGHUP: new connections get the certificates as they are now; %u were ended "
		    "because theirs is revoked",
		    h2_server_end_revoked(daemon->server));
}

static void on_signal(struct loop_op *op, int result, void *arg)
{
	struct daemon *daemon = arg;
	struct signalfd_siginfo info;

	(void)result;
	if (read(daemon->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		reload(daemon);
		return;
	}
	loop_cancel(daemon->loop, op);
	notify_send("STOPPING=1");
	if (daemon->config->log == CONTROL_LOG_INFO)
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
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signal_fd < 0)
		return -errno;
	daemon->signal_op = (struct loop_op){.on_done = on_signal, .arg = daemon};
	return loop_watch_readable(daemon->loop, &daemon->signal_op, daemon->signal_fd);
}

static const char *store_path(const struct control_config *config, const struct options *options)
{
	const char *path = options->store ? options->store : config->store.path;

	return path ? path : STORE_MEMORY;
}

static void on_store_failed(const char *text, void *arg)
{
	(void)arg;
	say("%s", text);
}

static int open_store(struct daemon *daemon, const struct options *options)
{
	struct store_config config = {
		.path = store_path(daemon->config, options),
		.keep_revisions = daemon->config->store.keep_revisions,
		.keep_days = daemon->config->store.keep_days,
		.on_failed = on_store_failed,
	};
	char error[400];

	daemon->store = store_open(daemon->loop, &config, error, sizeof(error));
	if (!daemon->store)
		say("%s", error);
	return daemon->store ? 0 : -1;
}

/* --backup and --restore. */
static int copy_store(const struct control_config *config, const struct options *options)
{
	const char *path = store_path(config, options);
	char error[400] = "";
	int ret;

	if (!strcmp(path, STORE_MEMORY)) {
		say("no store is configured: name its file with --config or --store");
		return EXIT_SETUP;
	}
	ret = options->backup ? store_backup(path, options->backup, error, sizeof(error))
			      : store_restore(path, options->restore, error, sizeof(error));
	if (ret)
		say("%s", error);
	return ret ? EXIT_SETUP : EXIT_SUCCESS;
}

static int daemon_open(struct daemon *daemon, const struct options *options)
{
	struct h2_server_handler handler;

	daemon->loop = loop_create();
	if (!daemon->loop) {
		say("io_uring is not available (%s): check sysctl kernel.io_uring_disabled and "
		    "the container's seccomp profile",
		    strerror(errno));
		return -1;
	}
	if (open_store(daemon, options))
		return -1;
	daemon->api = api_create(daemon->loop, daemon->store, store_term(daemon->store));
	if (daemon->api) {
		api_set_usage(daemon->api, control_usage_interval_ns(&daemon->config->usage),
			      control_usage_days(&daemon->config->usage));
		handler = api_handler(daemon->api);
		daemon->server = h2_server_create(daemon->loop, &handler);
	}
	if (daemon->server)
		h2_server_set_access(daemon->server, daemon->access);
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
	access_destroy(daemon->access);
	api_destroy(daemon->api);
	store_close(daemon->store);
	loop_destroy(daemon->loop);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	control_config_free(daemon->config);
}

/* Better to send clients away than to lack a descriptor for the store. */
static void limit_connections(struct daemon *daemon)
{
	uint32_t max = control_max_connections(daemon->config), room = file_limit_room();

	if (room < max)
		say("warning: max_connections is %u, but the limit of open files leaves room for "
		    "%u: raise it (LimitNOFILE= in the unit, ulimit -Hn in a shell)",
		    max, room);
	h2_server_set_conns_max(daemon->server, room < max ? room : max);
}

static int serve(struct daemon *daemon, const struct options *options)
{
	int ret;

	file_limit_raise();
	if (daemon_open(daemon, options) || open_all(daemon, options))
		return EXIT_SETUP;
	if (!strcmp(store_path(daemon->config, options), STORE_MEMORY))
		say("warning: no store is configured: what is put here is gone with this process");
	limit_connections(daemon);
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
	char error[400] = "";
	int ret = EXIT_SUCCESS;

	if (read_options(argc, argv, &options)) {
		fputs(usage_text, stderr);
		return EXIT_SETUP;
	}
	daemon.config = load_config(&options);
	if (!daemon.config)
		return EXIT_SETUP;
	daemon.access = control_access_create(&daemon.config->access, error, sizeof(error));
	if (!daemon.access) {
		say("%s", error);
		control_config_free(daemon.config);
		return EXIT_SETUP;
	}
	if (options.is_check)
		control_config_print(daemon.config, stdout);
	else if (options.backup || options.restore)
		ret = copy_store(daemon.config, &options);
	else
		ret = serve(&daemon, &options);
	daemon_close(&daemon);
	return ret;
}
