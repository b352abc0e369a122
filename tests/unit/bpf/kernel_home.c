// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/bpf/kernel_home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cw_tc.skel.h"
#include "cw_xdp.skel.h"
#include "dataplane/agent/kernel_parts.h"

static int home_bind(struct kernel_home *home, enum kernel_rules_kind kind)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int error;

	if (bpf_obj_get_info_by_fd(home->prog_fd, &info, &size))
		return -errno;
	error = kernel_rules_bind(&home->rules, kind, 0, info.id);
	return error ? error : kernel_rules_read(&home->rules, &home->before);
}

int kernel_home_open_xdp(struct kernel_home *home)
{
	struct cw_xdp_object *object = cw_xdp_object__open_and_load();

	memset(home, 0, sizeof(*home));
	if (!object)
		return -errno;
	home->object = object;
	home->prog_fd = bpf_program__fd(object->progs.cw_xdp);
	return home_bind(home, KERNEL_RULES_XDP);
}

int kernel_home_open_tc(struct kernel_home *home)
{
	struct cw_tc_object *object = cw_tc_object__open_and_load();

	memset(home, 0, sizeof(*home));
	if (!object)
		return -errno;
	home->object = object;
	home->prog_fd = bpf_program__fd(object->progs.cw_tc);
	return home_bind(home, KERNEL_RULES_TC);
}

void kernel_home_close(struct kernel_home *home)
{
	bool is_xdp = home->rules.kind == KERNEL_RULES_XDP;

	/* Attached nowhere (interface 0), so this only closes. */
	kernel_rules_close(&home->rules);
	if (is_xdp)
		cw_xdp_object__destroy(home->object);
	else
		cw_tc_object__destroy(home->object);
}

/* What the counters say of the last frame; KERNEL_REASON_COUNT: none or several moved. */
static verdict_t home_counted(struct kernel_home *home)
{
	struct kernel_rules_counters now;
	verdict_t found = KERNEL_REASON_COUNT;
	uint64_t moved = 0;

	if (kernel_rules_read(&home->rules, &now))
		return KERNEL_REASON_COUNT;
	for (uint32_t i = 0; i < KERNEL_REASON_COUNT; i++) {
		if (now.passed[i] == home->before.passed[i])
			continue;
		found = i;
		moved += now.passed[i] - home->before.passed[i];
	}
	if (now.blocked != home->before.blocked) {
		found = VERDICT_MAKE(VERDICT_BLOCK, 0, 0, 0, 0);
		moved += now.blocked - home->before.blocked;
	}
	home->before = now;
	return moved == 1 ? found : KERNEL_REASON_COUNT;
}

bool kernel_home_run_xdp(struct kernel_home *home, const void *frame, uint32_t len,
			 verdict_t *verdict, uint32_t *action)
{
	static uint8_t out[8192];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = 1);
	const struct cw_meta *meta = (const struct cw_meta *)out;

	if (bpf_prog_test_run_opts(home->prog_fd, &opts))
		return false;
	*action = opts.retval;
	if (opts.data_size_out != len + sizeof(*meta)) {
		*verdict = home_counted(home);
		return true;
	}
	/* The frame must lie behind the metadata as it came; a fallback may have been counted. */
	kernel_rules_read(&home->rules, &home->before);
	if (meta->magic != CW_META_MAGIC || memcmp(meta + 1, frame, len) != 0)
		*verdict = ~0ull;
	else
		*verdict = meta->verdict;
	return true;
}

bool kernel_home_run_tc(struct kernel_home *home, const void *frame, uint32_t len,
			verdict_t *verdict, uint32_t *action)
{
	struct __sk_buff skb = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = 1,
		    .ctx_out = &skb, .ctx_size_out = sizeof(skb));

	if (bpf_prog_test_run_opts(home->prog_fd, &opts))
		return false;
	*action = opts.retval;
	*verdict = (uint64_t)skb.cb[1] << 32 | skb.cb[0];
	return true;
}
