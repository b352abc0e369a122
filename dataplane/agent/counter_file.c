#include "dataplane/agent/counter_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CACHE_LINE 64

struct counter_file {
	char path[PATH_MAX];
	char temporary[PATH_MAX];
	uint8_t *base;
	size_t bytes;
	dev_t dev;
	ino_t inode;
	bool is_published;
};

static uint32_t align(uint32_t bytes)
{
	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

/* Takes room for count entries; every entry begins on a cache line of its own. */
static void area_place(uint32_t *end, uint32_t count, size_t entry, uint32_t *offset,
		       uint32_t *stride)
{
	*stride = align((uint32_t)entry);
	*offset = *end;
	*end += count * *stride;
}

static void header_lay_out(struct cw_counters_header *header,
			   const struct counter_file_options *options)
{
	uint32_t end = align(sizeof(*header));

	header->workers = options->workers;
	header->ports = options->ports;
	header->paths = options->paths;
	area_place(&end, header->workers, sizeof(struct cw_worker_counters), &header->worker_offset,
		   &header->worker_stride);
	area_place(&end, header->ports, sizeof(struct cw_port_facts), &header->port_offset,
		   &header->port_stride);
	area_place(&end, header->paths, sizeof(struct cw_path_facts), &header->path_offset,
		   &header->path_stride);
	area_place(&end, header->workers * header->ports, sizeof(struct cw_port_counters),
		   &header->port_count_offset, &header->port_count_stride);
	/* Workers index a whole row as an array, so its stride is the struct's own size. */
	header->path_count_stride = sizeof(struct cw_path_counters);
	header->path_count_offset = end;
	end += header->workers * header->paths * header->path_count_stride;
	end = align(end);
	header->link_stride = sizeof(struct cw_link_counters);
	header->link_offset = end;
	end += header->workers * CW_LINKS * header->link_stride;
	header->file_bytes = align(end);
}

static void header_fill(struct cw_counters_header *header,
			const struct counter_file_options *options)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	header->magic = CW_COUNTERS_MAGIC;
	header->version = CW_COUNTERS_VERSION;
	header->header_bytes = sizeof(*header);
	header->drop_names = DROP_COUNT;
	header->kernel_reasons = KERNEL_REASON_COUNT;
	header->tsc_hz = options->tsc_hz;
	header->start_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	header->boot = options->boot;
	header->pid = (uint64_t)getpid();
	clock_gettime(CLOCK_MONOTONIC, &now);
	header->heartbeat_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	snprintf(header->gateway, sizeof(header->gateway), "%s", options->gateway);
	snprintf(header->version_text, sizeof(header->version_text), "%s", options->version);
}

/* mkdir -p of everything before the last '/'. */
static int parents_make(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int err;

		*slash = 0;
		err = mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
		*slash = '/';
		if (err)
			return err;
	}
	return 0;
}

static int file_map(struct counter_file *file, int fd)
{
	struct stat facts;
	int err = posix_fallocate(fd, 0, (off_t)file->bytes);

	if (err)
		return -err;
	/* Readers need it whatever umask the service runs with. */
	if (fchmod(fd, 0644) || fstat(fd, &facts))
		return -errno;
	file->dev = facts.st_dev;
	file->inode = facts.st_ino;
	file->base = mmap(NULL, file->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file->base == MAP_FAILED) {
		file->base = NULL;
		return -errno;
	}
	return 0;
}

static int file_make(struct counter_file *file, const struct counter_file_options *options)
{
	struct cw_counters_header header = {0};
	int fd, err = parents_make(file->path);

	if (err)
		return err;
	fd = open(file->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	header_lay_out(&header, options);
	header_fill(&header, options);
	file->bytes = header.file_bytes;
	err = file_map(file, fd);
	close(fd);
	if (!err) {
		memcpy(file->base, &header, sizeof(header));
		err = rename(file->temporary, file->path) ? -errno : 0;
	}
	if (err)
		unlink(file->temporary);
	file->is_published = !err;
	return err;
}

struct counter_file *counter_file_create(const struct counter_file_options *options, char *error,
					 size_t size)
{
	struct counter_file *file = calloc(1, sizeof(*file));
	int length, err = -ENOMEM;

	if (!file)
		goto failed;
	length = snprintf(file->path, sizeof(file->path), "%s/%s/counters", options->run_dir,
			  options->gateway);
	if (length < 0 || (size_t)length + 5 > sizeof(file->path)) {
		err = -ENAMETOOLONG;
		goto failed;
	}
	memcpy(file->temporary, file->path, (size_t)length);
	memcpy(file->temporary + length, ".new", 5);
	err = file_make(file, options);
	if (!err)
		return file;
failed:
	snprintf(error, size, "cannot make %s/%s/counters: %s: check run_dir and its permissions",
		 options->run_dir, options->gateway, strerror(-err));
	counter_file_destroy(file);
	errno = -err;
	return NULL;
}

static bool file_is_ours(const struct counter_file *file)
{
	struct stat facts;

	return file->is_published && !stat(file->path, &facts) && facts.st_dev == file->dev &&
	       facts.st_ino == file->inode;
}

void counter_file_destroy(struct counter_file *file)
{
	if (!file)
		return;
	if (file_is_ours(file))
		unlink(file->path);
	if (file->base)
		munmap(file->base, file->bytes);
	free(file);
}

const char *counter_file_path(const struct counter_file *file)
{
	return file->path;
}

struct cw_counters_header *counter_file_header(struct counter_file *file)
{
	return (struct cw_counters_header *)file->base;
}

struct cw_worker_counters *counter_file_worker(struct counter_file *file, uint32_t worker)
{
	const struct cw_counters_header *header = counter_file_header(file);

	assert(worker < header->workers);
	return (void *)(file->base + header->worker_offset + worker * header->worker_stride);
}

struct cw_port_facts *counter_file_port_facts(struct counter_file *file, uint32_t port)
{
	const struct cw_counters_header *header = counter_file_header(file);

	assert(port < header->ports);
	return (void *)(file->base + header->port_offset + port * header->port_stride);
}

struct cw_path_facts *counter_file_path_facts(struct counter_file *file, uint32_t slot)
{
	const struct cw_counters_header *header = counter_file_header(file);

	assert(slot < header->paths);
	return (void *)(file->base + header->path_offset + slot * header->path_stride);
}

struct cw_port_counters *counter_file_port(struct counter_file *file, uint32_t worker,
					   uint32_t port)
{
	const struct cw_counters_header *header = counter_file_header(file);

	assert(worker < header->workers && port < header->ports);
	return (void *)(file->base + header->port_count_offset +
			(worker * header->ports + port) * header->port_count_stride);
}

struct cw_path_counters *counter_file_path_counters(struct counter_file *file, uint32_t worker,
						    uint32_t slot)
{
	const struct cw_counters_header *header = counter_file_header(file);

	assert(worker < header->workers && slot < header->paths);
	return (void *)(file->base + header->path_count_offset +
			(worker * header->paths + slot) * header->path_count_stride);
}

struct cw_link_counters *counter_file_link_counters(struct counter_file *file, uint32_t worker)
{
	const struct cw_counters_header *header = counter_file_header(file);

	assert(worker < header->workers);
	return (struct cw_link_counters *)(file->base + header->link_offset +
					   (size_t)worker * CW_LINKS * header->link_stride);
}

void counter_file_heartbeat(struct counter_file *file, uint64_t now_ns)
{
	__atomic_store_n(&counter_file_header(file)->heartbeat_ns, now_ns, __ATOMIC_RELEASE);
}
