// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/agent/kernel_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/kernel_abi.h"
#include "dataplane/agent/kernel_parts.h"
#include "dataplane/agent/grace.h"
#include "dataplane/agent/kernel_prog.h"

static const uint32_t first_key = 0;

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void maps_close(struct kernel_rules *rules)
{
	fd_close(&rules->config_fd);
	fd_close(&rules->active_fd);
	fd_close(&rules->tries_fd);
	fd_close(&rules->sets_fd);
	fd_close(&rules->counters_fd);
	fd_close(&rules->alive_fd);
	for (uint32_t i = 0; i < KERNEL_SLOTS; i++)
		kernel_slot_close(&rules->slots[i]);
}

int kernel_rules_bind(struct kernel_rules *rules, enum kernel_rules_kind kind, uint32_t ifindex,
		      uint32_t prog_id)
{
	int error = 0;

	rules->config_fd = kernel_prog_map_open(prog_id, "cw_config");
	rules->active_fd = kernel_prog_map_open(prog_id, "cw_active");
	rules->tries_fd = kernel_prog_map_open(prog_id, "cw_tries");
	rules->sets_fd = kernel_prog_map_open(prog_id, "cw_sets");
	rules->counters_fd = kernel_prog_map_open(prog_id, "cw_counters");
	rules->alive_fd = kind == KERNEL_RULES_TC ? kernel_prog_map_open(prog_id, "cw_alive") : -1;
	if (rules->config_fd < 0 || rules->active_fd < 0 || rules->tries_fd < 0 ||
	    rules->sets_fd < 0 || rules->counters_fd < 0)
		error = -ENOENT;
	if (kind == KERNEL_RULES_TC && rules->alive_fd < 0)
		error = -ENOENT;
	if (!error && bpf_map_lookup_elem(rules->active_fd, &first_key, &rules->slot))
		error = -errno;
	if (error) {
		maps_close(rules);
		return error;
	}
	rules->kind = (uint8_t)kind;
	rules->ifindex = ifindex;
	rules->prog_id = prog_id;
	rules->prog_fd = -1;
	return 0;
}

/* Does the program wait for a reason to be attached, and is there one now? */
static bool attach_is_due(const struct kernel_rules *rules)
{
	if (rules->kind != KERNEL_RULES_TC || rules->is_attached || rules->prog_fd < 0)
		return false;
	return !rules->is_guard || rules->blocks || rules->is_stale_there;
}

/* A WAN port has all that it needs now; a LAN port waits for rules. */
int kernel_rules_configure(struct kernel_rules *rules, const struct classify_port *port)
{
	if (bpf_map_update_elem(rules->config_fd, &first_key, port, BPF_ANY))
		return -errno;
	rules->role = (uint8_t)port->role;
	if (rules->role == CLASSIFY_WAN && attach_is_due(rules))
		return kernel_tc_attach(rules);
	return 0;
}

static uint32_t slot_next(const struct kernel_rules *rules)
{
	return (rules->slot + 1) % KERNEL_SLOTS;
}

static int slot_open(struct kernel_rules *rules, uint32_t slot, uint32_t prefixes, uint32_t sets)
{
	return kernel_slot_open(&rules->slots[slot], slot, rules->tries_fd, rules->sets_fd,
				prefixes, sets);
}

int kernel_rules_warm(struct kernel_rules *rules, struct grace *grace)
{
	int error = 0;

	for (uint32_t i = 0; i < KERNEL_SLOTS && !error; i++)
		error = slot_open(rules, i, 0, 0);
	rules->grace = grace;
	return error;
}

/*
 * No program reads the slot: it was left two flips ago, and what ran then has come to its end. A
 * program lasts microseconds, but nothing bounds how long its CPU may be taken from it.
 */
static int slot_make_writable(struct kernel_rules *rules, uint32_t slot,
			      const struct ruleset *ruleset)
{
	uint32_t prefixes = ruleset_prefix_count(ruleset, RULESET_SRC) +
			    ruleset_prefix_count(ruleset, RULESET_DST);
	uint32_t sets = ruleset_set_count(ruleset);

	/* Also where it gets other tables: a program would see one of each. */
	if (rules->grace)
		grace_wait(rules->grace, rules->slots[slot].left);
	if (!rules->grace || !kernel_slot_has_room(&rules->slots[slot], prefixes, sets))
		return slot_open(rules, slot, prefixes, sets);
	return 0;
}

int kernel_rules_prepare(struct kernel_rules *rules, const struct ruleset *ruleset)
{
	uint32_t slot = slot_next(rules);
	int error = slot_make_writable(rules, slot, ruleset);

	if (!error)
		error = kernel_slot_fill(&rules->slots[slot], ruleset);
	rules->blocks_next = ruleset_blocks(ruleset);
	return error;
}

int kernel_rules_commit(struct kernel_rules *rules)
{
	uint32_t slot = slot_next(rules);

	if (bpf_map_update_elem(rules->active_fd, &first_key, &slot, BPF_ANY))
		return -errno;
	if (rules->grace)
		rules->slots[rules->slot].left = grace_begin(rules->grace);
	rules->slot = slot;
	rules->blocks = rules->blocks_next;
	return attach_is_due(rules) ? kernel_tc_attach(rules) : 0;
}

int kernel_rules_apply(struct kernel_rules *rules, const struct ruleset *ruleset)
{
	int error = kernel_rules_prepare(rules, ruleset);

	return error ? error : kernel_rules_commit(rules);
}

int kernel_rules_heartbeat(struct kernel_rules *rules, uint64_t now_ns)
{
	uint64_t until = now_ns + KERNEL_RULES_ALIVE_NS;

	if (rules->kind != KERNEL_RULES_TC)
		return 0;
	return bpf_map_update_elem(rules->alive_fd, &first_key, &until, BPF_ANY) ? -errno : 0;
}

int kernel_rules_read(const struct kernel_rules *rules, struct kernel_rules_counters *counters)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t sums[KERNEL_COUNTERS] = {0};
	uint64_t *values;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < KERNEL_COUNTERS; i++) {
		if (bpf_map_lookup_elem(rules->counters_fd, &i, values)) {
			free(values);
			return -errno;
		}
		for (int cpu = 0; cpu < cpus; cpu++)
			sums[i] += values[cpu];
	}
	free(values);
	memcpy(counters->passed, sums, sizeof(counters->passed));
	counters->dropped = sums[KERNEL_COUNT_DROPPED];
	counters->unserved = sums[KERNEL_COUNT_UNSERVED];
	counters->blocked = sums[KERNEL_COUNT_BLOCKED];
	return 0;
}

void kernel_rules_close(struct kernel_rules *rules)
{
	if (rules->kind == KERNEL_RULES_NONE)
		return;
	if (rules->kind == KERNEL_RULES_XDP)
		kernel_xdp_detach(rules);
	if (rules->kind == KERNEL_RULES_TC && rules->is_attached && !rules->blocks)
		kernel_tc_detach(rules);
	fd_close(&rules->prog_fd);
	maps_close(rules);
	*rules = (struct kernel_rules){.kind = KERNEL_RULES_NONE};
}

int kernel_rules_release(uint32_t ifindex)
{
	int xdp = kernel_xdp_release(ifindex);
	int tc = xdp < 0 ? 0 : kernel_tc_release(ifindex);

	if (xdp < 0)
		return xdp;
	return tc < 0 ? tc : xdp + tc;
}
