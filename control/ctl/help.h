/* Help text from the command table. */
#pragma once

#include <stdio.h>

#include "control/ctl/command.h"

/* Of one command, or the overview when command is NULL. */
void help_print(FILE *out, const struct command *command);
