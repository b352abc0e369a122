/* The command line into struct ctl, by the tables of command.h. No output. */
#pragma once

#include "control/ctl/command.h"

#define OPTIONS_ERROR_BYTES 256

enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP, /* of ctl->command, or of all when that is NULL */
	OPTIONS_VERSION,
	OPTIONS_WRONG, /* error says what */
};

/* ctl is zeroed first; its strings point into argv. error holds OPTIONS_ERROR_BYTES. */
enum options_result options_parse(struct ctl *ctl, int argc, char *const argv[], char *error);
