#include "perf/top.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/core/units.h"

#define EXIT_FAILED	1
#define EXIT_USAGE	2
#define EXIT_NO_GATEWAY 3
#define INTERVAL_MIN_NS 100000000ull
#define INTERVAL_MAX_NS 3600000000000ull

struct options {
	const char *gateway;
	const char *run_dir;
	const char *counters;
	const char *path_name;
	uint64_t interval_ns;
	bool once, json, help;
};

static const char usage[] =
	"usage: causeway-perf top [--gateway NAME] [--run-dir DIR] [--counters FILE]\n"
	"                         [--path NAME] [--interval 1s] [--once] [--json]\n"
	"\n"
	"Shows what a gateway on this machine does: ports, links, paths and what limits them, workers,\n"
	"drops with their reasons.\n"
	"\n"
	"  --gateway NAME   which one, when several run here\n"
	"  --run-dir DIR    where gateways keep their run files (default /run/causeway)\n"
	"  --counters FILE  this counter file, wherever it is\n"
	"  --path NAME      all that is known of one path\n"
	"  --interval TIME  between two looks, 100ms to 1h (default 1s)\n"
	"  --once           one table of one interval, no live screen\n"
	"  --json           with --once: one JSON object\n";

static int json_print(json_t *object)
{
	int err = object ? json_dumpf(object, stdout, JSON_INDENT(2)) : -1;

	json_decref(object);
	if (err || putchar('\n') == EOF || fflush(stdout))
		return EXIT_FAILED;
	return 0;
}

/* One line on stderr, or one object on stdout. Returns exit. */
static int __attribute__((format(printf, 4, 5)))
complain(const struct options *options, int exit_code, const char *code, const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (options->json)
		json_print(json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", message));
	else
		fprintf(stderr, "causeway-perf: %s\n", message);
	return exit_code;
}

enum {
	OPT_GATEWAY = 1,
	OPT_RUN_DIR,
	OPT_COUNTERS,
	OPT_PATH,
	OPT_INTERVAL,
	OPT_ONCE,
	OPT_JSON,
	OPT_HELP
};

static const struct option long_options[] = {
	{"gateway", required_argument, NULL, OPT_GATEWAY},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"counters", required_argument, NULL, OPT_COUNTERS},
	{"path", required_argument, NULL, OPT_PATH},
	{"interval", required_argument, NULL, OPT_INTERVAL},
	{"once", no_argument, NULL, OPT_ONCE},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* 0 or an exit code. */
static int option_take(struct options *options, int option, const char *word)
{
	switch (option) {
	case OPT_GATEWAY:
		options->gateway = optarg;
		return 0;
	case OPT_RUN_DIR:
		options->run_dir = optarg;
		return 0;
	case OPT_COUNTERS:
		options->counters = optarg;
		return 0;
	case OPT_PATH:
		options->path_name = optarg;
		return 0;
	case OPT_INTERVAL:
		if (!units_parse_time(optarg, &options->interval_ns) &&
		    options->interval_ns >= INTERVAL_MIN_NS &&
		    options->interval_ns <= INTERVAL_MAX_NS)
			return 0;
		return complain(options, EXIT_USAGE, "usage",
				"--interval '%s': give a time from 100ms to 1h", optarg);
	case OPT_ONCE:
		options->once = true;
		return 0;
	case OPT_JSON:
		options->json = true;
		return 0;
	case OPT_HELP:
		options->help = true;
		return 0;
	case ':':
		return complain(options, EXIT_USAGE, "usage", "%s needs a value", word);
	default:
		return complain(options, EXIT_USAGE, "usage",
				"unknown option '%s': see causeway-perf top --help", word);
	}
}

static int options_check(const struct options *options)
{
	if (options->json && !options->once)
		return complain(options, EXIT_USAGE, "usage", "--json needs --once");
	if (options->json && options->path_name)
		return complain(options, EXIT_USAGE, "usage",
				"--json tells of every path: leave out --path");
	if (options->counters && options->gateway)
		return complain(options, EXIT_USAGE, "usage",
				"--counters and --gateway exclude each other");
	if (options->gateway && (strchr(options->gateway, '/') || !*options->gateway))
		return complain(options, EXIT_USAGE, "usage", "--gateway '%s' is not a name",
				options->gateway);
	return 0;
}

static int options_parse(int argc, char **argv, struct options *options)
{
	int option, code = 0;

	/* Known first of all: complaints about other options depend on it. */
	for (int i = 1; i < argc; i++)
		options->json |= !strcmp(argv[i], "--json");
	opterr = 0;
	optind = 1;
	while (!code && (option = getopt_long(argc, argv, ":", long_options, NULL)) != -1)
		code = option_take(options, option, argv[optind - 1]);
	if (!code && optind < argc)
		code = complain(options, EXIT_USAGE, "usage", "unexpected '%s'", argv[optind]);
	if (code || options->help)
		return code;
	return options_check(options);
}

static int complain_of_several(const struct options *options, const struct gateway_list *list)
{
	char names[400] = "";

	for (uint32_t i = 0; i < list->count; i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", list->names[i]);
	}
	return complain(options, EXIT_USAGE, "several-gateways",
			"several gateways run here: choose one with --gateway: %s", names);
}

/* Fills path, or returns an exit code. */
static int path_choose(const struct options *options, char *path, size_t size)
{
	struct gateway_list list;
	const char *name = options->gateway;
	int err, code = 0;

	if (options->counters) {
		snprintf(path, size, "%s", options->counters);
		return 0;
	}
	err = name ? 0 : counter_gateways_list(options->run_dir, &list);
	if (err)
		return complain(options, EXIT_NO_GATEWAY, "no-gateway", "%s: %s", options->run_dir,
				strerror(-err));
	if (!name && list.count > 1)
		code = complain_of_several(options, &list);
	else if (!name && !list.count)
		code = complain(options, EXIT_NO_GATEWAY, "no-gateway",
				"no gateway runs here: nothing under %s", options->run_dir);
	else
		snprintf(path, size, "%s/%s/counters", options->run_dir,
			 name ? name : list.names[0]);
	if (!name)
		counter_gateways_free(&list);
	return code;
}

static void wait_interval(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / 1000000000),
				.tv_nsec = (long)(ns % 1000000000)};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static int page_print(const struct snapshot *before, const struct snapshot *after,
		      const char *path_name)
{
	struct page page = {0};

	if (path_name)
		top_path_build(&page, before, after, path_name);
	else
		top_page_build(&page, before, after, NULL);
	for (uint32_t i = 0; i < page.count; i++)
		puts(page.lines[i].text);
	page_free(&page);
	return fflush(stdout) ? EXIT_FAILED : 0;
}

static int once_run(const struct options *options, const char *path)
{
	char error[400];
	struct counter_reader *reader = counter_reader_open(path, error, sizeof(error));
	struct snapshot *before, *after;
	int code;

	if (!reader)
		return complain(options, EXIT_NO_GATEWAY,
				errno == EPROTO ? "bad-counters" : "no-gateway", "%s", error);
	before = counter_reader_take(reader);
	wait_interval(options->interval_ns);
	after = counter_reader_take(reader);
	if (!before || !after) {
		code = complain(options, EXIT_FAILED, "no-memory", "out of memory");
	} else {
		top_sort_snapshot(after, before, TOP_SORT_NAME);
		code = options->json ? json_print(top_json(before, after))
				     : page_print(before, after, options->path_name);
	}
	counter_snapshot_free(before);
	counter_snapshot_free(after);
	counter_reader_close(reader);
	return code;
}

int top_main(int argc, char **argv)
{
	struct options options = {.run_dir = "/run/causeway", .interval_ns = 1000000000};
	char path[PATH_MAX];
	int code = options_parse(argc, argv, &options);

	if (code)
		return code;
	if (options.help) {
		fputs(usage, stdout);
		return 0;
	}
	code = path_choose(&options, path, sizeof(path));
	if (code)
		return code;
	return options.once ? once_run(&options, path)
			    : top_screen_run(path, options.interval_ns, options.path_name);
}
