/*
 * causeway-perf: what operators watch and measure with. One file per command; this is their table.
 */
#include <stdio.h>
#include <string.h>

#include "perf/top.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"top", top_main, "what a gateway on this machine does now"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *out, int code)
{
	fputs("usage: causeway-perf COMMAND [OPTIONS]\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fputs("\ncauseway-perf COMMAND --help tells more; --version tells the version.\n", out);
	return code;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, 2);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return usage(stdout, 0);
	if (!strcmp(argv[1], "--version")) {
		puts("causeway-perf " CAUSEWAY_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "causeway-perf: unknown command '%s': see causeway-perf --help\n", argv[1]);
	return 2;
}
