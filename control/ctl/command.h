/*
 * One table of commands drives parsing, help and dispatch of causewayctl. One thread, run once.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define COMMAND_ARGS_MAX    64
#define COMMAND_VALUES_MAX  64
#define COMMAND_OPTIONS_MAX 20

enum exit_code {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,   /* the server said no */
	EXIT_USAGE = 2,	    /* also a file that is no good */
	EXIT_DIFFERENT = 2, /* validate: gateways do not do what they are to */
	EXIT_UNREACHABLE = 3,
	EXIT_TIMED_OUT = 4,
};

struct ctl;

struct option_def {
	const char *name;    /* "from", without dashes; NULL ends a list */
	char letter;	     /* 0: none */
	const char *metavar; /* NULL: a flag; "[=X]": an optional value, only by = */
	bool repeats;
	const char *help;
};

struct command {
	const char *noun; /* "path"; "get" and the like have only this */
	const char *verb; /* NULL */
	const char *args; /* "NAME", for help */
	uint32_t args_min, args_max;
	struct option_def options[COMMAND_OPTIONS_MAX];
	const char *summary;
	const char *details; /* more lines for its own help, or NULL */
	bool is_local;	     /* asks nothing of control: ctl->api is NULL */
	enum exit_code (*run)(struct ctl *ctl);
};

struct option_value {
	const struct option_def *option;
	const char *value; /* "" of a flag */
};

/* What the command line said. */
struct ctl {
	const struct command *command;
	const char *args[COMMAND_ARGS_MAX];
	uint32_t arg_count;
	struct option_value values[COMMAND_VALUES_MAX];
	uint32_t value_count;
	bool json;
	const char *url;
	const char *ca, *cert, *key; /* files; NULL: not given */
	uint64_t timeout_ns;	     /* 0: not given */
	struct api *api;
};

extern const struct command commands[]; /* noun NULL ends it */
extern const struct option_def global_options[];

/* The option's last value, "" of a flag; NULL: not given. */
const char *ctl_option(const struct ctl *ctl, const char *name);
/* The nth value of an option that repeats, or NULL. */
const char *ctl_option_at(const struct ctl *ctl, const char *name, uint32_t n);
