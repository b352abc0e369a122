#include "perf/counter_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/core/counter_sum.h"
#include "perf/rates.h"

/* A block is copied again when a worker changed it meanwhile, at most so often. */
#define COPY_TRIES   4
#define WORKERS_MAX  1024
#define PORTS_MAX    1024
#define PATHS_MAX    (1u << 20)
#define PATH_MAX_LEN 4096

struct counter_reader {
	char path[PATH_MAX_LEN];
	const uint8_t *base;
	size_t bytes;
	dev_t dev;
	ino_t inode;
	struct cw_counters_header layout; /* as checked: the mapped one is not ours to trust */
};

/* Entries of an area lie inside the file and are at least as large as ours. */
static bool area_fits(uint64_t offset, uint64_t stride, uint64_t count, uint64_t entry,
		      uint64_t file_bytes)
{
	return stride >= entry && stride % 8 == 0 && offset % 8 == 0 && offset <= file_bytes &&
	       count * stride <= file_bytes - offset;
}

static bool layout_fits(const struct cw_counters_header *h, uint64_t bytes)
{
	if (h->header_bytes < sizeof(*h) || h->file_bytes > bytes || h->workers > WORKERS_MAX ||
	    h->ports > PORTS_MAX || h->paths > PATHS_MAX)
		return false;
	return area_fits(h->worker_offset, h->worker_stride, h->workers,
			 sizeof(struct cw_worker_counters), bytes) &&
	       area_fits(h->port_offset, h->port_stride, h->ports, sizeof(struct cw_port_facts),
			 bytes) &&
	       area_fits(h->path_offset, h->path_stride, h->paths, sizeof(struct cw_path_facts),
			 bytes) &&
	       area_fits(h->port_count_offset, h->port_count_stride,
			 (uint64_t)h->workers * h->ports, sizeof(struct cw_port_counters), bytes) &&
	       area_fits(h->path_count_offset, h->path_count_stride,
			 (uint64_t)h->workers * h->paths, sizeof(struct cw_path_counters), bytes) &&
	       area_fits(h->link_offset, h->link_stride, (uint64_t)h->workers * CW_LINKS,
			 sizeof(struct cw_link_counters), bytes);
}

/* 0 or -EPROTO with the line. */
static int layout_check(struct counter_reader *reader, char *error, size_t size)
{
	struct cw_counters_header *h = &reader->layout;

	memcpy(h, reader->base, sizeof(*h));
	h->gateway[sizeof(h->gateway) - 1] = 0;
	h->version_text[sizeof(h->version_text) - 1] = 0;
	if (h->magic != CW_COUNTERS_MAGIC) {
		snprintf(error, size, "%s: not a counter file of a Causeway gateway", reader->path);
		return -EPROTO;
	}
	if (h->version != CW_COUNTERS_VERSION) {
		snprintf(
			error, size,
			"%s: counter ABI %u of gateway version %s, but this tool reads %u: use the "
			"causeway-perf that came with the gateway",
			reader->path, h->version, h->version_text, CW_COUNTERS_VERSION);
		return -EPROTO;
	}
	if (!layout_fits(h, reader->bytes)) {
		snprintf(error, size, "%s: damaged: its areas do not fit its size of %zu bytes",
			 reader->path, reader->bytes);
		return -EPROTO;
	}
	return 0;
}

static int file_map(struct counter_reader *reader, int fd, char *error, size_t size)
{
	struct stat facts;

	if (fstat(fd, &facts)) {
		snprintf(error, size, "%s: %s", reader->path, strerror(errno));
		return -errno;
	}
	reader->dev = facts.st_dev;
	reader->inode = facts.st_ino;
	reader->bytes = (size_t)facts.st_size;
	if (!S_ISREG(facts.st_mode) || reader->bytes < sizeof(struct cw_counters_header)) {
		snprintf(error, size, "%s: not a counter file of a Causeway gateway", reader->path);
		return -EPROTO;
	}
	reader->base = mmap(NULL, reader->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (reader->base == MAP_FAILED) {
		reader->base = NULL;
		snprintf(error, size, "%s: cannot map: %s", reader->path, strerror(errno));
		return -errno;
	}
	return layout_check(reader, error, size);
}

static void describe_open_failure(const char *path, int err, char *error, size_t size)
{
	const char *hint = "";

	if (err == ENOENT || err == ENOTDIR)
		hint = ": is the gateway running?";
	else if (err == EACCES)
		hint = ": run as root or as a user that may read it";
	snprintf(error, size, "%s: %s%s", path, strerror(err), hint);
}

struct counter_reader *counter_reader_open(const char *path, char *error, size_t size)
{
	struct counter_reader *reader = calloc(1, sizeof(*reader));
	int fd, err;

	if (!reader || strlen(path) >= sizeof(reader->path)) {
		err = reader ? ENAMETOOLONG : ENOMEM;
		free(reader);
		describe_open_failure(path, err, error, size);
		errno = err;
		return NULL;
	}
	strcpy(reader->path, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		err = -errno;
		describe_open_failure(path, -err, error, size);
	} else {
		err = file_map(reader, fd, error, size);
		close(fd);
	}
	if (!err)
		return reader;
	counter_reader_close(reader);
	errno = -err;
	return NULL;
}

void counter_reader_close(struct counter_reader *reader)
{
	if (!reader)
		return;
	if (reader->base)
		munmap((void *)(uintptr_t)reader->base, reader->bytes);
	free(reader);
}

bool counter_reader_is_current(const struct counter_reader *reader)
{
	struct stat facts;

	return !stat(reader->path, &facts) && facts.st_dev == reader->dev &&
	       facts.st_ino == reader->inode;
}

/* Copies words, each untorn; whole blocks that nobody wrote to meanwhile where that can be had. */
static void block_copy(void *to, const void *from, size_t bytes)
{
	const uint64_t *source = from;
	uint64_t *out = to;
	bool changed = true;

	for (int try = 0; try < COPY_TRIES && changed; try++) {
		changed = false;
		for (size_t i = 0; i < bytes / sizeof(*out); i++) {
			uint64_t word = __atomic_load_n(&source[i], __ATOMIC_ACQUIRE);

			changed |= try && out[i] != word;
			out[i] = word;
		}
		/* The first round has nothing to compare with. */
		changed |= !try;
	}
}

static const void *entry(const struct counter_reader *reader, uint32_t offset, uint32_t stride,
			 uint64_t index)
{
	return reader->base + offset + index * stride;
}

static void ports_take(const struct counter_reader *reader, struct snapshot *snapshot)
{
	const struct cw_counters_header *h = &reader->layout;

	for (uint32_t p = 0; p < h->ports; p++) {
		struct snapshot_port *port = &snapshot->ports[snapshot->port_count];
		struct cw_port_counters part;

		block_copy(&port->facts, entry(reader, h->port_offset, h->port_stride, p),
			   sizeof(port->facts));
		port->facts.name[CW_NAME_BYTES - 1] = 0;
		port->facts.mode[sizeof(port->facts.mode) - 1] = 0;
		if (!port->facts.name[0])
			continue;
		for (uint32_t w = 0; w < h->workers; w++) {
			block_copy(&part,
				   entry(reader, h->port_count_offset, h->port_count_stride,
					 (uint64_t)w * h->ports + p),
				   sizeof(part));
			rates_add_port(&port->sum, &part);
		}
		snapshot->port_count++;
	}
}

static void path_add_workers(const struct counter_reader *reader, struct snapshot_path *path)
{
	const struct cw_counters_header *h = &reader->layout;

	for (uint32_t w = 0; w < h->workers; w++) {
		struct cw_path_counters part;

		block_copy(&part,
			   entry(reader, h->path_count_offset, h->path_count_stride,
				 (uint64_t)w * h->paths + path->slot),
			   sizeof(part));
		if (part.epoch != path->facts.epoch)
			continue;
		rates_add_flow(&path->out, &part.out);
		rates_add_flow(&path->in, &part.in);
		counter_add_lane(&path->lane, &part.lane);
	}
}

static void paths_take(const struct counter_reader *reader, struct snapshot *snapshot)
{
	const struct cw_counters_header *h = &reader->layout;

	for (uint32_t slot = 0; slot < h->paths; slot++) {
		struct snapshot_path *path = &snapshot->paths[snapshot->path_count];

		block_copy(&path->facts, entry(reader, h->path_offset, h->path_stride, slot),
			   sizeof(path->facts));
		path->facts.name[CW_NAME_BYTES - 1] = 0;
		path->facts.peer[CW_NAME_BYTES - 1] = 0;
		if (!path->facts.name[0])
			continue;
		path->slot = slot;
		path_add_workers(reader, path);
		snapshot->path_count++;
	}
}

static void links_take(const struct counter_reader *reader, struct snapshot *snapshot)
{
	const struct cw_counters_header *h = &reader->layout;

	/* 0 is no link. A link that some path has used has a rate. */
	for (uint32_t number = 1; number < CW_LINKS; number++) {
		struct snapshot_link *link = &snapshot->links[snapshot->link_count];

		*link = (struct snapshot_link){.number = number};
		for (uint32_t w = 0; w < h->workers; w++) {
			struct cw_link_counters part;

			block_copy(&part,
				   entry(reader, h->link_offset, h->link_stride,
					 (uint64_t)w * CW_LINKS + number),
				   sizeof(part));
			counter_add_link(&link->sum, &part);
		}
		snapshot->link_count += link->sum.nominal_bps != 0;
	}
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct snapshot *counter_reader_take(const struct counter_reader *reader)
{
	const struct cw_counters_header *h = &reader->layout;
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	/* One more than used: the entry that a take begins and leaves when its slot is free. */
	snapshot->ports = calloc(h->ports + 1, sizeof(*snapshot->ports));
	snapshot->paths = calloc(h->paths + 1, sizeof(*snapshot->paths));
	snapshot->workers = calloc(h->workers + 1, sizeof(*snapshot->workers));
	snapshot->links = calloc(CW_LINKS, sizeof(*snapshot->links));
	if (!snapshot->ports || !snapshot->paths || !snapshot->workers || !snapshot->links) {
		counter_snapshot_free(snapshot);
		return NULL;
	}
	snapshot->header = *h;
	snapshot->header.heartbeat_ns = __atomic_load_n(
		&((const struct cw_counters_header *)reader->base)->heartbeat_ns, __ATOMIC_ACQUIRE);
	snapshot->taken_ns = clock_ns(CLOCK_MONOTONIC);
	snapshot->wall_ns = clock_ns(CLOCK_REALTIME);
	for (uint32_t w = 0; w < h->workers; w++)
		block_copy(&snapshot->workers[w],
			   entry(reader, h->worker_offset, h->worker_stride, w),
			   sizeof(snapshot->workers[w]));
	ports_take(reader, snapshot);
	paths_take(reader, snapshot);
	links_take(reader, snapshot);
	return snapshot;
}

void counter_snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->ports);
	free(snapshot->paths);
	free(snapshot->workers);
	free(snapshot->links);
	free(snapshot);
}
