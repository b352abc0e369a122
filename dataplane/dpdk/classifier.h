/*
 * The classifier's home in DPDK: the rte_bpf program, verified, bound to its look-ups and JIT-ed.
 *
 * One program serves all workers and ports: it keeps no state, and what it reads comes with each
 * packet in struct classify_input. Created and destroyed by the main thread while no worker runs
 * it. A change of rules is a store of another `rules` pointer into the worker's own inputs; the
 * worker that owns them does it between two bursts, and no packet sees half of it.
 *
 * A worker holds one struct classify_input per port: it sets `port` and `rules` once, then for each
 * frame calls classify_input_fill (user_classifier.h), sets vlan_tci (0 unless the driver took a
 * tag off) and calls classifier_run.
 */
#pragma once

#include <stdint.h>

#include "bpf/classify_input.h"
#include "dataplane/abi/verdict.h"
#include "dataplane/core/user_classifier.h"

struct rte_bpf;

struct classifier {
	uint64_t (*jit)(void *in); /* NULL: no JIT on this CPU, run by the interpreter */
	struct rte_bpf *bpf;
};

/* Loads the embedded program (needs no EAL devices, only an initialised EAL). 0 or -errno. */
int classifier_init(struct classifier *classifier);
void classifier_fini(struct classifier *classifier);

/* The slow way, for CPUs without a JIT and for tests that compare. */
verdict_t classifier_interpret(const struct classifier *classifier, struct classify_input *in);

static inline verdict_t classifier_run(const struct classifier *classifier,
				       struct classify_input *in)
{
	return classifier->jit ? classifier->jit(in) : classifier_interpret(classifier, in);
}
