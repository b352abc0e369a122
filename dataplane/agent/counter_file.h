/*
 * The writer's side of the counter pages (dataplane/abi/counters.h): makes the file
 * <run_dir>/<gateway>/counters, maps it, hands out typed pointers into it, and removes it.
 *
 * Created on the main thread before the workers start, destroyed after they have ended. Pointers
 * stay valid in between; who may write through which is said in the ABI header. A reader never
 * finds a half-made file: it is laid out under another name and then renamed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dataplane/abi/counters.h"

struct counter_file;

struct counter_file_options {
	const char *run_dir;
	const char *gateway;
	const char *version;
	uint32_t workers, ports, paths; /* each >= 1 */
	uint64_t tsc_hz;
	uint64_t boot;
};

/* NULL with errno set and one line in error that says what to do. All counters are zero. */
struct counter_file *counter_file_create(const struct counter_file_options *options, char *error,
					 size_t size);
/* Removes the file, unless another instance has put its own there. NULL is allowed. */
void counter_file_destroy(struct counter_file *file);
const char *counter_file_path(const struct counter_file *file);

/* Indexes out of range are a caller's error (assert). */
struct cw_counters_header *counter_file_header(struct counter_file *file);
struct cw_worker_counters *counter_file_worker(struct counter_file *file, uint32_t worker);
struct cw_port_facts *counter_file_port_facts(struct counter_file *file, uint32_t port);
struct cw_path_facts *counter_file_path_facts(struct counter_file *file, uint32_t slot);
struct cw_port_counters *counter_file_port(struct counter_file *file, uint32_t worker,
					   uint32_t port);
/* One worker's blocks lie side by side: from slot 0 on they may be used as an array, ports' too. */
struct cw_path_counters *counter_file_path_counters(struct counter_file *file, uint32_t worker,
						    uint32_t slot);
/* The worker's [CW_LINKS]. */
struct cw_link_counters *counter_file_link_counters(struct counter_file *file, uint32_t worker);

/* The agent, every 100 ms: says that the gateway lives. CLOCK_MONOTONIC. */
void counter_file_heartbeat(struct counter_file *file, uint64_t now_ns);
