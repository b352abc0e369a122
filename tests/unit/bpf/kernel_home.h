/* The classifier's homes in the kernel, run on single packets by BPF_PROG_TEST_RUN. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/classify_input.h"
#include "dataplane/abi/verdict.h"
#include "dataplane/agent/kernel_rules.h"

struct kernel_home {
	struct kernel_rules rules;
	int prog_fd;
	void *object;
	struct kernel_rules_counters before;
};

/* 0 or -errno: -EPERM without the privileges. */
int kernel_home_open_xdp(struct kernel_home *home);
int kernel_home_open_tc(struct kernel_home *home);
void kernel_home_close(struct kernel_home *home);

/*
 * The verdict on a frame, and what the program returned. Of a frame that XDP drops unseen only the
 * kind is known: VERDICT_BLOCK without a path. False: the kernel refuses such a test frame.
 */
bool kernel_home_run_xdp(struct kernel_home *home, const void *frame, uint32_t len,
			 verdict_t *verdict, uint32_t *action);
bool kernel_home_run_tc(struct kernel_home *home, const void *frame, uint32_t len,
			verdict_t *verdict, uint32_t *action);
