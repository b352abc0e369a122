/*
 * The two ends of a run: each owns its endpoint and its queue pairs, runs until it is done or told
 * to stop, and fills in the report. 0, or -errno when it could not begin (and has said why).
 */
#pragma once

#include "tests/roce/options.h"
#include "tests/roce/report.h"

int send_run(const struct options *options, struct report *report);
int receive_run(const struct options *options, struct report *report);
