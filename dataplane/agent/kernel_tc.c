// SPDX-License-Identifier: BSD-3-Clause
/* The tc side of kernel_rules.h: one filter on the ingress of a clsact qdisc. */
#include "dataplane/agent/kernel_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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
	int there = clsact_exists((uint32_t)hook->ifindex);
	int error;

	*prog_id = 0;
	if (there > 0)
		there = clsact_has_filter((uint32_t)hook->ifindex, TC_HANDLE, TC_PRIORITY);
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
	/* The gateway that left it could not remove its qdisc; that is up to us now. */
	rules->made_clsact = true;
	rules->is_stale_there = true;
	return 0;
}

static int tc_load(struct kernel_rules *rules, uint32_t ifindex)
{
	struct cw_tc_object *object = cw_tc_object__open_and_load();
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int error, fd;

	if (!object)
		return errno ? -errno : -EINVAL;
	fd = fcntl(bpf_program__fd(object->progs.cw_tc), F_DUPFD_CLOEXEC, 0);
	error = fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	if (!error)
		error = kernel_rules_bind(rules, KERNEL_RULES_TC, ifindex, info.id);
	cw_tc_object__destroy(object);
	if (!error)
		rules->prog_fd = fd;
	else if (fd >= 0)
		close(fd);
	return error;
}

static int tc_open(struct kernel_rules *rules, uint32_t ifindex, bool is_guard,
		   struct kernel_rules_foreign *foreign)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	int error;

	*rules = (struct kernel_rules){.is_guard = is_guard};
	error = tc_place_check(rules, &hook, foreign);
	return error ? error : tc_load(rules, ifindex);
}

int kernel_rules_open_packet(struct kernel_rules *rules, uint32_t ifindex,
			     struct kernel_rules_foreign *foreign)
{
	return tc_open(rules, ifindex, false, foreign);
}

int kernel_rules_open_guard(struct kernel_rules *rules, uint32_t ifindex,
			    struct kernel_rules_foreign *foreign)
{
	return tc_open(rules, ifindex, true, foreign);
}

/* The qdisc goes when it is ours and nobody else has put anything into it. */
static void tc_clsact_remove(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (clsact_filter_count(ifindex) == 0)
		bpf_tc_hook_destroy(&hook);
}

/* The kernel puts the new filter into the old one's place at once: no packet meets none. */
int kernel_tc_attach(struct kernel_rules *rules)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)rules->ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
		    .flags = BPF_TC_F_REPLACE, .prog_fd = rules->prog_fd);
	int error = tc_hook_prepare(rules, &hook);

	if (error)
		return error;
	error = bpf_tc_attach(&hook, &opts);
	if (error) {
		if (rules->made_clsact)
			tc_clsact_remove(rules->ifindex);
		return error;
	}
	close(rules->prog_fd);
	rules->prog_fd = -1;
	rules->is_attached = true;
	return 0;
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

int kernel_tc_release(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	struct kernel_rules there = {0};
	struct kernel_rules_foreign foreign;
	int error = tc_place_check(&there, &hook, &foreign);

	if (error == -EBUSY || (!error && !there.is_stale_there))
		return 0;
	if (!error)
		error = bpf_tc_detach(&hook, &opts);
	if (error)
		return error;
	tc_clsact_remove(ifindex);
	return 1;
}
