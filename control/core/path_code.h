/*
 * Words for programs: what a path's stage and the cause of its state are called in the API, beside
 * the texts for people of path_state.h. They never change once they are out. Pure; any thread.
 */
#pragma once

#include "control/core/path_state.h"

/* "wait", "receive", "claim", "drain", "remove", "gone". */
const char *path_stage_name(enum path_stage stage);
/* "not-connected", "proved" ... */
const char *path_cause_code(enum path_cause cause);

/* How far the gateway at one end has come, the first that is missing. */
enum path_end_step {
	END_UNHEARD, /* it sends no reports */
	END_NO_CERTIFICATE,
	END_BEHIND, /* it has not applied the path's last change */
	END_ERROR,
	END_NOT_RECEIVING,
	END_NOT_PROVED, /* no probe has come back */
	END_NOT_CLAIMING,
	END_CLAIMS,
	END_STEP_COUNT
};

enum path_end_step path_end_step_find(const struct path_end_facts *end, uint32_t generation);
/* "unheard", "no-certificate", "behind" ... */
const char *path_end_step_name(enum path_end_step step);
