/* What the files behind kernel_rules.h call in each other. */
#pragma once

#include "dataplane/agent/kernel_rules.h"

/* Opens the maps of an attached program of ours. 0 or -errno. */
int kernel_rules_bind(struct kernel_rules *rules, enum kernel_rules_kind kind, uint32_t ifindex,
		      uint32_t prog_id);
/* Puts an opened tc program into its place, where it may replace a stale one. 0 or -errno. */
int kernel_tc_attach(struct kernel_rules *rules);
/* Detach the struct's program if it is still the attached one. */
void kernel_xdp_detach(const struct kernel_rules *rules);
void kernel_tc_detach(const struct kernel_rules *rules);
/* Detach whatever of ours is there: how many, or -errno. */
int kernel_xdp_release(uint32_t ifindex);
int kernel_tc_release(uint32_t ifindex);
