/* Shell completion and the man page, both from the command table, so that neither lags behind it.
 */
#pragma once

#include <stdio.h>

/* A script for bash: `source` it, or install it as completions/causewayctl. */
void completion_print(FILE *out);
/* man(7) source of causewayctl(1). */
void manual_print(FILE *out);
