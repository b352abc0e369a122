// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/classifier.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_bpf.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "cw_dpdk_object.h"

#define ARG_RAW64                                                 \
	{                                                         \
		.type = RTE_BPF_ARG_RAW, .size = sizeof(uint64_t) \
	}

static const struct rte_bpf_xsym lookups[] = {
	{
		.name = "classify_src_group",
		.type = RTE_BPF_XTYPE_FUNC,
		.func =
			{
				.val = (void *)user_classifier_src_group,
				.nb_args = 3,
				.args = {ARG_RAW64, ARG_RAW64, ARG_RAW64},
				.ret = ARG_RAW64,
			},
	},
	{
		.name = "classify_dst_group",
		.type = RTE_BPF_XTYPE_FUNC,
		.func =
			{
				.val = (void *)user_classifier_dst_group,
				.nb_args = 3,
				.args = {ARG_RAW64, ARG_RAW64, ARG_RAW64},
				.ret = ARG_RAW64,
			},
	},
	{
		.name = "classify_rule",
		.type = RTE_BPF_XTYPE_FUNC,
		.func =
			{
				.val = (void *)user_classifier_rule,
				.nb_args = 4,
				.args = {ARG_RAW64, ARG_RAW64, ARG_RAW64, ARG_RAW64},
				.ret = ARG_RAW64,
			},
	},
};

/* rte_bpf reads programs from files only. The fd, or -errno. */
static int classifier_object_open(char *path, size_t size)
{
	int fd = memfd_create("cw_classify", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, cw_dpdk_object, sizeof(cw_dpdk_object)) != (ssize_t)sizeof(cw_dpdk_object)) {
		close(fd);
		return -EIO;
	}
	snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd;
}

int classifier_init(struct classifier *classifier)
{
	const struct rte_bpf_prm prm = {
		.xsym = lookups,
		.nb_xsym = RTE_DIM(lookups),
		.prog_arg =
			{
				.type = RTE_BPF_ARG_PTR,
				.size = sizeof(struct classify_input),
			},
	};
	struct rte_bpf_jit jit;
	char path[32];
	int fd = classifier_object_open(path, sizeof(path));

	if (fd < 0)
		return fd;
	classifier->jit = NULL;
	classifier->bpf = rte_bpf_elf_load(&prm, path, "cw_classify");
	close(fd);
	if (!classifier->bpf)
		return -(rte_errno ? rte_errno : EINVAL);
	if (rte_bpf_get_jit(classifier->bpf, &jit) == 0)
		classifier->jit = jit.func;
	return 0;
}

void classifier_fini(struct classifier *classifier)
{
	rte_bpf_destroy(classifier->bpf);
	classifier->bpf = NULL;
	classifier->jit = NULL;
}

verdict_t classifier_interpret(const struct classifier *classifier, struct classify_input *in)
{
	return rte_bpf_exec(classifier->bpf, in);
}
