// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/agent/kernel_prog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define MAPS_MAX 64

int kernel_prog_name(uint32_t prog_id, char name[KERNEL_PROG_NAME_BYTES])
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id);
	int error;

	if (fd < 0)
		return -errno;
	error = bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	close(fd);
	snprintf(name, KERNEL_PROG_NAME_BYTES, "%.15s", info.name);
	return error;
}

/* The map's fd if it bears the name, -ENOENT if not. */
static int map_open_if_named(uint32_t map_id, const char *map_name)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_map_get_fd_by_id(map_id);
	int error = -ENOENT;

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		error = -errno;
	else if (strncmp(info.name, map_name, sizeof(info.name)) == 0)
		return fd;
	close(fd);
	return error;
}

int kernel_prog_map_open(uint32_t prog_id, const char *map_name)
{
	uint32_t ids[MAPS_MAX];
	struct bpf_prog_info info = {
		.nr_map_ids = MAPS_MAX,
		.map_ids = (uint64_t)(uintptr_t)ids,
	};
	uint32_t size = sizeof(info);
	int found = -ENOENT;
	int fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		found = -errno;
	close(fd);
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX && found == -ENOENT; i++)
		found = map_open_if_named(ids[i], map_name);
	return found;
}
