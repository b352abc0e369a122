// SPDX-License-Identifier: BSD-3-Clause
/* The XDP side of kernel_rules.h: the attached program, ours or not. */
#include "dataplane/agent/kernel_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/kernel_abi.h"
#include "cw_xdp.skel.h"
#include "dataplane/agent/kernel_parts.h"
#include "dataplane/agent/kernel_prog.h"

/* Programs of an interface by mode: one of each is possible. */
#define XDP_MODES 3
struct xdp_attached {
	uint32_t prog_id; /* 0: none in this mode */
	uint32_t flags;	  /* that name the mode */
};

static int xdp_query(uint32_t ifindex, struct xdp_attached attached[XDP_MODES])
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int error = bpf_xdp_query((int)ifindex, 0, &opts);

	if (error)
		return error;
	attached[0] = (struct xdp_attached){opts.drv_prog_id, XDP_FLAGS_DRV_MODE};
	attached[1] = (struct xdp_attached){opts.skb_prog_id, XDP_FLAGS_SKB_MODE};
	attached[2] = (struct xdp_attached){opts.hw_prog_id, XDP_FLAGS_HW_MODE};
	return 0;
}

/* Detaches that program and no other that came in its place meanwhile. */
static int xdp_detach(uint32_t ifindex, const struct xdp_attached *attached)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	int fd = bpf_prog_get_fd_by_id(attached->prog_id);
	int error;

	if (fd < 0)
		return -errno;
	opts.old_prog_fd = fd;
	error = bpf_xdp_detach((int)ifindex, attached->flags, &opts);
	close(fd);
	return error;
}

int kernel_rules_remove_stale(uint32_t ifindex, struct kernel_rules_foreign *foreign)
{
	struct xdp_attached attached[XDP_MODES];
	int error = xdp_query(ifindex, attached);

	for (int i = 0; i < XDP_MODES && !error; i++) {
		if (!attached[i].prog_id)
			continue;
		foreign->id = attached[i].prog_id;
		error = kernel_prog_name(attached[i].prog_id, foreign->name);
		if (error)
			return error;
		if (strcmp(foreign->name, KERNEL_XDP_NAME) != 0)
			return -EBUSY;
		error = xdp_detach(ifindex, &attached[i]);
	}
	return error;
}

int kernel_rules_object_open(char *path, uint32_t size)
{
	size_t bytes;
	const void *object = cw_xdp_object__elf_bytes(&bytes);
	int fd = memfd_create("cw_xdp", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, object, bytes) != (ssize_t)bytes) {
		close(fd);
		return -EIO;
	}
	snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd;
}

int kernel_rules_open_xdp(struct kernel_rules *rules, uint32_t ifindex)
{
	char name[KERNEL_PROG_NAME_BYTES];
	struct xdp_attached attached[XDP_MODES];
	uint32_t prog_id = 0;
	int error = xdp_query(ifindex, attached);

	for (int i = 0; i < XDP_MODES && !error && !prog_id; i++)
		prog_id = attached[i].prog_id;
	if (error)
		return error;
	if (!prog_id)
		return -ENOENT;
	error = kernel_prog_name(prog_id, name);
	if (error)
		return error;
	if (strcmp(name, KERNEL_XDP_NAME) != 0)
		return -EBUSY;
	return kernel_rules_bind(rules, KERNEL_RULES_XDP, ifindex, prog_id);
}

int kernel_xdp_release(uint32_t ifindex)
{
	char name[KERNEL_PROG_NAME_BYTES];
	struct xdp_attached attached[XDP_MODES];
	int error = xdp_query(ifindex, attached), count = 0;

	for (int i = 0; i < XDP_MODES && !error; i++) {
		if (!attached[i].prog_id)
			continue;
		error = kernel_prog_name(attached[i].prog_id, name);
		if (error || strcmp(name, KERNEL_XDP_NAME) != 0)
			continue;
		error = xdp_detach(ifindex, &attached[i]);
		count += error == 0;
	}
	return error ? error : count;
}

void kernel_xdp_detach(const struct kernel_rules *rules)
{
	struct xdp_attached attached[XDP_MODES];

	if (xdp_query(rules->ifindex, attached))
		return;
	for (int i = 0; i < XDP_MODES; i++) {
		if (attached[i].prog_id == rules->prog_id)
			xdp_detach(rules->ifindex, &attached[i]);
	}
}
