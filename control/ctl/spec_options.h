/* Options of the command line that become members of a spec, for commands that share them. */
#pragma once

#include <jansson.h>

#include "control/ctl/command.h"

/* Each --match; without any the member stays away. */
enum exit_code spec_set_matches(const struct ctl *ctl, json_t *spec);
/* The option's text as it is, where it is given: the server reads it. */
void spec_set_text(const struct ctl *ctl, const char *option, const char *member, json_t *spec);
