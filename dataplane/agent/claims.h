/*
 * The classifier's rules in force: compiled from the paths that claim and from those that block,
 * given to the workers and to the kernel programs of the ports. Agent thread.
 *
 * Where two homes see one packet (mode packet: worker and tc), they cannot change in the same
 * instant. New claims go to the workers first and withdrawn ones leave the kernel first, so that at
 * the switch a packet may be seen by both, never by none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/agent/kernel_rules.h"
#include "dataplane/agent/slots.h"
#include "dataplane/dpdk/fastpath.h"

enum claims_order {
	CLAIMS_WORKERS_FIRST = 1,
	CLAIMS_KERNEL_FIRST
};

/*
 * Compiles what claims or blocks in `slots` and puts it into force. kernel: `count` of them, of
 * which closed ones and those of WAN ports (where nothing is claimed) are left alone. 0 or -errno.
 */
int claims_apply(const struct slots *slots, enum claims_order order, struct fastpath *fastpath,
		 struct kernel_rules *kernel, uint32_t count);
