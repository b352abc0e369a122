// SPDX-License-Identifier: BSD-3-Clause
/* The tc side of kernel_rules.h: one filter on the ingress of a clsact qdisc. */
#include "dataplane/agent/kernel_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/kernel_abi.h"
#include "cw_tc.skel.h"
#include "dataplane/agent/clsact.h"
#include "dataplane/agent/kernel_parts.h"
#include "dataplane/agent/kernel_prog.h"

/* Where our filter sits, always: so a stale one is found again. "CW" in ASCII. */
#define TC_HANDLE   0x4357
#define TC_PRIORITY 0x4357

/* The program of the filter in our place; 0: none. libbpf logs what it does not find: look first.
 */
static int tc_query(const struct bpf_tc_hook *hook, uint32_t *prog_id)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	int there = clsact_has_filter((uint32_t)hook->ifindex, TC_HANDLE, TC_PRIORITY);
	int error;

	*prog_id = 0;
	if (there <= 0)
		return there;
	error = bpf_tc_query(hook, &opts);
	*prog_id = opts.prog_id;
	return error;
}

static int tc_hook_prepare(struct kernel_rules *rules, struct bpf_tc_hook *hook)
{
	int exists = clsact_exists((uint32_t)hook->ifindex);
	int error;

	if (exists)
		return exists < 0 ? exists : 0;
	error = bpf_tc_hook_create(hook);
	if (!error)
		rules->made_clsact = true;
	return error;
}

/* Is our place free, or held by a stale filter of ours? Else -EBUSY. */
static int tc_place_check(struct kernel_rules *rules, const struct bpf_tc_hook *hook,
			  struct kernel_rules_foreign *foreign)
{
	uint32_t prog_id;
	int error = tc_query(hook, &prog_id);

	if (error || !prog_id)
		return error;
	foreign->id = prog_id;
	error = kernel_prog_name(prog_id, foreign->name);
	if (error)
		return error;
	if (strcmp(foreign->name, KERNEL_TC_NAME) != 0)
		return -EBUSY;
	/* The killed gateway could not remove its qdisc; that is up to us now. */
	rules->made_clsact = true;
	return 0;
}

static int tc_attach(struct kernel_rules *rules, const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
		    .flags = BPF_TC_F_REPLACE);
	struct cw_tc_object *object = cw_tc_object__open_and_load();
	int error;

	if (!object)
		return errno ? -errno : -EINVAL;
	opts.prog_fd = bpf_program__fd(object->progs.cw_tc);
	error = bpf_tc_attach(hook, &opts);
	if (!error)
		error = kernel_rules_bind(rules, KERNEL_RULES_TC, (uint32_t)hook->ifindex,
					  opts.prog_id);
	cw_tc_object__destroy(object);
	return error;
}

/* The qdisc goes when it is ours and nobody else has put anything into it. */
static void tc_clsact_remove(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (clsact_filter_count(ifindex) == 0)
		bpf_tc_hook_destroy(&hook);
}

int kernel_rules_open_packet(struct kernel_rules *rules, uint32_t ifindex,
			     struct kernel_rules_foreign *foreign)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	int error;

	rules->made_clsact = false;
	error = tc_hook_prepare(rules, &hook);
	if (error)
		return error;
	error = tc_place_check(rules, &hook, foreign);
	if (!error)
		error = tc_attach(rules, &hook);
	if (error && rules->made_clsact)
		tc_clsact_remove(ifindex);
	return error;
}

void kernel_tc_detach(const struct kernel_rules *rules)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)rules->ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	uint32_t prog_id;

	if (tc_query(&hook, &prog_id) || prog_id != rules->prog_id)
		return;
	bpf_tc_detach(&hook, &opts);
	if (rules->made_clsact)
		tc_clsact_remove(rules->ifindex);
}
